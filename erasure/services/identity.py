"""Evidence of who asks: only with a recorded doubt, only what is needed, gone with the decision (Art. 12(6), R21, R23).

A reviewer states the doubt and asks; the clock stands until the answer. The file is sealed under a key of its own that
is destroyed with it. It goes when the doubt is settled, when the request goes on or ends, and after KEPT_FOR at the
latest. Whoever signs in with two factors is not asked, unless somebody else seems to use the account.
"""

from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from audit import actors
from audit import services as audit
from erasure.models import IdentityCheck, IdentityEvidence, Question, RightsRequest
from erasure.services.conversation import answer_question, ask_person
from erasure.services.files import kind_of, opened_file, sealed_file
from erasure.services.identity_files import delete_evidence, evidence_place
from erasure.services.locking import locked_open_request, locked_request
from erasure.services.records import record_request
from erasure.services.requests import go_on_identified
from gdpr_portal.errors import Invalid, Missing, Refused, WrongState
from subjects.services.reveal import staff_reveal
from vault import services as vault

KEPT_FOR = timedelta(days=30)
REASONS = ("is_it_the_person", "complaint", "quality_check")
"""Why a reviewer looks at the file."""
DESPITE_ACCOUNT = frozenset({IdentityCheck.Doubt.TAKEN_OVER.value})
"""The doubts a sign-in with two factors does not settle."""


def ask_evidence(*, request_id: UUID, author: Account, text: str, doubt: str) -> IdentityCheck:
    """The person is asked to show who they are, for this doubt; the clock stands until they answer.

    Raises `invalid_value` without a doubt from the list, `not_needed` for who signed in with two factors.
    """
    if doubt not in IdentityCheck.Doubt.values:
        raise Invalid("invalid_value", "Say what the doubt is: without one nobody is asked.", status=422)
    with transaction.atomic():
        request = locked_open_request(request_id)
        if doubt not in doubts_about(request):
            raise Refused("not_needed", "This person signed in with two factors and has shown who they are.")
        question = ask_person(request_id=request_id, author=author, kind=Question.Kind.IDENTITY, text=text)
        check = IdentityCheck.objects.create(request=request, question=question, doubt=doubt, asked_by=author)
        staff = actors.staff(author.id)
        record_request(request, "identity.asked", actor=staff, doubt=doubt, question=question.pk)
    return check


def doubts_about(request: RightsRequest) -> frozenset[str]:
    """The doubts a reviewer may have about who made this request: a sign-in with two factors settles most (R21)."""
    signed_in = request.by_person and request.verified_by == RightsRequest.VerifiedBy.ACCOUNT
    return DESPITE_ACCOUNT if signed_in else frozenset(IdentityCheck.Doubt.values)


def open_check(request: RightsRequest) -> IdentityCheck | None:
    """The doubt that is not settled, if there is one."""
    return request.identity_checks.filter(settled_at=None).select_related("evidence").first()


def wants_file(request: RightsRequest) -> bool:
    """Whether the person may hand in a file now: they were asked, and have not yet."""
    waiting = request.identity_checks.filter(settled_at=None, evidence=None, question__answered_at=None)
    return waiting.exists()


def hand_in(*, request: RightsRequest, data: bytes) -> IdentityEvidence:
    """The file is sealed for the reviewer, and the question answered by it; the clock goes on.

    Raises `wrong_state` when nothing was asked, `too_large`, `invalid_value` for what is no PDF, PNG or JPEG.
    """
    kind = kind_of(data)
    with transaction.atomic():
        locked = locked_open_request(request.pk)
        check = open_check(locked)
        if check is None or not wants_file(locked):
            raise WrongState("wrong_state", gettext_noop("We have not asked for anything like this."))
        now = timezone.now()
        row = IdentityEvidence(check_row=check, content_type=kind, size_bytes=len(data))
        row.uploaded_at, row.delete_at = now, now + KEPT_FOR
        row.sealed = sealed_file(vault.create_data_key(row.id), evidence_place(row), data)
        row.save(force_insert=True)
        record_request(locked, "identity.handed_in", actor=actors.SUBJECT, bytes=len(data))
        answer_question(locked, actor=actors.SUBJECT, at=now)
    return row


def look(*, request_id: UUID, reviewer: Account, reason: str) -> tuple[IdentityEvidence, bytes]:
    """The file, opened; the log has who looked and why. The door asks for a fresh second factor first.

    Raises `reason_missing`, as `staff_reveal`, `not_found` when there is no file, or none any more.
    """
    if reason not in REASONS:
        raise Invalid("reason_missing", "Say why the file is looked at.", status=422)
    with staff_reveal(reviewer):
        request = locked_request(request_id)
        row = IdentityEvidence.objects.filter(check_row__request=request).first()
        if row is None:
            raise Missing
        data = opened_file(vault.subject_key(row.id), evidence_place(row), bytes(row.sealed))
        audit.record(
            "data.revealed", actor=actors.staff(reviewer.id), subject=request.subject.pseudonym,
            details={"request": str(request.id), "reason": reason, "count": 1},
        )  # fmt: skip
    return row, data


def settle(*, request_id: UUID, reviewer: Account, method: str, outcome: str) -> IdentityCheck:
    """The doubt is settled: how and with which end stays, the file is gone. A request that waited for a code goes on.

    Raises `invalid_value` for a method or end that is not in the list, `wrong_state` when nothing is in doubt.
    """
    ends = {IdentityCheck.Outcome.CONFIRMED.value, IdentityCheck.Outcome.FAILED.value}
    if method not in IdentityCheck.Method.values or outcome not in ends:
        raise Invalid("invalid_value", "Expected a method and an outcome from the lists.", status=422)
    with transaction.atomic():
        request = locked_open_request(request_id)
        check = open_check(request)
        if check is None:
            raise WrongState("wrong_state", "Nothing is in doubt.")
        actor = actors.staff(reviewer.id)
        delete_evidence(request, actor=actor, reason="decided")
        check.method, check.outcome = method, outcome
        check.settled_by, check.settled_at = reviewer, timezone.now()
        check.save(update_fields=["method", "outcome", "settled_by", "settled_at"])
        record_request(request, "identity.settled", actor=actor, method=method, outcome=outcome)
        if outcome == IdentityCheck.Outcome.CONFIRMED:
            go_on_identified(request, reviewer=reviewer)
    return check


def expire_evidence() -> int:
    """Files nobody decided about in time are gone all the same; returns how many."""
    now = timezone.now()
    due = IdentityEvidence.objects.filter(delete_at__lte=now).values_list("check_row__request_id", flat=True)
    count = 0
    for request_id in list(due[:200]):
        with transaction.atomic():
            request = locked_request(request_id)
            count += delete_evidence(request, actor=actors.system("worker"), reason="expired", before=now)
    return count
