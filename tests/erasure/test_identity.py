"""Evidence of who asks: only with a recorded doubt, sealed, gone with the decision (Art. 12(6); law.md R21, R23)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, transaction
from django.test import Client
from django.utils import timezone

from access.services import mail_links
from erasure.holdings.cases import CasesHolding
from erasure.models import IdentityCheck, IdentityEvidence, MailLink, Question, RightsRequest
from erasure.services import casework, conversation, identity, identity_files, links, requests
from erasure.services.files import MOST_BYTES
from gdpr_portal.errors import DomainError, Unavailable
from subjects.holdings import ExportScope
from tests.access.conftest import code_for
from tests.conftest import make_staff
from tests.erasure.people import file, in_review
from tests.laws.haystack import in_database
from tests.vault.renewing import under_new_keys
from vault.models import DataKey
from vault.services import Tampered, subject_key

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
WORDS = b"Caracara-Ausweis"
PAPER = b"%PDF-1.7\n" + WORDS
LINK = re.compile(r"https?://[^/\s]+(/request/answer/\S+)")


@pytest.fixture
def request_row(alice: Any) -> RightsRequest:
    """A request of alice's, filed without a sign-in, that waits for a reviewer."""
    row = in_review(alice.subject)
    RightsRequest.objects.filter(pk=row.pk).update(verified_by="none")
    row.refresh_from_db()
    return row


def ask(row: RightsRequest, rita: Any, doubt: str = "details_differ") -> IdentityCheck:
    return identity.ask_evidence(request_id=row.id, author=rita.account, text="Who are you?", doubt=doubt)


@pytest.fixture
def handed_in(request_row: RightsRequest, rita: Any) -> IdentityEvidence:
    ask(request_row, rita)
    return identity.hand_in(request=request_row, data=PAPER)


def upload(data: bytes = PAPER) -> SimpleUploadedFile:
    return SimpleUploadedFile("my passport.pdf", data)


# --- asking ---------------------------------------------------------------------------------------------------------
def test_nobody_is_asked_without_a_doubt_from_the_list(request_row: RightsRequest, rita: Any, audit_log: Any) -> None:
    with pytest.raises(DomainError, match="invalid_value"):
        ask(request_row, rita, "because")
    assert not IdentityCheck.objects.exists() and not Question.objects.exists()
    check = ask(request_row, rita)
    assert audit_log("identity.asked")[0].details["doubt"] == "details_differ"
    assert check.question.kind == "identity" and check.question.stops_clock


def test_who_signed_in_with_two_factors_is_not_asked(alice: Any, rita: Any) -> None:
    row = in_review(alice.subject)
    for doubt in ("details_differ", "new_address", "unusual"):
        with pytest.raises(DomainError, match="not_needed"):
            ask(row, rita, doubt)
    assert not Question.objects.exists()
    assert ask(row, rita, "taken_over").doubt == "taken_over"


def test_a_file_is_taken_only_when_it_was_asked_for(request_row: RightsRequest, rita: Any) -> None:
    with pytest.raises(DomainError, match="wrong_state"):
        identity.hand_in(request=request_row, data=PAPER)
    conversation.ask_person(request_id=request_row.id, author=rita.account, kind="clarification", text="Which?")
    with pytest.raises(DomainError, match="wrong_state"):
        identity.hand_in(request=request_row, data=PAPER)
    assert not IdentityEvidence.objects.exists()


@pytest.mark.parametrize(
    ("data", "refused"),
    [(b"%PDF-" + b"x" * MOST_BYTES, "too_large"), (b"", "invalid_value"), (b"MZ%PDF-", "invalid_value")],
)
def test_nothing_but_small_pictures_and_pdf(request_row: RightsRequest, rita: Any, data: bytes, refused: str) -> None:
    ask(request_row, rita)
    with pytest.raises(DomainError, match=refused):
        identity.hand_in(request=request_row, data=data)
    assert identity.wants_file(request_row), "the question stays open: nothing is lost"


