"""From verified to under way: the effects that hold at once, and the steps that carry the rest.

What the law wants at once (restriction, objection, withdrawal, the end of use after an erasure was begun) happens in
the transaction that starts the request; what takes time becomes steps.
"""

import logging
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.urls import reverse
from django.utils import timezone

from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from consent.models import Purpose
from consent.services.consents import record_consent
from consent.services.objections import end_objection, object_to, withdraw_objection
from erasure import plans
from erasure.models import RightsRequest, Step
from erasure.services import addresses, finish, four_eyes, guard, holds, notices, opendsr_calls, place_tasks, places
from erasure.services.details import opened_details
from erasure.services.joint_order import copies_to_collect, copies_waited_for
from erasure.services.locking import locked_requests
from erasure.services.mandate_words import may_object_until, require_authority
from erasure.services.records import move_request, step_entry
from erasure.services.sweeping import together
from gdpr_portal.copying import copy_rows
from gdpr_portal.wake import wake
from subjects.models import Restriction
from subjects.selectors import email_of, emails_of
from subjects.services import (
    answer_for_what_is_kept,
    keep_from_use,
    lift_restriction,
    mark_all_erased,
    restrict,
    retain,
)

log = logging.getLogger(__name__)
SAYING_HOW = frozenset({"restriction", "objection", "withdraw_consent"})
"""Rights whose details say what is to hold at once."""


def schedule(request: RightsRequest, *, actor: str, before: Sequence[audit.Entry] = ()) -> None:
    """The request is under way; an erasure waits for the end of its undo window, anything else begins at once.

    What a representative asked for waits until the person had their time to object, and what destroys on the word of
    one member of staff for a second. Raises `mandate_missing`. What the log says `before` is written first.
    """
    require_authority(request)
    if four_eyes.waits(request):
        _to_review(request, actor=actor, before=before)
        return
    now = timezone.now()
    request.starts_at = max(_undo_until(request, now), may_object_until(request) or now)
    if _awaits_decision(request):
        audit.record_many(before)
        _at_once(request, actor=actor)
        notices.tell_while_disputed(request, "restriction.set")
        _to_review(request, actor=actor)
        return
    move_request(request, "in_progress", actor=actor, before=before)
    if request.starts_at > now or waits(request):
        if request.right == "erasure":
            keep_from_use(subject=request.subject, request=request.id, actor=actor)
            if (hold := holds.standing_hold(request.subject_id)) is not None:
                holds.tell_held(request, hold)
            else:
                _tell_planned(request)
        wake("erasure.tasks.sweep")
    else:
        begin(request, actor=actor)


def _tell_planned(request: RightsRequest) -> None:
    """The person knows from when their data is destroyed, and how to take it back: somebody else may have asked."""
    context = {
        "reference": str(request.id),
        "starts": request.starts_at,
        "waits": bool(copies_waited_for(request)),
        "has_copy": copies_to_collect(request.subject_id).exists(),
    }
    link = settings.BASE_URL + reverse("request", args=[request.id])
    own, *others = addresses.addresses_with(request, lambda: email_of(request.subject))
    has_account = request.subject.account_id is not None
    to = [(own, {"link": link if has_account else ""}), *((other, {"link": ""}) for other in others)]
    language = addresses.language_of(request)
    for address, more in to:
        if address:
            send_mail_later("erasure_planned", to=address, language=language, context=context | more)


def _undo_until(request: RightsRequest, now: datetime) -> datetime:
    return now + timedelta(seconds=settings.UNDO_WINDOW_SECONDS if request.right == "erasure" else 0)


def _to_review(request: RightsRequest, *, actor: str, before: Sequence[audit.Entry] = ()) -> None:
    """A request by a representative is there already: it waited for the mandate."""
    if request.state == "in_review":
        request.save()
    else:
        move_request(request, "in_review", actor=actor, before=before)


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
    """Those of the requests whose undo window is over have begun; once, however often it is called.

    In one transaction; when that fails each in one of its own, so that one that cannot begin holds up no other.
    """
    begun = set(Step.objects.filter(request_id__in=request_ids).values_list("request_id", flat=True).distinct())
    waiting = [one for one in request_ids if one not in begun]  # most have begun: no lock for those
    if waiting:
        together(waiting, _begin_due, failed=_left_for_later)


def _left_for_later(request_id: UUID) -> None:
    """The next sweep finds it again."""
    log.warning("request not begun", extra={"request": str(request_id)})


def begin_due(request_id: UUID) -> None:
    """`begin_all_due` of one, in one transaction whose errors are the caller's."""
    _begin_due([request_id])


def _begin_due(request_ids: Sequence[UUID]) -> None:
    """Two requests of one person do not begin at once: what the first does the second has to find."""
    actor, now = actors.system("worker"), timezone.now()
    with transaction.atomic():
        rows = locked_requests(request_ids)
        begun = set(Step.objects.filter(request_id__in=rows).values_list("request_id", flat=True))
        due = [
            row
            for row in (rows[one] for one in request_ids)
            if row.id not in begun and row.state == "in_progress" and row.starts_at and row.starts_at <= now
        ]
        first: dict[UUID, RightsRequest] = {}
        for row in due:
            first.setdefault(row.subject_id, row)
        _begin(_free(list(first.values())), actor=actor)
    for row in due:
        if first[row.subject_id] is not row:
            _begin_due([row.id])


