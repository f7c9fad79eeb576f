"""`manage.py backup TO [--keys-to FOLDER]`: a checked backup (docs/backup.md)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gdpr_portal import backups
from gdpr_portal.errors import DomainError


class Command(BaseCommand):
    help = "Back the database up into a new folder under TO; with --keys-to, what opens it into another place."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("to", type=Path, help="where backups lie")
        parser.add_argument("--keys-to", type=Path, default=None, help="where copies of keys and ledger lie: elsewhere")
        parser.add_argument("--jobs", type=int, default=1, help="tables dumped side by side (directory format)")

    def handle(self, *args: Any, to: Path, keys_to: Path | None, jobs: int, **options: Any) -> None:
        try:
            made = backups.take(to, keys_to=keys_to, jobs=jobs)
        except DomainError as error:
            raise CommandError(error.message) from None
        except OSError as error:
            raise CommandError(f"{error.filename or to}: {error.strerror}. There is no new backup.") from None
        self.stdout.write(f"{made.folder}: {len(made.manifest['tables'])} tables, read back from the dump.")
        if made.keys is None:
            self.stdout.write("Keys and ledger were not copied: without them this backup opens nobody's data.")
        else:
            self.stdout.write(f"{made.keys}: keyring, signing key and ledger. Take it to another place, encrypted.")
