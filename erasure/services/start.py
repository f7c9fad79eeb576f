"""From verified to under way: the effects that hold at once, and the steps that carry the rest.

What the law wants at once (restriction, objection, withdrawal, the end of use after an erasure was begun) happens in
the transaction that starts the request; what takes time becomes steps.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone

from audit import actors
from consent.models import Purpose
from consent.services.consents import record_consent
from consent.services.objections import end_objection, object_to, withdraw_objection
from erasure import plans
from erasure.models import RightsRequest, Step
from erasure.selectors import to_retain
from erasure.services import finish, guard, holds, notices, opendsr_calls, place_tasks, places
from erasure.services.details import opened_details
from erasure.services.joint_order import copies_waited_for
from erasure.services.mandate_words import may_object_until, require_authority
from erasure.services.records import move_request, record_step
from erasure.services.sweeping import each
from gdpr_portal.wake import wake
from subjects.services import lift_restriction, lock_subject, mark_erased, restrict, retain

SAYING_HOW = frozenset({"restriction", "objection", "withdraw_consent"})
"""Rights whose details say what is to hold at once."""


def schedule(request: RightsRequest, *, actor: str) -> None:
    """The request is under way; an erasure waits for the end of its undo window, anything else begins at once.

    What a representative asked for waits until the person had their time to object. Raises `mandate_missing`.
    """
    require_authority(request)
    now = timezone.now()
    request.starts_at = max(_undo_until(request, now), may_object_until(request) or now)
    if _awaits_decision(request):
        _at_once(request, actor=actor)
        _to_review(request, actor=actor)
        return
    move_request(request, "in_progress", actor=actor)
    if request.starts_at > now or waits(request):
        wake("erasure.tasks.sweep")
    else:
        begin(request, actor=actor)


def _undo_until(request: RightsRequest, now: datetime) -> datetime:
    return now + timedelta(seconds=settings.UNDO_WINDOW_SECONDS if request.right == "erasure" else 0)


def _to_review(request: RightsRequest, *, actor: str) -> None:
    """A request by a representative is there already: it waited for the mandate."""
    if request.state == "in_review":
        request.save()
    else:
        move_request(request, "in_review", actor=actor)


def waits(request: RightsRequest) -> bool:
    """Whether destruction has to wait: for a copy of the same case, for a legal hold to be lifted, or for two people
    after too many erasures."""
    if request.right != "erasure":
        return False
    if copies_waited_for(request):
        return True
    return holds.standing_hold(request.subject_id) is not None or not guard.may_begin()


def _awaits_decision(request: RightsRequest) -> bool:
    """An objection that is not about marketing holds at once and then waits for a reviewer (Art. 21(1), 18(1)(d))."""
    if request.right != "objection" or request.reviewer_id is not None:
        return False
    return not Purpose.objects.filter(slug=request.purpose, is_marketing=True).exists()


def is_in_undo_window(request: RightsRequest) -> bool:
    """Whether nothing has been done yet."""
    return not request.steps.exists()


def begin_all_due(request_ids: Sequence[UUID]) -> None:
    """Those of the requests whose undo window is over have begun, in this order; once, however often it is called."""
    begun = set(Step.objects.filter(request_id__in=request_ids).values_list("request_id", flat=True).distinct())
    each([one for one in request_ids if one not in begun], begin_due)  # most have begun: no lock for those


def begin_due(request_id: UUID) -> None:
    """The request has begun if its undo window is over; once, however often this is called."""
    with transaction.atomic():
        subject_id = RightsRequest.objects.values_list("subject_id", flat=True).get(pk=request_id)
        lock_subject(subject_id)
        request = RightsRequest.objects.select_for_update().get(pk=request_id)
        due = request.starts_at is not None and request.starts_at <= timezone.now()
        if request.state == "in_progress" and due and is_in_undo_window(request) and not waits(request):
            begin(request, actor=actors.system("worker"))


def begin(request: RightsRequest, *, actor: str) -> None:
    """What holds at once holds, and the steps are written, in the caller's transaction.

    Notices are queued first: they carry the receiver's own customer number, which an erasure takes away.
    """
    plan = plans.plan(request)
    for step in plan:
        if step.kind == Step.Kind.NOTIFY:
            notices.queue_notice(step)
    Step.objects.bulk_create(plan)
    opendsr_calls.queue(plan)
    for step in plan:
        if step.state in {"retained", "waiting"}:
            record_step(step, actor=actor)
        if step.target.startswith(places.PREFIX):
            place_tasks.ask(step)
    _at_once(request, actor=actor)
    if plan:
        wake("erasure.tasks.advance", str(request.id))
    else:
        finish.complete(request, actor=actor)


def _at_once(request: RightsRequest, *, actor: str) -> None:
    details = opened_details(request) if request.right in SAYING_HOW else {}
    match request.right:
        case "restriction":
            restrict(
                subject=request.subject,
                ground=details["ground"],
                request=request.id,
                actor=actor,
                at=timezone.now(),
            )
        case "objection":
            object_to(subject=request.subject, purpose=details["purpose"], request=request.id, actor=actor)
        case "withdraw_consent":
            record_consent(
                subject=request.subject,
                purpose=details["purpose"],
                action="withdraw",
                notice=None,
                channel="rights_request",
                explicit=False,
                actor=actor,
                application=request.application,
            )
        case "erasure":
            _end_use(request, actor=actor)


def _end_use(request: RightsRequest, *, actor: str) -> None:
    """From here on the person is erased to everybody, but for what a law keeps (Art. 17(3)); their key still exists."""
    subject = request.subject
    request.notice_to_sealed = finish.sealed_addresses(request)
    request.save(update_fields=["notice_to_sealed"])
    for slug, (purpose, fields, until) in to_retain(subject).items():
        article = plans.article_of(purpose)
        citation = purpose.retention_law
        retain(subject=subject, purpose=slug, fields=fields, article=article, until=until, citation=citation)
    mark_erased(subject=subject, actor=actor, request=request.id)


def hold_while_disputed(request: RightsRequest, *, actor: str) -> None:
    """While a reviewer doubts that data is wrong, it may only be stored (Art. 18(1)(a)).

    It ends as every restriction does, by somebody at the desk and after the person was told (Art. 18(3)). An objection
    that is disputed needs none: its purpose is closed by `objected` until it is decided.
    """
    if request.right == "rectification":
        restrict(subject=request.subject, ground="accuracy_contested", request=request.id, actor=actor)


def end_dispute(request: RightsRequest, *, actor: str) -> None:
    """The person no longer contests anything: what held for that alone is lifted at their own wish."""
    if request.right == "rectification":
        lift_restriction(subject=request.subject, actor=actor, request=request.id, reason="withdrawn")
    if request.right == "objection" and request.purpose:
        withdraw_objection(subject=request.subject, purpose=request.purpose, request=request.id, actor=actor)


def end_pending_effects(request: RightsRequest, *, actor: str) -> None:
    """What held only until the decision is over: an objection that was overruled (Art. 21(1))."""
    if request.right == "objection" and request.purpose:
        end_objection(
            subject=request.subject,
            purpose=request.purpose,
            actor=actor,
            outcome="overruled",
            reason=request.reason_code,
            request=request.id,
        )
