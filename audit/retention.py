"""Taking whole months out of the log (Art. 5(1)(e)): the events go with their partition, the tree stays as it is.

Every proof of what remains still holds, because leaf hashes and nodes stand. What is gone is said three times: by a
row of `Retirement`, by an event `audit.retired` in the log itself, which seals exactly which entries went, and by the
verifiers. Before anything is dropped the month is verified entry by entry, and others hold a checkpoint over all of it:
a month that was tampered with cannot be disposed of quietly.
"""

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone
from psycopg import sql

from audit import actors, canonical, note, selectors, signing, witnesses
from audit.models import HeldCopy, Retirement
from audit.partitions import Partition, months_before, partitions
from audit.reading import leaf_matches, one_snapshot, stream
from audit.services import record
from audit.vocabulary import JSON
from gdpr_portal.errors import WrongState

HOLDERS = 2
"""So many different holders have a checkpoint over the month before it goes."""
LATE = timedelta(days=1)

_ENTRIES = f"""
SELECT leaf.seq, leaf.leaf_hash, {canonical.COLUMNS} FROM {{part}} e LEFT JOIN audit_leaf leaf ON leaf.event = e.id
ORDER BY leaf.seq NULLS FIRST
"""  # noqa: S608  constants and a name from the catalogue
_FIRST_LATER = """
SELECT min(leaf.seq) FROM audit_event e JOIN audit_leaf leaf ON leaf.event = e.id WHERE e.at >= %s
"""


@dataclass(frozen=True)
class Plan:
    """What would go: the runs of entries, flat, and how many they are."""

    partition: Partition
    ranges: list[int]
    count: int

    @property
    def last(self) -> int:
        return self.ranges[-1] if self.ranges else -1


def due() -> list[Partition]:
    """The months past retention, oldest first."""
    limit = months_before(timezone.now(), settings.AUDIT_RETENTION_MONTHS)
    return [each for each in partitions() if each.ends <= limit]


def plan(partition: Partition) -> Plan:
    """What would go with this month; every entry of it is verified on the way.

    Raises `WrongState`: `not_sealed`, `damaged` (the entry is named), `backdated` for entries sealed long after the
    month was over, which somebody may have dated back to be rid of them.
    """
    ranges, count = list[int](), 0
    with one_snapshot():
        later = _first_later(partition)
        for seq, leaf_hash, *columns in stream(_ENTRIES.format(part=f'"{partition.name}"')):
            _require_sound(partition, seq, leaf_hash, columns, later)
            count += 1
            if ranges and ranges[-1] == seq - 1:
                ranges[-1] = seq
            else:
                ranges += [seq, seq]
    return Plan(partition, ranges, count)


def retire(planned: Plan, *, held: Sequence[str] = ()) -> Retirement | None:
    """The month is out of the database, and the log says so; None for an empty month, of which nothing need be said.

    The owner's role alone can. Raises `WrongState("not_held")` unless two holders have a checkpoint over all of it, or
    one is handed in (`held`).
    """
    size = _held_size(planned.last + 1, held) if planned.count else 0
    with transaction.atomic():
        row = _say(planned, size) if planned.count else None
        with connection.cursor() as cursor:
            name = sql.Identifier(planned.partition.name)
            cursor.execute("SET LOCAL lock_timeout = '10s'")
            cursor.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
            cursor.execute(sql.SQL("SELECT count(*) FROM {}").format(name))
            if cursor.fetchone()[0] != planned.count:
                raise WrongState("changed_meanwhile", f"{planned.partition.label}: an event came in meanwhile.")
            cursor.execute(sql.SQL("DROP TABLE {}").format(name))
    return row


def digest_of(ranges: Iterable[int]) -> str:
    """What the event seals: SHA-256 over the ranges as text, between commas."""
    return "sha256:" + hashlib.sha256(",".join(map(str, ranges)).encode()).hexdigest()


def count_of(ranges: Sequence[int]) -> int:
    """How many entries the ranges hold."""
    return sum(last - first + 1 for first, last in zip(ranges[::2], ranges[1::2], strict=True))


class Covered:
    """Entries that may be missing, by ranges."""

    def __init__(self, ranges: Iterable[Sequence[int]] = ()) -> None:
        pairs = [pair for flat in ranges for pair in zip(flat[::2], flat[1::2], strict=False)]
        self._pairs = sorted(pairs)

    def __contains__(self, seq: int) -> bool:
        at = bisect_right(self._pairs, (seq, 2**63)) - 1
        return at >= 0 and self._pairs[at][0] <= seq <= self._pairs[at][1]


