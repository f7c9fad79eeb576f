"""The tables of a database as they are, remembered from run to run as long as its catalogue says the same.

Reading a catalogue costs more than a whole run. So each run asks one question first, inside its own transaction: a
fingerprint of everything the tables were read from (names, columns, types, NULL, keys, foreign keys, values of enums,
what computes a column, triggers, engines).
Only the same fingerprint makes remembered tables good; there is no time within which they may be stale.
"""

import re
import threading
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.engine.reflection import ObjectKind
from sqlalchemy.exc import SAWarning

from erasure.connectors.dataset import Address, Collection
from erasure.connectors.held import as_held
from erasure.connectors.report import RunFailed, problem

REMEMBERED = 64
SMALL_BYTES, SMALL_ROWS = 2**18, 2_000
"""Up to where a table is read through to compare e-mail addresses in lower case."""
Name = tuple[str | None, str]


@dataclass(frozen=True)
class ForeignKey:
    """A foreign key the database enforces, `columns` of this table on a key of `table`."""

    columns: tuple[str, ...]
    table: Name
    referred: tuple[str, ...]
    nullable: bool


@dataclass(frozen=True, eq=False)
class Table:
    """A table as it is in the database. `clause` is one object as long as the table is remembered: compiled statements
    are found again by it."""

    address: Address
    clause: sa.Table
    nullable: Mapping[str, bool]
    key: tuple[str, ...]
    foreign_keys: tuple[ForeignKey, ...] = ()
    name: Name = (None, "")
    arrays: bool = False
    folds: frozenset[str] = frozenset()
    generated: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Columns that the database computes, and never takes from us, each with the columns it computes them from."""
    triggered: bool = False
    """Whether a trigger may put back what is written. Always where an account need not be shown them (MariaDB)."""
    undoes: bool = True
    """Whether what was written can be undone: not in MyISAM, Aria or MEMORY of MariaDB."""

    def column(self, name: str) -> sa.ColumnClause[Any]:
        """The column; RunFailed("column_missing") when there is none."""
        found = self._columns.get(name)
        if found is None:
            raise RunFailed([problem(self.address, "column_missing", f"Column: {name}.")])
        return found

    def array_of(self, kind: sa.types.TypeEngine[Any]) -> ARRAY[Any]:
        """The type of an array of values of a column's type: one object, so that what is known of it is found again."""
        found = self._arrays.get(kind)
        if found is None:
            # A cast to VARCHAR(n)[] would cut what is looked for, and find another's row.
            found = self._arrays[kind] = ARRAY(type(kind)() if isinstance(kind, sa.String) else kind)
        return found

    @cached_property
    def _columns(self) -> dict[str, sa.ColumnClause[Any]]:
        return dict(self.clause.c.items())

    @cached_property
    def _arrays(self) -> dict[sa.types.TypeEngine[Any], ARRAY[Any]]:
        return {}


Tables = Mapping[Address, Table]
_remembered: OrderedDict[Any, tuple[Any, Tables]] = OrderedDict()
_lock = threading.Lock()


def tables(connection: sa.Connection, collections: Sequence[Collection]) -> Tables:
    """Those of the tables that exist: the remembered ones, the same object each time, or as the catalogue has them."""
    names = {each.address: _name(connection, each) for each in collections}
    key = (connection.engine.url, tuple(sorted(names.items(), key=str)))
    seen = _fingerprint(connection, sorted(set(names.values()), key=str))
    with _lock:
        known = _remembered.get(key)
        if known is not None and seen is not None and known[0] == seen:
            _remembered.move_to_end(key)
            return known[1]
    found = reflected(connection, collections)
    if seen is not None:
        with _lock:
            _remembered[key] = seen, found
            while len(_remembered) > REMEMBERED:
                _remembered.popitem(last=False)
    return found


def _name(connection: sa.Connection, collection: Collection) -> Name:
    """The table with the schema it is looked for in; SQLite has none."""
    return (None if connection.dialect.name == "sqlite" else collection.schema), collection.table


