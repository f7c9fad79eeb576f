"""Personal values in and out: only what an approved contract names, on a lawful ground that stands now (Art. 6(1)).

Writes lock the person first, so that no withdrawal or erasure slips in between decision and write. Reads take no
lock: a
read decided before a withdrawal commits was lawful. Refusals are recorded after the rollback.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import transaction

from access.models import Application
from audit import actors
from audit.services import record
from audit.vocabulary import JSON
from consent.decide import ALLOWED, PRECEDENCE, is_untold
from consent.models import Component, DataContract, Finding, Purpose
from consent.services.decisions import DETAILS, Decision, decide_for, refusal, to_store
from consent.services.findings import open_finding
from consent.values import checked, known_fields
from gdpr_portal.errors import DomainError, Flaw, Gone, Invalid, Refused
from subjects.models import Subject, ValuePurpose
from subjects.services import lock_subject, read_values, store_values

NO_GROUND = frozenset(
    {"objected", "consent_missing", "consent_refused", "consent_withdrawn", "consent_expired", "consent_pending"}
    | {"notice_outdated"}
)


@dataclass(frozen=True, slots=True)
class Disclosed:
    """What may be given, and what not and why: the code of each field withheld."""

    values: dict[str, str]
    withheld: dict[str, str]


def store_data(
    *,
    application: Application,
    subject: Subject,
    purpose: str,
    values: Mapping[str, Any],
    source: str,
    source_name: str = "",
) -> list[str]:
    """The fields hold these values for the purpose; a value of None takes the field from it. Returns the fields stored.

    Whole or nothing. Raises `Gone("erased")`, `Missing("unknown_purpose")`, `Refused` with `purpose_not_approved`,
    `not_in_contract`, `restricted` or `no_lawful_basis`, and `Invalid("invalid_value")` (422). Taking fields away
    needs no
    lawful ground, only the contract.
    """
    try:
        with transaction.atomic():
            return _store(application, subject, purpose, values, source, source_name)
    except DomainError as refused:
        _record_refusal(application, subject, purpose, values, refused, operation="store")
        raise


def _store(
    application: Application, subject: Subject, purpose: str, values: Mapping[str, Any], source: str, source_name: str
) -> list[str]:
    _require_source(values, source, source_name)
    row = lock_subject(subject.pk)
    if row.erased_at is not None:
        raise Gone("erased", DETAILS["erased"])
    decision = decide_for(application=application, subject=row, purpose=purpose, fields=tuple(values))
    _require_storable(decision, values)
    ready = checked(values)
    _require_taken_from(purpose, [field for field, value in ready.items() if value is not None], source)
    stored = store_values(
        subject=row, purpose=purpose, values=ready, source=source, source_name=source_name, application=application
    )
    _record_stored(application, row, purpose, stored, [name for name, value in ready.items() if value is None], source)
    return list(stored)


def _require_source(values: Mapping[str, Any], source: str, source_name: str) -> None:
    if not values:
        detail = "No field is named."
        raise Invalid("invalid_value", detail, status=422, errors=[Flaw("/values", "invalid_value", detail)])
    if source == "third_party" and not source_name.strip():
        detail = "The third party must be named (Art. 14(2)(f))."
        raise Invalid("missing_member", detail, errors=[Flaw("/source_name", "missing_member", detail)])


def _require_taken_from(purpose: str, fields: Sequence[str], source: str) -> None:
    """The purpose takes data from this source, and each component is supplied by it (Art. 5(1)(b)); one statement."""
    closed = Purpose.objects.filter(slug=purpose).exclude(sources__contains=[source]).values_list("slug")
    others = Component.objects.filter(slug__in=fields).exclude(supplied_by__contains=[source]).values_list("slug")
    if fields and (slugs := sorted(slug for (slug,) in closed.union(others))):
        detail = f"No data is taken from this source for {', '.join(slugs)}."
        raise Invalid("invalid_value", detail, status=422, errors=[Flaw("/source", "invalid_value", detail)])


def _require_storable(decision: Decision, values: Mapping[str, Any]) -> None:
    """A third party that the person does not share with is not told what they answered, nor what binds."""
    verdict = to_store(decision)
    code = verdict.code
    if verdict.allowed or (code in NO_GROUND and all(value is None for value in values.values())):
        return
    if code in NO_GROUND | {"restricted"} and is_untold(decision.verdict.facts):
        raise Refused("no_lawful_basis", "There is no lawful ground for this person now.")
    if code in NO_GROUND:
        raise Refused("no_lawful_basis", f"There is no lawful ground for this person now: {code}.")
    if code == "not_in_contract":
        outside = [field for field, reason in verdict.fields.items() if reason == code]
        raise Refused(code, DETAILS[code], errors=[_outside(field) for field in known_fields(outside)])
    raise refusal(code)


def rectifiable(*, subject: Subject, purpose: str) -> frozenset[str]:
    """The fields of the purpose a person may have put right or completed (Art. 16).

    What is held for the purpose, and what an approved contract of it takes on a ground that stands now: nothing comes
    to be held by a rectification that no application could have stored.
    """
    held = ValuePurpose.objects.filter(value__subject=subject, purpose=purpose)
    fields = set(held.values_list("value__field", flat=True))
    for contract in DataContract.objects.filter(purpose__slug=purpose, state="live").select_related("application"):
        asked = tuple(contract.fields)
        decision = decide_for(application=contract.application, subject=subject, purpose=purpose, fields=asked)
        fields |= {field for field, code in to_store(decision).fields.items() if code == ALLOWED}
    return frozenset(fields)


def read_data(
    *, application: Application, subject: Subject, purpose: str, fields: Sequence[str] | None = None
) -> Disclosed:
    """The values the application may have for the purpose now, and the fields withheld; the read is in the log.

    Without `fields`, all of its contract. Only values linked to the purpose are given: what is held for another
    purpose is
    not held for this one (Art. 5(1)(b)). Raises what `decisions.refusal` makes of the deciding code when nothing may
    be given at all.
    """
    try:
        with transaction.atomic():
            return _read(application, subject, purpose, fields)
    except DomainError as refused:
        _record_refusal(application, subject, purpose, fields or (), refused, operation="read")
        raise


def _read(application: Application, subject: Subject, purpose: str, fields: Sequence[str] | None) -> Disclosed:
    asked = tuple(fields) if fields else _contract_fields(application, purpose)
    decision = decide_for(application=application, subject=subject, purpose=purpose, fields=asked)
    allowed = [field for field in asked if decision.fields[field] == ALLOWED]
    if not allowed:
        raise refusal(_deciding(decision))
    values = read_values(subject=subject, fields=allowed, purpose=purpose)
    withheld = {field: code for field, code in decision.fields.items() if code != ALLOWED}
    record(
        "data.read",
        actor=actors.application(application.slug),
        subject=subject.pseudonym,
        purpose=purpose,
        fields=sorted(values),
        details={"application": application.slug, "count": len(values), "withheld": len(withheld)},
    )
    return Disclosed({field: values[field] for field in asked if field in values}, withheld)


def _deciding(decision: Decision) -> str:
    """The code that no value was given for: of somebody erased, of whom a law keeps some of what was asked for, that
    which stands against giving just this, and not `erased` for what went (that would have it forgotten)."""
    kept = [code for code in decision.fields.values() if code != "erased"]
    return min(kept, key=PRECEDENCE.__getitem__) if decision.code == "erased" and kept else decision.code


def _contract_fields(application: Application, purpose: str) -> tuple[str, ...]:
    """Every field of the live contract; without one none, and the decision says why."""
    found = application.contracts.filter(purpose__slug=purpose, state="live").values_list("fields", flat=True).first()
    return tuple(found or ())


def _record_stored(
    application: Application, subject: Subject, purpose: str, stored: Mapping[str, str], removed: list[str], source: str
) -> None:
    actor = actors.application(application.slug)
    about: dict[str, JSON] = {"application": application.slug}
    if stored:
        details = about | {"source": source, "count": len(stored), "marks": list(stored.values())}
        fields = list(stored)
        record("data.stored", actor=actor, subject=subject.pseudonym, purpose=purpose, fields=fields, details=details)
    if removed:
        gone = about | {"reason": "application", "count": len(removed)}
        record("data.removed", actor=actor, subject=subject.pseudonym, purpose=purpose, fields=removed, details=gone)


def _record_refusal(
    application: Application,
    subject: Subject,
    purpose: str,
    fields: Mapping[str, Any] | Sequence[str],
    refused: DomainError,
    *,
    operation: str,
) -> None:
    known = Purpose.objects.filter(slug=purpose).exists()
    with transaction.atomic():
        record(
            "data.refused",
            actor=actors.application(application.slug),
            subject=subject.pseudonym,
            purpose=purpose if known else None,
            fields=known_fields(fields),
            details={
                "application": application.slug, "code": refused.code, "count": len(fields), "operation": operation,
            },
        )  # fmt: skip
        if operation == "store" and refused.code == "not_in_contract":
            _find_outside(application, purpose if known else "", refused)


def _find_outside(application: Application, purpose: str, refused: DomainError) -> None:
    """Whoever tries to store what no contract names has a finding, once for each field (empty: one we do not know)."""
    fields = [flaw.pointer.removeprefix("/values/") for flaw in refused.errors] or [""]
    for field in sorted(fields):
        kind = Finding.Kind.NOT_IN_CONTRACT
        open_finding(kind=kind, application=application.slug, purpose=purpose, field=field)


def _outside(field: str) -> Flaw:
    return Flaw(f"/values/{field}", "not_in_contract", DETAILS["not_in_contract"])