# --- the file -------------------------------------------------------------------------------------------------------
def test_the_file_is_sealed_and_answers_the_question(
    request_row: RightsRequest, rita: Any, frozen: Any, audit_log: Any
) -> None:
    due = request_row.due_at
    ask(request_row, rita)
    frozen.shift(timedelta(days=3))
    row = identity.hand_in(request=request_row, data=PAPER)
    assert WORDS not in bytes(row.sealed) and not in_database({WORDS: "scan"})
    request_row.refresh_from_db()
    assert request_row.due_at == due + timedelta(days=3)
    assert Question.objects.get().answered_at is not None and not identity.wants_file(request_row)
    assert audit_log("identity.handed_in")[0].details["bytes"] == len(PAPER)


def test_only_a_reviewer_with_a_reason_sees_it(handed_in: IdentityEvidence, rita: Any, audit_log: Any) -> None:
    request_id = handed_in.check_row.request_id
    with pytest.raises(DomainError, match="reason_missing"):
        identity.look(request_id=request_id, reviewer=rita.account, reason="curious")
    assert not audit_log("data.revealed")
    assert under_new_keys(handed_in.pk).done == 1
    row, data = identity.look(request_id=request_id, reviewer=rita.account, reason="is_it_the_person")
    assert (row.content_type, data) == ("application/pdf", PAPER)
    assert audit_log("data.revealed")[0].details["reason"] == "is_it_the_person"


def test_a_changed_file_does_not_open(handed_in: IdentityEvidence, rita: Any) -> None:
    sealed = bytearray(handed_in.sealed)
    sealed[-20] ^= 1
    IdentityEvidence.objects.update(sealed=bytes(sealed))
    with pytest.raises(Tampered):
        identity.look(request_id=handed_in.check_row.request_id, reviewer=rita.account, reason="complaint")


# --- its end --------------------------------------------------------------------------------------------------------
def is_gone(row: IdentityEvidence) -> bool:
    """No row, no key: what a backup still has does not open."""
    try:
        subject_key(row.id)
    except (DomainError, Unavailable):
        opens = False
    else:
        opens = True
    keys = DataKey.objects.filter(owner=row.id)
    return not IdentityEvidence.objects.filter(pk=row.pk).exists() and not opens and not keys.exists()


def test_with_the_decision_the_file_is_gone_and_the_method_stays(
    handed_in: IdentityEvidence, rita: Any, audit_log: Any
) -> None:
    assert not is_gone(handed_in)
    request_id = handed_in.check_row.request_id
    with pytest.raises(DomainError, match="invalid_value"):
        identity.settle(request_id=request_id, reviewer=rita.account, method="guess", outcome="confirmed")
    identity.settle(request_id=request_id, reviewer=rita.account, method="document", outcome="confirmed")
    assert is_gone(handed_in)
    check = IdentityCheck.objects.get()
    assert (check.method, check.outcome, check.settled_by) == ("document", "confirmed", rita.account)
    assert audit_log("identity.deleted")[0].details["reason"] == "decided"
    with pytest.raises(DomainError, match="wrong_state"):
        identity.settle(request_id=request_id, reviewer=rita.account, method="document", outcome="failed")


def test_who_is_identified_at_the_desk_needs_no_code_of_a_mail(
    alice: Any, rita: Any, frozen: Any, audit_log: Any
) -> None:
    """The request waits for them past the code, and then for the reviewer; without an answer it ends after all."""
    unasked, failed = (file(alice.subject, right, verified_by="none") for right in ("access", "portability"))
    row = file(alice.subject, "erasure", verified_by="none")
    for each in (failed, row):
        ask(each, rita)
        identity.hand_in(request=each, data=PAPER)
    frozen.shift(timedelta(days=8))
    assert requests.expire_unverified() == 1
    identity.settle(request_id=row.id, reviewer=rita.account, method="document", outcome="confirmed")
    identity.settle(request_id=failed.id, reviewer=rita.account, method="document", outcome="failed")
    assert requests.expire_unverified() == 1
    states = {each.id: each.state for each in RightsRequest.objects.all()}
    assert (states[unasked.id], states[failed.id]) == ("expired_unverified", "expired_unverified")
    assert states[row.id] == "in_review" and len(audit_log("request.in_review")) == 1
    requests.approve_request(request_id=row.id, reviewer=make_staff("paul", "irm").account)
    assert RightsRequest.objects.get(pk=row.id).state in {"in_progress", "completed"}


