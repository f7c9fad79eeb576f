"""What a database would change by itself when a row is deleted or masked: `CASCADE`, `SET NULL`, `SET DEFAULT`.

Children that a link of the dataset leads to are looked at by the engine, which knows whose they are. Of all others
nobody knows, so a row that such a child refers to is not deleted: the run fails, as it does under `RESTRICT`.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from erasure.connectors.changes import Work
from erasure.connectors.report import RunFailed, problem
from erasure.connectors.schema import Name, Table
from erasure.connectors.sql import Database, among, chunks
from erasure.connectors.values import same_all
from erasure.connectors.walk import Place, Walk

POSTGRESQL = """
SELECT n.nspname, c.relname, k.oid::text, a.attname, b.attname
FROM pg_catalog.pg_constraint k
JOIN pg_catalog.pg_class c ON c.oid = k.conrelid
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
CROSS JOIN LATERAL unnest(k.conkey, k.confkey) WITH ORDINALITY AS pair (child, parent, at)
JOIN pg_catalog.pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = pair.child
JOIN pg_catalog.pg_attribute b ON b.attrelid = k.confrelid AND b.attnum = pair.parent
WHERE k.contype = 'f' AND k.conf{short}type IN ('c', 'n', 'd') AND k.confrelid = to_regclass(%(shown)s)
ORDER BY k.oid, pair.at
"""
MYSQL = """
SELECT k.table_schema, k.table_name, k.constraint_name, k.column_name, k.referenced_column_name
FROM information_schema.referential_constraints r
JOIN information_schema.key_column_usage k ON k.constraint_schema = r.constraint_schema
  AND k.constraint_name = r.constraint_name AND k.table_name = r.table_name
WHERE r.{rule}_rule IN ('CASCADE', 'SET NULL', 'SET DEFAULT') AND r.referenced_table_name = %(name)s
  AND r.unique_constraint_schema = COALESCE(%(schema)s, DATABASE())
ORDER BY 1, 2, 3, k.ordinal_position
"""
SQLITE = """
SELECT NULL, m.name, CAST(f.id AS TEXT), f."from", COALESCE(f."to", (
  SELECT p.name FROM pragma_table_info(:name) p WHERE p.pk = f.seq + 1))
FROM sqlite_master m JOIN pragma_foreign_key_list(m.name) f
WHERE m.type = 'table' AND lower(f."table") = lower(:name) AND f.on_{rule} IN ('CASCADE', 'SET NULL', 'SET DEFAULT')
ORDER BY m.name, f.id, f.seq
"""
QUESTIONS = {"postgresql": POSTGRESQL, "mysql": MYSQL, "mariadb": MYSQL, "sqlite": SQLITE}


@dataclass(frozen=True)
class Cascade:
    """A foreign key whose rows the database changes when what they refer to goes; `pairs` of columns, child first."""

    child: Name
    pairs: tuple[tuple[str, str], ...]


def require_no_cascade(works: Sequence[Work], walk: Walk) -> None:
    """Deleting changes no row that the engine does not know; RunFailed("constraint_violated") names the table."""
    for work in works:
        for cascade in _cascades(work.place.database, work.place.table) if work.delete else ():
            if not _is_linked(cascade, work.place, walk) and _hits(cascade, work, works):
                more = f"Rows of {cascade.child[1]} would go or change with it, and the dataset does not lead to them."
                raise RunFailed([problem(work.place.address, "constraint_violated", more)])


def followers(database: Database, table: Table, columns: Iterable[str]) -> Iterator[str]:
    """The tables whose rows the database changes when one of these columns is masked (`ON UPDATE`)."""
    masked = set(columns)
    for cascade in _cascades(database, table, "update"):
        if masked & {parent for _child, parent in cascade.pairs}:
            yield cascade.child[1]


def _cascades(database: Database, table: Table, rule: str = "delete") -> Iterator[Cascade]:
    question = QUESTIONS.get(database.connection.dialect.name)
    if question is None:
        return
    question = question.format(rule=rule, short=rule[:3])
    shown = database.connection.dialect.identifier_preparer.format_table(table.clause)
    given = {"name": table.name[1], "schema": table.name[0], "shown": shown}
    found: dict[tuple[Name, str], list[tuple[str, str]]] = defaultdict(list)
    for schema, name, key, child, parent in database.asked(table, question, given):
        found[(schema, name), key].append((child, parent))
    for (child_table, _key), pairs in found.items():
        yield Cascade(child_table, tuple(pairs))


def _is_linked(cascade: Cascade, parent: Place, walk: Walk) -> bool:
    columns = {child for child, _parent in cascade.pairs}
    for link in walk.graph.from_parent(parent.address):
        child = walk.places.get(link.child)
        if child is not None and _is_table(cascade.child, child, parent) and columns == set(link.child_fields):
            return True
    return False


def _is_table(name: Name, place: Place, beside: Place) -> bool:
    return (
        place.database is beside.database and place.table.name[1] == name[1] and place.table.name[0] in {None, name[0]}
    )


def _hits(cascade: Cascade, work: Work, works: Iterable[Work]) -> bool:
    """Whether rows that stay refer to rows that go."""
    schema, name = cascade.child
    known = next((each for each in works if each.delete and _is_table(cascade.child, each.place, work.place)), None)
    key = known.place.table.key if known else ()
    columns: list[sa.ColumnClause[Any]] = [
        sa.column(each) for each in dict.fromkeys([*key, *(child for child, _parent in cascade.pairs)])
    ]
    child: Any = sa.table(name, *columns, schema=schema).alias("child")
    parent = work.place.table
    joined = sa.and_(*(child.c[mine] == parent.column(theirs) for mine, theirs in cascade.pairs))
    told = sa.select(*(child.c[each] for each in key)) if key else sa.select(sa.literal_column("1"))
    gone = {same_all(row.locator) for row in known.rows} if known and key else set()
    for chunk in chunks(work.rows):
        where = among(parent, work.place.locator, [row.locator for row in chunk])
        rows = work.place.database.rows(parent, told.select_from(child.join(parent.clause, joined)).where(where))
        if any(same_all(row) not in gone for row in rows):
            return True
    return False
