"""What can be done at the desk of rights requests: each act with the roles that may do it. Doors call `do`.

Opening what a person wrote, or colleagues noted about them, is recorded as looking at their data (`data.revealed`).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, time
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access import roles
from access.models import Account
from audit import actors
from audit import services as audit
from erasure.forms import WordsForm
from erasure.models import (
    ClockMark,
    ErasurePause,
    IdentityCheck,
    IdentityEvidence,
    LegalHold,
    Mandate,
    Question,
    RightsRequest,
    SecondOpinion,
    Step,
    Transfer,
)
from erasure.selectors import has_archive
from erasure.services import (
    archives,
    casework,
    clock,
    comments,
    conversation,
    four_eyes,
    guard,
    holds,
    identity,
    joint,
    lifts,
    mandates,
    opinions,
    place_tasks,
    removed,
    requests,
    step_acts,
    transfers,
    wishes,
    withheld,
    withheld_reveal,
)
from erasure.services.addresses import address_of
from erasure.services.details import details_from_words, members_of
from erasure.services.joint_order import copies_waited_for
from erasure.services.mandate_words import Representative, representative_address, representative_of
from erasure.states import OPEN_REQUEST
from erasure.words import RequestInWords, described
from gdpr_portal.errors import Invalid, Missing
from subjects.models import Restriction
from subjects.selectors import restrictions_of

REVIEWERS = frozenset({roles.IRM, roles.PRIVACY_OFFICER})
SETTLERS = REVIEWERS | {roles.OPERATOR}
"""Who deals with what failed or waits outside."""

Given = Mapping[str, str]


@dataclass(frozen=True)
class Act:
    """Something that is done to a request, and by which roles."""

    roles: frozenset[str]
    do: Callable[[RightsRequest, Account, Given], Any]


def do(*, name: str, request_id: UUID, account: Account, given: Given) -> None:
    """The act is done. Raises `not_possible` for an act, a role or an input that does not fit, and what the act does.

    Anything that is missing or garbled in the form is told in the same words: the form of the desk sends neither.
    """
    act = ACTS.get(name)
    if act is None or not account.roles & act.roles:
        raise Invalid("not_possible", "That is not possible.")
    request = RightsRequest.objects.filter(pk=request_id).first()
    if request is None:
        raise Missing
    try:
        act.do(request, account, given)
    except (KeyError, ValueError):
        raise Invalid("not_possible", "That is not possible.") from None


def _step(request: RightsRequest, given: Given) -> UUID:
    step = Step.objects.filter(request=request, pk=UUID(given["step"])).first()
    if step is None:
        raise Missing
    return step.id


def _approve(request: RightsRequest, account: Account, given: Given) -> None:
    requests.approve_request(request_id=request.id, reviewer=account)


def _reviewed(request: RightsRequest, account: Account, given: Given) -> None:
    """What came of looking at a decision of a machine, with the reviewer's words to the person (Art. 22(3))."""
    with transaction.atomic():
        conversation.write_to_person(request_id=request.id, author=account, text=given["text"])
        requests.approve_request(request_id=request.id, reviewer=account, outcome=given["outcome"])


def _refuse(request: RightsRequest, account: Account, given: Given) -> None:
    requests.refuse_request(request_id=request.id, reviewer=account, reason_code=given["reason"])


def _extend(request: RightsRequest, account: Account, given: Given) -> None:
    requests.extend_request(request_id=request.id, reviewer=account, reason_code=given["reason"])


def _close_step(request: RightsRequest, account: Account, given: Given) -> None:
    step_acts.close_by_hand(step_id=_step(request, given), operator=account)


def _retry_step(request: RightsRequest, account: Account, given: Given) -> None:
    step_acts.retry(step_id=_step(request, given), operator=account)


def _retry_failed(request: RightsRequest, account: Account, given: Given) -> None:
    step_acts.retry_failed(request_id=request.id, operator=account)


def _go_on_without(request: RightsRequest, account: Account, given: Given) -> None:
    removed.go_on_without(step_id=_step(request, given), reviewer=account)


def _send_link(request: RightsRequest, account: Account, given: Given) -> None:
    place_tasks.write_again(step_id=_step(request, given), by=account)


def _revoke_link(request: RightsRequest, account: Account, given: Given) -> None:
    place_tasks.revoke(step_id=_step(request, given), by=account)


