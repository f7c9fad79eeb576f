"""What a request says beside its right (api.md, `details`): checked member by member, whole or not at all."""

import json
import re
from collections.abc import Callable, Mapping
from typing import Any
from uuid import UUID

from consent.models import Purpose
from consent.selectors import live_purpose
from consent.services.data import rectifiable
from consent.values import checked as checked_values
from erasure.models import RightsRequest
from erasure.rights import RETAINED_UNDER, Held
from gdpr_portal.errors import Flaw, Invalid, WrongState, step
from subjects.models import Restriction, Subject, ValuePurpose
from vault import services as vault

GROUND = re.compile(r"[a-z0-9_]{1,60}")
REFERENCE = re.compile(r"[A-Za-z0-9._:-]{1,200}")
RESTRICTION_GROUNDS = Restriction.CLAIMED

Checked = dict[str, Any]


def checked_details(subject: Subject, right: str, details: Mapping[str, Any]) -> Checked:
    """The details as they are kept; raises Invalid with pointers, or what is wrong with the purpose named."""
    members, check = _SHAPES[right]
    for name in details:
        if name not in members:
            raise _flawed(name, "unknown_member", "A request of this right has no such member.")
    checked = check(details)
    if right == "rectification":
        _require_rectifiable(subject, checked)
    return checked


def members_of(right: str) -> frozenset[str]:
    """The members that the details of this right may have."""
    return _SHAPES[right][0]


def details_from_words(subject: Subject, right: str, words: Mapping[str, Any]) -> Checked:
    """The details of a request from what a form says, where a correction names a field and no purpose.

    It is put right for the purposes it is held for, by one of them; nothing held is `checked_details`' to refuse.
    """
    if right != "rectification":
        return dict(words)
    field, value = words["field"], words["value"]
    held = ValuePurpose.objects.filter(value__subject=subject, value__field=field).order_by("purpose")
    offered = Purpose.objects.filter(state="live", fields__contains=[field]).order_by("slug")
    purpose = held.values_list("purpose", flat=True).first() or offered.values_list("slug", flat=True).first()
    return {"purpose": purpose, "values": {field: value}}


def sealed_details(subject: Subject, request_id: UUID, details: Checked) -> bytes | None:
    """The details under the person's key, bound to their request; None where nothing was said."""
    if not details:
        return None
    return vault.subject_key(subject.id).seal(details_place(request_id), json.dumps(details).encode())


def opened_details(request: RightsRequest) -> Checked:
    """The details of a request, opened; empty where nothing was said, and once they were erased."""
    cell = vault.open_cell(request.subject_id, details_place(request.id), request, "details_sealed")
    opened: Checked = {} if cell is None else json.loads(cell)
    return opened


def corrected_fields(request: RightsRequest) -> list[str]:
    """Which fields a rectification names, by slug; none of any other right."""
    return sorted(opened_details(request).get("values", {})) if request.right == "rectification" else []


def details_place(request_id: UUID) -> vault.Place:
    """The cell of what was asked in words."""
    return vault.Place("erasure_rightsrequest", "details_sealed", str(request_id))


def purpose_named(details: Checked) -> Held | None:
    """The purpose a request names, with its lawful basis; None when it is about everything held."""
    slug = details.get("purpose")
    if slug is None:
        return None
    purpose = Purpose.objects.get(slug=slug)
    return Held(purpose.slug, purpose.lawful_basis, purpose.is_marketing)


def _nothing(details: Mapping[str, Any]) -> Checked:
    return {}


def _purpose(details: Mapping[str, Any]) -> Checked:
    slug = _text(details, "purpose")
    live_purpose(slug)
    return {"purpose": slug}


def _rectification(details: Mapping[str, Any]) -> Checked:
    checked = _purpose(details)
    values = details.get("values")
    if values is None:
        raise _flawed("values", "missing_member", "The corrected values are missing.")
    if not isinstance(values, Mapping):
        raise _flawed("values", "invalid_type", "Expected an object of fields and their values.")
    if not values:
        raise _flawed("values", "invalid_value", "No field is named.")
    return checked | {"values": _corrected(checked["purpose"], values)}


def _require_rectifiable(subject: Subject, checked: Checked) -> None:
    """Only what is held or could be stored is put right, and nothing is taken away that the law has us keep."""
    purpose, values = Purpose.objects.get(slug=checked["purpose"]), checked["values"]
    if outside := sorted(values.keys() - rectifiable(subject=subject, purpose=purpose.slug)):
        detail = "Nothing is held here for this purpose, and no approved contract takes it on a ground that stands now."
        flaws = [Flaw(f"/details/values{step(field)}", "invalid_value", detail) for field in outside]
        raise Invalid("invalid_value", detail, status=422, errors=flaws)
    if purpose.lawful_basis in RETAINED_UNDER and None in values.values():
        raise WrongState("right_not_available", "A law has us keep it: it can be corrected, not removed.")


def _corrected(slug: str, values: Mapping[str, Any]) -> dict[str, str | None]:
    outside = sorted(set(values) - set(live_purpose(slug).fields))
    if outside:
        detail = "This purpose has no such field."
        flaws = [Flaw(f"/details/values{step(field)}", "invalid_value", detail) for field in outside]
        raise Invalid("invalid_value", detail, status=422, errors=flaws)
    try:
        return checked_values(values)
    except Invalid as error:
        flaws = [Flaw(f"/details{flaw.pointer}", flaw.code, flaw.detail) for flaw in error.errors]
        raise Invalid(error.code, error.message, status=error.status, errors=flaws) from None


def _restriction(details: Mapping[str, Any]) -> Checked:
    ground = _text(details, "ground")
    if ground not in RESTRICTION_GROUNDS:
        raise _flawed("ground", "invalid_value", f"Expected one of {', '.join(sorted(RESTRICTION_GROUNDS))}.")
    return {"ground": ground}


def _erasure(details: Mapping[str, Any]) -> Checked:
    if details.get("ground") is None:
        return {}
    ground = _text(details, "ground")
    if not GROUND.fullmatch(ground):
        raise _flawed("ground", "invalid_value", "Expected a short code in small letters.")
    return {"ground": ground}


def _decision(details: Mapping[str, Any]) -> Checked:
    decision = _text(details, "decision")
    if not REFERENCE.fullmatch(decision):
        raise _flawed("decision", "invalid_value", "Expected the reference of the decision.")
    return {"decision": decision}


def _text(details: Mapping[str, Any], name: str) -> str:
    if name not in details:
        raise _flawed(name, "missing_member", "This member is missing.")
    value = details[name]
    if not isinstance(value, str):
        raise _flawed(name, "invalid_type", "Expected a string.")
    if not value:
        raise _flawed(name, "invalid_value", "Expected a text that is not empty.")
    return value


def _flawed(name: str, code: str, detail: str) -> Invalid:
    status = 422 if code == "invalid_value" else 400
    return Invalid(code, detail, status=status, errors=[Flaw(f"/details{step(name)}", code, detail)])


_SHAPES: dict[str, tuple[frozenset[str], Callable[[Mapping[str, Any]], Checked]]] = {
    "access": (frozenset(), _nothing),
    "portability": (frozenset(), _nothing),
    "erasure": (frozenset({"ground"}), _erasure),
    "rectification": (frozenset({"purpose", "values"}), _rectification),
    "restriction": (frozenset({"ground"}), _restriction),
    "objection": (frozenset({"purpose"}), _purpose),
    "withdraw_consent": (frozenset({"purpose"}), _purpose),
    "human_review": (frozenset({"decision"}), _decision),
}
