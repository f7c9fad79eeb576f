"""What a person sees of the data held about them, and of who saw it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import cast
from uuid import UUID

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import render
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_http_methods

from access.models import Account, Application
from access.second_factor import require_fresh_factor
from audit.models import AuditEvent
from audit.selectors import as_text, events, proof, vkey
from gdpr_portal.errors import Missing
from subjects import hooks
from subjects.looks import looks, seen_in_words, seen_of
from subjects.models import Identifier, Subject
from subjects.selectors import HeldValue, subject_of_account, values_held
from subjects.services.reveal import revealed_identifiers, revealed_values

ACCESSES_SHOWN = 100
SOURCES = {
    "subject": gettext_lazy("you gave it"),
    "observed": gettext_lazy("seen while you used the service"),
    "derived": gettext_lazy("worked out from other data"),
    "third_party": gettext_lazy("from somebody else"),
}


@dataclass(frozen=True)
class Cell:
    """One value as the page shows it; `value` is None while it is hidden."""

    field: str
    title: str
    value: str | None
    source: str
    since: datetime
    until: hooks.Until | None


@dataclass(frozen=True)
class Use:
    """The values held for one purpose."""

    purpose: str
    title: str
    cells: list[Cell]


@dataclass(frozen=True)
class Access:
    """One access to the person's data, for the timeline."""

    id: UUID
    at: datetime
    title: str
    text: str
    question: hooks.Questioned | None


@require_http_methods(["GET", "POST"])
def data(request: HttpRequest) -> HttpResponse:
    """What is held, by purpose; the values after a fresh second factor, by POST, for this one page."""
    subject = subject_of_account(cast(Account, request.user))
    show = request.method == "POST" and subject is not None
    if show:
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
    context = {"uses": [], "identifiers": [], "shown": show}
    if subject is not None:
        values = revealed_values(subject=subject) if show else {}
        context |= {"uses": _uses(subject, values), "identifiers": _identifiers(subject, show)}
    return render(request, "subjects/data.html", context)


def _uses(subject: Subject, values: dict[str, str]) -> list[Use]:
    language = get_language() or "en"
    held, ends = values_held(subject), hooks.describe_ends(subject)
    purposes = sorted({purpose for value in held for purpose in value.purposes})
    return [
        Use(
            purpose=purpose,
            title=hooks.describe_purpose(purpose, language),
            cells=[
                _cell(value, values, language, ends.get((value.field, purpose)))
                for value in held
                if purpose in value.purposes
            ],
        )
        for purpose in purposes
    ]


def _cell(value: HeldValue, values: dict[str, str], language: str, until: hooks.Until | None) -> Cell:
    return Cell(
        field=value.field,
        title=hooks.describe_field(value.field, language),
        value=values.get(value.field),
        source=value.source_name or str(SOURCES[value.source]),
        since=value.since,
        until=until,
    )


def _identifiers(subject: Subject, show: bool) -> list[tuple[str, str | None]]:
    labels = {"email": _("E-mail address"), "phone": _("Telephone number"), "customer_id": _("Customer number")}
    if show:
        return [(labels[kind], value) for kind, value in revealed_identifiers(subject=subject)]
    kinds = Identifier.objects.filter(subject=subject).order_by("kind").values_list("kind", flat=True)
    return [(labels[kind], None) for kind in kinds]


@require_GET
def activity(request: HttpRequest) -> HttpResponse:
    """Who saw the person's data: which application, which fields, for which purpose, when."""
    subject = subject_of_account(cast(Account, request.user))
    rows = _accesses(subject) if subject is not None else []
    return render(request, "subjects/activity.html", {"events": rows})


def _accesses(subject: Subject) -> list[Access]:
    language = get_language() or "en"
    found = list(looks().filter(subject=subject.pseudonym)[:ACCESSES_SHOWN])
    questions = hooks.describe_questions(subject, [event.pk for event in found if event.action == "data.read"])
    names = dict(Application.objects.values_list("slug", "name"))
    purposes = {slug: hooks.describe_purpose(slug, language) for slug in {event.purpose for event in found} if slug}
    fields = hooks.describe_fields({name for event in found for name in event.fields}, language)
    return [
        Access(
            id=event.pk,
            question=questions.get(event.pk),
            at=event.at,
            title=_who(event, names),
            text=_what(event, purposes, fields),
        )
        for event in found
    ]


def _who(event: AuditEvent, names: Mapping[str, str]) -> str:
    """Applications by name, people by what they are to this one (CJEU C-579/21)."""
    kind, _colon, reference = event.actor.partition(":")
    if kind == "application":
        return names.get(reference, reference)
    return _("Who acts in your name") if kind == "representative" else _("A member of our staff")


def _what(event: AuditEvent, purposes: Mapping[str, str], titles: Mapping[str, str]) -> str:
    seen = seen_of(event)
    fields = ", ".join(titles[name] for name in event.fields)
    if event.purpose is None:
        return _("Saw %(what)s") % {"what": seen_in_words(seen) if seen else fields}
    return _("Saw %(fields)s for %(purpose)s") % {
        "fields": fields or seen_in_words(seen or ""),
        "purpose": purposes[event.purpose],
    }


@require_GET
def access_proof(request: HttpRequest, event: UUID) -> HttpResponse:
    """The proof that an entry about the person stands in the log, as a file anybody can check; others' are unknown."""
    subject = subject_of_account(cast(Account, request.user))
    if subject is None or not events(subject=subject.pseudonym).filter(pk=event).exists():
        raise Missing()
    found = proof(event)
    [leaf] = as_text([found.leaf])
    content = {
        "index": found.index, "leaf": leaf, "inclusion": as_text(found.inclusion),
        "checkpoint": found.checkpoint, "vkey": vkey(),
    }  # fmt: skip
    answer = JsonResponse(content, json_dumps_params={"indent": 2, "ensure_ascii": False})
    answer["Content-Disposition"] = f'attachment; filename="entry-{found.index}.proof.json"'
    return answer
