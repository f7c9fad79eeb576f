"""Legal holds: while one stands, nothing of the person is destroyed; it takes two people to lift it (Art. 17(3)(e))."""

from collections.abc import Iterable
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from erasure.models import LegalHold, RightsRequest
from erasure.services.addresses import addresses_of, language_of
from erasure.services.records import record_request
from gdpr_portal.errors import Invalid, Refused, WrongState
from gdpr_portal.wake import wake
from subjects.models import Subject
from subjects.services import lock_subject


def standing_hold(subject_id: UUID) -> LegalHold | None:
    """The hold that stands over a person, if one does."""
    return LegalHold.objects.filter(subject_id=subject_id, lifted_at=None).first()


def held_people(people: Iterable[UUID]) -> set[UUID]:
    """Those of these people over whom a hold stands."""
    standing = LegalHold.objects.filter(subject_id__in=list(people), lifted_at=None)
    return set(standing.values_list("subject_id", flat=True))


def place_hold(*, subject: Subject, reason: str, by: Account) -> LegalHold:
    """Whatever is not destroyed yet stays, until the hold is lifted. Raises `wrong_state` when one stands already."""
    if reason not in LegalHold.Reason.values:
        raise Invalid("invalid_value", "A hold needs a reason from the list.", status=422)
    with transaction.atomic():
        row = lock_subject(subject.pk)
        if standing_hold(row.pk) is not None:
            raise WrongState("wrong_state", "There is a hold already.")
        hold = LegalHold.objects.create(subject=row, reason=reason, placed_by=by, placed_at=timezone.now())
        _record(hold, "hold.placed", by)
        for erasure in RightsRequest.objects.filter(subject=row, right="erasure", state="in_progress"):
            tell_held(erasure, hold)
    return hold


def tell_held(erasure: RightsRequest, hold: LegalHold) -> None:
    """The person knows that their erasure waits, why, and where to complain (Art. 12(4)); with the caller's act."""
    record_request(erasure, "request.hold_told", actor=actors.system("worker"), hold=str(hold.id))
    context = {"reference": str(erasure.id)}
    for address in addresses_of(erasure):
        send_mail_later("erasure_held", to=address, language=language_of(erasure), context=context)


def propose_lift(*, subject: Subject, by: Account) -> LegalHold:
    """The hold may be lifted by somebody else than who says so."""
    with transaction.atomic():
        hold = _locked(subject)
        hold.lift_proposed_by = by
        hold.save(update_fields=["lift_proposed_by"])
        _record(hold, "hold.lift_proposed", by)
    return hold


def lift_hold(*, subject: Subject, by: Account) -> LegalHold:
    """The hold is lifted by a second person, and what waited goes on. Raises `four_eyes`, `wrong_state`."""
    try:
        with transaction.atomic():
            hold = _locked(subject)
            if hold.lift_proposed_by_id is None:
                raise WrongState("wrong_state", "Lifting a hold is proposed first.")
            hold.lifted_by, hold.lifted_at = by, timezone.now()
            hold.save(update_fields=["lifted_by", "lifted_at"])
            _record(hold, "hold.lifted", by)
            wake("erasure.tasks.sweep")
    except IntegrityError:
        raise Refused("four_eyes", "Whoever proposes cannot decide as well.") from None
    return hold


def _locked(subject: Subject) -> LegalHold:
    lock_subject(subject.pk)
    hold = LegalHold.objects.select_for_update().filter(subject=subject, lifted_at=None).first()
    if hold is None:
        raise WrongState("wrong_state", "No hold stands.")
    return hold


def _record(hold: LegalHold, action: str, by: Account) -> None:
    details = {"hold": str(hold.id), "reason": hold.reason}
    audit.record(action, actor=actors.staff(by.id), subject=hold.subject.pseudonym, details=details)
