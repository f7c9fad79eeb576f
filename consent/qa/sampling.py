"""Drawing entries of the audit log by lot: stratified by the kind of act, and the same again for the same seed.

Lot of an entry = MD5(seed + id), in hexadecimal: any order that nobody chooses does, and PostgreSQL computes this one.
Each kind of act has its share by its number (largest remainder), but at least one while there is room.
"""

import hashlib
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from django.db import connection

SEED = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_STRATA = "SELECT action, count(*) FROM audit_event WHERE at >= %s AND at < %s GROUP BY action"
_DRAW = """
SELECT d.id FROM (
    SELECT id, action, row_number() OVER (PARTITION BY action ORDER BY md5(%s || id::text), id) AS place
    FROM audit_event WHERE at >= %s AND at < %s) d
JOIN unnest(%s::text[], %s::bigint[]) AS quota (action, size) ON quota.action = d.action AND d.place <= quota.size
ORDER BY d.action, d.place
"""


def allocate(strata: Mapping[str, int], size: int) -> dict[str, int]:
    """How many of each stratum. Pure; sums to `size`, or to everything there is when that is less."""
    total = sum(strata.values())
    if total <= size:
        return dict(strata)
    ranked = sorted(strata, key=lambda name: (-strata[name], name))
    quota = dict.fromkeys(ranked[:size], 1)
    shares = {name: strata[name] * size / total for name in quota}
    while sum(quota.values()) < size:
        room = [name for name in quota if quota[name] < strata[name]]
        neediest = max(room, key=lambda name: (shares[name] - quota[name], strata[name], name))
        quota[neediest] += 1
    return quota


def draw(*, seed: str, size: int, since: datetime, until: datetime) -> tuple[list[UUID], int]:
    """The ids drawn, by kind of act and lot, and how many entries there were to draw from."""
    with connection.cursor() as cursor:
        cursor.execute(_STRATA, [since, until])
        strata = dict(cursor.fetchall())
        quota = allocate(strata, size)
        cursor.execute(_DRAW, [seed, since, until, list(quota), list(quota.values())])
        return [UUID(str(row[0])) for row in cursor.fetchall()], sum(strata.values())


def digest(drawn: Iterable[UUID]) -> str:
    """SHA-256 over the ids in their order, in hexadecimal."""
    return hashlib.sha256("\n".join(map(str, drawn)).encode()).hexdigest()
