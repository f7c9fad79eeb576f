"""Several rights in one case: filed together, all or none, or an erasure added to the copies asked for before it.

They are looked after together; the copy comes before the erasure.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from audit import actors
from audit import services as audit
from erasure.models import JointCase, Mandate, RightsRequest
from erasure.services.casework import assign
from erasure.services.joint_order import copies_to_collect, copies_waited_for, in_order
from erasure.services.locking import locked_open_request
from erasure.services.records import move_request
from erasure.services.requests import file_request
from erasure.services.start import is_in_undo_window
from erasure.states import OPEN_REQUEST
from gdpr_portal.errors import WrongState
from gdpr_portal.wake import wake
from subjects.models import Subject
from subjects.services import lock_subject

Wishes = Sequence[tuple[str, Mapping[str, Any]]]


def file_together(
    *,
    subject: Subject,
    wishes: Wishes,
    verified_by: str,
    actor: str,
    received_at: datetime | None = None,
    by_person: bool = False,
    mandate: Mandate | None = None,
    vouched_by: Account | None = None,
) -> list[RightsRequest]:
    """Each wish is a request of its own, in the order they are carried out; more than one are a case.

    An erasure that is open already becomes part of the case. Raises what `file_request` raises; then none is filed.
    """
    ordered = in_order([(right, dict(details)) for right, details in wishes])
    with transaction.atomic():
        subject = lock_subject(subject.pk)
        joint = JointCase.objects.create(subject=subject, made_at=timezone.now()) if len(ordered) > 1 else None
        filed = [
            file_request(
                subject=subject,
                right=right,
                details=details,
                verified_by=verified_by,
                actor=actor,
                received_at=received_at,
                by_person=by_person,
                mandate=mandate,
                joint=joint,
                vouched_by=vouched_by,
            )
            for right, details in ordered
        ]
        if joint is not None:
            _record(joint, "case.filed", actor, count=len(filed))
    return filed


def file_after_copies(*, subject: Subject, details: Mapping[str, Any]) -> RightsRequest:
    """An erasure a signed-in person asks for that destroys nothing before they have the copies asked for earlier.

    Copies and erasure are one case from then on. Raises what `file_request` raises.
    """
    with transaction.atomic():
        subject = lock_subject(subject.pk)
        copies = [*copies_to_collect(subject.pk)]
        joint = _case_with(subject, copies) if copies else None
        return file_request(
            subject=subject,
            right="erasure",
            details=details,
            verified_by=RightsRequest.VerifiedBy.ACCOUNT,
            actor=actors.SUBJECT,
            by_person=True,
            joint=joint,
        )


def _case_with(subject: Subject, copies: Sequence[RightsRequest]) -> JointCase:
    """A case of these copies and of an erasure that is open already; the person has just said that it is to wait."""
    joint = JointCase.objects.create(subject=subject, made_at=timezone.now())
    erasure = RightsRequest.objects.filter(subject=subject, right="erasure", state__in=OPEN_REQUEST)
    ids = [*(copy.pk for copy in copies), *erasure.values_list("pk", flat=True)]
    RightsRequest.objects.filter(pk__in=ids).update(joint=joint)
    _record(joint, "case.filed", actors.SUBJECT, count=len(copies) + 1)
    return joint


def go_ahead_without_copy(*, request: RightsRequest) -> JointCase:
    """At the person's own wish the erasure waits for no copy; copies not put together yet are withdrawn.

    Raises `wrong_state` for what is no erasure that waits.
    """
    with transaction.atomic():
        locked = _waiting(request.pk)
        for copy in copies_waited_for(locked):
            if copy.state in OPEN_REQUEST:
                row = RightsRequest.objects.select_for_update().get(pk=copy.pk)
                move_request(row, "withdrawn", actor=actors.SUBJECT)
        return _waived(locked, actor=actors.SUBJECT)


def go_ahead_after_refusal(*, request_id: UUID, reviewer: Account) -> JointCase:
    """The erasure goes ahead because the copy was decided against, and the person told why (Art. 12(4)).

    Raises `wrong_state` while a copy is still open or waits to be collected: nobody but the person gives that up.
    """
    with transaction.atomic():
        locked = _waiting(request_id)
        if not waits_for_refused(locked):
            raise WrongState("wrong_state", "A copy is still to be handed out: only the person may give it up.")
        return _waived(locked, actor=actors.staff(reviewer.id), by=reviewer)


def waits_for_refused(request: RightsRequest) -> bool:
    """Whether an erasure waits for nothing but copies that will never be handed out."""
    copies = copies_waited_for(request)
    return bool(copies) and not any(copy.state in (*OPEN_REQUEST, "completed") for copy in copies)


def assign_together(*, request_id: UUID, to: Account, by: Account) -> int:
    """This member of staff looks after every open request of the case; how many."""
    with transaction.atomic():
        request = locked_open_request(request_id)
        rows = RightsRequest.objects.filter(pk=request.pk)
        if request.joint_id is not None:
            rows = RightsRequest.objects.filter(joint=request.joint_id, state__in=OPEN_REQUEST)
        ids = list(rows.order_by("created_at").values_list("id", flat=True))
        for each in ids:
            assign(request_id=each, to=to, by=by)
    return len(ids)


def _waiting(request_id: UUID) -> RightsRequest:
    request = locked_open_request(request_id)
    if not copies_waited_for(request) or not is_in_undo_window(request):
        raise WrongState("wrong_state", gettext_noop("This request does not wait for a copy."))
    return request


def _waived(request: RightsRequest, *, actor: str, by: Account | None = None) -> JointCase:
    joint = JointCase.objects.select_for_update(of=("self",)).get(requests=request)
    joint.copy_waived_at, joint.copy_waived_by = timezone.now(), by
    joint.save(update_fields=["copy_waived_at", "copy_waived_by"])
    _record(joint, "case.copy_waived", actor, request=str(request.id))
    wake("erasure.tasks.sweep")
    return joint


def _record(joint: JointCase, action: str, actor: str, **details: str | int) -> None:
    known: dict[str, str | int] = {"case": str(joint.id)}
    audit.record(action, actor=actor, subject=joint.subject.pseudonym, details=known | details)