# --- fingerprints ---------------------------------------------------------------------------------------------------
POSTGRESQL = """
SELECT md5(string_agg(each.said, E'\\n' ORDER BY each.oid)) FROM (
  SELECT c.oid, concat_ws('|', c.oid, n.nspname, c.relname, c.relkind,
    CASE WHEN c.relkind = 'r' THEN pg_catalog.pg_relation_size(c.oid) > %(small)s END,
    (SELECT string_agg(i.indexrelid::text, ',' ORDER BY i.indexrelid) FROM pg_catalog.pg_index i
      WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL AND i.indisvalid),
    EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal),
    (SELECT string_agg(concat_ws(',', a.attnum, a.attname, a.atttypid, a.atttypmod, a.attnotnull, a.attisdropped,
        CASE WHEN a.atthasdef THEN (
          SELECT d.oid FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid AND d.adnum = a.attnum) END,
        CASE WHEN a.atttypid >= 16384 THEN (
          SELECT concat_ws(',', t.xmin, t.typname, t.typnotnull, (
            SELECT string_agg(e.enumlabel, ',' ORDER BY e.enumsortorder) FROM pg_catalog.pg_enum e
            WHERE e.enumtypid IN (t.oid, t.typelem, t.typbasetype)))
          FROM pg_catalog.pg_type t WHERE t.oid = a.atttypid) END), ';' ORDER BY a.attnum)
      FROM pg_catalog.pg_attribute a WHERE a.attrelid = c.oid AND a.attnum > 0),
    (SELECT string_agg(concat_ws(',', k.oid, k.contype, k.conkey, k.confrelid::regclass, k.confkey), ';' ORDER BY k.oid)
      FROM pg_catalog.pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'f'))) AS said
  FROM unnest(%(names)s::text[], %(schemas)s::text[]) AS wanted (name, schema)
  JOIN pg_catalog.pg_class c ON c.relname = wanted.name
  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
  WHERE n.nspname = wanted.schema OR wanted.schema IS NULL AND pg_catalog.pg_table_is_visible(c.oid)) each
"""
FOLDS = """
SELECT n.nspname, pg_catalog.pg_table_is_visible(c.oid), c.relname, a.attname
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
WHERE c.relname = ANY(%(names)s) AND (
  c.relkind = 'r' AND pg_catalog.pg_relation_size(c.oid) <= %(small)s
  OR EXISTS (SELECT FROM pg_catalog.pg_index i
    WHERE i.indrelid = c.oid AND i.indexprs IS NOT NULL AND i.indpred IS NULL AND i.indisvalid
      AND pg_catalog.pg_get_indexdef(i.indexrelid, 1, false) IN (
        'lower(' || quote_ident(a.attname) || ')', 'lower((' || quote_ident(a.attname) || ')::text)')))
"""
DOMAINS = """
SELECT n.nspname, pg_catalog.pg_table_is_visible(c.oid), c.relname, a.attname, t.typtypmod - 4
FROM pg_catalog.pg_class c
JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
JOIN pg_catalog.pg_type t ON t.oid = a.atttypid
WHERE c.relname = ANY(%(names)s) AND t.typtype = 'd' AND t.typtypmod > 4
  AND t.typbasetype IN ('varchar'::regtype, 'bpchar'::regtype)
"""
TRIGGERS = {
    "postgresql": """
SELECT n.nspname, pg_catalog.pg_table_is_visible(c.oid), c.relname
FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE EXISTS (SELECT FROM pg_catalog.pg_trigger g WHERE g.tgrelid = c.oid AND NOT g.tgisinternal)
""",
    "sqlite": "SELECT NULL, true, tbl_name FROM sqlite_master WHERE type = 'trigger'",
}
MYSQL_COLUMNS = """
SELECT table_schema, table_name, ordinal_position, column_name, column_type, is_nullable, column_key,
  extra, generation_expression
FROM information_schema.columns WHERE ({where}) ORDER BY 1, 2, 3
"""
MYSQL_KEYS = """
SELECT table_schema, table_name, constraint_name, ordinal_position, column_name, referenced_table_schema,
  referenced_table_name, referenced_column_name
FROM information_schema.key_column_usage WHERE ({where}) ORDER BY 1, 2, 3, 4
"""
MYSQL_ENGINES = """
SELECT table_schema, table_schema = DATABASE(), table_name, engine
FROM information_schema.tables WHERE ({where}) AND engine IN (
  SELECT engine FROM information_schema.engines WHERE transactions = 'NO') ORDER BY 1, 3
"""