def _propose(kind: str) -> Callable[[RightsRequest, Account, Given], Any]:
    def propose(request: RightsRequest, account: Account, given: Given) -> None:
        cents = opinions.cents_of(given["euros"]) if kind == SecondOpinion.Kind.FEE else None
        opinions.propose(
            request_id=request.id, reviewer=account, kind=kind, reason_code=given["reason"], fee_cents=cents
        )

    return propose


def _second(agreed: bool) -> Callable[[RightsRequest, Account, Given], Any]:
    def second(request: RightsRequest, account: Account, given: Given) -> None:
        opinion = request.opinions.filter(pk=UUID(given["opinion"])).first()
        if opinion is None:
            raise Missing
        opinions.decide(opinion_id=opinion.id, reviewer=account, agreed=agreed)

    return second


def _ask(request: RightsRequest, account: Account, given: Given) -> None:
    kind = Question.Kind.CLARIFICATION
    conversation.ask_person(request_id=request.id, author=account, kind=kind, text=given["text"])


def _ask_identity(request: RightsRequest, account: Account, given: Given) -> None:
    identity.ask_evidence(request_id=request.id, author=account, text=given["text"], doubt=given["doubt"])


def _settle_identity(request: RightsRequest, account: Account, given: Given) -> None:
    identity.settle(request_id=request.id, reviewer=account, method=given["method"], outcome=given["outcome"])


def _retype(request: RightsRequest, account: Account, given: Given) -> None:
    """What the form has for other rights than the one it is now is not looked at."""
    members = members_of(given["right"])
    details: dict[str, Any] = {name: given[name] for name in members if given.get(name)}
    if "values" in members and given.get("field"):
        words = {"field": given["field"], "value": given.get("value", "")}
        details = details_from_words(request.subject, given["right"], words) | details
    casework.retype(request_id=request.id, reviewer=account, right=given["right"], details=details)


def _withheld(request: RightsRequest, given: Given) -> UUID:
    row = withheld.withheld_of(request).filter(pk=UUID(given["rows"])).first()
    if row is None:
        raise Missing
    return row.id


def _keep_rows(request: RightsRequest, account: Account, given: Given) -> None:
    last = datetime.combine(date.fromisoformat(given["until"]), time.max) if given.get("until") else None
    until = timezone.make_aware(last) if last else None
    withheld.decide(
        withheld_id=_withheld(request, given), reviewer=account, decision="keep", article=given["article"], until=until
    )


def _change_rows(request: RightsRequest, account: Account, given: Given) -> None:
    withheld.decide(withheld_id=_withheld(request, given), reviewer=account, decision="change")


def _propose_change(request: RightsRequest, account: Account, given: Given) -> None:
    withheld.propose_change(withheld_id=_withheld(request, given), reviewer=account)


def _mandate(request: RightsRequest) -> UUID:
    if request.mandate_id is None:
        raise Missing
    return request.mandate_id


def _accept_mandate(request: RightsRequest, account: Account, given: Given) -> None:
    answers = given.get("answers") == "representative"
    mandates.accept(mandate_id=_mandate(request), reviewer=account, answers_to_representative=answers)


def reveal_mandate(*, request_id: UUID, account: Account, given: Given) -> tuple[Mandate, bytes]:
    """The document of the mandate, for a reviewer with a reason; `not_possible` as for `do`."""
    request = RightsRequest.objects.filter(pk=request_id).first()
    if request is None or not account.roles & REVIEWERS:
        raise Invalid("not_possible", "That is not possible.")
    return mandates.look(mandate_id=_mandate(request), reviewer=account, reason=given.get("reason", ""))


def reveal_rows(*, request_id: UUID, account: Account, given: Given) -> list[dict[str, Any]]:
    """What stands in withheld rows, for a reviewer with a reason; `not_possible` as for `do`."""
    request = RightsRequest.objects.filter(pk=request_id).first()
    if request is None or not account.roles & REVIEWERS:
        raise Invalid("not_possible", "That is not possible.")
    try:
        return withheld_reveal.reveal(withheld_id=_withheld(request, given), reviewer=account, reason=given["reason"])
    except (KeyError, ValueError):
        raise Invalid("not_possible", "That is not possible.") from None


def reveal_wish(*, request_id: UUID, account: Account) -> list[wishes.Contested]:
    """The values a correction is about, for a reviewer; `not_possible` as for `do`."""
    if not account.roles & REVIEWERS:
        raise Invalid("not_possible", "That is not possible.")
    return wishes.contested(request_id=request_id, reviewer=account)