def _free(due: Sequence[RightsRequest]) -> list[RightsRequest]:
    """Those that may begin; an erasure waits for a copy of its case, a hold, and two people after too many."""
    erasures = [row for row in due if row.right == "erasure"]
    held = holds.held_people(row.subject_id for row in erasures) if erasures else set()
    wanted = [row for row in erasures if row.subject_id not in held and not copies_waited_for(row)]
    going = wanted[: guard.room_for(len(wanted))] if wanted else []
    return [row for row in due if row.right != "erasure" or row in going]


def begin(request: RightsRequest, *, actor: str) -> None:
    """What holds at once holds, and the steps are written, in the caller's transaction."""
    _begin([request], actor=actor)


def _begin(requests: Sequence[RightsRequest], *, actor: str) -> None:
    """`begin` of requests of different people, whose rows are locked.

    What holds at once comes first: an objection to marketing queues notices that its steps wait for. The end of use
    comes last: notices carry the receiver's own customer number, which an erasure takes away.
    """
    for row in requests:
        _at_once(row, actor=actor)
    around = plans.Around([row.subject_id for row in requests])
    planned = {row.id: plans.plan(row, around) for row in requests}
    steps = [step for plan in planned.values() for step in plan]
    for step in steps:
        if step.kind == Step.Kind.NOTIFY:
            notices.queue_notice(step)
    copy_rows(Step, steps)
    opendsr_calls.queue(steps)
    audit.record_many([step_entry(step, actor=actor) for step in steps if step.state in {"retained", "waiting"}])
    for step in steps:
        if step.target.startswith(places.PREFIX):
            place_tasks.ask(step)
    _end_use([row for row in requests if row.right == "erasure"], planned, actor=actor)
    for row in requests:
        if planned[row.id]:
            wake("erasure.tasks.advance", str(row.id))
        else:
            finish.complete(row, actor=actor)


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


def _end_use(requests: Sequence[RightsRequest], planned: Mapping[UUID, Sequence[Step]], *, actor: str) -> None:
    """From here on these are erased to everybody, but for what a law keeps (Art. 17(3)); their keys still exist."""
    if not requests:
        return
    own = emails_of([row.subject_id for row in requests])
    for row in requests:
        row.notice_to_sealed = addresses.sealed_addresses(row, own.get(row.subject_id))
    RightsRequest.objects.bulk_update(requests, ["notice_to_sealed"])
    kept = [step for row in requests for step in planned[row.id] if step.kind == Step.Kind.RETENTION]
    slugs = {step.target for step in kept}
    laws = dict(Purpose.objects.filter(slug__in=slugs).values_list("slug", "retention_law")) if kept else {}
    for step in kept:
        retain(
            subject=step.request.subject,
            purpose=step.target,
            fields=step.fields,
            article=step.article or "",
            until=cast(datetime, step.until),
            citation=laws[step.target],
        )
    answer_for_what_is_kept(requests=[row.id for row in requests], actor=actor)
    mark_all_erased(people={row.subject: row.id for row in requests}, actor=actor)


def hold_while_disputed(request: RightsRequest, *, actor: str) -> None:
    """While a reviewer doubts that data is wrong, it may only be stored (Art. 18(1)(a)).

    It ends as every restriction does, by somebody at the desk and after the person was told (Art. 18(3)). An objection
    that is disputed needs none: its purpose is closed by `objected` until it is decided.
    """
    if request.right == "rectification":
        restrict(subject=request.subject, ground="accuracy_contested", request=request.id, actor=actor)


def take_back_effects(request: RightsRequest, *, actor: str) -> None:
    """It was never a request of this right: what holds for that alone, and ends with nothing else, is over.

    A restriction that the person claimed stands until somebody at the desk announced its end (Art. 18(3)).
    """
    if request.right == "erasure":
        pending = Restriction.Ground.ERASURE_PENDING
        lift_restriction(subject=request.subject, actor=actor, request=request.id, ground=pending, reason="retyped")
    if request.right == "objection":
        end_dispute(request, actor=actor)


def hold_at_once(request: RightsRequest, *, actor: str) -> None:
    """It is one of this right after all: what holds at once holds, though a reviewer decides first (Art. 7(3), 18, 21).

    Not before the person, or a mandate, was verified.
    """
    if request.verified_by == RightsRequest.VerifiedBy.NONE or (
        request.mandate is not None and request.mandate.state != "accepted"
    ):
        return
    _at_once(request, actor=actor)
    hold_while_disputed(request, actor=actor)
    if request.right == "objection":
        notices.tell_while_disputed(request, "restriction.set")


def end_dispute(request: RightsRequest, *, actor: str) -> None:
    """The person no longer contests anything: what held for that alone is lifted at their own wish."""
    if request.right in {"rectification", "erasure"}:
        lift_restriction(subject=request.subject, actor=actor, request=request.id, reason="withdrawn")
    if request.right != "objection" or not request.purpose:
        return
    if withdraw_objection(subject=request.subject, purpose=request.purpose, request=request.id, actor=actor):
        notices.tell_while_disputed(request, "restriction.lifted")


def end_pending_effects(request: RightsRequest, *, actor: str) -> None:
    """What held only until the decision is over: an objection that was overruled (Art. 21(1))."""
    if request.right == "objection" and request.purpose:
        is_over = end_objection(
            subject=request.subject,
            purpose=request.purpose,
            actor=actor,
            outcome="overruled",
            reason=request.reason_code,
            request=request.id,
        )
        if is_over:
            notices.tell_while_disputed(request, "restriction.lifted")