def _fingerprint(connection: sa.Connection, names: Sequence[Name]) -> Any:
    """What the catalogue says of these tables, short; None where it cannot be asked, so that nothing is remembered."""
    match connection.dialect.name:
        case "postgresql":
            given = {"names": [name for _schema, name in names], "schemas": [schema for schema, _name in names]}
            given |= {"small": SMALL_BYTES}
            return connection.exec_driver_sql(POSTGRESQL, given).scalar()
        case "sqlite":
            found = connection.exec_driver_sql("SELECT type, name, tbl_name, sql FROM sqlite_master")
            return tuple(tuple(row) for row in found)
        case "mysql" | "mariadb":
            texts = (MYSQL_COLUMNS, MYSQL_KEYS, MYSQL_ENGINES)
            return tuple(row for text in texts for row in _mysql(connection, text, names))
        case _:
            return None


def _mysql(connection: sa.Connection, text: str, names: Sequence[Name]) -> list[tuple[Any, ...]]:
    if not names:
        return []
    where = " OR ".join(["(table_schema = COALESCE(%s, DATABASE()) AND table_name = %s)"] * len(names))
    given = tuple(part for name in names for part in name)
    return [tuple(row) for row in connection.exec_driver_sql(text.format(where=where), given)]


# --- reading the catalogue ------------------------------------------------------------------------------------------
def reflected(connection: sa.Connection, collections: Iterable[Collection]) -> Tables:
    """Those of the tables that exist, by schema in one question each where the database can."""
    by_schema: dict[str | None, list[Collection]] = {}
    for collection in collections:
        by_schema.setdefault(_name(connection, collection)[0], []).append(collection)
    inspector = sa.inspect(connection)
    found: dict[Address, Table] = {}
    for schema, members in by_schema.items():
        found |= _of_schema(inspector, schema, members)
    _measure_domains(connection, found.values())
    folds, triggered = _folds(connection, found.values()), _triggered(connection)
    fixed = _without_transactions(connection, [table.name for table in found.values()])
    return {
        address: replace(
            table,
            folds=folds.get(table.name, frozenset()),
            triggered=triggered is None or table.name in triggered,
            undoes=table.name not in fixed,
        )
        for address, table in found.items()
    }


def _measure_domains(connection: sa.Connection, found: Iterable[Table]) -> None:
    """Texts of a domain of PostgreSQL know how many characters they take, which reflection leaves out."""
    if connection.dialect.name != "postgresql":
        return
    tables = list(found)
    given = {"names": [table.name[1] for table in tables]}
    for schema, visible, name, column, length in connection.exec_driver_sql(DOMAINS, given):
        names = {(schema, name), (None, name)} if visible else {(schema, name)}
        for table in tables:
            if table.name in names and column in table.clause.c:
                table.clause.c[column].type.length = length


def _without_transactions(connection: sa.Connection, names: Sequence[Name]) -> set[Name]:
    """The tables of engines that cannot undo a change."""
    if connection.dialect.name not in {"mysql", "mariadb"}:
        return set()
    found: set[Name] = set()
    for schema, here, name, _engine in _mysql(connection, MYSQL_ENGINES, names):
        found |= {(schema, name), (None, name)} if here else {(schema, name)}
    return found


