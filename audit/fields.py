"""Two columns that PostgreSQL fills by itself: the transaction an event was written in, and its order therein."""

from typing import Any

from django.db import models
from django.db.backends.base.base import BaseDatabaseWrapper
from django.db.models.expressions import DatabaseDefault


class CurrentTransactionId(models.Func):
    """`pg_current_xact_id()`: the id of the top-level transaction, 64 bits wide, never reused."""

    function = "pg_current_xact_id"
    arity = 0

    def __init__(self, **extra: Any) -> None:
        super().__init__(**({"output_field": TransactionIdField()} | extra))


class TransactionIdField(models.Field):
    """An `xid8` column, an `int` in Python; it compares and sorts as a number in both."""

    description = "PostgreSQL transaction id"

    def db_type(self, connection: BaseDatabaseWrapper) -> str:
        return "xid8"

    def from_db_value(self, value: Any, expression: Any, connection: BaseDatabaseWrapper) -> int | None:
        return None if value is None else int(value)

    def to_python(self, value: Any) -> int | None:
        return None if value is None else int(value)

    def get_prep_value(self, value: Any) -> Any:
        prepared = super().get_prep_value(value)
        return str(prepared) if isinstance(prepared, int) else prepared


class IdentityField(models.BigIntegerField):
    """A rising number that only the database chooses (`GENERATED ALWAYS AS IDENTITY`); rollbacks leave gaps."""

    db_returning = True

    def db_type_suffix(self, connection: BaseDatabaseWrapper) -> str:
        return "GENERATED ALWAYS AS IDENTITY"

    def pre_save(self, model_instance: models.Model, add: bool) -> Any:
        return DatabaseDefault(models.Value(None), output_field=self) if add else super().pre_save(model_instance, add)
