"""Rights requests from filing to their start: received, verified, reviewed, withdrawn, refused."""

import secrets
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from access.models import Account, Application
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from consent.services.deliveries import keep_trying
from erasure import rights
from erasure.models import IdentityCheck, JointCase, Mandate, RightsRequest
from erasure.selectors import held_purposes
from erasure.services import addresses, four_eyes, start
from erasure.services.clock import deadline_for, stood_for
from erasure.services.details import checked_details, opened_details, purpose_named, sealed_details
from erasure.services.joint_order import COPIES
from erasure.services.locking import locked_request
from erasure.services.records import move_request, record_request, request_entry
from erasure.states import OPEN_REQUEST
from gdpr_portal.errors import Flaw, Invalid, Missing, Refused, WrongState
from subjects.models import Subject
from subjects.selectors import email_of, ensure_not_erased, is_believed
from subjects.services import lock_subject
from vault import services as vault

VERIFICATION_LIFETIME = timedelta(days=7)
VERIFICATION_TRIES = 5
IDENTIFIED_WITHIN = timedelta(days=60)
"""So long a request waits past its code for whoever was asked who they are: 30 days to answer, 30 in which a file of
theirs is kept."""
CLOCK_SKEW = timedelta(minutes=1)
APPLIES_SINCE = datetime(2018, 5, 25, tzinfo=UTC)
"""From when on the regulation applies (Art. 99(2))."""
REVIEWED_RIGHTS = frozenset({"human_review"})
ASKED_ONCE = frozenset({"access", "portability", "human_review"})
"""Rights of which the same asked again, while it is not answered, is one request."""
REFUSALS: dict[str, str] = {
    "A12IdentityFailure": "12(6)",
    "A12ManifestlyUnfounded": "12(5)",
    "A12ManifestlyExcessive": "12(5)",
    "A16DataAccurate": "16",
    "A17FreedomOfExpression": "17(3)(a)",
    "A17LegallyRequired": "17(3)(b)",
    "A17PublicHealth": "17(3)(c)",
    "A17Archiving": "17(3)(d)",
    "A17LegalClaims": "17(3)(e)",
    "A18NoGround": "18(1)",
    "A21CompellingGrounds": "21(1)",
}
"""Reason codes of refusals and the article behind each: W3C DPV, list of GDPR rights justifications; those of Art. 16
and 18 are ours in its manner (docs/decisions/0052)."""
OF_ONE_RIGHT = {"A16": "rectification", "A17": "erasure", "A18": "restriction", "A21": "objection"}
"""What an article gives as a reason against one right only, by the beginning of the code; those of Art. 12 fit all."""
TWO_DECIDE = frozenset({"A12ManifestlyUnfounded", "A12ManifestlyExcessive"})
"""Reasons for which a second person decides (Art. 12(5), law.md R20)."""
EXTENSIONS = ("A12Complexity", "A12NumberOfRequests")
"""Why an answer may take longer: complexity, and the number of requests (Art. 12(3))."""


def refusals_of(right: str) -> list[str]:
    """The reasons for which one person may refuse a request of this right."""
    return [code for code in REFUSALS if code not in TWO_DECIDE and OF_ONE_RIGHT.get(code[:3], right) == right]


def file_request(
    *,
    subject: Subject,
    right: str,
    details: Mapping[str, Any],
    verified_by: str,
    actor: str,
    received_at: datetime | None = None,
    application: Application | None = None,
    by_person: bool = False,
    mandate: Mandate | None = None,
    joint: JointCase | None = None,
    is_own: bool = False,
    vouched_by: Account | None = None,
) -> RightsRequest:
    """The request is received, its clock runs, and it goes on as far as it can at once (Art. 12(2), (3)).

    The same asked again while it is open is that request again, with the date it was received first; if that was
    waiting to be verified and this one is verified, it goes on. With a mandate it waits until that was looked at. With
    `is_own` the application asks as a controller whose processor we are: it is not told of what it asked for, and its
    copy is never one that was asked for before, since who asks has to be able to follow and cancel it alone.

    Whom an application verified whose word does not count (`is_believed`) nobody verified: the person is asked by mail.
    `vouched_by` is who recorded it at the desk: alone they destroy nothing (`four_eyes`).

    Raises `right_not_available`, `erased`, `unknown_purpose`, `invalid_value`; `must_ask` for a copy that such an
    application asks for: it would be of everything, whoever the application has before it.
    """
    received = _checked_receipt(received_at)
    if application is not None and not is_believed(application, subject):
        _require_no_copy(right)
        verified_by = RightsRequest.VerifiedBy.NONE
    with transaction.atomic():
        subject = lock_subject(subject.id)
        ensure_not_erased(subject)
        clean = checked_details(subject, right, details)
        rights.require_available(right, named=purpose_named(clean), held=lambda: held_purposes(subject))
        columns = {
            "verified_by": verified_by,
            "application": application,
            "by_person": by_person,
            "by_controller": is_own,
            "vouched_by": vouched_by,
        }
        is_alone = mandate is not None or (is_own and right != "erasure")
        request = None if is_alone else _open_already(subject, right, clean, received_at, joint, columns)
        if request is None:
            request = _receive(subject, right, clean, received, mandate=mandate, joint=joint, **columns)
            _go_on(
                request, verified_by=verified_by, actor=actor, before=[_received(request, actor, clean.get("ground"))]
            )
        else:
            _asked_again(request, actor=actor, joint=joint, columns=columns)
    return request