def _triggered(connection: sa.Connection) -> set[Name] | None:
    """The tables with triggers of their own; None where nobody says."""
    if connection.dialect.name not in TRIGGERS:
        return None
    found: set[Name] = set()
    for schema, visible, name in connection.exec_driver_sql(TRIGGERS[connection.dialect.name]):
        found |= {(schema, name), (None, name)} if visible else {(schema, name)}
    return found


def _folds(connection: sa.Connection, found: Iterable[Table]) -> dict[Name, frozenset[str]]:
    """The columns of each table that can be compared in lower case at no great cost: the table is small, or an index is
    on just that. MariaDB's collations compare so by themselves."""
    folds: dict[Name, set[str]] = defaultdict(set)
    if connection.dialect.name == "postgresql":
        names = [table.name[1] for table in found]
        for schema, visible, name, column in connection.exec_driver_sql(FOLDS, {"names": names, "small": SMALL_BYTES}):
            folds[schema, name].add(column)
            if visible:
                folds[None, name].add(column)
    if connection.dialect.name == "sqlite":
        for table in found:
            first: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(table.clause).limit(SMALL_ROWS + 1)
            rows = connection.scalar(sa.select(sa.func.count()).select_from(first.subquery()))
            folds[table.name] |= set(table.clause.c.keys()) if (rows or 0) <= SMALL_ROWS else set()
    return {name: frozenset(columns) for name, columns in folds.items()}


def _of_schema(inspector: sa.Inspector, schema: str | None, collections: Sequence[Collection]) -> dict[Address, Table]:
    names = [collection.table for collection in collections]
    wanted: dict[str, Any] = {"schema": schema, "filter_names": names, "kind": ObjectKind.ANY}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", SAWarning)  # of types it does not know, which we treat as such
        columns = inspector.get_multi_columns(**wanted)
        keys = inspector.get_multi_pk_constraint(**wanted)
        foreign = inspector.get_multi_foreign_keys(**wanted)
    found = {}
    for collection in collections:
        name = (schema, collection.table)
        if columns.get(name):
            key: Mapping[str, Any] = keys.get(name) or {}
            made = _table(collection.address, name, columns[name], key, foreign.get(name) or [], inspector.dialect.name)
            found[collection.address] = replace(made, arrays=inspector.dialect.name == "postgresql")
    return found


def _table(
    address: Address,
    name: Name,
    columns: Sequence[Any],
    key: Mapping[str, Any],
    foreign: Iterable[Any],
    dialect: str,
) -> Table:
    plain = _unescaped if dialect in {"mysql", "mariadb"} else str
    nullable = {plain(column["name"]): bool(column["nullable"]) for column in columns}
    primary = tuple(map(plain, key.get("constrained_columns") or ()))
    members = [sa.Column(plain(each["name"]), as_held(each["type"], dialect)) for each in columns]
    clause = sa.Table(name[1], sa.MetaData(), *members, schema=name[0])
    links = tuple(
        ForeignKey(
            columns=tuple(map(plain, each["constrained_columns"])),
            table=(each["referred_schema"], plain(each["referred_table"])),
            referred=tuple(map(plain, each["referred_columns"])),
            nullable=all(nullable.get(plain(column), False) for column in each["constrained_columns"]),
        )
        for each in foreign
    )
    generated = {
        plain(each["name"]): _sources(each["computed"]["sqltext"], nullable) for each in columns if "computed" in each
    }
    return Table(address, clause, nullable | dict.fromkeys(primary, False), primary, links, name, generated=generated)


def _unescaped(name: str) -> str:
    """The name itself: SQLAlchemy reads those of MariaDB as they are written between backticks, where one is two."""
    return name.replace("``", "`")


def _sources(expression: str, columns: Iterable[str]) -> frozenset[str]:
    """The columns an expression names; rather too many: a word in a literal counts where a column has its name."""
    words = expression.casefold()
    return frozenset(name for name in columns if re.search(rf"(?<!\w){re.escape(name.casefold())}(?!\w)", words))
