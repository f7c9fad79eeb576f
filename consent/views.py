"""The pages on which people answer and switch. Taking back never needs more than giving: one button, no reason."""

from collections.abc import Iterator
from datetime import datetime
from operator import itemgetter
from typing import cast
from uuid import UUID

from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBadRequest
from django.shortcuts import redirect, render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.models import Account
from audit.actors import SUBJECT
from consent import pages, wording
from consent.services.asks import answer_ask
from consent.services.consents import ACTIONS, NoticeSeen, record_consent
from consent.services.sharing import set_sharing
from gdpr_portal.errors import DomainError
from subjects.models import Subject
from subjects.selectors import subject_of_account

CHANNEL = "portal"
DONE = {
    "give": gettext_lazy("You gave consent. You can withdraw it here at any time."),
    "refuse": gettext_lazy("You refused. Nothing is used for this purpose."),
    "withdraw": gettext_lazy("You withdrew your consent. It counts from this moment."),
}


@require_http_methods(["GET", "POST"])
def consent(request: HttpRequest) -> HttpResponse:
    """Every consent purpose with the exact text, how it stands and one button to change it (Art. 7)."""
    subject = person_of(request)
    if subject is None:
        return render(request, "consent/nobody.html", {"title": _("Consent")})
    if request.method == "POST":
        return _answer(request, subject)
    language = get_language() or "en"
    choices = pages.choices(subject, language)
    context = {"choices": choices, "events": pages.timeline(subject, language)}
    return render(request, "consent/consent.html", context | pages.offers(choices))


@require_http_methods(["GET", "POST"])
def sharing(request: HttpRequest) -> HttpResponse:
    """Every third party with what it gets, why, since when, and one switch (Art. 25(2): off by default)."""
    subject = person_of(request)
    if subject is None:
        return render(request, "consent/nobody.html", {"title": _("Sharing")})
    if request.method == "POST":
        return _switch(request, subject)
    toggles = pages.toggles(subject, get_language() or "en")
    asked = [each for _asked_at, each in sorted(_asks(toggles), key=itemgetter(0))]
    return render(request, "consent/sharing.html", {"toggles": toggles, "asked": asked})


@require_GET
def privacy(request: HttpRequest) -> HttpResponse:
    """What every use is told of, for everybody: the live notices, this portal's own, and the right to object by itself.

    Art. 13 and 21(4). Forms that collect something link here; nothing on the page is about the person who reads it.
    """
    return render(request, "consent/privacy.html", {"notices": pages.notices(get_language() or "en")})


def _asks(toggles: list[pages.Toggle]) -> Iterator[tuple[datetime, pages.Toggle]]:
    """The switches somebody asked for, each behind the moment of the question."""
    return ((each.ask.asked_at, each) for each in toggles if each.ask is not None)


@require_POST
def ask(request: HttpRequest, ask: UUID) -> HttpResponse:
    """The answer to a third party's question: one click for a yes, one for a no (Art. 7(2), (4))."""
    subject, word = person_of(request), request.POST.get("answer", "")
    if subject is None or word not in {"accept", "decline"}:
        return HttpResponseBadRequest()
    try:
        answer_ask(subject=subject, ask_id=ask, accept=word == "accept", channel=CHANNEL, actor=SUBJECT)
    except DomainError as error:
        messages.error(request, str(wording.WHY_NOT.get(error.code, error.in_words)))
        return redirect("sharing")
    said = (
        _("Sharing is on. The recipient is being told.") if word == "accept" else _("You declined. Nothing is shared.")
    )
    messages.success(request, said)
    return redirect("sharing")


def _answer(request: HttpRequest, subject: Subject) -> HttpResponse:
    form = request.POST
    action, slug = form.get("action", ""), form.get("purpose", "")
    if action not in ACTIONS:
        return HttpResponseBadRequest()
    explicit = form.get("explicit") == "yes"
    try:
        record_consent(
            subject=subject, purpose=slug, action=action, notice=_seen(request), channel=CHANNEL, explicit=explicit,
            actor=SUBJECT,
        )  # fmt: skip
    except DomainError as error:
        if error.code == "explicit_consent_required":
            return _second_step(request, subject, slug)
        messages.error(request, str(wording.WHY_NOT.get(error.code, error.in_words)))
    else:
        messages.success(request, DONE[action])
    return redirect("consent")


def _second_step(request: HttpRequest, subject: Subject, slug: str) -> HttpResponse:
    """Special categories ask for a statement of its own (Art. 9(2)(a)): the second of two steps."""
    offered = {choice.purpose.slug: choice for choice in pages.choices(subject, get_language() or "en")}
    if slug not in offered:
        return redirect("consent")
    return render(request, "consent/explicit.html", {"choice": offered[slug]})


def _switch(request: HttpRequest, subject: Subject) -> HttpResponse:
    form = request.POST
    if form.get("shared") not in {"on", "off"}:
        return HttpResponseBadRequest()
    shared = form["shared"] == "on"
    try:
        set_sharing(
            subject=subject, recipient=form.get("recipient", ""), purpose=form.get("purpose", ""), shared=shared,
            channel=CHANNEL, actor=SUBJECT,
        )  # fmt: skip
    except DomainError as error:
        messages.error(request, str(wording.WHY_NOT.get(error.code, error.in_words)))
    else:
        done = _("Sharing is on. The recipient is being told.") if shared else _("Sharing is off from this moment.")
        messages.success(request, done)
    return redirect("sharing")


def _seen(request: HttpRequest) -> NoticeSeen | None:
    form = request.POST
    version = form.get("version", "")
    if not (version.isascii() and version.isdigit() and len(version) < 9):
        return None
    return NoticeSeen(int(version), form.get("language", "")[:8], form.get("digest", "")[:80])


def person_of(request: HttpRequest) -> Subject | None:
    """The data subject who is signed in; None for staff who are nobody's, and after an erasure."""
    subject = subject_of_account(cast(Account, request.user))
    return subject if subject is not None and subject.erased_at is None else None
