"""Columns of other apps that begin with a key version: registered for rotation, and brought over row by row.

A model, a column and a function that makes the row's cell anew: that is all an app hands in from `AppConfig.ready()`.
"""

from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import Model
from django.db.models.expressions import RawSQL

from vault import providers, rotation
from vault.services import Place, reseal_secret

Row = Any
"""A row of the model handed in."""


def register_index(model: type[Model], column: str, fresh: Callable[[Row], bytes] | None = None) -> None:
    """The blind index column takes part in `keys rotate index`; without `fresh` its rows must age out first."""
    renew = _renewing("index", model, column, fresh) if fresh is not None else None
    rotation.register_column("index", table=model._meta.db_table, column=column, renew=renew)


def register_secret(model: type[Model], column: str, place: Callable[[Row], Place] | None = None) -> None:
    """The column of service secrets takes part in `keys rotate secrets`; without `place` its rows must age out."""

    def fresh(row: Row) -> bytes:
        kept = bytes(getattr(row, column))
        return (reseal_secret(place(row), kept) if place is not None else None) or kept

    renew = _renewing("secrets", model, column, fresh) if place is not None else None
    rotation.register_column("secrets", table=model._meta.db_table, column=column, renew=renew)


def _renewing(kind: str, model: type[Model], column: str, fresh: Callable[[Row], bytes]) -> Callable[[], int]:
    """Brings one batch of rows under the current version; how many, 0 at the end. Resumable: the rows say it."""
    quote = connection.ops.quote_name
    cell = f"{quote(model._meta.db_table)}.{quote(column)}"
    # Names of tables and columns come from the models handed in, never from input.
    version = RawSQL(f"CASE WHEN length({cell}) > 0 THEN {rotation.version_sql(kind, cell)} END", [])  # noqa: S611

    def renew() -> int:
        current = providers.keyring(fresh=True).current(kind)
        rows = model._default_manager.annotate(version_now=version).exclude(version_now=None)
        with transaction.atomic():
            old = list(rows.exclude(version_now=current).select_for_update(of=("self",))[: rotation.BATCH])
            for row in old:
                setattr(row, column, fresh(row))
            model._default_manager.bulk_update(old, [column])
        return len(old)

    return renew
