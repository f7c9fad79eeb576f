"""A dataset held against the database it describes, when a connector is registered."""

from collections.abc import Iterable, Iterator

from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError

from erasure.connectors.dataset import Collection, Dataset
from erasure.connectors.failures import code_of
from erasure.connectors.graph import build
from erasure.connectors.report import Problem, problem
from erasure.connectors.schema import Table, Tables
from erasure.connectors.sql import Database


def against_database(name: str, url: URL, datasets: Iterable[Dataset]) -> list[Problem]:
    """What of the dataset is not in the database or cannot be changed there, and which tables no identity leads to.

    A database that cannot be reached now is told as that: the dataset may be right all the same.
    """
    collections = [each for dataset in datasets for each in dataset.collections if not each.skip]
    database = Database(name, url)
    try:
        database.open()
        tables = database.tables(collections)
    except SQLAlchemyError as error:
        return [problem(name, code_of(error, otherwise="connection_failed"))]
    finally:
        _closed(database)
    return [*_missing(collections, tables), *_unreached(collections)]


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


def _unreached(collections: Iterable[Collection]) -> Iterator[Problem]:
    known = list(collections)
    kinds = {leaf.identity for each in known for leaf in each.leaves() if leaf.identity}
    keys = {each.address: frozenset(leaf.path for leaf in each.leaves() if leaf.primary_key) for each in known}
    graph = build(known, keys, kinds)
    for address in sorted(set(graph.collections) - graph.reachable()):
        yield Problem(str(address), "unreachable", "No identity leads to this table.")
