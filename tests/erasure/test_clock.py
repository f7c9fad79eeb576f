"""The clock speaks up by itself, stands only from question to answer, survives re-typing (Art. 12)."""

from datetime import timedelta
from io import BytesIO
from typing import Any
from zipfile import ZipFile

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.test import override_settings
from django.utils import timezone

from access.services.applications import set_endpoint
from audit.models import AuditEvent
from consent.models import Delivery, Objection
from consent.services import sending
from consent.webhook import Outcome
from erasure.models import ClockMark, Comment, Question, RightsRequest
from erasure.services import casework, checking, comments, conversation, requests
from erasure.services.clock import internal_due_at
from erasure.services.escalations import escalate
from gdpr_portal.errors import Invalid, WrongState
from subjects.selectors import is_restricted
from tests.access.conftest import code_for
from tests.conftest import make_staff
from tests.erasure.people import file, in_review, run_all, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def at_part(request: RightsRequest, part: float) -> Any:
    return request.received_at + (request.due_at - request.received_at) * part


def marks(request: RightsRequest) -> list[str]:
    return list(request.marks.order_by("at", "mark").values_list("mark", flat=True))


def test_each_escalation_is_made_once_and_told_to_the_role(
    alice: Any, rita: Any, olga: Any, frozen: Any, after_commit: Any, audit_log: Any
) -> None:
    request = in_review(alice.subject)
    assert escalate() == 0
    for part, expected in ((0.5, ["50"]), (0.8, ["50", "80"]), (1.0, ["100", "50", "80", "notice"])):
        frozen.move_to(at_part(request, part) + timedelta(seconds=1))
        mail.outbox.clear()
        with after_commit():
            escalate()
            escalate()
        assert sorted(marks(request)) == expected
        to_desk = [message for message in mail.outbox if message.to == [rita.email]]
        assert len(to_desk) == 1 and str(request.id) in str(to_desk[0].body)
        assert not any(message.to == [olga.email] for message in mail.outbox)
    assert [event.details["mark"] for event in audit_log("request.escalated")] == [50, 80, 100]


def test_before_a_breach_the_person_is_told_of_their_remedies_once(
    alice: Any, frozen: Any, after_commit: Any, settings: Any, audit_log: Any
) -> None:
    request = in_review(alice.subject)
    frozen.move_to(request.due_at - timedelta(hours=settings.DELAY_NOTICE_HOURS, seconds=1))
    with after_commit():
        escalate()
    assert [m for m in mail.outbox if m.to == [alice.email]] == []
    frozen.shift(timedelta(seconds=1))
    with after_commit():
        escalate()
        escalate()
    told = [message for message in mail.outbox if message.to == [alice.email]]
    assert len(told) == 1 and timezone.now() < request.due_at
    body = str(told[0].body)
    assert "go to court" in body and settings.CONTROLLER["authority"] in body and "not every step is done" in body
    assert len(audit_log("request.delay_told")) == 1


def test_the_internal_date_is_the_desks_alone_and_moves_with_the_legal_one(
    alice: Any, rita: Any, frozen: Any, settings: Any
) -> None:
    settings.INTERNAL_DUE_DAYS = 9
    request = in_review(alice.subject)
    legal, words = request.due_at, "internal date over"
    asks = "We have asked you something"
    assert asks not in alice.browser().get("/").content.decode()
    conversation.ask_person(request_id=request.id, author=rita.account, kind="clarification", text="Which loan?")
    assert asks in alice.browser().get("/").content.decode(), "what waits for the person stands on the front page"
    frozen.shift(timedelta(days=3))
    conversation.write_to_desk(request=request, text="The one of May.")
    assert asks not in alice.browser().get("/").content.decode()
    request.refresh_from_db()
    assert internal_due_at(request) == legal - timedelta(days=9 - 3)
    pages = (f"/admin/erasure/rightsrequest/{request.id}/change/", "/admin/erasure/rightsrequest/", "/admin/")

    frozen.move_to(internal_due_at(request) - timedelta(seconds=1))
    desk, person = rita.browser(), alice.browser()
    shown = [desk.get(page).content.decode() for page in pages]
    assert "Internal due date" in shown[0] and "Internal due date" in shown[2]
    assert not any(words in page for page in shown)

    frozen.shift(timedelta(seconds=1))
    assert all(words in desk.get(page).content.decode() for page in pages)
    for page in ("/requests", f"/requests/{request.id}"):
        assert str(request.id)[:8] in (seen := person.get(page).content.decode()) and "nternal d" not in seen
    assert marks(request) == [], "the escalations go by the legal date"

    frozen.move_to(request.due_at)
    desk = rita.browser()
    assert not any(words in desk.get(page).content.decode() for page in pages), "overdue by law says more"
    requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A12IdentityFailure")
    frozen.move_to(request.due_at - timedelta(days=1))
    assert words not in rita.browser().get(pages[0]).content.decode()


