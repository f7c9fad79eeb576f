"""Renewal of data keys, online: one person's, after their key may have been seen, or everybody's.

    begin    the row has a new key, and the one before sealed by it (`former`): what is sealed from now on is sealed by
             the new one, and both open
    reseal   every registered column of these owners is sealed anew, in short transactions that wait for nobody
    settle   KEPT_FOR later, when no transaction is left that could know the old key alone, all is looked through once
             more, and the former key is gone

Killed anywhere it is taken up again: a row that has a `former` is unfinished, and a cell says by opening whose it is.
An erasure in between takes both keys, because one lies in the other. Marks in the audit log are made with the data
key: whoever owns such cells registers a step of their own, which checks the old marks and records new ones (threat T6).
Blind indexes and pairwise ids come from other keys and stay.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from typing import Any, Final
from uuid import UUID

from django.db import connection, transaction
from django.db.models import F, Model, Q, QuerySet
from django.db.models.functions import Length, Now

from audit import actors
from audit import services as audit
from gdpr_portal.errors import Gone
from vault import checks, providers, services
from vault.envelope import Place, SubjectKey, Tampered
from vault.models import DataKey, Renewal
from vault.stream import reseal_stream

KEPT_FOR = timedelta(minutes=15)
"""Longer than any request, job or object in memory lives: what was read under the old key is written back within it."""
BUSY_AGAIN: Final = timedelta(minutes=1)
DAMAGED_AGAIN: Final = timedelta(hours=6)
OWNERS: Final = 50
CELLS: Final = 500
FILES: Final = 4
_ACTOR: Final = actors.system("command")
_BEGUN: Final = ("wrapped", "commitment", "master_version", "version", "created_at", "former", "former_until")
_OLDER = """
    SELECT EXISTS (SELECT FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()
                   AND backend_type = 'client backend' AND xact_start < %s)
"""

Row = Any
"""A row of the model handed in."""
Resealing = Callable[[SubjectKey, Row, bytes], bytes | None]
"""The cell sealed by the key itself, None when it is already; Tampered when neither key opens it."""


@dataclass(frozen=True)
class Pass:
    """What one look at some owners' cells did; `busy` rows were locked by others, `damaged` places open with no key."""

    done: int = 0
    busy: int = 0
    damaged: tuple[Place, ...] = ()

    def __add__(self, other: "Pass") -> "Pass":
        return Pass(self.done + other.done, self.busy + other.busy, self.damaged + other.damaged)


@dataclass(frozen=True)
class Step:
    """One step of a renewal: how many keys it was for, of how many in all, and what was found."""

    keys: int
    outstanding: int
    found: Pass


@dataclass(frozen=True)
class Column:
    """A column sealed under data keys, and how the cells of some owners are sealed anew."""

    table: str
    column: str
    step: Callable[[Sequence[UUID]], Iterator[Pass]]


@dataclass(frozen=True)
class People:
    """What the vault does not know of its owners: all owners that are one person, and the name the log has for them."""

    owners_of: Callable[[UUID], list[UUID]] = lambda person: []
    pseudonyms: Callable[[Sequence[UUID]], dict[UUID, UUID]] = lambda owners: {}


_columns: dict[tuple[str, str], Column] = {}
_people: list[People] = [People()]


# --- who takes part -------------------------------------------------------------------------------------------------
def register_cell(model: type[Model], column: str, *, owner: str, place: Callable[[Row], Place]) -> None:
    """The column holds cells of the data key whose owner this lookup names; called from `AppConfig.ready()`."""

    def reseal(key: SubjectKey, row: Row, cell: bytes) -> bytes | None:
        return key.reseal(place(row), cell)

    register_sealed(model, column, owner=owner, reseal=reseal, rows=CELLS)


def register_file(model: type[Model], column: str, *, owner: str, place: Callable[[Row], Place]) -> None:
    """The column holds whole sealed streams, one in a row."""

    def reseal(key: SubjectKey, row: Row, cell: bytes) -> bytes | None:
        return reseal_stream(key, place(row), cell)

    register_sealed(model, column, owner=owner, reseal=reseal, rows=FILES)


def register_sealed(model: type[Model], column: str, *, owner: str, reseal: Resealing, rows: int) -> None:
    """The column holds what `reseal` seals anew, so many rows in one transaction."""
    register_step(model, column, partial(_resealed, model, column, owner, reseal, rows))


def register_step(model: type[Model], column: str, step: Callable[[Sequence[UUID]], Iterator[Pass]]) -> None:
    """The column is sealed anew by `step`: for these owners, as often as asked, in transactions of its own."""
    _columns[model._meta.db_table, column] = Column(model._meta.db_table, column, step)


