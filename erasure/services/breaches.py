"""Breaches: recorded, the authority told within 72 hours, people told or why not, closed (Art. 33, 34)."""

from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from access.models import Account
from audit import actors
from audit import services as audit
from audit.models import AuditEvent
from erasure.models.breaches import HOURS, Breach
from gdpr_portal.errors import Invalid, WrongState

TOUCHING = ("data.read", "data.stored", "data.revealed", "subject.looked_up")
"""Events by which somebody got at a person's data."""


def record_breach(*, breach: Breach, by: Account) -> Breach:
    """The breach is in the register, and its 72 hours run from when the controller became aware of it."""
    if breach.aware_at > timezone.now() or breach.until < breach.since:
        raise Invalid("invalid_value", "A breach is not known of in the future, and ends after it began.", status=422)
    with transaction.atomic():
        breach.recorded_by, breach.recorded_at = by, timezone.now()
        breach.save(force_insert=True)
        _record(breach, "breach.recorded", by)
    return breach


def time_left(breach: Breach, now: datetime | None = None) -> timedelta:
    """How much of the 72 hours is left; negative once they are over (Art. 33(1))."""
    return breach.aware_at + HOURS - (now or timezone.now())


def concerned(breach: Breach) -> list[UUID]:
    """The pseudonyms of the people whose data was touched, from the audit log: by application, purpose and period."""
    events = AuditEvent.objects.filter(
        action__in=TOUCHING, at__gte=breach.since, at__lte=breach.until, subject__isnull=False
    )
    if breach.application:
        events = events.filter(actor=actors.application(breach.application))
    if breach.purpose:
        events = events.filter(purpose=breach.purpose)
    return [found for found in events.order_by("subject").values_list("subject", flat=True).distinct() if found]


def tell_authority(*, breach_id: UUID, by: Account, delay_reason: str = "") -> Breach:
    """The authority was told, now; after 72 hours only with the reasons for the delay (Art. 33(1))."""
    with transaction.atomic():
        breach = _locked(breach_id)
        if breach.authority_told_at is not None:
            raise WrongState("wrong_state", "The authority was told already.")
        breach.authority_told_at, breach.delay_reason = timezone.now(), delay_reason.strip()
        if time_left(breach) < timedelta(0) and not breach.delay_reason:
            raise Invalid("delay_reason_missing", "A notice after 72 hours says why it is late.", status=422)
        breach.save()
        _record(breach, "breach.authority_told", by)
    return breach


def tell_people(*, breach_id: UUID, by: Account, omitted: str = "") -> Breach:
    """The people concerned were told, now; or they are not, for one of the reasons of Art. 34(3)."""
    if omitted and omitted not in Breach.Omitted.values:
        raise Invalid("invalid_value", "People are left untold only for a reason of Art. 34(3).", status=422)
    with transaction.atomic():
        breach = _locked(breach_id)
        breach.people_not_told = omitted
        breach.people_told_at = None if omitted else timezone.now()
        breach.save()
        _record(breach, "breach.people_told", by)
    return breach


def close_breach(*, breach_id: UUID, by: Account) -> Breach:
    """Nothing is left to do about the breach. Raises `notices_missing`; the database keeps it too."""
    try:
        with transaction.atomic():
            breach = _locked(breach_id)
            if not breach.effects or not breach.remedy:
                raise WrongState("notices_missing", "Effects and remedy have to be in the register (Art. 33(5)).")
            breach.closed_at = timezone.now()
            breach.save()
            _record(breach, "breach.closed", by)
    except IntegrityError:
        raise WrongState("notices_missing", "The authority or the people concerned were not told yet.") from None
    return breach


def _locked(breach_id: UUID) -> Breach:
    breach = Breach.objects.select_for_update().get(pk=breach_id)
    if breach.closed_at is not None:
        raise WrongState("wrong_state", "This breach is closed.")
    return breach


def _record(breach: Breach, action: str, by: Account) -> None:
    details = {"breach": str(breach.id), "risk": breach.risk, "omitted": breach.people_not_told or None}
    audit.record(action, actor=actors.staff(by.id), details=details)