def _require_no_copy(right: str) -> None:
    if right in COPIES:
        raise Refused("must_ask", "You collect no copy of this person: they ask for it themselves.")


def _asked_again(request: RightsRequest, *, actor: str, joint: JointCase | None, columns: Mapping[str, Any]) -> None:
    verified_by = columns["verified_by"]
    record_request(request, "request.repeated", actor=actor)
    application = columns["application"]
    if application is not None and application.pk != request.application_id and not columns["by_controller"]:
        request.also_asked_by.add(application)
    _is_theirs_too(request, verified_by, by_person=columns["by_person"])
    _vouched_for(request, verified_by, columns["vouched_by"])
    if request.by_controller and not columns["by_controller"]:
        request.by_controller = False  # somebody else wants it as well: the controller has to hear of that
        request.save(update_fields=["by_controller"])
    if joint is not None and request.joint_id is None:
        request.joint = joint
        request.save(update_fields=["joint"])
    _go_on(request, verified_by=verified_by, actor=actor)


def _is_theirs_too(request: RightsRequest, verified_by: str, *, by_person: bool) -> None:
    """What the person, signed in, asks for again themselves is theirs from now on, whoever filed it."""
    if by_person and verified_by == RightsRequest.VerifiedBy.ACCOUNT and not request.by_person:
        request.by_person = True
        request.save(update_fields=["by_person"])


def _vouched_for(request: RightsRequest, verified_by: str, staff: Account | None) -> None:
    """On whose word it rests, asked again: nobody's at the desk any more once the person, or who speaks for them, asks
    too; a letter counts for what nobody has verified yet."""
    if verified_by == RightsRequest.VerifiedBy.NONE:
        return
    if staff is None or request.verified_by == RightsRequest.VerifiedBy.NONE:
        request.vouched_by = staff
        request.save(update_fields=["vouched_by"])


def _received(request: RightsRequest, actor: str, ground: str | None = None) -> audit.Entry:
    told = {"verified_by": request.verified_by, "due_on": request.due_at.date().isoformat()}
    if ground is not None:
        told["ground"] = ground
    mandate = {"mandate": str(request.mandate_id)} if request.mandate_id is not None else {}
    return request_entry(request, "request.received", actor=actor, **told, **mandate)


def _checked_receipt(received_at: datetime | None) -> datetime:
    """When it was received, by default now; a clock that runs a little ahead counts as right."""
    now = timezone.now()
    if received_at is None or now < received_at <= now + CLOCK_SKEW:
        return now
    if received_at > now:
        detail = "A request cannot have been received in the future."
    elif received_at < APPLIES_SINCE:
        detail = "Nobody had these rights before 25 May 2018 (Art. 99(2))."
    else:
        return received_at
    raise Invalid("invalid_value", detail, status=422, errors=[Flaw("/received_at", "invalid_value", detail)])


def _open_already(
    subject: Subject,
    right: str,
    details: Mapping[str, Any],
    received: datetime | None,
    joint: JointCase | None,
    columns: Mapping[str, Any],
) -> RightsRequest | None:
    """The person's own open request that this one is again: what somebody asked for in their name is in nobody's way.

    Of erasures there is one. Besides, of a verified request for a copy that is not put together yet, or for a review of
    the same decision, one that was filed by the same side, which can follow it, and received at the same time: of those
    asked now any that was asked when it was filed. What a stranger typed takes no code from anybody. What holds at once
    (a restriction, a correction) may have been undone since, and is done again.
    """
    rows = RightsRequest.objects.filter(subject=subject, right=right, mandate=None, state__in=OPEN_REQUEST)
    if right == "erasure":
        return rows.first()
    if joint is not None or right not in ASKED_ONCE or columns["verified_by"] == RightsRequest.VerifiedBy.NONE:
        return None
    same = rows.filter(joint=None, application=columns["application"], by_person=columns["by_person"])
    at_once = Q(received_at__gte=F("created_at") - CLOCK_SKEW)
    same = same.filter(at_once if received is None else Q(received_at=received)).exclude(archives__complete=True)
    return next((row for row in same.order_by("received_at") if opened_details(row) == details), None)


