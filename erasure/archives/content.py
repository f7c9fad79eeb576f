"""What stands in an archive: the copy of the data, and what Art. 15(1)(a) to (h) and (2) tell this very person.

Every section comes from a Holding, so that what can be held can be exported; portability holds what Art. 20(1) covers:
data the person provided (given or observed), processed on consent or contract.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from audit.models import AuditEvent
from audit.selectors import events
from consent.models import Purpose
from consent.rights import PORTABLE
from consent.selectors import live_recipients
from consent.wording import title_in
from erasure.archives.answers import Answers
from erasure.models import RightsRequest
from erasure.rights import Held
from erasure.selectors import held_purposes_of
from erasure.services.places import PREFIX
from erasure.services.sources import Source
from subjects.holdings import ExportScope, Own, Together, holdings
from subjects.models import Subject

FORMAT = "gdpr-portal-archive/1"


def content(
    request: RightsRequest,
    *,
    language: str,
    told: Sequence[Source] = (),
    answers: Answers | None = None,
    together: Together | None = None,
) -> dict[str, Any]:
    """The whole archive: JSON values, long tables as `Rows`; sections in a fixed order, what connectors hold last.

    `answers` are those which the archive hands on.
    Copies put together at once share what is read, `together`.
    """
    together = together or Together([request.subject])
    portability = request.right == RightsRequest.Right.PORTABILITY
    held = together.known(held_purposes_of, lambda: held_purposes_of(together.keys))[request.subject_id]
    portable = frozenset(each.purpose for each in held if each.lawful_basis in PORTABLE) if portability else None
    scope = ExportScope(portability=portability, language=language, purposes=portable, together=together)
    sections = {holding.name: holding.export(request.subject, scope) for holding in holdings()}
    found = Answers(()) if answers is None else answers
    sections |= {f"connector {each.step.target}": found[each] for each in found if each.kind == "connector"}
    anything = _tells(sections) or any(map(_tells, found.values()))
    head = _head(request) | {"anything_held": anything} | _asked(told, found, 0)
    if portability:
        return head | {"data": sections}
    informed = together.known((information, *held, language), lambda: information(held, language))
    return head | {"information": informed, "data": sections} | _seen(request.subject, together)


def supplement(request: RightsRequest, told: Sequence[Source], answers: Answers, number: int) -> dict[str, Any]:
    """What came after the first archive: the answers of others alone, and how everybody asked stands now."""
    connected = {f"connector {each.step.target}": answers[each] for each in answers if each.kind == "connector"}
    head = _head(request) | {"supplement": number, "anything_held": True}
    return head | _asked(told, answers, number) | {"data": connected}


def _head(request: RightsRequest) -> dict[str, Any]:
    made_at = timezone.now().isoformat()
    return {"format": FORMAT, "request": str(request.id), "right": request.right, "made_at": made_at}


def _asked(told: Sequence[Source], answers: Answers, number: int) -> dict[str, Any]:
    """Who was asked and what each has answered by now; whether more is to come."""
    if not told:
        return {}
    rows = [
        {
            "source": each.step.target.removeprefix(PREFIX),
            "kind": each.kind,
            "name": each.name,
            "state": each.state,
            "answered_at": each.row.at.isoformat() if each.row else None,
            "archive": number if each in answers else each.archive,
            "folder": each.folder if answers.get(each) else None,
        }
        for each in told
    ]
    return {"sources": rows, "supplement_follows": any(each.outstanding for each in told)}


def _tells(section: Any) -> bool:
    """Whether anything stands in it: a section of empty lists tells nothing."""
    if isinstance(section, Mapping):
        return any(_tells(part) for part in section.values())
    return bool(section)


def information(held: list[Held], language: str) -> dict[str, Any]:
    """Art. 15(1)(a) to (h) and (2), of what is held about this very person."""
    purposes = {purpose.slug: purpose for purpose in Purpose.objects.filter(slug__in=[each.purpose for each in held])}
    return {
        "controller": dict(settings.CONTROLLER),
        "purposes": [_purpose(purposes[each.purpose], each, language) for each in held],
        "recipients": _recipients(held),
        "rights": [
            _("You can ask for rectification, erasure or restriction of your data, and object to its use."),
            _("You can withdraw any consent at any time, as easily as you gave it."),
        ],
        "complaint": {
            "authority": settings.CONTROLLER["authority"],
            "address": settings.CONTROLLER["authority_url"],
        },
        "automated_decisions": _("No decision about you is made by automated means alone."),
    }


def _purpose(purpose: Purpose, held: Held, language: str) -> dict[str, Any]:
    return {
        "purpose": purpose.slug,
        "title": title_in(purpose.titles, language),
        "lawful_basis": held.lawful_basis,
        "why": purpose.necessity,
        "fields": list(purpose.fields),
        "kept_for_days": purpose.retention_days,
        "kept_under": purpose.retention_law or None,
    }


def _recipients(held: list[Held]) -> list[dict[str, Any]]:
    slugs = {each.purpose for each in held}
    return [
        {
            "name": recipient.name,
            "role": recipient.role,
            "country": recipient.country,
            "safeguard": recipient.safeguard or None,
            "purposes": sorted(slugs & set(recipient.purposes)),
        }
        for recipient in live_recipients()
        if slugs & set(recipient.purposes)
    ]


def _seen(subject: Subject, together: Together) -> dict[str, Any]:
    """Who accessed what, when and for which purpose; staff by their role, never by name (CJEU C-579/21)."""
    read = together.known(_seen, lambda: Own(events(action="data.read", until=timezone.now()), key="pseudonym"))
    return {"accesses": together.table(subject, read, _access)}


def _access(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "by": _by(event.actor),
        "purpose": event.purpose,
        "fields": list(event.fields),
    }


def _by(actor: str) -> str:
    kind, _colon, reference = actor.partition(":")
    return reference if kind == "application" else kind