def reveal_evidence(*, request_id: UUID, account: Account, given: Given) -> tuple[IdentityEvidence, bytes]:
    """The file handed in about who asks, for a reviewer with a reason; `not_possible` as for `do`."""
    if not account.roles & REVIEWERS:
        raise Invalid("not_possible", "That is not possible.")
    return identity.look(request_id=request_id, reviewer=account, reason=given.get("reason", ""))


ACTS: dict[str, Act] = {
    "revoke_archive": Act(
        REVIEWERS,
        lambda row, who, given: archives.revoke_archive(request=row, number=int(given["number"]), reviewer=who),
    ),
    "keep_rows": Act(REVIEWERS, _keep_rows),
    "propose_change": Act(REVIEWERS, _propose_change),
    "change_rows": Act(REVIEWERS, _change_rows),
    "approve": Act(REVIEWERS, _approve),
    "reviewed": Act(REVIEWERS, _reviewed),
    "refuse": Act(REVIEWERS, _refuse),
    "extend": Act(REVIEWERS, _extend),
    "close_step": Act(SETTLERS, _close_step),
    "retry_step": Act(SETTLERS, _retry_step),
    "retry_failed": Act(SETTLERS, _retry_failed),
    "go_on_without": Act(REVIEWERS, _go_on_without),
    "send_link": Act(REVIEWERS, _send_link),
    "revoke_link": Act(REVIEWERS, _revoke_link),
    "assign": Act(REVIEWERS, lambda row, who, given: casework.assign(request_id=row.id, to=who, by=who)),
    "assign_together": Act(REVIEWERS, lambda row, who, given: joint.assign_together(request_id=row.id, to=who, by=who)),
    "without_copy": Act(
        REVIEWERS, lambda row, who, given: joint.go_ahead_after_refusal(request_id=row.id, reviewer=who)
    ),
    "retype": Act(REVIEWERS, _retype),
    "message": Act(
        REVIEWERS,
        lambda row, who, given: conversation.write_to_person(request_id=row.id, author=who, text=given["text"]),
    ),
    "comment": Act(
        REVIEWERS,
        lambda row, who, given: comments.comment_on(request_id=row.id, author=who, text=given["text"]),
    ),
    "ask_clarification": Act(REVIEWERS, _ask),
    "ask_identity": Act(REVIEWERS, _ask_identity),
    "settle_identity": Act(REVIEWERS, _settle_identity),
    "withdraw_question": Act(
        REVIEWERS, lambda row, who, given: conversation.withdraw_question(request_id=row.id, author=who)
    ),
    "accept_mandate": Act(REVIEWERS, _accept_mandate),
    "refuse_mandate": Act(
        REVIEWERS,
        lambda row, who, given: mandates.refuse(mandate_id=_mandate(row), reviewer=who, reason=given["reason"]),
    ),
    "propose_refusal": Act(REVIEWERS, _propose(SecondOpinion.Kind.REFUSAL)),
    "propose_fee": Act(REVIEWERS, _propose(SecondOpinion.Kind.FEE)),
    "second": Act(REVIEWERS, _second(True)),
    "disagree": Act(REVIEWERS, _second(False)),
    "place_hold": Act(
        REVIEWERS, lambda row, who, given: holds.place_hold(subject=row.subject, reason=given["reason"], by=who)
    ),
    "propose_lift_hold": Act(REVIEWERS, lambda row, who, given: holds.propose_lift(subject=row.subject, by=who)),
    "lift_hold": Act(REVIEWERS, lambda row, who, given: holds.lift_hold(subject=row.subject, by=who)),
    "announce_lift": Act(
        REVIEWERS,
        lambda row, who, given: lifts.announce(
            subject=row.subject,
            restriction_id=UUID(given["restriction"]),
            by=who,
            by_post=given.get("by_post") == "yes",
        ),
    ),
    "lift_restriction": Act(
        REVIEWERS,
        lambda row, who, given: lifts.lift(subject=row.subject, restriction_id=UUID(given["restriction"]), by=who),
    ),
    "send_on": Act(
        REVIEWERS,
        lambda row, who, given: transfers.propose_transfer(
            request=row, destination_id=UUID(given["destination"]), by=who
        ),
    ),
    "agree_sending": Act(REVIEWERS, lambda row, who, given: transfers.agree_transfer(request=row, by=who)),
    "stop_sending": Act(
        REVIEWERS, lambda row, who, given: transfers.stop_transfer(request=row, actor=actors.staff(who.id))
    ),
    "resume_erasures": Act(REVIEWERS, lambda row, who, given: guard.agree(by=who)),
}


