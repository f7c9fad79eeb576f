"""Who acts in a person's name, sealed under the person's key, and whether they may: what every other service asks."""

import json
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta

from django.conf import settings

from audit import services as audit
from erasure.models import Mandate, RightsRequest
from erasure.states import MANDATE, OPEN_REQUEST, move
from gdpr_portal.errors import Gone, WrongState
from gdpr_portal.formats.zones import today
from vault import services as vault


@dataclass(frozen=True)
class Representative:
    """Who acts: their name, and the address the answers go to where the mandate says so."""

    name: str
    email: str


def words_place(mandate: Mandate) -> vault.Place:
    """Where name and address lie, for the seal."""
    return vault.Place("erasure_mandate", "words_sealed", str(mandate.id))


def document_place(mandate: Mandate) -> vault.Place:
    """Where the document lies, for the seal."""
    return vault.Place("erasure_mandate", "document_sealed", str(mandate.id))


def sealed_words(mandate: Mandate, who: Representative) -> bytes:
    """Name and address under the person's key, bound to the mandate."""
    return vault.subject_key(mandate.subject_id).seal(words_place(mandate), json.dumps(asdict(who)).encode())


def representative_of(mandate: Mandate) -> Representative | None:
    """Who acts, opened; None once the person was erased."""
    try:
        cell = vault.open_cell(mandate.subject_id, words_place(mandate), mandate, "words_sealed")
    except Gone:
        return None
    return None if cell is None else Representative(**json.loads(cell))


def is_valid(mandate: Mandate) -> bool:
    """Whether a reviewer accepted it, the person has not objected, and its last day is not over."""
    return mandate.state == "accepted" and (mandate.valid_until is None or mandate.valid_until >= today())


def require_authority(request: RightsRequest) -> None:
    """Whoever asked may ask. Raises `mandate_missing` before a mandate is accepted and after the person objected."""
    if request.mandate_id is not None and not Mandate.objects.filter(pk=request.mandate_id, state="accepted").exists():
        raise WrongState("mandate_missing", "Nothing is done before the mandate has been accepted.")


def end_mandate(request: RightsRequest, *, actor: str) -> None:
    """With its last request over before anybody decided, a mandate is of no use: its document goes (Art. 5(1)(e))."""
    mandate = Mandate.objects.select_for_update(of=("self",)).get(requests=request)
    if "ended" not in MANDATE[mandate.state] or mandate.requests.filter(state__in=OPEN_REQUEST).exists():
        return
    move(mandate, "ended", MANDATE)
    mandate.document_sealed = None
    mandate.save()
    mandate.links.all().delete()
    details = {"mandate": str(mandate.id), "kind": mandate.kind}
    audit.record("mandate.ended", actor=actor, subject=request.subject.pseudonym, details=details)


def may_object_until(request: RightsRequest) -> datetime | None:
    """Until when nothing is done, so that the person can object; None when they asked themselves."""
    if request.mandate is None:
        return None
    told = request.mandate.told_at or request.mandate.recorded_at
    return told + timedelta(hours=settings.MANDATE_OBJECTION_HOURS)


def representative_address(request: RightsRequest) -> str | None:
    """Where answers go beside the person; None unless a reviewer read in a valid mandate that they may (law.md R27)."""
    mandate = request.mandate
    if mandate is None or not mandate.answers_to_representative or not is_valid(mandate):
        return None
    who = representative_of(mandate)
    return who.email if who is not None else None
