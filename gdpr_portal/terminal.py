"""What ends a command of `manage.py`, in one line for whoever typed it: what is wrong, and what to do.

A trace tells an operator at night nothing, and an error of the database may quote the row it is about; `--traceback`
shows it all the same. What nobody foresaw keeps its trace.
"""

import psycopg
from django.core.exceptions import ImproperlyConfigured
from django.db import Error as DatabaseError
from psycopg import errors

from gdpr_portal.errors import is_unavailability, kind_of, last_line

AWAY = "The database does not answer as it should: {}. `manage.py doctor` says more."
NO_SCHEMA = (
    "The database has not the schema of this version ({}): `manage.py migrate`, then `manage.py provision_roles`, as"
    " its owner."
)
NOT_ALLOWED = "The role of this address may not do that ({}): docs/deployment.md says which of the three is for what."


def told(error: BaseException) -> str | None:
    """The sentence; None for an error that is none of the operator's."""
    if isinstance(error, ImproperlyConfigured):
        return f"The settings are not right: {error}"
    cause = error.__cause__ if isinstance(error, DatabaseError) and error.__cause__ else error
    if isinstance(cause, errors.UndefinedTable | errors.UndefinedColumn):
        return NO_SCHEMA.format(kind_of(error))
    if isinstance(cause, errors.InsufficientPrivilege):
        return NOT_ALLOWED.format(kind_of(error))
    if is_unavailability(error) or isinstance(error, psycopg.OperationalError):
        # Only who did not come in is told in the server's words: later ones may quote a row.
        return AWAY.format(kind_of(error) if getattr(cause, "sqlstate", None) else last_line(error))
    return None
