"""The two tables: consent and delivery."""

from datetime import UTC, date, datetime, timedelta

import pytest

from consent.ages import AGES, age_of_consent, age_on, may_consent_alone
from consent.states import ANSWERS, DELIVERY, DELIVERY_CLOSED, OUTCOMES, Consent, answer, as_of, move
from gdpr_portal.errors import WrongState

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)


@pytest.mark.parametrize("before", list(Consent))
@pytest.mark.parametrize(("action", "after"), [("give", "given"), ("refuse", "refused"), ("withdraw", "withdrawn")])
def test_a_person_may_always_answer_anew(before: Consent, action: str, after: str) -> None:
    assert answer(before, action) == after


def test_only_what_was_given_expires() -> None:
    assert answer("given", "expire") == "expired"
    for state in set(Consent) - {Consent.GIVEN}:
        with pytest.raises(WrongState):
            answer(state, "expire")
    assert set(ANSWERS) == {"give", "refuse", "withdraw", "expire", "confirm", "authorise"}


def test_below_the_age_giving_waits_for_the_parents_and_a_no_counts() -> None:
    assert answer("never_asked", "give", of_age=False) == "pending"
    assert answer("pending", "refuse", of_age=False) == "refused"


@pytest.mark.parametrize(
    ("expires_at", "version", "major", "state"),
    [
        (None, 1, 1, "given"),
        (NOW + timedelta(microseconds=1), 1, 1, "given"),
        (NOW, 1, 1, "expired"),
        (None, 1, 2, "outdated"),
        (None, 2, 1, "given"),
        (NOW, 1, 2, "expired"),
    ],
)
def test_the_clock_and_a_major_wording_judge_a_yes(
    expires_at: datetime | None, version: int, major: int, state: str
) -> None:
    assert as_of("given", moment=NOW, expires_at=expires_at, version=version, newest_major=major) == state


@pytest.mark.parametrize("state", ["refused", "withdrawn", "pending", "expired"])
def test_a_no_stays_a_no(state: str) -> None:
    assert as_of(state, moment=NOW, expires_at=NOW, version=1, newest_major=9) == state


def test_every_delivery_state_but_the_last_word_takes_an_acknowledgement() -> None:
    final = {"acknowledged", "refused", "failed"}
    for state in set(DELIVERY) - final:
        assert {move(state, outcome) for outcome in OUTCOMES} == final
    for state in final:
        with pytest.raises(WrongState, match="already_closed"):
            move(state, "done")
    assert final <= DELIVERY_CLOSED


def test_nothing_is_sent_that_was_sent_or_closed() -> None:
    for state in set(DELIVERY) - {"queued", "sending"}:
        with pytest.raises(WrongState):
            move(state, "claim")


@pytest.mark.parametrize(
    ("country", "age"), [("DE", 16), ("AT", 14), ("FR", 15), ("SE", 13), ("IE", 16), ("ES", 14), ("", 16), ("US", 16)]
)
def test_the_age_is_the_countrys_and_one_day_decides(country: str, age: int) -> None:
    born = date(2010, 5, 17)
    birthday = date(2010 + age, 5, 17)
    assert age_of_consent(country) == age
    assert may_consent_alone(born, country, birthday)
    assert not may_consent_alone(born, country, birthday - timedelta(days=1))


def test_ages_keep_within_article_8() -> None:
    assert all(13 <= age <= 16 for age in AGES.values())
    assert age_on(date(2008, 2, 29), date(2024, 2, 28)) == 15
    assert age_on(date(2008, 2, 29), date(2023, 3, 1)) == 15
    assert may_consent_alone(None, "DE", date(2026, 1, 1))
