"""Pages behind mailed links (the person's own word, a parent's), and what stands around the answers in the portal.

A link shows a page and does nothing; the button on it acts. Whatever is wrong with a link, the page is the same.
"""

from datetime import date
from typing import Any
from uuid import UUID

from django import forms
from django.contrib import messages
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from audit.actors import SUBJECT
from consent import wording
from consent.models import Confirmation, ConsentEvent, NoticeText
from consent.notices.points import sections
from consent.pages import opening
from consent.receipts import about, record_issue, signed
from consent.selectors import purpose_title
from consent.services import authorisations, confirmations
from consent.services.all_at_once import accept_all, reject_all
from consent.services.events import NoticeSeen
from consent.views import CHANNEL, person_of
from consent.wording import title_in
from gdpr_portal.errors import DomainError

ALL = {"accept_all": accept_all, "reject_all": reject_all}
MOST_SHOWN = 200


class ParentForm(forms.Form):
    """Who speaks for the child, and what only somebody close to the child knows."""

    name = forms.CharField(label=gettext_lazy("Your full name"), max_length=200)
    birth_date = forms.DateField(
        label=gettext_lazy("Date of birth of the child"),
        help_text=gettext_lazy("So that nobody who got this mail by mistake can answer."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )


@never_cache
@require_http_methods(["GET", "POST"])
def confirmation(request: HttpRequest, confirmation: UUID, token: str) -> HttpResponse:
    """What the link is about and a button; the act on POST. 410 for every link that leads nowhere."""
    try:
        row = confirmations.opened(confirmation, token)
        if row.kind == Confirmation.Kind.OWN:
            return _own(request, row, token)
        return _parent(request, row, token)
    except DomainError as error:
        return render(request, "consent/link_dead.html", {"error": error}, status=error.status)


@require_POST
def authorisation(request: HttpRequest) -> HttpResponse:
    """The child names who holds parental responsibility; a mail is on its way (Art. 8(2))."""
    subject = person_of(request)
    if subject is None:
        return redirect("consent")
    try:
        event = UUID(request.POST.get("event", ""))
    except ValueError:
        return HttpResponseBadRequest()
    try:
        authorisations.name_parent(subject=subject, event=event, email=request.POST.get("email", ""), actor=SUBJECT)
    except DomainError as error:
        messages.error(request, str(wording.WHY_NOT.get(error.code, error.in_words)))
    else:
        messages.success(request, _("A mail is on its way. Your consent counts once your parent has agreed."))
    return redirect("consent")


@require_POST
def answer_all(request: HttpRequest) -> HttpResponse:
    """Yes or no to every question on the page, each with an event of its own."""
    subject, act = person_of(request), request.POST.get("action", "")
    if subject is None or act not in ALL:
        return HttpResponseBadRequest()
    shown = dict(filter(None, (_shown(text) for text in request.POST.getlist("shown")[:MOST_SHOWN])))
    try:
        events = ALL[act](subject=subject, shown=shown, channel=CHANNEL, actor=SUBJECT)
    except DomainError as error:
        messages.error(request, str(wording.WHY_NOT.get(error.code, error.in_words)))
    else:
        messages.success(request, _all_done(act, len(events)))
    return redirect("consent")


@require_GET
def receipt(request: HttpRequest, event: UUID) -> HttpResponse:
    """An answer of one's own in words: what was said, when, about which wording; with a link to its signed receipt."""
    found, language = _own_answer(request, event), get_language() or "en"
    told = about(found, str(found.subject.pseudonym))
    acts = wording.SHARING_ACTS if found.recipient else wording.ACTS
    words = {
        "said": acts[found.action],
        "fields": [title_in(each.titles, language) for each in told.components],
        "recipients": [each.name for each in told.recipients],
    }
    return render(request, "consent/receipt.html", _about(found, language) | words)


@require_GET
def signed_receipt(request: HttpRequest, event: UUID) -> HttpResponse:
    """The signed receipt of an answer of one's own, to keep and to check without us (docs/receipts.md)."""
    found = _own_answer(request, event)
    body = signed(found, str(found.subject.pseudonym))
    with transaction.atomic():
        record_issue(found, body, "jose", actor=SUBJECT)
    answer = HttpResponse(body, content_type="application/jose")
    answer["Content-Disposition"] = f'attachment; filename="consent-receipt-{str(event)[:8]}.jws"'
    return answer


def _own_answer(request: HttpRequest, event: UUID) -> ConsentEvent:
    subject = person_of(request)
    found = ConsentEvent.objects.select_related("subject").filter(event=event, subject=subject).first()
    if subject is None or found is None:
        raise Http404
    return found


def _all_done(act: str, count: int) -> str:
    if not count:
        return _("Nothing has changed: every question was answered.")
    if act == "accept_all":
        return _("You gave consent. You can withdraw it here at any time.")
    return _("You refused. Nothing is used on the ground of your consent.")


def _shown(text: str) -> tuple[str, NoticeSeen] | None:
    """`purpose|version|language|digest`, as the page wrote it; None for anything else."""
    parts = text.split("|")
    if len(parts) != 4 or not (parts[1].isascii() and parts[1].isdigit() and len(parts[1]) < 9):
        return None
    return parts[0], NoticeSeen(int(parts[1]), parts[2][:8], parts[3][:80])


def _own(request: HttpRequest, row: Confirmation, token: str) -> HttpResponse:
    if request.method == "POST":
        event = confirmations.confirm(confirmation_id=row.pk, token=token)
        return render(request, "consent/confirmed.html", {"pending": event.state == "pending"})
    return render(request, "consent/confirm.html", _asked(row))


def _parent(request: HttpRequest, row: Confirmation, token: str) -> HttpResponse:
    if request.method == "POST" and request.POST.get("action") == "take_back":
        authorisations.take_back(confirmation_id=row.pk, token=token)
        return render(request, "consent/taken_back.html")
    form = ParentForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and row.state == Confirmation.State.WAITING:
        problem = _authorised(row, token, form.cleaned_data["name"], form.cleaned_data["birth_date"])
        if problem is None:
            return redirect(request.path)
        form.add_error("birth_date", problem)
    status = 400 if form.is_bound else 200
    return render(request, "consent/authorise.html", _asked(row) | {"form": form}, status=status)


def _authorised(row: Confirmation, token: str, name: str, birth_date: date) -> str | None:
    """None once it is done; what to tell about a wrong date of birth. Other refusals end the link."""
    try:
        authorisations.authorise(confirmation_id=row.pk, token=token, name=name, birth_date=birth_date)
    except DomainError as error:
        if error.code != "wrong_birth_date":
            raise
        return _("This is not the date of birth of the child who named you.")
    return None


def _asked(row: Confirmation) -> dict[str, Any]:
    """What the page of a link is about."""
    return {"row": row} | _about(ConsentEvent.objects.get(event=row.event), row.language)


def _about(event: ConsentEvent, language: str) -> dict[str, Any]:
    """The purpose and the very wording that was answered to."""
    text = NoticeText.objects.filter(
        notice__purpose__slug=event.purpose, notice__version=event.notice_version or 0, language=event.notice_language
    ).first()
    words: dict[str, Any] = {"event": event, "title": purpose_title(event.purpose, language)}
    if text is not None:
        read = {"opening": opening(text.body), "sections": sections(text.body)}
        words["choice"] = {"text": text, "title": words["title"]} | read
    return words