def test_whoever_never_answers_who_they_are_has_no_request_for_ever(alice: Any, rita: Any, frozen: Any) -> None:
    ask(file(alice.subject, "access", verified_by="none"), rita)
    frozen.shift(timedelta(days=59))
    assert requests.expire_unverified() == 0
    frozen.shift(timedelta(days=2))
    assert requests.expire_unverified() == 1


def test_no_doubt_stands_chosen_beforehand(request_row: RightsRequest, rita: Any) -> None:
    page = rita.browser().get(f"/admin/erasure/rightsrequest/{request_row.id}/change/").content.decode()
    assert '<select id="doubt" name="doubt"><option value="">-</option>' in page


@pytest.mark.parametrize("end", ["refuse", "approve", "withdraw"])
def test_whatever_becomes_of_the_request_the_file_goes(handed_in: IdentityEvidence, rita: Any, end: str) -> None:
    row = RightsRequest.objects.get(pk=handed_in.check_row.request_id)
    if end == "refuse":
        requests.refuse_request(request_id=row.id, reviewer=rita.account, reason_code="A12IdentityFailure")
    elif end == "approve":
        requests.approve_request(request_id=row.id, reviewer=rita.account)
    else:
        requests.withdraw_request(request=row, actor="subject")
    assert is_gone(handed_in)
    assert IdentityCheck.objects.get().outcome == "ended"


def test_retyping_keeps_it_for_the_one_who_decides(handed_in: IdentityEvidence, rita: Any) -> None:
    request_id = handed_in.check_row.request_id
    casework.retype(request_id=request_id, reviewer=rita.account, right="access", details={})
    assert IdentityEvidence.objects.exists()


def test_after_thirty_days_it_is_gone_undecided(request_row: RightsRequest, rita: Any, frozen: Any) -> None:
    ask(request_row, rita)
    row = identity.hand_in(request=request_row, data=PAPER)
    frozen.move_to(row.delete_at - timedelta(seconds=1))
    assert identity.expire_evidence() == 0
    frozen.shift(timedelta(seconds=1))
    assert identity.expire_evidence() == 1 and identity.expire_evidence() == 0
    assert is_gone(row) and IdentityCheck.objects.get().settled_at is None


