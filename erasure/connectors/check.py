"""A dataset held against the database it describes, when a connector is registered."""

from collections.abc import Container, Iterable, Iterator

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from erasure.connectors.cascades import followers
from erasure.connectors.dataset import Collection, Dataset
from erasure.connectors.failures import code_of
from erasure.connectors.graph import build
from erasure.connectors.held import declared
from erasure.connectors.report import Problem, RunFailed, problem
from erasure.connectors.schema import Table, Tables
from erasure.connectors.sql import Database

INSENSITIVE = """
SELECT column_name FROM information_schema.columns
WHERE table_schema = COALESCE(%(schema)s, DATABASE()) AND table_name = %(name)s AND collation_name LIKE '%%\\_ci'
"""


def against_database(name: str, url: URL, datasets: Iterable[Dataset]) -> list[Problem]:
    """What of the dataset is not in the database or cannot be changed there, and which tables no identity leads to.

    A database that cannot be reached now is told as that: the dataset may be right all the same.
    """
    collections = [each for dataset in datasets for each in dataset.collections if not each.skip]
    database = Database(name, url)
    try:
        database.open()
        tables = database.tables(collections)
        more = [*_as_written(database, collections, tables), *_changed_along(database, collections, tables)]
    except RunFailed as failure:
        return list(failure.problems)
    except SQLAlchemyError as error:
        return [problem(name, code_of(error, otherwise="connection_failed"))]
    finally:
        _closed(database)
    return [*_missing(collections, tables), *_unfollowed(collections, tables), *more, *_unreached(collections)]


def _closed(database: Database) -> None:
    try:
        database.close()
    except SQLAlchemyError:
        database.broken = True


def _missing(collections: Iterable[Collection], tables: Tables) -> Iterator[Problem]:
    for collection in collections:
        table: Table | None = tables.get(collection.address)
        if table is None:
            yield problem(collection.address, "table_missing")
            continue
        if not table.undoes:
            yield problem(collection.address, "no_transactions")
        for column in dict.fromkeys(field.column for field in collection.fields):
            if column not in table.clause.c:
                yield problem(collection.address, "column_missing", f"Column: {column}.")


def _unfollowed(collections: Iterable[Collection], tables: Tables) -> Iterator[Problem]:
    """Links and identities that no database can be asked by: in a member of a document, in a list."""
    for collection in collections:
        table: Table | None = tables.get(collection.address)
        for leaf in collection.leaves():
            column = table.clause.c.get(leaf.column) if table else None
            inside = leaf.nested or (column is not None and isinstance(declared(column), sa.ARRAY))
            if inside and (leaf.identity or leaf.references):
                yield problem(collection.address, "not_followed", f"Field: {leaf.path}.")


def _as_written(database: Database, collections: Iterable[Collection], tables: Tables) -> Iterator[Problem]:
    """E-mail addresses that are found in the case they are asked for, and in lower case, alone."""
    for collection in collections:
        table: Table | None = tables.get(collection.address)
        named = [each for each in collection.leaves() if each.identity == "email" and not each.nested]
        if table is None or not named:
            continue
        folds = _folds(database, table)
        for leaf in named:
            if leaf.column in table.clause.c and leaf.column not in folds:
                yield problem(collection.address, "as_written", f"Column: {leaf.column}.")


def _folds(database: Database, table: Table) -> Container[str]:
    if database.connection.dialect.name not in {"mysql", "mariadb"}:
        return table.folds
    rows = database.asked(table, INSENSITIVE, {"schema": table.name[0], "name": table.name[1]})
    return {column for (column,) in rows}


def _changed_along(database: Database, collections: Iterable[Collection], tables: Tables) -> Iterator[Problem]:
    """Tables that the datasets do not name, and whose rows change with a masked column (`ON UPDATE CASCADE`)."""
    known = {table.name[1] for table in tables.values()}
    for collection in collections:
        table: Table | None = tables.get(collection.address)
        columns = {leaf.column for leaf in collection.leaves()}
        for name in sorted({*followers(database, table, columns)} - known) if table else ():
            yield problem(collection.address, "changes_along", f"Table: {name}.")


def _unreached(collections: Iterable[Collection]) -> Iterator[Problem]:
    known = list(collections)
    kinds = {leaf.identity for each in known for leaf in each.leaves() if leaf.identity}
    keys = {each.address: frozenset(leaf.path for leaf in each.leaves() if leaf.primary_key) for each in known}
    graph = build(known, keys, kinds)
    for address in sorted(set(graph.collections) - graph.reachable()):
        yield Problem(str(address), "unreachable", "No identity leads to this table.")
