"""The registry of what is held about people: every app hands its Holdings in, rights requests walk through all.

A Holding is export, plan, erasure and proof side by side, for the models it answers for. A law test fails for a model
field that can hold personal data and belongs to none (Art. 15(1)(b), 17(1), 20(1)).
"""

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final, Literal, TypeVar
from uuid import UUID

from django.db import connection
from django.db.models import Count, F, QuerySet, Sum, Value
from django.db.models.expressions import Combinable

from subjects.models import Subject

FEW: Final = 1000
"""So many rows of a table are kept in memory; of one with more, no row longer than it takes to write it down."""
MOST: Final = 5 * FEW
"""So many rows of a table are read of several people at once."""
BATCH: Final = 2000
HEAVY_BYTES: Final = 512 * 1024
"""Heavier rows are read one by one."""

Kept = Mapping[str, frozenset[str]]
"""{purpose: fields} that a law asks to keep (Art. 17(3)); everything else goes."""

Fate = Literal["goes", "stays", "changes"]
Made = TypeVar("Made")


@dataclass(frozen=True, eq=False)
class Own:
    """Rows an export tells of, in order; `owner` is the way from a row to its person, who stands there by their `key`.

    Told once, and from that read for one person, or for many in one statement.
    """

    rows: QuerySet[Any]
    owner: str = "subject"
    key: str = "pk"
    weight: Combinable | None = None
    """How many bytes a row has; given where few rows can be too much for memory."""

    def of(self, people: Iterable[Subject]) -> QuerySet[Any]:
        """Those of these people."""
        return self.rows.filter(**{f"{self.owner}__in": [getattr(person, self.key) for person in people]})

    def is_heavy(self, people: Iterable[Subject]) -> bool:
        """Whether the rows of these people are too much to be in memory together."""
        if self.weight is None:
            return False
        total = self.of(people).order_by().aggregate(total=Sum(self.weight))["total"]
        return bool(total and total > HEAVY_BYTES)

    def by_person(self, people: Sequence[Subject]) -> dict[Any, list[Any]] | None:
        """The same of each of them, by their key; None when they are too many to be read at once."""
        rows = list(self.of(people).annotate(whose=F(self.owner))[: MOST + 1])
        if len(rows) > MOST:
            return None
        found: dict[Any, list[Any]] = {}
        for row in rows:
            found.setdefault(row.whose, []).append(row)
        return found


class TooLongTogether(Exception):
    """A person has a table so long that nobody else's copy should wait while it is written down."""


class Together:
    """People whose copies are put together in one transaction that holds their locks.

    What is asked of one of them is read of all, by one statement; of one alone, or of anybody else, for them alone.
    """

    def __init__(self, people: Sequence[Subject] = ()) -> None:
        self.people = people
        self._among = frozenset(person.pk for person in people) if len(people) > 1 else frozenset()
        self._read: dict[Own, dict[Any, list[Any]] | None] = {}
        self._known: dict[Hashable, Any] = {}

    @property
    def keys(self) -> list[UUID]:
        """Who they are."""
        return [person.pk for person in self.people]

    def rows(self, subject: Subject, own: Own) -> list[Any]:
        """The person's rows, in order."""
        found = self._shared(subject, own)
        return list(own.of([subject])) if found is None else found

    def table(self, subject: Subject, own: Own, told: Callable[[Any], dict[str, Any]]) -> "list[dict[str, Any]] | Rows":
        """What is told of each row, in order: a list of few, `Rows` of many or of heavy ones. In a transaction, which
        holds the cursor.

        Raises TooLongTogether for many, unless the person is the only one.
        """
        people = self.people if subject.pk in self._among else [subject]
        if own.weight is not None and self.known((own, *people), lambda: own.is_heavy(people)):
            return self._long(subject, own, told, 1)
        found = self._shared(subject, own)
        first = list(own.of([subject])[: FEW + 1]) if found is None else found
        if len(first) <= FEW:
            return [told(row) for row in first]
        return self._long(subject, own, told, BATCH)

    def _long(self, subject: Subject, own: Own, told: Callable[[Any], dict[str, Any]], at_once: int) -> "Rows":
        if len(self.people) > 1:
            raise TooLongTogether
        return Rows(lambda: map(told, own.of([subject]).iterator(chunk_size=at_once)))

    def known(self, name: Hashable, make: Callable[[], Made]) -> Made:
        """What copies of one moment have in common, made once."""
        if name not in self._known:
            self._known[name] = make()
        made: Made = self._known[name]
        return made

    def _shared(self, subject: Subject, own: Own) -> list[Any] | None:
        if subject.pk not in self._among:
            return None
        if own not in self._read:
            self._read[own] = own.by_person(self.people)
        found = self._read[own]
        return None if found is None else found.get(getattr(subject, own.key), [])


@dataclass(frozen=True)
class ExportScope:
    """What an export is for. Portability (Art. 20(1)) takes only what the person provided, themselves or by their acts;
    `purposes` limits it to those on consent or contract, None takes all; `together` reads the rows."""

    portability: bool = False
    language: str = "en"
    purposes: frozenset[str] | None = None
    together: Together = field(default_factory=Together)


