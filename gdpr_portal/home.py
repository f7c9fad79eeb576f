"""The overview a signed-in person meets first: gathered from every floor, nothing decrypted."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.models import Account
from audit.models import AuditEvent
from audit.selectors import events
from consent.names import Names
from consent.services.ask_rows import waiting
from consent.services.standing import Line, standing_of
from consent.states import Consent
from erasure.models import RightsRequest
from erasure.selectors import on_the_front_page
from erasure.states import OPEN_REQUEST
from erasure.words import PLAIN_WORDS, REQUEST_STATES
from subjects.models import Subject
from subjects.selectors import is_restricted, subject_of_account, values_held

CONSENT_STATES: dict[str, tuple[Any, str]] = {
    "given": (_("Agreed"), "good"),
    "refused": (_("Not agreed"), "plain"),
    "withdrawn": (_("Withdrawn"), "plain"),
    "expired": (_("Expired"), "warn"),
    "pending": (_("Waiting for a confirmation by mail"), "wait"),
    "outdated": (_("Please answer again"), "warn"),
    "never_asked": (_("Not answered"), "plain"),
}
ACTS: dict[str, Any] = {
    "data.stored": _("Data was stored"),
    "data.read": _("Data was read"),
    "data.refused": _("A use of your data was refused"),
    "data.erased": _("Data was erased"),
    "data.removed": _("Data no longer needed was erased"),
    "data.rectified": _("Data was corrected"),
    "data.revealed": _("A member of staff looked at data"),
    "consent.given": _("Consent was given"),
    "consent.refused": _("Consent was refused"),
    "consent.withdrawn": _("Consent was withdrawn"),
    "consent.expired": _("Consent expired"),
    "consent.confirmed": _("Consent was confirmed by mail"),
    "consent.authorised": _("A parent agreed"),
    "signal.honoured": _("Your browser objected to sharing"),
    "sharing.started": _("Sharing was switched on"),
    "sharing.stopped": _("Sharing was switched off"),
    "ask.made": _("A third party asked for a share"),
    "request.received": _("A request came in"),
    "request.completed": _("A request was completed"),
    "request.refused": _("A request was refused"),
    "archive.downloaded": _("A copy was collected"),
    "restriction.set": _("Data was restricted"),
    "restriction.lifted": _("A restriction was lifted"),
    "subject.claimed": _("Your account was joined to your data"),
}
"""The acts worth a line on the overview; the rest stands on the page of who saw what."""
MOST = 5


def overview(account: Account) -> dict[str, Any]:
    """What `home.html` shows: purposes, consents, shares, requests under way, the latest acts (Art. 15(1))."""
    subject = subject_of_account(account)
    rows: list[Any] = list(on_the_front_page(account))
    requests = {
        "requests": [_request(row) for row in rows if row.state in OPEN_REQUEST][:MOST],
        "waiting": [_waiting(row) for row in rows if row.is_asked or row.has_copy],
    }
    if subject is None:
        return requests
    names, lines = Names(account.language), standing_of(subject)
    return {
        "restricted": is_restricted(subject),
        "purposes": _held(subject, names),
        "consents": _consents(lines, names),
        "shares": _shares(lines, names),
        "asked": _asked(subject, names),
        **requests,
        "activity": _activity(subject, names),
    }


def _held(subject: Subject, names: Names) -> list[dict[str, Any]]:
    fields: dict[str, list[str]] = {}
    for value in values_held(subject):
        for purpose in value.purposes:
            fields.setdefault(purpose, []).append(value.field)
    return [
        {"title": names.of("purpose", slug), "fields": ", ".join(names.of("field", field) for field in held)}
        for slug, held in sorted(fields.items())
    ]


def _consents(lines: list[Line], names: Names) -> list[dict[str, Any]]:
    return [
        {"title": names.of("purpose", line.purpose), "since": line.since, **_words(CONSENT_STATES, str(line.state))}
        for line in lines
        if not line.recipient
    ]


def _shares(lines: list[Line], names: Names) -> list[dict[str, Any]]:
    """What is shared at this moment: switched on, for a live purpose, with a live recipient."""
    return [
        {
            "title": names.of("recipient", line.recipient), "text": names.of("purpose", line.purpose),
            "since": line.since, "label": _("Shared"), "tone": "good",
        }
        for line in lines
        if line.recipient
        and line.state is Consent.GIVEN
        and names.is_live("purpose", line.purpose)
        and names.is_live("recipient", line.recipient)
    ]  # fmt: skip


def _asked(subject: Subject, names: Names) -> list[dict[str, Any]]:
    """The questions of third parties that wait for an answer; those of recipients out of use are not asked any more."""
    return [
        {
            "title": names.of("recipient", ask.recipient), "text": names.of("purpose", ask.purpose),
            "until": ask.lapses_at,
        }
        for ask in waiting(subject)
        if names.is_live("purpose", ask.purpose) and names.is_live("recipient", ask.recipient)
    ]  # fmt: skip


def _request(row: RightsRequest) -> dict[str, Any]:
    words = _words(REQUEST_STATES, row.state)
    return {"title": PLAIN_WORDS[row.right], "url": reverse("request", args=[row.pk]), "due_at": row.due_at, **words}


def _waiting(row: Any) -> dict[str, Any]:
    """A request that does not go on without the person, as `on_the_front_page` finds it."""
    text = _("We have asked you something. The time we have to answer is paused until you reply.")
    if not row.is_asked:
        text = _("Your copy is ready to be collected.")
    return {"title": PLAIN_WORDS[row.right], "text": text, "url": reverse("request", args=[row.pk])}


def _activity(subject: Subject, names: Names) -> list[dict[str, Any]]:
    latest = events(subject=subject.pseudonym).filter(action__in=ACTS)[:MOST]
    return [{"at": event.at, "title": ACTS[event.action], "text": _who(event, names)} for event in latest]


def _who(event: AuditEvent, names: Names) -> Any:
    kind, _colon, name = event.actor.partition(":")
    if kind in {"subject", "account"}:
        return _("by yourself")
    if kind == "parent":
        return _("by a parent")
    if kind == "representative":
        return _("by somebody in your name")
    if kind == "application":
        return _("by %(application)s") % {"application": names.of("application", name)}
    return _("by our staff") if kind == "staff" else _("by this service")


def _words(table: dict[str, tuple[Any, str]], state: str) -> dict[str, Any]:
    label, tone = table.get(state, (state, "plain"))
    return {"label": label, "tone": tone}
