"""Giving, refusing and withdrawing: what stands, what is proven, who is told. Art. 7, 8, 9(2)(a)."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from dateutil.relativedelta import relativedelta
from django.db import connection, transaction
from django.db.utils import ProgrammingError

from access.services.applications import set_endpoint
from consent.models import ConsentEvent, Delivery, Objection, Standing
from consent.services.consents import expire_due, record_consent
from consent.services.decisions import decide_for
from consent.services.objections import end_objection, object_to
from consent.services.standing import standing_of, state_of
from gdpr_portal.errors import DomainError, WrongState
from subjects.models import Subject
from subjects.services import register_subject
from tests.conftest import NOW
from tests.consent.people import answer, share, wording

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def decided(subject: Subject, purpose: str = "newsletter", **more: Any) -> str:
    return decide_for(application=None, subject=subject, purpose=purpose, **more).code


def test_a_yes_is_bound_to_the_exact_text_and_recorded(alice: Any, audit_log: Callable[..., list[Any]]) -> None:
    event = answer(alice.subject, "give")

    seen = wording()
    assert (event.notice_version, event.notice_digest, event.notice_language) == (1, seen.digest, "en")
    assert (event.state, event.channel, event.actor) == ("given", "portal", "subject")
    assert decided(alice.subject) == "allowed"
    entry = audit_log("consent.given")[-1]
    assert entry.subject == alice.subject.pseudonym
    assert entry.details["notice_digest"] == seen.digest


def test_a_repeated_yes_writes_nothing(alice: Any) -> None:
    assert answer(alice.subject, "give") == answer(alice.subject, "give")
    assert ConsentEvent.objects.count() == 1


@pytest.mark.parametrize("change", [{"version": 2}, {"digest": "sha256:" + "0" * 64}, {"language": "de"}])
def test_another_wording_is_refused_and_nothing_stands(alice: Any, change: dict[str, Any]) -> None:
    from dataclasses import replace

    for notice in (replace(wording(), **change), None):
        with pytest.raises(WrongState, match="notice_outdated"):
            answer(alice.subject, "give", notice=notice)
    assert not ConsentEvent.objects.exists()
    assert state_of(alice.subject, "newsletter") == "never_asked"


@pytest.mark.parametrize(
    ("purpose", "action", "code", "status"),
    [
        ("nothing", "give", "unknown_purpose", 404),
        ("profiling", "give", "purpose_not_approved", 403),
        ("profiling", "withdraw", "purpose_not_approved", 403),
        ("orders", "give", "not_consent_based", 409),
        ("orders", "withdraw", "not_consent_based", 409),
        ("health_programme", "give", "explicit_consent_required", 422),
    ],
)
def test_what_cannot_be_answered_says_why(alice: Any, purpose: str, action: str, code: str, status: int) -> None:
    live = purpose == "health_programme"
    notice = wording(purpose if live else "newsletter")
    with pytest.raises(DomainError) as refused:
        record_consent(
            subject=alice.subject, purpose=purpose, action=action, notice=notice, channel="web", actor="subject"
        )
    assert (refused.value.code, refused.value.status) == (code, status)
    assert not ConsentEvent.objects.exists()


def test_special_categories_take_an_explicit_yes(alice: Any) -> None:
    event = answer(alice.subject, "give", "health_programme", explicit=True)
    assert event.explicit
    assert decided(alice.subject, "health_programme") == "allowed"


def test_a_withdrawal_counts_at_once_and_history_keeps_both(alice: Any, audit_log: Callable[..., list[Any]]) -> None:
    answer(alice.subject, "give")
    assert decided(alice.subject) == "allowed"

    answer(alice.subject, "withdraw")

    assert decided(alice.subject) == "consent_withdrawn"
    assert [event.action for event in ConsentEvent.objects.order_by("seq")] == ["give", "withdraw"]
    assert len(audit_log("consent.withdrawn")) == 1


def test_a_second_withdrawal_changes_nothing(alice: Any) -> None:
    answer(alice.subject, "give")
    first = answer(alice.subject, "withdraw")
    queued = Delivery.objects.count()
    assert answer(alice.subject, "withdraw") == first
    assert (ConsentEvent.objects.count(), Delivery.objects.count()) == (2, queued)


def test_a_withdrawal_switches_sharing_off_and_tells_everybody(alice: Any, shop: Any, acme: Any) -> None:
    set_endpoint(application=shop, url="https://shop.example/hook")
    answer(alice.subject, "give")
    share(alice.subject, True)
    assert decided(alice.subject, recipient="acme") == "allowed"

    answer(alice.subject, "withdraw")

    assert state_of(alice.subject, "newsletter", "acme") == "withdrawn"
    told = Delivery.objects.order_by("created_at").values_list("application__slug", "type")
    assert list(told) == [("acme", "sharing.started"), ("acme", "sharing.stopped"), ("shop", "consent.withdrawn")]


def test_one_yes_says_nothing_about_another_purpose(alice: Any) -> None:
    answer(alice.subject, "give")
    assert decided(alice.subject, "health_programme") == "consent_missing"


def sixteen(in_days: int) -> date:
    """The date of birth of somebody who turns 16 that many days after NOW."""
    day = (NOW + timedelta(days=in_days)).date()
    return day - relativedelta(years=16)


@pytest.mark.parametrize(("in_days", "state"), [(0, "given"), (1, "pending")])
def test_below_the_age_of_consent_a_yes_waits(shop: Any, frozen: Any, in_days: int, state: str) -> None:
    child, _ = register_subject(
        application=shop, identifiers={"email": "kid@example.org"}, country="DE", birth_date=sixteen(in_days)
    )
    assert answer(child, "give").state == state
    assert decided(child) == ("allowed" if state == "given" else "consent_pending")


def test_who_comes_of_age_can_say_yes_alone(shop: Any, frozen: Any) -> None:
    child, _ = register_subject(
        application=shop, identifiers={"email": "kid@example.org"}, country="DE", birth_date=sixteen(1)
    )
    assert answer(child, "give").state == "pending"
    frozen.shift(timedelta(days=2))
    assert answer(child, "give").state == "given"


def test_consent_ends_with_its_validity_before_any_sweep(alice: Any, frozen: Any) -> None:
    event = answer(alice.subject, "give")
    share(alice.subject, True)
    assert event.expires_at == event.at + timedelta(days=730)
    frozen.move_to(event.expires_at)

    assert decided(alice.subject) == "consent_expired"
    assert expire_due() == 1
    assert expire_due() == 0

    assert state_of(alice.subject, "newsletter") == "expired"
    assert state_of(alice.subject, "newsletter", "acme") == "withdrawn"
    assert Delivery.objects.filter(type="sharing.stopped").count() == 1
    frozen.shift(1)
    assert answer(alice.subject, "give").state == "given"


def test_standing_tells_any_past_moment(alice: Any, frozen: Any) -> None:
    start = NOW
    for hours, action in [(1, "give"), (2, "withdraw"), (3, "give")]:
        frozen.move_to(start + timedelta(hours=hours))
        answer(alice.subject, action)

    def at(moment: datetime | None) -> str:
        lines = standing_of(alice.subject, moment)
        return next((line.state for line in lines if line.purpose == "newsletter"), "")

    assert at(start + timedelta(hours=1)) == "given"
    assert at(start + timedelta(hours=2) - timedelta(microseconds=1)) == "given"
    assert at(start + timedelta(hours=2)) == "withdrawn"
    assert at(None) == "given"
    assert at(start + timedelta(minutes=1)) == "never_asked"


def test_a_late_answer_changes_history_and_not_what_stands(alice: Any, frozen: Any) -> None:
    frozen.shift(timedelta(days=2))
    answer(alice.subject, "withdraw")
    past = NOW + timedelta(days=1)

    answer(alice.subject, "give", at=past)

    assert state_of(alice.subject, "newsletter") == "withdrawn"
    lines = {line.purpose: line.state for line in standing_of(alice.subject, past)}
    assert lines["newsletter"] == "given"
    with pytest.raises(DomainError):
        answer(alice.subject, "give", at=datetime(2027, 1, 1, tzinfo=UTC))


def test_events_cannot_be_changed_deleted_or_emptied(alice: Any) -> None:
    event = answer(alice.subject, "give")
    connection.cursor().execute("SET CONSTRAINTS ALL IMMEDIATE")  # else PostgreSQL itself refuses to TRUNCATE
    for act in (
        lambda: ConsentEvent.objects.filter(pk=event.pk).update(state="refused"),
        lambda: ConsentEvent.objects.filter(pk=event.pk).delete(),
        lambda: connection.cursor().execute("TRUNCATE consent_consentevent"),
    ):
        with pytest.raises(ProgrammingError, match="append-only"), transaction.atomic():
            act()
    assert ConsentEvent.objects.get().state == "given"


def test_the_proof_of_an_erased_person_ends_after_its_time(alice: Any, frozen: Any) -> None:
    from consent.services.consents import end_proofs

    answer(alice.subject, "give")
    now = NOW
    Subject.objects.filter(pk=alice.subject.pk).update(erased_at=now)
    frozen.move_to(now + timedelta(days=3 * 365))
    assert end_proofs() == 0
    frozen.shift(1)
    assert end_proofs() == 2  # the answer, and that the shop knew her


def test_an_objection_to_marketing_counts_at_once_and_is_not_overruled(
    alice: Any, audit_log: Callable[..., list[Any]]
) -> None:
    assert decided(alice.subject, "direct_marketing") == "allowed"
    first = object_to(subject=alice.subject, purpose="direct_marketing", actor="subject")
    assert object_to(subject=alice.subject, purpose="direct_marketing", actor="subject") == first

    assert decided(alice.subject, "direct_marketing") == "objected"
    assert len(audit_log("objection.raised")) == 1
    with pytest.raises(WrongState, match="objection_stands"):
        end_objection(subject=alice.subject, purpose="direct_marketing", actor="staff:x", outcome="rejected")


def test_another_objection_ends_by_decision(alice: Any) -> None:
    object_to(subject=alice.subject, purpose="fraud_prevention", actor="subject")
    assert decided(alice.subject, "fraud_prevention") == "objected"
    assert end_objection(subject=alice.subject, purpose="fraud_prevention", actor="staff:x", outcome="rejected")
    assert decided(alice.subject, "fraud_prevention") == "allowed"
    assert Objection.objects.get().ended_at is not None
    assert not end_objection(subject=alice.subject, purpose="fraud_prevention", actor="staff:x", outcome="rejected")


def test_the_erased_answer_no_more(alice: Any) -> None:
    Subject.objects.filter(pk=alice.subject.pk).update(erased_at=datetime(2026, 1, 1, tzinfo=UTC))
    for act in (lambda: answer(alice.subject, "give"), lambda: share(alice.subject, False)):
        with pytest.raises(DomainError, match="erased"):
            act()
    assert not Standing.objects.exists()