def test_nothing_is_escalated_that_has_ended(alice: Any, rita: Any, frozen: Any) -> None:
    request = in_review(alice.subject)
    requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A12IdentityFailure")
    frozen.move_to(request.due_at + timedelta(days=1))
    assert escalate() == 0 and not ClockMark.objects.exists()


def test_a_mark_is_a_row_that_cannot_be_made_twice(alice: Any) -> None:
    request = in_review(alice.subject)
    ClockMark.objects.create(request=request, mark="50", extended=False, at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        ClockMark.objects.create(request=request, mark="50", extended=False, at=timezone.now())


def test_an_extended_period_has_marks_of_its_own(alice: Any, rita: Any, frozen: Any) -> None:
    request = in_review(alice.subject)
    frozen.move_to(at_part(request, 0.6))
    assert escalate() == 1
    requests.extend_request(request_id=request.id, reviewer=rita.account, reason_code="A12Complexity")
    assert escalate() == 0
    request.refresh_from_db()
    frozen.move_to(at_part(request, 0.6))
    assert escalate() == 1 and marks(request) == ["50", "50"]


def test_the_due_date_shifts_by_exactly_the_time_between_question_and_answer(
    alice: Any, rita: Any, frozen: Any, audit_log: Any
) -> None:
    request = in_review(alice.subject)
    due = request.due_at
    conversation.ask_person(request_id=request.id, author=rita.account, kind="clarification", text="Which loan?")
    stood = timedelta(days=9, hours=3, seconds=7)
    frozen.shift(stood)
    conversation.write_to_desk(request=request, text="The one of May.")
    request.refresh_from_db()
    assert request.due_at == due + stood
    assert [event.details["stops"] for event in audit_log("question.asked")] == [True]
    assert [event.details["seconds"] for event in audit_log("question.answered")] == [int(stood.total_seconds())]
    requests.extend_request(request_id=request.id, reviewer=rita.account, reason_code="A12Complexity")
    request.refresh_from_db()
    from erasure.services.clock import deadline_for

    assert request.due_at == deadline_for(request.received_at, extended=True).due_at + stood


def test_a_notice_is_tried_until_its_request_is_due_wherever_that_moves(
    alice: Any, shop: Any, rita: Any, frozen: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    set_endpoint(application=shop, url="https://shop.example/notices")
    request = file(alice.subject, "access")
    notice = Delivery.objects.get(request=request.id)
    body = sending.payload(notice)

    def tried(moment: Any) -> str:
        frozen.move_to(moment)
        Delivery.objects.filter(pk=notice.pk).update(next_at=moment)
        claimed = sending.claim(notice.pk)
        assert claimed is not None and claimed.body == body, "the same bytes at every try"
        sending.settle(claimed, Outcome(status=500))
        notice.refresh_from_db()
        return notice.state

    first = notice.created_at + sending.GIVE_UP  # thirty days: February ends before
    assert tried(min(first, request.due_at - timedelta(seconds=1))) == "queued"
    conversation.ask_person(request_id=request.id, author=rita.account, kind="clarification", text="Which year?")
    frozen.shift(timedelta(hours=5))
    conversation.write_to_desk(request=RightsRequest.objects.get(pk=request.pk), text="All.")
    assert tried(request.due_at) == "queued", "the clock stood for five hours"
    requests.extend_request(request_id=request.id, reviewer=rita.account, reason_code="A12Complexity")
    request.refresh_from_db()
    assert tried(request.due_at - timedelta(seconds=1)) == "queued"
    assert tried(request.due_at) == "abandoned"
    assert request.steps.get(kind="notify").state == "failed", "somebody at the desk sees it"


def test_while_a_question_is_open_the_clock_makes_no_mark(alice: Any, rita: Any, frozen: Any) -> None:
    request = in_review(alice.subject)
    conversation.ask_person(request_id=request.id, author=rita.account, kind="identity", text="Who are you?")
    frozen.move_to(at_part(request, 0.9))
    assert escalate() == 0
    conversation.write_to_desk(request=request, text="It is me.")
    assert escalate() == 0, "the time in between does not count"
    request.refresh_from_db()
    frozen.move_to(at_part(request, 0.5) + timedelta(seconds=1))
    assert escalate() == 1


def test_a_question_asked_late_stops_nothing(alice: Any, rita: Any, frozen: Any) -> None:
    request = in_review(alice.subject)
    due = request.due_at
    frozen.move_to(due + timedelta(seconds=1))
    conversation.ask_person(request_id=request.id, author=rita.account, kind="clarification", text="Which loan?")
    frozen.shift(timedelta(days=3))
    conversation.write_to_desk(request=request, text="The one of May.")
    request.refresh_from_db()
    assert request.due_at == due and not Question.objects.get().stops_clock


def test_one_question_at_a_time_and_only_for_a_reason_that_counts(alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    with pytest.raises(Invalid):
        conversation.ask_person(request_id=request.id, author=rita.account, kind="busy", text="Can you wait?")
    conversation.ask_person(request_id=request.id, author=rita.account, kind="identity", text="Who?")
    with pytest.raises(WrongState):
        conversation.ask_person(request_id=request.id, author=rita.account, kind="clarification", text="What?")


def test_question_and_answer_by_the_pages(alice: Any, bob: Any, rita: Any, after_commit: Any) -> None:
    request = in_review(alice.subject)
    desk = f"/admin/erasure/rightsrequest/{request.id}"
    rita.browser().post(f"{desk}/act/", {"act": "message", "text": "We have your request-marker."})
    with after_commit():
        given = {"act": "ask_clarification", "text": "Which loan-marker do you mean?"}
        rita.browser().post(f"{desk}/act/", given, follow=True)
    assert mail.outbox[-1].to == [alice.email] and "loan-marker" not in str(mail.outbox[-1].body)
    page = alice.browser().get(f"/requests/{request.id}").content.decode()
    assert "loan-marker" in page and "request-marker" in page and "rita" not in page
    assert "is paused until you reply" in page
    assert bob.browser().post(f"/requests/{request.id}/message", {"text": "me too"}).status_code == 404
    alice.browser().post(f"/requests/{request.id}/message", {"text": "The one of <b>May</b>-marker"})
    shown = rita.browser().get(f"{desk}/change/").content.decode()
    assert "May&lt;/b&gt;-marker" in shown
    assert Question.objects.get().answered_at is not None
    looked = AuditEvent.objects.filter(action="data.revealed", details__reason="conversation")
    assert looked.exists() and "marker" not in str(list(AuditEvent.objects.values_list("details", flat=True)))


def test_messages_are_sealed_exported_and_gone_after_an_erasure(alice: Any, rita: Any) -> None:
    from erasure.archives.content import content
    from erasure.holdings.cases import CasesHolding
    from erasure.models import Message

    request = in_review(alice.subject)
    conversation.write_to_person(request_id=request.id, author=rita.account, text="Desk-marker")
    conversation.write_to_desk(request=request, text="Person-marker")
    assert all(b"marker" not in bytes(row.sealed or b"") for row in Message.objects.all())
    text = str(content(file(alice.subject, "access"), language="en"))
    assert "Desk-marker" in text and "Person-marker" in text and "rita" not in text
    holding = CasesHolding()
    assert holding.residue(alice.subject, {}) == 2
    assert holding.erase(alice.subject, {}) == 2 and holding.residue(alice.subject, {}) == 0
    assert conversation.conversation(request) == []


def test_what_the_desk_notes_is_for_colleagues_and_in_the_copy_and_goes_with_the_person(
    alice: Any, rita: Any, olga: Any, audit_log: Any
) -> None:
    from erasure.archives.content import content
    from erasure.holdings.cases import CasesHolding

    request = in_review(alice.subject)
    desk = f"/admin/erasure/rightsrequest/{request.id}"
    for client in (rita.browser(), olga.browser(), alice.browser()):  # who may note, who works here, who is meant
        client.post(f"{desk}/act/", {"act": "comment", "text": "Note-marker <b>bold</b>"})
    [row] = Comment.objects.all()
    assert row.author == rita.account and b"marker" not in bytes(row.sealed or b"")
    [event] = audit_log("request.commented")
    assert event.details == {"request": str(request.id), "right": "human_review", "comment": str(row.id)}
    for text in ("  ", "x" * 5001):
        with pytest.raises(Invalid):
            comments.comment_on(request_id=request.id, author=rita.account, text=text)

    seen = rita.browser().get(f"{desk}/change/").content.decode()
    assert "Note-marker &lt;b&gt;" in seen and str(rita.account) in seen
    assert AuditEvent.objects.filter(action="data.revealed", details__reason="comments").count() == 1
    assert "Note-marker" not in olga.browser().get(f"{desk}/change/").content.decode()
    for page in (f"/requests/{request.id}", "/requests", "/data", "/activity"):
        shown = alice.browser().get(page)
        assert shown.status_code == 200 and "Note-marker" not in shown.content.decode(), page

    copy = content(file(alice.subject, "access"), language="en")["data"]["cases"]["comments"]
    assert [(each["by"], each["text"]) for each in copy] == [("controller", "Note-marker <b>bold</b>")]
    assert "rita" not in str(copy)
    assert content(file(alice.subject, "portability"), language="en")["data"]["cases"] == {}

    for change in ({"author": olga.account}, {"at": timezone.now()}, {"request": file(alice.subject, "access")}):
        with pytest.raises(IntegrityError), transaction.atomic():
            Comment.objects.filter(pk=row.pk).update(**change)
    with pytest.raises(IntegrityError), transaction.atomic():
        row.delete()

    holding = CasesHolding()
    assert holding.residue(alice.subject, {}) == 1 and holding.erase(alice.subject, {}) == 1
    assert holding.residue(alice.subject, {}) == 0 and comments.comments_on(request) == []
    assert "notes" not in str(holding.plan(alice.subject, {}))
    with pytest.raises(IntegrityError), transaction.atomic():
        Comment.objects.filter(pk=row.pk).update(sealed=b"put back")
    requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A12IdentityFailure")
    with pytest.raises(WrongState):
        comments.comment_on(request_id=request.id, author=rita.account, text="Too late")


def test_a_copy_with_notes_waits_for_a_look_at_others_in_them(alice: Any, rita: Any) -> None:
    from erasure.archives.build import opened

    comments.comment_on(
        request_id=in_review(alice.subject).id, author=rita.account, text="Called by Anna-marker, says no"
    )
    request = run_all(file(alice.subject, "access"))
    assert request.state == "in_progress" and request.archive is None
    [row] = checking.queue()
    assert (row.source, row.field) == ("cases", "comment")
    checking.decide(
        checked_id=row.pk, reviewer=rita.account, decision="redact", reason="another_person", passages=["Anna-marker"]
    )
    assert run_all(request).state == "completed" and request.archive is not None
    with ZipFile(BytesIO(b"".join(opened(request.archive)))) as archive:
        texts = {name: archive.read(name).decode() for name in archive.namelist() if name.endswith((".json", ".html"))}
    assert any("Called by [withheld: about somebody else" in text and "says no" in text for text in texts.values())
    assert not any("Anna-marker" in text for text in texts.values())


def test_empty_and_endless_messages_are_refused(alice: Any) -> None:
    request = in_review(alice.subject)
    for text in ("  ", "x" * 5001):
        with pytest.raises(Invalid):
            conversation.write_to_desk(request=request, text=text)


def test_who_asked_is_told_that_the_desk_reads_it_as_another_right(
    alice: Any, rita: Any, django_capture_on_commit_callbacks: Any
) -> None:
    request = in_review(alice.subject)
    with django_capture_on_commit_callbacks(execute=True):
        casework.retype(request_id=request.id, reviewer=rita.account, right="erasure", details={})
    [told] = [each for each in mail.outbox if "another right" in each.subject]
    assert told.to == [alice.email] and "You asked for: Human review." in told.body and "as: Erasure" in told.body
    page = alice.browser().get(f"/requests/{request.id}").content.decode()
    assert "Asked for as" in page and "Have a decision looked at by a person" in page
    page = rita.browser().get(f"/admin/erasure/rightsrequest/{request.id}/change/").content.decode()
    assert "<dd>Human review</dd>" in page, "in words, not as a code"


def test_retyping_keeps_the_dates(alice: Any, rita: Any, audit_log: Any) -> None:
    received = timezone.now() - timedelta(days=12)
    request = in_review(alice.subject, received_at=received)
    due = request.due_at
    casework.retype(request_id=request.id, reviewer=rita.account, right="access", details={})
    request.refresh_from_db()
    assert (request.right, request.received_at, request.due_at) == ("access", received, due)
    assert request.state == "in_review" and request.case.filed_as == "human_review"
    assert audit_log("request.retyped")[0].details["was"] == "human_review"
    requests.approve_request(request_id=request.id, reviewer=rita.account)
    assert request.steps.filter(kind="archive").exists()


@override_settings(UNDO_WINDOW_SECONDS=3600)
def test_what_was_filed_wrongly_leaves_nothing_behind(alice: Any, shop: Any, rita: Any) -> None:
    """An erasure in its undo window keeps everything from use; an objection closes its purpose. Neither was meant."""
    erasure = file(alice.subject, "erasure")
    assert is_restricted(alice.subject)
    casework.retype(request_id=erasure.id, reviewer=rita.account, right="access", details={})
    assert not is_restricted(alice.subject)
    objection = file(alice.subject, "objection", purpose="fraud_prevention")
    assert Objection.objects.filter(ended_at=None).exists()
    casework.retype(request_id=objection.id, reviewer=rita.account, right="portability", details={})
    assert not Objection.objects.filter(ended_at=None).exists()


def test_what_it_is_after_all_holds_at_once(alice: Any, rita: Any) -> None:
    given = {"act": "retype", "right": "restriction", "ground": "legal_claims", "purpose": "orders", "value": ""}
    request = in_review(alice.subject)
    rita.browser().post(f"/admin/erasure/rightsrequest/{request.id}/act/", given)
    assert is_restricted(alice.subject), "what the form has for other rights is not looked at"
    other = in_review(alice.subject, "loan-2")
    casework.retype(
        request_id=other.id, reviewer=rita.account, right="objection", details={"purpose": "direct_marketing"}
    )
    assert Objection.objects.get().ended_at is None, "without a reviewer's leave (Art. 21(3))"
    requests.approve_request(request_id=other.id, reviewer=rita.account)
    other.refresh_from_db()
    assert other.state == "completed" and Objection.objects.count() == 1


def test_retyping_from_the_desk_checks_what_the_right_needs(alice: Any, rita: Any) -> None:
    request = in_review(alice.subject)
    act = f"/admin/erasure/rightsrequest/{request.id}/act/"
    rita.browser().post(act, {"act": "retype", "right": "restriction", "ground": "nonsense"})
    request.refresh_from_db()
    assert request.right == "human_review"
    browser = rita.browser(fresh=False)
    given = {"act": "retype", "right": "restriction", "ground": "legal_claims", "otp": code_for(rita.totp_secret)}
    browser.post(act, given)
    request.refresh_from_db()
    assert request.right == "restriction"


def test_what_is_being_carried_out_is_not_retyped(alice: Any, rita: Any) -> None:
    request = file(alice.subject, "access")
    with pytest.raises(WrongState):
        casework.retype(request_id=request.id, reviewer=rita.account, right="portability", details={})


def test_a_request_is_assigned_and_found_again_when_its_keeper_left(alice: Any, rita: Any) -> None:
    paul = make_staff("paul", "privacy_officer")
    request = in_review(alice.subject)
    casework.assign(request_id=request.id, to=rita.account, by=rita.account)
    page = rita.browser().get(f"/admin/erasure/rightsrequest/{request.id}/change/").content.decode()
    assert str(rita.account) in page
    queue, nobody = "/admin/erasure/rightsrequest/", "/admin/erasure/rightsrequest/?keeper=nobody"
    assert str(rita.account) in paul.browser().get(queue).content.decode()
    assert str(request.id)[:8] not in paul.browser().get(nobody).content.decode()
    rita.account.is_active = False
    rita.account.save(update_fields=["is_active"])
    assert "has left" in paul.browser().get(queue).content.decode()
    assert str(request.id)[:8] in paul.browser().get(nobody).content.decode()


def test_the_queue_flags_what_comes_near(alice: Any, rita: Any, frozen: Any) -> None:
    request = in_review(alice.subject)
    queue = "/admin/erasure/rightsrequest/"
    assert "Due soon" not in rita.browser().get(queue).content.decode()
    for before, flag in ((timedelta(days=7), "Due soon"), (timedelta(hours=20), "Last day"), (timedelta(0), "Overdue")):
        frozen.move_to(request.due_at - before)
        page = rita.browser().get(queue).content.decode()
        assert f">{flag}<" in page and f"{before.days} day" in page