def _first_later(partition: Partition) -> int | None:
    with connection.cursor() as cursor:
        cursor.execute(_FIRST_LATER, [partition.ends + LATE])
        found = cursor.fetchone()[0]
    return None if found is None else int(found)


def _require_sound(
    partition: Partition, seq: int | None, leaf_hash: bytes, columns: Sequence[object], later: int | None
) -> None:
    if seq is None:
        raise WrongState("not_sealed", f"{partition.label}: event {columns[0]} is not sealed.")
    if not leaf_matches(columns, bytes(leaf_hash)):
        raise WrongState("damaged", f"{partition.label}: entry {seq} is not what was sealed; nothing was dropped.")
    if later is not None and seq > later:
        raise WrongState("backdated", f"{partition.label}: entry {seq} was sealed long after that month; look at it.")


def _held_size(needed: int, held: Sequence[str]) -> int:
    """The size of a checkpoint over all of it that others hold."""
    for text in held:
        size = _opened(text)
        if size >= needed:
            return size
    copies = HeldCopy.objects.filter(size__gte=needed, role__in=["irm", "qa", "witness"])
    holders = copies.order_by("holder", "size").distinct("holder").values_list("size", flat=True)
    if len(holders) >= HOLDERS:
        return min(holders)
    raise WrongState(
        "not_held",
        f"Nobody is known to hold a checkpoint over all {needed} entries: two desks take one, or hand one in.",
    )


def _opened(text: str) -> int:
    """The size of a checkpoint handed in that this log leads from; 0 for anything else."""
    head = selectors.last_checkpoint()
    try:
        kept = note.open_checkpoint(text, signing.vkeys(), verify=signing.verify())
    except note.BadNote:
        return 0
    return kept.size if head is not None and witnesses.leads_to(kept, head) else 0


def _say(planned: Plan, size: int) -> Retirement:
    digest, label = digest_of(planned.ranges), planned.partition.label
    details: dict[str, JSON] = {
        "month": label, "first": planned.ranges[0], "last": planned.last, "count": planned.count,
        "digest": digest, "size": size,
    }  # fmt: skip
    event = record("audit.retired", actor=actors.system("command"), details=details)
    return Retirement.objects.create(
        month=label, ranges=planned.ranges, digest=digest, event=event, size=size, at=timezone.now()
    )


_SAID = f"""
SELECT leaf.seq, leaf.leaf_hash, {canonical.COLUMNS} FROM (VALUES (%s::uuid)) wanted (id)
LEFT JOIN audit_event e ON e.id = wanted.id LEFT JOIN audit_leaf leaf ON leaf.event = wanted.id
"""  # noqa: S608  constants only


def founded() -> tuple[Covered, list[str]]:
    """(entries that may be missing, complaints): only what a sealed entry of the log says in the same words counts.

    The event that says so may be past retention itself; then a later one vouches for it.
    """
    good, complaints = list[list[int]](), list[str]()
    for row in Retirement.objects.order_by("-month"):
        if _is_founded(row, Covered(good)):
            good.append(row.ranges)
        else:
            complaints.append(f"{row.month} is said to be taken out, and no entry of the log says so in the same words")
    return Covered(good), complaints


def _is_founded(row: Retirement, later: Covered) -> bool:
    seq, leaf_hash, *columns = said_by(row.event)
    if len(row.ranges) % 2 or digest_of(row.ranges) != row.digest:
        return False
    if columns[0] is None:
        return seq is not None and seq in later
    if columns[2] != "audit.retired" or (seq is not None and not leaf_matches(columns, bytes(leaf_hash))):
        return False
    said = selectors.details_of(columns)
    return (said.get("month"), said.get("digest"), said.get("count")) == (
        row.month, row.digest, count_of(row.ranges),
    )  # fmt: skip


def said_by(event: UUID) -> tuple[int | None, bytes, *tuple[object, ...]]:
    """(index, leaf hash, columns) of the event that says that a month was taken out; None where there is none."""
    with connection.cursor() as cursor:
        cursor.execute(_SAID, [event])
        found: tuple[int | None, bytes, *tuple[object, ...]] = cursor.fetchone()
    return found