@dataclass(frozen=True)
class CaseView:
    """What the page of a request shows to reviewers beside the request itself."""

    assignee: Account | None
    filed_as: Any
    stands: bool
    marks: list[ClockMark]
    conversation: list[conversation.Said]
    comments: list[comments.Noted]
    question: Question | None
    opinion: SecondOpinion | None
    fee: SecondOpinion | None
    """The fee two people agreed on."""
    hold: LegalHold | None
    restrictions: list[Restriction]
    pause: ErasurePause | None
    identity: IdentityCheck | None
    evidence: IdentityEvidence | None
    doubts: tuple[tuple[str, Any], ...]
    needs_second: bool
    """Whether the request waits for another than who vouches for it."""
    may_approve: bool
    proposed: Transfer | None
    """The sending to another controller that a second person has to agree to."""
    mandate: Mandate | None
    representative: Representative | None
    siblings: list[RequestInWords]
    waits_for: list[RightsRequest]
    copy_refused: bool
    """Whether a reviewer may let the erasure go ahead without it."""
    may_hand_over: bool
    has_address: bool
    """Whether the person can be written to by mail."""
    wish: list[tuple[str, str]]
    """What was asked beside the right: label and words."""
    contests_values: bool
    words: WordsForm
    """The fields in which a right says what it is about."""
    excessive: tuple[str, ...] = opinions.EXCESSIVE
    rights: tuple[tuple[str, Any], ...] = tuple(RightsRequest.Right.choices)
    hold_reasons: tuple[tuple[str, Any], ...] = tuple(LegalHold.Reason.choices)
    mandate_refusals: tuple[tuple[str, Any], ...] = tuple(Mandate.Refusal.choices)
    methods: tuple[tuple[str, Any], ...] = tuple(IdentityCheck.Method.choices)


def case_view(request: RightsRequest, account: Account) -> CaseView:
    """The case, opened for this reviewer; that they read what the person wrote is in the log."""
    said, noted = conversation.conversation(request), comments.comments_on(request)
    who = representative_of(request.mandate) if request.mandate is not None else None
    _revealed(request, account, "conversation", len(said))
    _revealed(request, account, "comments", len(noted))
    _revealed(request, account, "mandate", int(who is not None))
    wish = wishes.said_of(request)
    case, check = getattr(request, "case", None), identity.open_check(request)
    return CaseView(
        assignee=case.assignee if case else None,
        filed_as=RightsRequest.Right(case.filed_as).label if case and case.filed_as else "",
        stands=clock.stands(request),
        marks=list(request.marks.order_by("at")),
        conversation=said,
        comments=noted,
        question=request.questions.filter(answered_at=None).first(),
        opinion=request.opinions.filter(agreed=None).first(),
        fee=opinions.fee_asked(request),
        hold=holds.standing_hold(request.subject_id),
        restrictions=[each for each in restrictions_of(request.subject) if each.ground in Restriction.CLAIMED],
        pause=guard.standing_pause(),
        identity=check,
        evidence=getattr(check, "evidence", None),
        needs_second=(needs_second := request.state == "in_review" and four_eyes.waits(request)),
        may_approve=not needs_second or request.vouched_by_id != account.pk,
        proposed=transfers.proposed_transfer(request),
        mandate=request.mandate,
        representative=who,
        siblings=_siblings(request),
        waits_for=copies_waited_for(request),
        copy_refused=joint.waits_for_refused(request),
        has_address=address_of(request) is not None,
        wish=wish,
        contests_values=request.right == "rectification" and request.state in OPEN_REQUEST and bool(wish),
        words=WordsForm(auto_id="retype_%s"),
        may_hand_over=representative_address(request) is not None and has_archive(request),
        doubts=tuple(pair for pair in IdentityCheck.Doubt.choices if pair[0] in identity.doubts_about(request)),
    )


def _siblings(request: RightsRequest) -> list[RequestInWords]:
    if request.joint_id is None:
        return []
    rows = RightsRequest.objects.filter(joint=request.joint_id).exclude(pk=request.pk)
    return [described(row) for row in rows.select_related("case__assignee").order_by("created_at", "id")]


def _revealed(request: RightsRequest, account: Account, reason: str, count: int) -> None:
    if not count:
        return
    with transaction.atomic():
        audit.record(
            "data.revealed",
            actor=actors.staff(account.id),
            subject=request.subject.pseudonym,
            details={"request": str(request.id), "reason": reason, "count": count},
        )
