"""Where somebody without an account collects their copy (Art. 12(2), 15(3)): by link and fresh code."""

from uuid import UUID

from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access.second_factor import where
from access.services import limits
from erasure.models import CopyLink
from erasure.services.archives import continue_download, open_download
from erasure.services.copy_links import opened_copy, require_code, send_code
from erasure.serving import archive_response
from erasure.views.requests import window_key
from gdpr_portal.errors import DomainError


@never_cache
@require_http_methods(["GET", "POST"])
def by_link(request: HttpRequest, link: UUID, token: str) -> HttpResponseBase:
    """A button that sends a code, the field for it, and then the file; 410 for every link that leads nowhere."""
    try:
        row = opened_copy(link, token)
        if request.method == "POST":
            return _posted(request, row)
        window = request.session.get(window_key(row.archive.request, row.archive.number))
        if window is not None and "file" in request.GET:
            archive = row.archive
            found = continue_download(request=archive.request, token=window, number=archive.number)
            return archive_response(request, found)
    except DomainError as error:
        return render(request, "erasure/link_dead.html", status=error.status)
    return _page(request, opened=window is not None)


def _posted(request: HttpRequest, row: CopyLink) -> HttpResponseBase:
    """A code is asked for, or typed in; a download that was opened goes to its file."""
    about = [(limits.ADDRESS, where(request))]
    if "code" not in request.POST:
        about.append((limits.MAIL, f"copy:{row.pk}"))
    if limits.take(*about).wait:
        return _page(request, error=_("Too many tries. Wait a little."), sent=True)
    if "code" not in request.POST:
        send_code(link=row)
        return _page(request, sent=True)
    try:
        require_code(link=row, code=request.POST["code"])
        archive = row.archive
        key = window_key(archive.request, archive.number)
        request.session.cycle_key()  # a session somebody planted here gets no byte (T42)
        request.session[key] = open_download(request=archive.request, number=archive.number)
    except DomainError as error:
        return _page(request, error=error.in_words, sent=True)
    return HttpResponseRedirect(f"{request.path}?file=1", status=303)


def _page(request: HttpRequest, *, error: str = "", sent: bool = False, opened: bool = False) -> HttpResponseBase:
    context = {"error": error, "sent": sent, "opened": opened}
    return render(request, "erasure/copy.html", context, status=422 if error else 200)
