"""Prepared transactions (PostgreSQL): how they are named, who decides, and what becomes of those left behind.

Presumed abort: a run is committed from the moment its coordinator has written that every database promised. Whoever
dies before leaves prepared transactions that the next run rolls back; whoever dies after leaves some that it commits.
"""

from typing import Protocol
from uuid import uuid4

import sqlalchemy as sa

from erasure.connectors.report import Report

XID = "gdpr-portal/"
ABANDONED_SECONDS = 600
LEFT = """
SELECT gid, extract(epoch FROM clock_timestamp() - prepared) FROM pg_catalog.pg_prepared_xacts
WHERE database = current_database() AND owner = current_user AND gid LIKE 'gdpr-portal/%%'
"""


class Coordinator(Protocol):
    """Who answers for a run. `run` names it, as `owner/try`: a later try settles what its earlier ones left."""

    run: str

    def ready(self, report: Report) -> None:
        """Everything was computed and done, nothing is committed yet; RunFailed undoes it."""

    def decide(self) -> None:
        """Every database has promised: written down for good. RunFailed undoes the run."""

    def decided(self, run: str) -> bool:
        """Whether `decide` was reached in that run."""
        ...


class Alone:
    """A run of the command: nobody remembers it, so what it leaves prepared is rolled back later."""

    def __init__(self) -> None:
        self.run = f"command-{uuid4()}/1"

    def ready(self, report: Report) -> None:
        """Nothing to remember."""

    def decide(self) -> None:
        """Nothing to remember."""

    def decided(self, run: str) -> bool:
        """Nobody knows."""
        return False


def recover(connection: sa.Connection, coordinator: Coordinator) -> None:
    """What earlier tries of this run, or anybody long ago, left prepared here is committed or rolled back."""
    left = connection.exec_driver_sql(LEFT).all()
    connection.rollback()
    owner = coordinator.run.partition("/")[0]
    for gid, age in left:
        run = str(gid).removeprefix(XID).rpartition("/")[0]
        if run.partition("/")[0] != owner and age < ABANDONED_SECONDS:
            continue
        if coordinator.decided(run):
            connection.commit_prepared(gid, recover=True)
        else:
            connection.rollback_prepared(gid, recover=True)
        connection.rollback()


def confirm(connection: sa.Connection, xid: str) -> None:
    """The prepared transaction of this name is committed, if it is still there."""
    found = connection.exec_driver_sql("SELECT 1 FROM pg_catalog.pg_prepared_xacts WHERE gid = %(xid)s", {"xid": xid})
    there = found.first() is not None
    connection.rollback()
    if there:
        connection.commit_prepared(xid, recover=True)
        connection.rollback()
