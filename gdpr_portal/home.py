"""The overview a signed-in person meets first: gathered from every floor, nothing decrypted."""

from typing import Any

from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from access.models import Account, Application
from audit.models import AuditEvent
from audit.selectors import events
from consent.models import Purpose, Recipient
from consent.pages import field_names
from consent.selectors import title_in
from consent.services.sharing import sharing_rows
from consent.services.standing import standing_of
from erasure.models import RightsRequest
from erasure.selectors import requests_of_account
from erasure.states import OPEN_REQUEST
from erasure.words import REQUEST_STATES
from subjects.models import Subject
from subjects.selectors import is_restricted, subject_of_account, values_held

CONSENT_STATES: dict[str, tuple[Any, str]] = {
    "given": (_("Agreed"), "good"),
    "refused": (_("Not agreed"), "plain"),
    "withdrawn": (_("Withdrawn"), "plain"),
    "expired": (_("Expired"), "warn"),
    "pending": (_("Waiting for a parent"), "wait"),
    "outdated": (_("The wording changed"), "warn"),
    "never_asked": (_("Not answered"), "plain"),
}
ACTS: dict[str, Any] = {
    "data.stored": _("Data was stored"),
    "data.read": _("Data was read"),
    "data.refused": _("A use of your data was refused"),
    "data.erased": _("Data was erased"),
    "data.rectified": _("Data was corrected"),
    "data.revealed": _("A member of staff looked at data"),
    "consent.given": _("Consent was given"),
    "consent.refused": _("Consent was refused"),
    "consent.withdrawn": _("Consent was withdrawn"),
    "consent.expired": _("Consent expired"),
    "sharing.started": _("Sharing was switched on"),
    "sharing.stopped": _("Sharing was switched off"),
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
    requests = [_request(row) for row in requests_of_account(account).filter(state__in=OPEN_REQUEST)[:MOST]]
    if subject is None:
        return {"requests": requests}
    titles = _Titles(account.language)
    return {
        "restricted": is_restricted(subject),
        "purposes": _held(subject, titles),
        "consents": _consents(subject, titles),
        "shares": _shares(subject, titles),
        "requests": requests,
        "activity": _activity(subject),
    }


class _Titles:
    """The plain names of purposes and fields in one language, by one statement each."""

    def __init__(self, language: str) -> None:
        named = Purpose.objects.values_list("slug", "titles")
        self.names = {slug: title_in(titles, language) for slug, titles in named}
        self.fields = field_names(language)

    def __getitem__(self, slug: str) -> str:
        return self.names.get(slug) or slug.replace("_", " ").capitalize()

    def of_fields(self, slugs: list[str]) -> str:
        """The fields in plain words."""
        return ", ".join(self.fields.get(slug) or slug.replace("_", " ").capitalize() for slug in slugs)


def _held(subject: Subject, titles: _Titles) -> list[dict[str, Any]]:
    fields: dict[str, list[str]] = {}
    for value in values_held(subject):
        for purpose in value.purposes:
            fields.setdefault(purpose, []).append(value.field)
    return [{"title": titles[slug], "fields": titles.of_fields(held)} for slug, held in sorted(fields.items())]


def _consents(subject: Subject, titles: _Titles) -> list[dict[str, Any]]:
    lines = [line for line in standing_of(subject) if not line.recipient]
    return [
        {"title": titles[line.purpose], "since": line.since, **_words(CONSENT_STATES, str(line.state))}
        for line in lines
    ]


def _shares(subject: Subject, titles: _Titles) -> list[dict[str, Any]]:
    on = [row for row in sharing_rows(subject) if row.shared]
    names = dict(Recipient.objects.filter(slug__in={row.recipient for row in on}).values_list("slug", "name"))
    return [
        {
            "title": names.get(row.recipient, row.recipient), "text": titles[row.purpose], "since": row.since,
            "label": _("Shared"), "tone": "good",
        }
        for row in on
    ]  # fmt: skip


def _request(row: RightsRequest) -> dict[str, Any]:
    words = _words(REQUEST_STATES, row.state)
    return {"title": row.get_right_display(), "url": reverse("request", args=[row.pk]), "due_at": row.due_at, **words}


def _activity(subject: Subject) -> list[dict[str, Any]]:
    latest = events(subject=subject.pseudonym).filter(action__in=ACTS)[:MOST]
    names = dict(Application.objects.values_list("slug", "name"))
    return [{"at": event.at, "title": ACTS[event.action], "text": _who(event, names)} for event in latest]


def _who(event: AuditEvent, names: dict[str, str]) -> Any:
    kind, _colon, name = event.actor.partition(":")
    if kind in {"subject", "account"}:
        return _("by yourself")
    if kind == "application":
        return _("by %(application)s") % {"application": names.get(name, name)}
    return _("by our staff") if kind == "staff" else _("by this service")


def _words(table: dict[str, tuple[Any, str]], state: str) -> dict[str, Any]:
    label, tone = table.get(state, (state, "plain"))
    return {"label": label, "tone": tone}
