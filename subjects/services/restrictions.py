"""Restriction of processing (Art. 18): set at once, lifted only after the person was told (Art. 18(3))."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit import actors
from audit import services as audit
from gdpr_portal.errors import Invalid
from subjects.models import Restriction, Subject
from subjects.services.people import lock_subject
from vault import ledger


def restrict(
    *, subject: Subject, ground: str, request: UUID | None, actor: str, at: datetime | None = None
) -> Restriction:
    """The person's data may only be stored from `at` on (Art. 18(2)). Idempotent for the same ground and request.

    Raises Invalid (422) for a ground Art. 18(1) does not know.
    """
    if ground not in Restriction.CLAIMED:
        raise Invalid("invalid_value", "Art. 18(1) knows no such ground.", status=422)
    with transaction.atomic():
        row = lock_subject(subject.pk)
        standing = Restriction.objects.filter(subject=row, ground=ground, request=request, lifted_at=None).first()
        if standing is not None:
            return standing
        made = Restriction.objects.create(subject=row, ground=ground, request=request, since=at or timezone.now())
        ledger.record_change(ledger.RESTRICTED, row.pk, ground, at=made.since)
        _record("restriction.set", made, actor)
    return made


def keep_from_use(*, subject: Subject, request: UUID, actor: str) -> Restriction:
    """Who wants to be erased is used no more while the erasure can still be taken back; the person reads on.

    The subject's row is locked. It lives with its request and not in the ledger: a backup without the request has
    nothing to wait for. Idempotent for the same request.
    """
    pending = Restriction.Ground.ERASURE_PENDING
    standing = Restriction.objects.filter(subject=subject, ground=pending, request=request, lifted_at=None).first()
    if standing is not None:
        return standing
    made = Restriction.objects.create(subject=subject, ground=pending, request=request, since=timezone.now())
    _record("restriction.set", made, actor)
    return made


def answer_for_what_is_kept(*, requests: Sequence[UUID], actor: str) -> None:
    """These erasures begin: what a law keeps of the people answers again for just that (api.md). By few statements."""
    own = Restriction.objects.filter(request__in=requests, ground=Restriction.Ground.ERASURE_PENDING, lifted_at=None)
    rows = list(own.select_related("subject").order_by("pk"))
    if rows:
        own.update(lifted_at=timezone.now())
        audit.record_many([_entry("restriction.lifted", row, actor, reason="begun") for row in rows])


def announce_lift(*, restriction: Restriction, at: datetime | None = None) -> Restriction:
    """The person has been told that the restriction will be lifted (Art. 18(3)). Idempotent."""
    with transaction.atomic():
        row = Restriction.objects.select_for_update().get(pk=restriction.pk)
        if row.lift_announced_at is None:
            row.lift_announced_at = at or timezone.now()
            row.save(update_fields=["lift_announced_at"])
            details = {"request": str(row.request) if row.request else None, "kind": "restriction_lift"}
            audit.record(
                "notification.sent", actor=actors.system("worker"), subject=row.subject.pseudonym, details=details
            )
    return row


def lift_restriction(
    *,
    subject: Subject,
    actor: str,
    request: UUID | None = None,
    ground: str | None = None,
    reason: str = "",
    at: datetime | None = None,
) -> list[Restriction]:
    """The person's standing restrictions, of this request and ground if given, end at `at`; returns those lifted.

    Who calls has announced it (`announce_lift`) or lifts at the person's own wish. Idempotent.
    """  # fmt: skip
    with transaction.atomic():
        row = lock_subject(subject.pk)
        standing = Restriction.objects.select_for_update().filter(subject=row, lifted_at=None)
        if request is not None:
            standing = standing.filter(request=request)
        if ground is not None:
            standing = standing.filter(ground=ground)
        lifted = list(standing.order_by("since"))
        for restriction in lifted:
            restriction.lifted_at = at or timezone.now()
            restriction.save(update_fields=["lifted_at"])
            _end_in_ledger(restriction)
            _record("restriction.lifted", restriction, actor, reason=reason)
    return lifted


def _end_in_ledger(lifted: Restriction) -> None:
    """The ledger knows the ground no longer holds, once the last restriction on it is lifted."""
    others = Restriction.objects.filter(subject=lifted.subject_id, ground=lifted.ground, lifted_at=None)
    if lifted.ground in Restriction.CLAIMED and not others.exists():
        ended = ledger.ENDED[ledger.RESTRICTED]
        ledger.record_change(ended, lifted.subject_id, lifted.ground, at=lifted.lifted_at)


def _record(action: str, restriction: Restriction, actor: str, **more: str) -> None:
    audit.record_many([_entry(action, restriction, actor, **more)])


def _entry(action: str, restriction: Restriction, actor: str, **more: str) -> audit.Entry:
    details = {"ground": restriction.ground, **{name: text for name, text in more.items() if text}}
    if restriction.request:
        details["request"] = str(restriction.request)
    return audit.Entry(action=action, actor=actor, subject=restriction.subject.pseudonym, details=details)
