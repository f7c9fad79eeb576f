"""The statutory clock keeps the vectors of Regulation 1182/71 (law.md R16, R17)."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from erasure.deadlines import MONTHS_EXTENDED, calendar, deadline, internal_due

BERLIN = ZoneInfo("Europe/Berlin")
NO_HOLIDAYS: frozenset[date] = frozenset()


@pytest.mark.parametrize(
    ("received", "raw", "due"),
    [
        ("2018-09-03", "2018-10-03", "2018-10-03"),
        ("2023-01-30", "2023-02-28", "2023-02-28"),
        ("2024-01-31", "2024-02-29", "2024-02-29"),
        ("2023-08-31", "2023-09-30", "2023-10-02"),
        ("2026-11-23", "2026-12-23", "2026-12-23"),
    ],
)
def test_the_month_ends_as_the_regulation_says(received: str, raw: str, due: str) -> None:
    moment = datetime.fromisoformat(f"{received}T10:00:00+02:00")
    found = deadline(moment, zone=BERLIN, holidays=NO_HOLIDAYS)
    assert (found.raw.isoformat(), found.due.isoformat()) == (raw, due)


def test_a_holiday_moves_the_due_day_and_is_named() -> None:
    received = datetime(2018, 9, 3, 8, tzinfo=UTC)
    found = deadline(received, zone=BERLIN, holidays=calendar("DE"))
    assert found.due == date(2018, 10, 4)
    assert "public holiday" in found.because()


def test_a_weekend_is_explained_in_a_sentence() -> None:
    found = deadline(datetime(2023, 8, 31, 8, tzinfo=UTC), zone=BERLIN, holidays=NO_HOLIDAYS)
    assert found.because() == "Due 2 October 2023 because 30 September 2023 is a Saturday."


def test_the_day_of_receipt_is_the_controllers_day() -> None:
    late_in_berlin = datetime(2026, 11, 23, 22, 59, tzinfo=UTC)
    next_day_in_berlin = datetime(2026, 11, 23, 23, 0, tzinfo=UTC)
    assert deadline(late_in_berlin, zone=BERLIN, holidays=NO_HOLIDAYS).due == date(2026, 12, 23)
    assert deadline(next_day_in_berlin, zone=BERLIN, holidays=NO_HOLIDAYS).due == date(2026, 12, 24)


def test_due_is_the_last_second_of_the_day_there() -> None:
    found = deadline(datetime(2026, 5, 11, 8, tzinfo=UTC), zone=BERLIN, holidays=NO_HOLIDAYS)
    assert found.due_at == datetime(2026, 6, 11, 21, 59, 59, tzinfo=UTC)


def test_an_extension_counts_from_the_same_receipt() -> None:
    received = datetime(2026, 1, 31, 8, tzinfo=UTC)
    extended = deadline(received, zone=BERLIN, holidays=NO_HOLIDAYS, months=MONTHS_EXTENDED)
    assert extended.due == date(2026, 4, 30)


def test_the_sentence_of_an_extended_date_does_not_say_one_month() -> None:
    received = datetime(2026, 11, 16, 8, tzinfo=UTC)
    usual = deadline(received, zone=BERLIN, holidays=NO_HOLIDAYS)
    extended = deadline(received, zone=BERLIN, holidays=NO_HOLIDAYS, months=MONTHS_EXTENDED)
    assert usual.because() == "Due 16 December 2026, one calendar month after receipt."
    assert extended.because() == "Due 16 February 2027, three calendar months after receipt."


def test_the_internal_date_is_days_of_the_calendar_before_and_never_before_receipt() -> None:
    due = datetime(2026, 10, 27, 22, 59, 59, tzinfo=UTC)  # 23:59:59 in Berlin, two days after summer time ended
    received = due - timedelta(days=31)
    assert internal_due(received, due, days=7, zone=BERLIN) == datetime(2026, 10, 20, 21, 59, 59, tzinfo=UTC)
    assert internal_due(received, due, days=0, zone=BERLIN) == internal_due(received, due, days=-3, zone=BERLIN) == due
    assert internal_due(received, due, days=40, zone=BERLIN) == received
