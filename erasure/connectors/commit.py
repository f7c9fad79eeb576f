"""The end of a run that writes: all promise, the decision is written down, all commit.

Databases that cannot prepare commit first, one after the other; only between two of those can a crash leave one done
and the other not. From the decision on nothing is undone any more: what does not answer is confirmed by the next try.
"""

from collections.abc import Sequence

from sqlalchemy.exc import SQLAlchemyError

from erasure.connectors.prepared import Alone, Coordinator
from erasure.connectors.report import Problem, RunFailed, problem
from erasure.connectors.sql import Database
from gdpr_portal.failpoints import failpoint

__all__ = ["Alone", "Coordinator", "commit"]


def commit(databases: Sequence[Database], coordinator: Coordinator) -> None:
    """The changes stand everywhere; RunFailed when they stand nowhere, or ("commit_unfinished") not yet everywhere."""
    for database in databases if len(databases) > 1 else ():
        with database.running(database.name):
            database.prepare()
    failpoint("connector.prepared")
    promised = [each for each in databases if each.prepares]
    for database in databases:
        if not database.prepares:
            with database.running(database.name):
                database.commit()
            failpoint("connector.one_committed")
    if promised:
        coordinator.decide()
        failpoint("connector.decided")
        _confirm(promised)


def _confirm(databases: Sequence[Database]) -> None:
    problems: list[Problem] = []
    for database in databases:
        try:
            database.commit_prepared()
        except SQLAlchemyError:
            problems.append(problem(database.name, "commit_unfinished"))
        failpoint("connector.one_confirmed")
    if problems:
        raise RunFailed(problems)