def _receive(
    subject: Subject, right: str, details: Mapping[str, Any], received_at: datetime, **columns: Any
) -> RightsRequest:
    request = RightsRequest(
        subject=subject,
        right=right,
        purpose=details.get("purpose"),
        received_at=received_at,
        due_at=deadline_for(received_at).due_at,
        needs_review=settings.REVIEW_EVERY_REQUEST or right in REVIEWED_RIGHTS,
        **columns,
    )
    request.details_sealed = sealed_details(subject, request.id, dict(details))
    return request


def _go_on(request: RightsRequest, *, verified_by: str, actor: str, before: Sequence[audit.Entry] = ()) -> None:
    """From received or verifying to the next state that is reached without anybody else; a new row is saved with it,
    and what the log says `before` is written with that. So does what waited for a second person alone, once the person
    says so themselves."""
    if request.state not in {"received", "verifying"} and not _waited_for_a_word(request, verified_by):
        return
    if request.mandate is not None:
        move_request(request, "in_review", actor=actor, before=before)
        return
    if verified_by == RightsRequest.VerifiedBy.NONE:
        _let_verify(request, actor=actor, before=before)
        return
    request.verified_by = verified_by
    if request.needs_review:
        move_request(request, "in_review", actor=actor, before=before)
        start.hold_while_disputed(request, actor=actor)
    else:
        start.schedule(request, actor=actor, before=before)


def _waited_for_a_word(request: RightsRequest, verified_by: str) -> bool:
    """Whether what a colleague recorded waited for nothing but this word: the person's, or of who speaks for them."""
    said = verified_by != RightsRequest.VerifiedBy.NONE and request.vouched_by_id is None
    alone = request.right == "erasure" and request.mandate_id is None and not request.needs_review
    return request.state == "in_review" and said and alone


def go_on_with_mandate(request: RightsRequest, *, reviewer: Account) -> None:
    """The mandate was accepted: what waited for it alone goes on, the rest waits for its own review; row locked.

    Of one that no colleague recorded who accepted it is the only one who says that it is right.
    """
    actor = actors.staff(reviewer.id)
    request.verified_by = RightsRequest.VerifiedBy.DOCUMENT
    if request.mandate is not None and request.mandate.recorded_by_id is None:
        request.vouched_by, request.reviewer = reviewer, None
    if request.needs_review:
        request.save(update_fields=["verified_by", "vouched_by", "reviewer"])
        start.hold_while_disputed(request, actor=actor)
    elif request.state == "in_review":
        start.schedule(request, actor=actor)


def go_on_identified(request: RightsRequest, *, reviewer: Account) -> None:
    """Who showed the desk who they are is not asked for the code of a mail as well: it waits for a reviewer, and no
    longer runs out (Art. 12(6)); row locked. Where nothing else does, the reviewer vouches for them."""
    if request.mandate_id is not None or request.verified_by != RightsRequest.VerifiedBy.NONE:
        return
    actor = actors.staff(reviewer.id)
    request.vouched_by = reviewer
    if request.state != "verifying":
        request.save(update_fields=["vouched_by"])
        return
    request.verified_by, request.needs_review = RightsRequest.VerifiedBy.DOCUMENT, True
    move_request(request, "in_review", actor=actor)
    start.hold_while_disputed(request, actor=actor)


def _let_verify(request: RightsRequest, *, actor: str, before: Sequence[audit.Entry]) -> None:
    """The person is asked by mail; whom no mail reaches, the desk identifies: no code would ever come (Art. 12(6))."""
    address = email_of(request.subject)
    if address is not None:
        _ask_the_person(request, address, actor=actor, before=before)
    elif request.state == "received":
        request.needs_review = True
        move_request(request, "in_review", actor=actor, before=before)