def register_people(people: People) -> None:
    """Somebody knows whose the owners are."""
    _people[:] = [people]


def columns() -> set[tuple[str, str]]:
    """Table and column of everything that is sealed under data keys."""
    return set(_columns)


def owners_of(person: UUID) -> list[UUID]:
    """The owners of the keys of this person (by the audit pseudonym), or the owner itself. Gone("erased") when none."""
    named = [*_people[0].owners_of(person), person]
    found = list(DataKey.objects.filter(owner__in=named).order_by("owner").values_list("owner", flat=True))
    if not found:
        raise Gone("erased", "There is no data key of this id.")
    return found


# --- begin ----------------------------------------------------------------------------------------------------------
def begin(owners: Sequence[UUID]) -> list[UUID]:
    """Each has a new key that opens what the old one has sealed; returns whose.

    Left out are those whose renewal is under way already, and keys that do not open: the log has `crypto.tamper`.
    """
    ring = providers.keyring()
    checks.check(ring, writing=True)
    version = ring.current("master")
    begun, damaged = [], []
    with transaction.atomic():
        for row in DataKey.objects.select_for_update().filter(owner__in=owners, former=None).order_by("owner"):
            try:
                held = services.opened(row.owner, bytes(row.wrapped), row.master_version, bytes(row.commitment))
            except Tampered as error:
                damaged.append(error.place)
                continue
            fresh = held.successor()
            row.wrapped, row.commitment = fresh.wrapped(ring.key("master", version), version)
            row.master_version, row.version, row.former = version, row.version + 1, fresh.sealed_former()
            row.created_at, row.former_until = Now(), Now() + KEPT_FOR
            begun.append(row)
        DataKey.objects.bulk_update(begun, _BEGUN)
        _record("key.created", {row.owner: row.version for row in begun})
    for place in filter(None, damaged):
        services.report_tamper(place, reason="rotation")
    return [row.owner for row in begun]


# --- reseal ---------------------------------------------------------------------------------------------------------
def reseal(owners: Sequence[UUID], *, pause_seconds: float = 0.0) -> Pass:
    """What lies under the owners' former keys is sealed by the new ones, but for what is locked or damaged."""
    found = Pass()
    try:
        for column in _columns.values():
            for step in column.step(owners):
                found += step
                time.sleep(pause_seconds)
    except Tampered as error:  # a key, not a cell: the others go on without it
        if len(owners) == 1:
            return Pass(damaged=(error.place,)) if error.place else Pass(busy=1)
        return sum((reseal([owner], pause_seconds=pause_seconds) for owner in owners), found)
    return found


def _resealed(
    model: type[Model], column: str, owner: str, reseal: Resealing, size: int, owners: Sequence[UUID]
) -> Iterator[Pass]:
    rows = model._base_manager.annotate(key_owner=F(owner), cell_bytes=Length(column))
    rows = rows.filter(key_owner__in=owners, cell_bytes__gt=0).order_by("pk")
    page: list[Row] = list(rows[:size])
    while page:
        yield _page(rows, column, reseal, page)
        page = list(rows.filter(pk__gt=page[-1].pk)[:size])


def _page(rows: Any, column: str, reseal: Resealing, page: list[Row]) -> Pass:
    """Nothing is locked for what is done already, and nobody is waited for: no deadlock with anybody."""
    old = [row.pk for row in page if not _is_new(reseal, _keys(page), row, column)]
    if not old:
        return Pass()
    damaged: list[Place] = []
    with transaction.atomic():
        locked: list[Row] = list(rows.filter(pk__in=old).select_for_update(of=("self",), skip_locked=True))
        keys, changed = _keys(locked), []  # read behind the locks: an erasure that was here before has left other keys
        for row in locked:
            try:
                fresh = _fresh(reseal, keys, row, column)
            except Tampered as error:
                damaged.append(error.place or Place(row._meta.db_table, column, ""))
                continue
            if fresh is not None:
                setattr(row, column, fresh)
                changed.append(row)
        rows.model._base_manager.bulk_update(changed, [column])
    return Pass(len(changed), len(old) - len(locked), tuple(damaged))


def _keys(page: Sequence[Row]) -> dict[UUID, SubjectKey]:
    return services.subject_keys({row.key_owner for row in page})


def _is_new(reseal: Resealing, keys: dict[UUID, SubjectKey], row: Row, column: str) -> bool:
    try:
        return _fresh(reseal, keys, row, column) is None
    except Tampered:
        return False


