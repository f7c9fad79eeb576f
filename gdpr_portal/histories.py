"""The migrations a database has had against those of this code: as new, older, newer, or of another line."""

from dataclasses import dataclass
from typing import Any

from django.core.management.base import CommandError
from django.db import connections
from django.db.migrations.loader import MigrationLoader

REMEDY = "The versions that made it are not continued by this code: take one that knows them."


@dataclass(frozen=True)
class History:
    """How many migrations the database lacks, and how many it has had that this code does not know."""

    pending: int
    unknown: int

    @property
    def is_another(self) -> bool:
        """Versions only add: what has some that we do not know and lacks some of ours is neither older nor newer."""
        return self.pending > 0 and self.unknown > 0

    def __str__(self) -> str:
        return (
            f"the database has had {self.unknown} migrations unknown to this code, and lacks {self.pending} of its own"
        )


def history(loader: MigrationLoader) -> History:
    """What lies between the loader's database and this code."""
    applied = {key for key in loader.applied_migrations if key[0] in loader.migrated_apps}
    replaced = {old for migration in loader.replacements.values() for old in migration.replaces}
    known = set(loader.disk_migrations)
    return History(pending=len(known - applied), unknown=len(applied - known - replaced))


def refuse_another(*, using: str, **signal: Any) -> None:
    """Before anything is migrated: a schema of another line is left as it is, with words instead of a half of ours."""
    found = history(MigrationLoader(connections[using]))
    if found.is_another:
        raise CommandError(f"Nothing was changed: {found}. {REMEDY}")
