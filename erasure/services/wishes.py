"""What a request asks for beside its right, for the reviewer who decides it: in words, and of a correction the values.

Grounds, references and names of fields stand on the page of the request. The values of a correction, what is held and
what it should be, are opened once, after a fresh second factor, and counted with the other looks (threat T12).
"""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.utils.translation import get_language
from django.utils.translation import gettext as _

from access.models import Account
from audit import actors
from audit import services as audit
from consent.selectors import field_titles
from erasure.grounds import ERASURE_GROUNDS, GROUNDS
from erasure.models import RightsRequest
from erasure.services.details import opened_details
from erasure.services.locking import locked_open_request
from gdpr_portal.errors import Gone, Missing
from subjects.services.reveal import staff_reveal
from subjects.services.values import read_values


@dataclass(frozen=True)
class Contested:
    """A value as it is held, and as the person says it should be; None for nothing."""

    title: str
    held: str | None
    wanted: str | None


def said_of(request: RightsRequest) -> list[tuple[str, str]]:
    """What was said beside the right, without a value: label and words. Empty once the person was erased."""
    try:
        details = opened_details(request)
    except Gone:
        return []
    found: list[tuple[str, Any]] = []
    if ground := details.get("ground"):
        found.append((_("Ground"), ERASURE_GROUNDS.get(ground) or GROUNDS.get(ground) or ground))
    if decision := details.get("decision"):
        found.append((_("Reference of the decision"), decision))
    if values := details.get("values"):
        titles = field_titles(values, get_language() or "en")
        found.append((_("Contested"), ", ".join(titles[field] for field in values)))
    return [(label, str(words)) for label, words in found]


def contested(*, request_id: UUID, reviewer: Account) -> list[Contested]:
    """The values a correction is about, opened for this reviewer; the log has who looked. Raises as `staff_reveal`.

    Missing for a request that is none of values.
    """
    with staff_reveal(reviewer):
        request = locked_open_request(request_id)
        wanted: dict[str, str | None] = opened_details(request).get("values", {})
        if not wanted:
            raise Missing
        held = read_values(subject=request.subject, fields=sorted(wanted))
        audit.record(
            "data.revealed", actor=actors.staff(reviewer.id), subject=request.subject.pseudonym, fields=sorted(wanted),
            details={"request": str(request.id), "reason": "contested", "count": len(wanted)},
        )  # fmt: skip
    titles = field_titles(wanted, get_language() or "en")
    return [Contested(titles[field], held.get(field), value) for field, value in wanted.items()]