def _fresh(reseal: Resealing, keys: dict[UUID, SubjectKey], row: Row, column: str) -> bytes | None:
    key = keys.get(row.key_owner)
    return None if key is None else reseal(key, row, bytes(getattr(row, column)))


# --- settle ---------------------------------------------------------------------------------------------------------
def settle(*, seconds: float = 30.0) -> int:
    """Former keys whose time is over are gone, once nothing lies under them; how many. For the sweep, and idempotent.

    Where cells open with neither key, the log has `crypto.tamper` and the former key stays: a cell out of a backup may
    need it. It is looked at again six hours later.
    """
    gone, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        due = DataKey.objects.filter(former__isnull=False, former_until__lte=Now()).order_by("former_until")
        rows = {row.owner: row for row in due[:OWNERS]}
        if not rows or _older_than(max(row.former_until for row in rows.values() if row.former_until)):
            break
        found = reseal(list(rows))
        if not found.busy and not found.damaged:
            gone += _drop(rows)
        elif len(rows) > 1:
            gone += sum(_settle_one(row) for row in rows.values())
        else:
            _later(next(iter(rows.values())), found)
    return gone


def _settle_one(row: DataKey) -> int:
    found = reseal([row.owner])
    if found.busy or found.damaged:
        _later(row, found)
        return 0
    return _drop({row.owner: row})


def _drop(rows: dict[UUID, DataKey]) -> int:
    """A row that was renewed or replaced meanwhile has another version or no former key, and is left alone."""
    dropped = {}
    with transaction.atomic():
        for owner, row in rows.items():
            same = DataKey.objects.filter(owner=owner, version=row.version, commitment=row.commitment)
            if same.filter(former__isnull=False).update(former=None, former_until=None):
                dropped[owner] = row.version - 1
        _record("key.retired", dropped)
    return len(dropped)


def _later(row: DataKey, found: Pass) -> None:
    again = DAMAGED_AGAIN if found.damaged else BUSY_AGAIN
    DataKey.objects.filter(owner=row.owner, former__isnull=False).update(former_until=Now() + again)
    for place in found.damaged:
        services.report_tamper(place, reason="rotation")


def _older_than(moment: datetime) -> bool:
    """Whether a transaction that began before is still open: it may hold the old key and write with it."""
    with connection.cursor() as cursor:
        cursor.execute(_OLDER, [moment])
        return bool(cursor.fetchone()[0])


# --- one person, everybody ------------------------------------------------------------------------------------------
def renew_person(person: UUID, pause_seconds: float = 0.0) -> Iterator[Step]:
    """The person's keys (`owners_of`) have successors and their cells lie under those. Once more goes on, not round."""
    owners = owners_of(person)
    begin(owners)
    yield Step(len(owners), len(owners), reseal(owners, pause_seconds=pause_seconds))


def renew_all(pause_seconds: float = 0.0) -> Iterator[Step]:
    """Every key made before now has a successor, and its cells lie under that; by batches of `OWNERS`.

    Killed half-way, the next call goes on with the same renewal.
    """
    renewal, _ = Renewal.objects.get_or_create(finished_at=None, defaults={"started_at": Now()})
    renewal.refresh_from_db()
    left, after, total = outstanding(), UUID(int=0), 0
    while batch := list(_old(renewal).filter(owner__gt=after).values_list("owner", flat=True)[:OWNERS]):
        after, total = batch[-1], total + len(batch)
        begin(batch)
        yield Step(len(batch), left, reseal(batch, pause_seconds=pause_seconds))
    with transaction.atomic():
        Renewal.objects.filter(pk=renewal.pk).update(finished_at=Now())
        audit.record("key.rotated", actor=_ACTOR, details={"kind": "data_key", "rows": total})


def outstanding() -> int:
    """How many keys the renewal of all that is under way still looks at; 0 when none is."""
    renewal = Renewal.objects.filter(finished_at=None).first()
    return 0 if renewal is None else _old(renewal).count()


def _old(renewal: Renewal) -> QuerySet[DataKey]:
    """The keys to renew, and those whose renewal has begun: what was killed behind `begin` is done again."""
    return DataKey.objects.filter(Q(created_at__lt=renewal.started_at) | Q(former__isnull=False)).order_by("owner")


def former_keys() -> int:
    """How many keys before a renewal are still kept."""
    return DataKey.objects.filter(former__isnull=False).count()


def _record(action: str, versions: dict[UUID, int]) -> None:
    names = _people[0].pseudonyms(list(versions))
    audit.record_many(
        [
            audit.Entry(
                action=action, actor=_ACTOR, subject=names.get(owner),
                details={"kind": "data_key", "version": version},
            )
            for owner, version in versions.items()
        ]
    )  # fmt: skip