def _ask_the_person(request: RightsRequest, address: str, *, actor: str, before: Sequence[audit.Entry]) -> None:
    """A code goes to the address we know, and the request waits for it (Art. 12(6)); asked again, a new one.

    The tries start again with the new code: whoever has not the mail has not the reference to try against either.
    """
    code = f"{secrets.randbelow(10**6):06d}"
    request.verification_digest = _code_digest(request.id, code)
    request.verification_expires_at = timezone.now() + VERIFICATION_LIFETIME
    request.verification_tries = 0
    if request.state == "received":
        move_request(request, "verifying", actor=actor, before=before)
    else:
        request.save(update_fields=["verification_digest", "verification_expires_at", "verification_tries"])
    send_mail_later(
        "request_verification",
        to=address,
        language=request.subject.language or "en",
        context={
            "reference": str(request.id),
            "code": code,
            "right": request.right_label,
            "link": settings.BASE_URL + reverse("public-request-verify"),
        },
    )


def _code_digest(request_id: UUID, code: str) -> bytes:
    return vault.keyed_digest("request.verification", request_id.bytes + code.encode())


def verify_request(*, request_id: UUID, code: str) -> RightsRequest:
    """The person has proven to read the address we know, and the request goes on; five tries, seven days.

    Raises `Refused("code_wrong")`, the same for an unknown reference, a wrong code and one that has expired.
    """
    with transaction.atomic():
        request = _locked_verifying(request_id)
        right_code = request is not None and _matches(request, code)
        if request is not None and not right_code:
            request.verification_tries += 1
            request.save(update_fields=["verification_tries"])
        if request is not None and right_code:
            request.verification_digest = None
            _go_on(request, verified_by=RightsRequest.VerifiedBy.DOCUMENT, actor=actors.SUBJECT)
    if request is None or not right_code:
        raise Refused("code_wrong", "This code does not fit, or it has expired.")
    return request


def _locked_verifying(request_id: UUID) -> RightsRequest | None:
    try:
        request = locked_request(request_id)
    except Missing:
        return None
    return request if request.state == "verifying" else None


def _matches(request: RightsRequest, code: str) -> bool:
    alive = (request.verification_expires_at or timezone.now()) > timezone.now()
    known = bytes(request.verification_digest or b"")
    given = _code_digest(request.id, code.strip())
    return secrets.compare_digest(known, given) and alive and request.verification_tries < VERIFICATION_TRIES


def withdraw_request(*, request: RightsRequest, actor: str, application: Application | None = None) -> RightsRequest:
    """The request is withdrawn by the person; nothing destroyed comes back, so only before that (`WrongState`).

    Through an `application` only where nobody else asked for it too: what a person asked for elsewhere is not its own.
    """
    with transaction.atomic():
        request = locked_request(request.pk)
        if request.state == "withdrawn":
            return request
        if application is not None and _is_wanted_besides(request, application):
            raise WrongState("wrong_state", "It was asked for elsewhere too, so the person withdraws it in the portal.")
        if request.state == "in_progress" and not start.is_in_undo_window(request):
            raise WrongState("wrong_state", "This request is being carried out and cannot be withdrawn any more.")
        move_request(request, "withdrawn", actor=actor)
        start.end_dispute(request, actor=actor)
    return request


def _is_wanted_besides(request: RightsRequest, application: Application) -> bool:
    """Whether the person themselves, or another application, asked for it too."""
    others = request.also_asked_by.exclude(pk=application.pk).exists()
    return request.by_person or request.application_id != application.pk or others


REVIEWED = ("decision_changed", "decision_stands")
"""What a person who looked at a decision of a machine can come to (Art. 22(3))."""


def approve_request(*, request_id: UUID, reviewer: Account, outcome: str = "") -> RightsRequest:
    """A reviewer lets the request go on; of a decision of a machine they say what they came to (`REVIEWED`).

    Raises `four_eyes` for who vouches for what it destroys, `not_identified`.
    """
    with transaction.atomic():
        request = _locked_in_review(request_id)
        if outcome and (outcome not in REVIEWED or request.right != "human_review"):
            raise Invalid("invalid_value", "Say whether the decision stands or was changed.", status=422)
        _require_identified(request)
        four_eyes.require_another(request, reviewer)
        request.reviewer, request.outcome = reviewer, outcome
        start.schedule(request, actor=actors.staff(reviewer.id))
    return request