@dataclass(frozen=True)
class PlanLine:
    """One line of an erasure plan, in words for the person: what, its fate, on what ground and until when.

    With `lasts_as_kept` it stays as long as what a law keeps, where that is longer than `until`.
    """

    what: str
    fate: Fate
    article: str | None = None
    until: datetime | None = None
    why: str = ""
    purpose: str | None = None
    fields: tuple[str, ...] = ()
    lasts_as_kept: bool = False


@dataclass(frozen=True)
class Going:
    """Rows that are gone after an erasure, or hold `emptied` from then on; `owner` is the way from a row to its person.

    Told once, and from that counted, erased and verified, for one person or for many in one statement.
    """

    rows: QuerySet[Any]
    owner: str = "subject"
    emptied: Mapping[str, Any] | None = None

    def of(self, people: Iterable[UUID]) -> QuerySet[Any]:
        """What of these people is still there."""
        return self.rows.filter(**{f"{self.owner}__in": list(people)})

    def counted(self, people: Iterable[UUID]) -> Counter[UUID]:
        """How much of whom is still there; nobody of whom nothing is."""
        return Counter(dict(self.of(people).order_by().values_list(self.owner).annotate(Count("pk"))))

    def gone(self, people: Iterable[UUID]) -> Counter[UUID]:
        """It is gone; how much of whom was there."""
        found = self.counted(people)
        if found and self.emptied is not None:
            self.of(found).update(**self.emptied)
        elif found:
            self.of(found).delete()
        return found


class Holding(ABC):
    """What one app holds about people. `models` are labels such as `subjects.PersonalValue`.

    Whoever erases holds the locks of the people, in a transaction.
    """

    name: str
    models: frozenset[str]

    @abstractmethod
    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        """A section of the person's archive, of JSON values and long tables as `Rows`; empty when nothing is held."""

    @abstractmethod
    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        """What `erase` would do, for the person to see first."""

    @abstractmethod
    def goes(self, kept: Kept) -> Sequence[Going]:
        """All that goes of people of whom this is kept, in the order it goes; empty when everything stays."""

    def erase_all(self, people: Sequence[UUID], kept: Kept) -> Counter[UUID]:
        """All that is not kept of these people is gone; how many rows of whom were. Idempotent."""
        return sum((going.gone(people) for going in self.goes(kept)), Counter())

    def left(self, people: Sequence[UUID], kept: Kept) -> Counter[UUID]:
        """How much of whom is here still that should be gone; empty proves the erasure."""
        return sum((going.counted(people) for going in self.goes(kept)), Counter())

    def erase(self, subject: Subject, kept: Kept) -> int:
        """`erase_all` of one person."""
        return self.erase_all([subject.pk], kept)[subject.pk]

    def residue(self, subject: Subject, kept: Kept) -> int:
        """`left` of one person."""
        return self.left([subject.pk], kept)[subject.pk]


class Rows:
    """A table of any length: read anew from where it lies whenever it is gone through, never whole in memory."""

    def __init__(
        self, read: Callable[[], Iterator[dict[str, Any]]], *, seen: tuple[int, list[str]] | None = None
    ) -> None:
        self._read = read
        self._seen = seen

    def __iter__(self) -> Iterator[dict[str, Any]]:
        count, columns = 0, dict[str, None]()
        for row in self._read():
            count += 1
            if not columns.keys() >= row.keys():
                columns |= dict.fromkeys(row)
            yield row
        self._seen = count, list(columns)

    def __bool__(self) -> bool:
        return next(self._read(), None) is not None

    def seen(self) -> tuple[int, list[str]]:
        """How many rows it had when last gone through to the end, and the names of all their columns, in order."""
        if self._seen is None:
            for _row in self:
                pass
        return self._seen or (0, [])


_registry: dict[str, Holding] = {}
_WHERE_LEFT: Final = "SELECT DISTINCT place FROM ({}) AS left_over WHERE whose = ANY(%s::uuid[])"


def register(holding: Holding) -> None:
    """The holding takes part in every export and erasure from now on. A name or model belongs to one holding."""
    for other in _registry.values():
        if other.name != holding.name and other.models & holding.models:
            raise ValueError(f"{holding.name} and {other.name} both claim {sorted(other.models & holding.models)}")
    _registry[holding.name] = holding


def holdings() -> list[Holding]:
    """Every holding, in the order registered: lower floors first."""
    return list(_registry.values())


def where_left(people: Sequence[UUID], kept: Kept) -> set[str]:
    """The names of the holdings in which something of these people is that should be gone; one statement for all.

    The people are named once, around the places: PostgreSQL carries that into each.
    """
    asked = [
        going.rows.order_by().values(place=Value(each.name), whose=F(going.owner))
        for each in holdings()
        for going in each.goes(kept)
    ]
    places, given = asked[0].union(*asked[1:], all=True).query.sql_with_params()
    with connection.cursor() as cursor:
        cursor.execute(_WHERE_LEFT.format(places), [*given, list(people)])
        return {place for (place,) in cursor.fetchall()}


def holding(name: str) -> Holding:
    """The holding of that name; KeyError when there is none."""
    return _registry[name]
