"""Where somebody we could not identify tells us more (Art. 11(2)); found or not, the page is the same."""

from uuid import UUID

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access.second_factor import where
from access.services import limits
from erasure.forms import MoreForm
from erasure.services.unidentified import add_information, opened_unidentified
from gdpr_portal.errors import DomainError


@never_cache
@require_http_methods(["GET", "POST"])
def more(request: HttpRequest, link: UUID, token: str) -> HttpResponse:
    """A form for what else they may be known by; 410 for every link that leads nowhere."""
    try:
        row = opened_unidentified(link, token)
    except DomainError as error:
        return render(request, "erasure/link_dead.html", status=error.status)
    form = MoreForm(request.POST or None)
    if request.method == "GET" or not form.is_valid():
        return render(request, "erasure/more.html", {"form": form})
    if not limits.take((limits.ADDRESS, where(request)), (limits.MAIL, f"more:{row.pk}")).wait:
        add_information(row=row, identifiers=form.identifiers())
    return render(request, "erasure/more_done.html")
