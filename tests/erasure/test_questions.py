"""A person questions an access: a case with state, owner and due date; the answer stands in the portal."""

import re
import uuid
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import transaction
from django.utils import timezone

from audit import actors
from audit.services import record
from erasure.models import AccessQuestion
from erasure.services import questions
from gdpr_portal.errors import Missing
from subjects.holdings import holdings
from tests.conftest import Person

pytestmark = pytest.mark.django_db

CANARY = "Kolibri-4711"


def read_of(person: Person) -> uuid.UUID:
    with transaction.atomic():
        return record(
            "data.read", actor=actors.application("shop"), subject=person.subject.pseudonym, purpose="newsletter",
            fields=["email"], details={"application": "shop", "count": 1, "withheld": 0},
        )  # fmt: skip


def text_of(answer: Any) -> str:
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


@pytest.fixture
def event(alice: Person) -> uuid.UUID:
    return read_of(alice)


@pytest.fixture
def asked(alice: Person, event: uuid.UUID) -> AccessQuestion:
    answer = alice.browser().post(f"/activity/{event}/question", {"text": f"Why? {CANARY}"})
    assert answer.status_code == 302
    return AccessQuestion.objects.get()


def test_the_page_of_accesses_offers_the_question_and_then_shows_its_state(
    alice: Person, asked: AccessQuestion, event: uuid.UUID
) -> None:
    page = text_of(alice.browser().get("/activity"))
    assert "Waits for us" in page and "Your question" in page
    page = text_of(alice.browser().get(f"/activity/{event}/question"))
    assert CANARY in page and "Due " in page


def test_a_question_is_due_in_a_month_and_recorded_without_a_word_of_it(
    asked: AccessQuestion, audit_log: Any, alice: Person, event: uuid.UUID
) -> None:
    assert timedelta(days=27) < asked.due_at - asked.asked_at < timedelta(days=36)
    assert (asked.state, asked.owner, asked.application) == ("open", None, "shop")
    [entry] = audit_log("access.questioned")
    assert entry.subject == alice.subject.pseudonym and entry.actor == "subject"
    assert entry.details == {
        "question": str(asked.pk), "event": str(event), "due_on": asked.due_at.date().isoformat(),
    }  # fmt: skip
    assert CANARY.encode() not in bytes(asked.asked_sealed or b"")


def test_asking_twice_is_one_question(alice: Person, asked: AccessQuestion, event: uuid.UUID, audit_log: Any) -> None:
    alice.browser().post(f"/activity/{event}/question", {"text": "and again"})
    assert AccessQuestion.objects.count() == len(audit_log("access.questioned")) == 1


@pytest.mark.parametrize(("text", "status"), [("", 422), ("   ", 422), ("x" * 2001, 422), ("a\0b", 400)])
def test_words_that_do_not_fit_are_sent_back(alice: Person, event: uuid.UUID, text: str, status: int) -> None:
    assert alice.browser().post(f"/activity/{event}/question", {"text": text}).status_code == status
    assert not AccessQuestion.objects.exists()


def test_nobody_questions_or_reads_what_is_about_another(alice: Person, bob: Person, asked: AccessQuestion) -> None:
    for where in (asked.event, uuid.uuid4()):
        assert bob.browser().get(f"/activity/{where}/question").status_code == 404
        assert bob.browser().post(f"/activity/{where}/question", {"text": "why"}).status_code == 404
    assert AccessQuestion.objects.count() == 1
    with pytest.raises(Missing):
        questions.question_access(subject=bob.subject, event=asked.event, text="why")


def test_irm_takes_it_up_and_answers_and_the_person_reads_it(
    alice: Person, rita: Person, asked: AccessQuestion, audit_log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    desk, where = rita.browser(), f"/admin/erasure/accessquestion/{asked.pk}/change/"
    assert CANARY in text_of(desk.get(where))
    assert audit_log("data.revealed")[-1].details["case"] == str(asked.pk)
    desk.post(where, {"act": "take_up"})
    asked.refresh_from_db()
    assert (asked.state, asked.owner) == ("in_work", rita.account)
    assert "We are looking into it" in text_of(alice.browser().get("/activity"))
    with django_capture_on_commit_callbacks(execute=True):
        desk.post(where, {"act": "explain", "text": "It was the monthly letter.", "outcome": "lawful"})
    asked.refresh_from_db()
    assert (asked.state, asked.outcome) == ("answered", "lawful")
    page = text_of(alice.browser().get(f"/activity/{asked.event}/question"))
    assert "It was the monthly letter." in page and "The access was in order" in page
    assert "It was the monthly letter." in text_of(alice.browser().get("/activity"))
    [sent] = [each for each in mail.outbox if each.to == [alice.email]]
    assert "monthly" not in sent.body
    assert audit_log("access.explained")[0].details["outcome"] == "lawful"


def test_an_answer_needs_words_and_an_outcome_and_stands_once_given(rita: Person, asked: AccessQuestion) -> None:
    desk, where = rita.browser(), f"/admin/erasure/accessquestion/{asked.pk}/change/"
    for given in ({"text": "", "outcome": "lawful"}, {"text": "so", "outcome": ""}, {"text": "so", "outcome": "odd"}):
        desk.post(where, {"act": "explain", **given})
    asked.refresh_from_db()
    assert asked.is_open
    desk.post(where, {"act": "explain", "text": "so", "outcome": "unlawful"})
    desk.post(where, {"act": "explain", "text": "or not", "outcome": "lawful"})
    asked.refresh_from_db()
    assert asked.outcome == "unlawful" and questions.words_of(asked)[1] == "so"


def test_other_staff_have_no_business_with_it(
    quentin: Person, olga: Person, asked: AccessQuestion, audit_log: Any
) -> None:
    for person in (quentin, olga):
        answer = person.browser().get(f"/admin/erasure/accessquestion/{asked.pk}/change/")
        assert answer.status_code in {302, 403} and CANARY not in answer.content.decode()
    assert audit_log("data.revealed") == []


def test_the_desk_is_told_at_50_80_and_100_percent_once_each(
    rita: Person, asked: AccessQuestion, audit_log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    assert questions.escalate_questions() == 0
    now, period = timezone.now(), asked.due_at - asked.asked_at
    for part, mark in ((0.55, 50), (0.85, 80), (1.1, 100)):
        moved = now - period * part
        AccessQuestion.objects.update(asked_at=moved, due_at=moved + period)
        with django_capture_on_commit_callbacks(execute=True):
            assert questions.escalate_questions() == 1
        assert questions.escalate_questions() == 0
        assert audit_log("access.escalated")[-1].details["mark"] == mark
    assert [each.to for each in mail.outbox] == [[rita.email]] * 3


def test_it_is_in_the_archive_and_its_words_go_with_the_person(alice: Person, asked: AccessQuestion) -> None:
    from subjects.holdings import ExportScope

    [cases] = [holding for holding in holdings() if holding.name == "cases"]
    section = cases.export(alice.subject, ExportScope(portability=False, language="en"))
    assert CANARY in section["questions"][0]["text"]
    assert cases.residue(alice.subject, {}) == 1
    assert cases.erase(alice.subject, {}) == 1
    assert cases.residue(alice.subject, {}) == 0
    asked.refresh_from_db()
    assert asked.asked_sealed is None and questions.words_of(asked) == ("", "")