def _require_identified(request: RightsRequest) -> None:
    """Whom no mail reached has shown in another way who they are, and it is written down (Art. 12(6)).

    Who acts with a mandate has shown that; `start.schedule` asks for it. A question that the desk took back nobody has
    answered.
    """
    if request.verified_by != RightsRequest.VerifiedBy.NONE or request.mandate_id is not None:
        return
    answers = request.messages.filter(by_person=True).values("at")
    answered = Q(question__answered_at__in=answers) | Q(question__answered_at=F("evidence__uploaded_at"))
    shown = Q(outcome=IdentityCheck.Outcome.CONFIRMED)
    if request.right not in RightsRequest.DESTROYS:  # else who settles it and who lets it go on are two
        shown |= Q(outcome="") & answered
    if not request.identity_checks.filter(shown).exists():
        raise WrongState("not_identified", "Nobody has shown who they are: ask, and settle the doubt first.")
    request.verified_by = RightsRequest.VerifiedBy.DOCUMENT


def refuse_request(*, request_id: UUID, reviewer: Account, reason_code: str) -> RightsRequest:
    """The request is refused, with a reason from the list, and the person told of the remedies (Art. 12(4))."""
    if reason_code not in REFUSALS:
        raise Invalid("invalid_value", "A refusal needs a reason from the list.", status=422)
    if reason_code in TWO_DECIDE:
        raise Refused("four_eyes", "This reason needs a second person: propose the refusal.")
    with transaction.atomic():
        request = _locked_in_review(request_id)
        if reason_code not in refusals_of(request.right):
            raise Invalid("invalid_value", "This reason does not count against this right.", status=422)
        refuse_locked(request, reviewer=reviewer, reason_code=reason_code)
    return request


def refuse_locked(request: RightsRequest, *, reviewer: Account, reason_code: str, tell: bool = True) -> None:
    """The same in the caller's transaction; a reason of Art. 12(5) stands only with a second opinion (the database).

    `tell` is False for who tells in words of their own.
    """
    request.reviewer, request.reason_code = reviewer, reason_code
    request.completed_at = timezone.now()
    article = REFUSALS[reason_code]
    move_request(request, "refused", actor=actors.staff(reviewer.id), reason=reason_code, article=article)
    start.end_pending_effects(request, actor=actors.staff(reviewer.id))
    if tell:
        _tell(request, "request_refused")


def _tell(request: RightsRequest, kind: str) -> None:
    reason = request.extension_reason if kind == "request_extended" else request.reason_code
    context = {"reference": str(request.id), "right": request.right_label, "reason": reason, "due": request.due_at}
    for address in addresses.addresses_of(request):
        send_mail_later(kind, to=address, language=addresses.language_of(request), context=context)


def _locked_in_review(request_id: UUID) -> RightsRequest:
    request = locked_request(request_id)
    if request.state != "in_review":
        raise WrongState("wrong_state", "This request is not waiting for a review.")
    return request


def extend_request(*, request_id: UUID, reviewer: Account, reason_code: str) -> RightsRequest:
    """The deadline is two months later, once, within month one, with a reason, and the person is told (Art. 12(3))."""
    if reason_code not in EXTENSIONS:
        raise Invalid("invalid_value", "An extension needs a reason from the list.", status=422)
    with transaction.atomic():
        request = locked_request(request_id)
        if request.state not in OPEN_REQUEST or request.extended or timezone.now() > request.due_at:
            raise WrongState("wrong_state", "A deadline is extended once, within the first month.")
        request.extended, request.extension_reason = True, reason_code
        request.due_at = deadline_for(request.received_at, extended=True).due_at + stood_for(request)
        request.save()
        keep_trying(request=request.id, until=request.due_at)
        due_on = request.due_at.date().isoformat()
        record_request(
            request, "request.extended", actor=actors.staff(reviewer.id), due_on=due_on, months=2, reason=reason_code
        )
        _tell(request, "request_extended")
    return request


def expire_unverified() -> int:
    """Requests nobody verified in time have ended so; returns how many. One whose person the desk has asked for
    identification waits for that as long as they have to answer and a file of theirs is kept."""
    now = timezone.now()
    asked = IdentityCheck.objects.filter(settled_at=None, question__asked_at__gt=now - IDENTIFIED_WITHIN)
    waiting = RightsRequest.objects.filter(state="verifying", verification_expires_at__lte=now)
    waiting = waiting.exclude(pk__in=asked.values("request"))
    count = 0
    for request_id in list(waiting.values_list("id", flat=True)[:500]):
        with transaction.atomic():
            request = _locked_verifying(request_id)
            if request is not None:
                move_request(request, "expired_unverified", actor=actors.system("worker"))
                count += 1
    return count
