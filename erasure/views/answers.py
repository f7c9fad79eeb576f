"""Where people answer what the desk asked: signed in on the page of the request, or by the link in the mail.

A link shows a page and does nothing; the button on it acts. Whatever is wrong with a link, the page is the same.
"""

from typing import cast
from uuid import UUID

from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from access.saying import saying
from erasure.models import Message, RightsRequest
from erasure.selectors import request_of_account
from erasure.services.conversation import said_in, write_to_desk
from erasure.services.files import MOST_BYTES
from erasure.services.identity import hand_in, wants_file
from erasure.services.links import opened_link
from erasure.views.requests import account_of
from gdpr_portal.errors import DomainError


@require_POST
def message(request: HttpRequest, request_id: UUID) -> HttpResponse:
    """What the person writes or hands in about the request reaches the desk; it answers an open question."""
    row = request_of_account(account_of(request), request_id)
    with saying(request, _("We have received your message.")):
        _answer(request, row)
    return redirect("request", request_id=request_id)


@never_cache
@require_http_methods(["GET", "POST"])
def by_link(request: HttpRequest, link: UUID, token: str) -> HttpResponse:
    """What we asked or wrote, and a form, for who cannot sign in (Art. 12(2)); 410 for a link that leads nowhere."""
    try:
        found = opened_link(link, token)
        about = cast(Message, found.said)
        context = {"asked": said_in(about), "question": found.question, "wants_file": wants_file(about.request)}
    except DomainError as error:
        return render(request, "erasure/link_dead.html", status=error.status)
    if request.method == "GET":
        return render(request, "erasure/answer.html", context)
    try:
        _answer(request, about.request)
    except DomainError as error:
        text = request.POST.get("text", "")
        return render(request, "erasure/answer.html", context | {"error": error.in_words, "text": text}, status=422)
    return render(request, "erasure/answered.html")


def _answer(request: HttpRequest, row: RightsRequest) -> None:
    """File and words, both or neither; words alone or a file alone will do."""
    file, text = request.FILES.get("file"), request.POST.get("text", "")
    with transaction.atomic():
        if file is not None:
            hand_in(request=row, data=file.read(MOST_BYTES + 1))
        if file is None or text.strip():
            write_to_desk(request=row, text=text)