def test_teeth_were_the_end_of_a_request_not_to_reach_it(
    handed_in: IdentityEvidence, rita: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("erasure.services.records.end_checks", lambda *_args, **_more: None)
    requests.approve_request(request_id=handed_in.check_row.request_id, reviewer=rita.account)
    assert not is_gone(handed_in)


def test_it_is_in_the_archive_and_gone_with_an_erasure(handed_in: IdentityEvidence, alice: Any) -> None:
    holding = CasesHolding()
    told = holding.export(alice.subject, ExportScope())["identity_checks"]
    assert told[0]["doubt"] == "details_differ" and told[0]["file"]
    assert holding.residue(alice.subject, {}) > 0
    holding.erase(alice.subject, {})
    assert is_gone(handed_in)


def test_the_database_wants_one_open_doubt_and_an_end_for_a_settled_one(request_row: RightsRequest, rita: Any) -> None:
    check = ask(request_row, rita)
    with pytest.raises(IntegrityError), transaction.atomic():
        IdentityCheck.objects.filter(pk=check.pk).update(settled_at=timezone.now())


# --- the pages ------------------------------------------------------------------------------------------------------
def test_by_the_link_in_the_mail_without_a_sign_in(
    request_row: RightsRequest, rita: Any, after_commit: Any, alice: Any
) -> None:
    with after_commit():
        ask(request_row, rita)
    assert mail.outbox[-1].to == [alice.email] and "Who are you?" not in str(mail.outbox[-1].body)
    found = LINK.search(str(mail.outbox[-1].body))
    assert found is not None
    page = Client().get(found.group(1))
    assert page.status_code == 200 and "Who are you?" in page.content.decode() and "no-store" in page["Cache-Control"]
    assert Question.objects.get().answered_at is None, "looking does nothing"
    wrong = Client().post(found.group(1), {"file": upload(b"GIF89a"), "text": "My words-marker"})
    assert wrong.status_code == 422 and "My words-marker" in wrong.content.decode()
    assert not IdentityEvidence.objects.exists()
    assert Client().post(found.group(1), {"file": upload(), "text": "Here it is."}).status_code == 200
    assert IdentityEvidence.objects.exists() and Question.objects.get().answered_at is not None
    assert [said.text for said in conversation.conversation(request_row)] == ["Who are you?", "Here it is."]
    assert Client().get(found.group(1)).status_code == 410


def test_a_wrong_link_is_dead_and_ten_guesses_kill_a_right_one(request_row: RightsRequest, rita: Any) -> None:
    question = ask(request_row, rita).question
    right = links.link_to(question).rpartition("/")[2]
    link_id = MailLink.objects.get().pk
    assert links.opened_link(link_id, right).question == question
    for _ in range(mail_links.TRIES):
        assert Client().get(f"/request/answer/{link_id}/guess").status_code == 410
    assert Client().get(f"/request/answer/{link_id}/{right}").status_code == 410


def test_links_end_with_their_time_and_with_a_newer_one(request_row: RightsRequest, rita: Any, frozen: Any) -> None:
    question = ask(request_row, rita).question
    older = MailLink.objects.get()
    links.link_to(question)
    assert not MailLink.objects.filter(pk=older.pk).exists()
    assert links.forget_links() == 0
    frozen.shift(links.LIFETIME)
    assert links.forget_links() == 1


def test_who_signs_in_answers_on_the_page_of_the_request(alice: Any, bob: Any, rita: Any, after_commit: Any) -> None:
    row = file(alice.subject, "human_review", decision="loan-1")
    where = f"/requests/{row.id}"
    assert "id_file" not in alice.browser().get(where).content.decode(), "nothing to upload unless there is a doubt"
    with after_commit():
        ask(row, rita, "taken_over")
    assert LINK.search(str(mail.outbox[-1].body)) is None
    assert "id_file" in alice.browser().get(where).content.decode()
    assert bob.browser().post(f"{where}/message", {"file": upload()}).status_code == 404
    assert not IdentityEvidence.objects.exists()
    alice.browser().post(f"{where}/message", {"file": upload()})
    assert IdentityEvidence.objects.exists()


def test_the_desk_asks_looks_and_decides(request_row: RightsRequest, rita: Any, quentin: Any) -> None:
    desk = f"/admin/erasure/rightsrequest/{request_row.id}"
    rita.browser().post(f"{desk}/act/", {"act": "ask_identity", "text": "Who?", "otp": code_for(rita.totp_secret)})
    assert not IdentityCheck.objects.exists(), "a doubt has to be named"
    rita.browser().post(f"{desk}/act/", {"act": "ask_identity", "text": "Who?", "doubt": "unusual"})
    identity.hand_in(request=request_row, data=PAPER)
    assert "identity_method" in rita.browser().get(f"{desk}/change/").content.decode()
    assert quentin.browser().post(f"{desk}/identity/", {"reason": "complaint"}).status_code == 302
    found = rita.browser().post(f"{desk}/identity/", {"reason": "complaint"})
    assert found.content == PAPER and "no-store" in found["Cache-Control"]
    rita.browser().post(f"{desk}/act/", {"act": "settle_identity", "method": "document", "outcome": "failed"})
    assert IdentityCheck.objects.get().outcome == "failed" and not IdentityEvidence.objects.exists()
    assert rita.browser().post(f"{desk}/identity/", {"reason": "complaint"}).status_code == 302


def test_the_place_binds_the_file_to_its_row(handed_in: IdentityEvidence) -> None:
    assert str(handed_in.id) in identity_files.evidence_place(handed_in).row
