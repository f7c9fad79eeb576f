"""What becomes of a rights request, written from api.md and law.md without a look at `erasure`; it imports none of it.

Deadlines are computed anew: days of the month by a table, Easter by the anonymous Gregorian algorithm (Meeus), the
holidays of Berlin by law (Feiertagsgesetz Berlin, section 1).
"""

from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

BERLIN = ZoneInfo("Europe/Berlin")
VERIFICATION = timedelta(days=7)
TRIES = 5
ENDED = frozenset({"completed", "refused", "withdrawn", "expired_unverified"})
ANSWERED_WELL = frozenset({"done", "nothing_held", "by_hand"})


class NotPossibleError(Exception):
    """The service has to refuse this."""


# --- the calendar ----------------------------------------------------------------------------------------------------
def easter(year: int) -> date:
    """Easter Sunday."""
    a, b, c = year % 19, year // 100, year % 100
    d, e = divmod(b, 4)
    f = (b + 8) // 25
    g = (b - f + 1) // 3
    h = (19 * a + b - d - g + 15) % 30
    i, k = divmod(c, 4)
    m = (32 + 2 * e + 2 * i - h - k) % 7
    n = (a + 11 * h + 22 * m) // 451
    month, day = divmod(h + m - 7 * n + 114, 31)
    return date(year, month, day + 1)


def is_working_day(day: date) -> bool:
    """Neither weekend nor a holiday in Berlin."""
    sunday = easter(day.year)
    moving = {sunday + timedelta(days=days) for days in (-2, 1, 39, 50)}
    fixed = {(1, 1), (3, 8), (5, 1), (10, 3), (12, 25), (12, 26)}
    return day.weekday() < 5 and day not in moving and (day.month, day.day) not in fixed


def due(received: datetime, months: int) -> datetime:
    """The last second of the period (Regulation 1182/71, Art. 3(2)(c) and (4))."""
    begun = received.astimezone(BERLIN).date()
    year, month = divmod(begun.year * 12 + begun.month - 1 + months, 12)
    leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
    lengths = (31, 29 if leap else 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
    day = date(year, month + 1, min(begun.day, lengths[month]))
    while not is_working_day(day):
        day = date.fromordinal(day.toordinal() + 1)
    return datetime.combine(day, time(23, 59, 59), tzinfo=BERLIN).astimezone(UTC)


# --- one request -----------------------------------------------------------------------------------------------------
@dataclass
class Life:
    """One request as it should be. `window` is the undo window of an erasure."""

    right: str
    received: datetime
    window: timedelta = timedelta(0)
    state: str = "received"
    begun: bool = False
    starts: datetime | None = None
    expires: datetime | None = None
    tries: int = 0
    extended: bool = False
    asked: datetime | None = None
    stops: bool = False
    stood: timedelta = timedelta(0)
    outside: dict[str, str] = field(default_factory=dict)
    """Who was told and what they answered: empty while they have not."""

    @property
    def is_open(self) -> bool:
        """Whether it has not ended."""
        return self.state not in ENDED

    @property
    def due(self) -> datetime:
        """When an answer is owed."""
        return due(self.received, 3 if self.extended else 1) + self.stood

    def filed(self, now: datetime, *, verified: bool) -> None:
        """It came in, or came in again."""
        if self.state not in {"received", "verifying"}:
            return
        if not verified:
            self.state, self.tries, self.expires = "verifying", 0, now + VERIFICATION
        else:
            self._goes_on(now)

    def _goes_on(self, now: datetime) -> None:
        if self.right == "human_review":
            self.state = "in_review"
            return
        self.state, self.starts = "in_progress", now + self.window
        self.begun = self.right != "erasure"

    def code_given(self, now: datetime, *, right: bool) -> None:
        """A code was tried."""
        if self.state != "verifying":
            raise NotPossibleError
        if not right or self.tries >= TRIES or (self.expires or now) <= now:
            self.tries += 1
            raise NotPossibleError
        self._goes_on(now)

    def withdrawn(self) -> None:
        """The person wants it no more."""
        if self.state == "withdrawn":
            return
        if not self.is_open or self.begun:
            raise NotPossibleError
        self.state = "withdrawn"

    def extends(self, now: datetime) -> None:
        """Two months more (Art. 12(3))."""
        if not self.is_open or self.extended or now > self.due:
            raise NotPossibleError
        self.extended = True

    def asks(self, now: datetime) -> None:
        """The person is asked."""
        if not self.is_open or self.asked is not None:
            raise NotPossibleError
        self.asked, self.stops = now, now <= self.due

    def answers(self, now: datetime) -> None:
        """The person wrote; or the question was taken back."""
        if not self.is_open:
            raise NotPossibleError
        if self.asked is not None and self.stops:
            self.stood += now - self.asked
        self.asked = None

    def decided(self, *, approved: bool) -> None:
        """A reviewer decided."""
        if self.state != "in_review":
            raise NotPossibleError
        self.state = "completed" if approved else "refused"

    def erasure_ended(self) -> None:
        """The person's erasure is complete: nobody can read any more what waited for a reviewer."""
        if self.state == "in_review":
            self.state = "completed"

    def worker_came(self, now: datetime, *, held: bool) -> None:
        """What time alone brings about; a hold stands against destruction only."""
        if self.state == "verifying" and self.expires is not None and self.expires <= now:
            self.state = "expired_unverified"
        if self.state == "in_progress" and self.starts is not None and self.starts <= now and not held:
            self.begun = True

    def may_complete(self) -> bool:
        """Whether everybody outside has answered well."""
        return self.begun and all(each in ANSWERED_WELL for each in self.outside.values())
