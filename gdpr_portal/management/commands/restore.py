"""`manage.py restore FOLDER [--replace]`: the database as the backup has it, behind its fence (docs/backup.md)."""

import os
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gdpr_portal import backups
from gdpr_portal.errors import DomainError

STEPS = (("migrate", "--no-input", "-v", "0"), ("createcachetable",), ("provision_roles",), ("restore_fence",))
"""What follows, each a process of its own with its own role; all may be repeated."""


class Command(BaseCommand):
    help = (
        "Restore a backup into an empty database (or with --replace in the place of this one), bring its schema up to"
        " this code, and make erasures, withdrawals, restrictions and objections since then hold again."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", type=Path, help="the folder of one backup")
        parser.add_argument("--replace", action="store_true", help="in the place of what is in the database")
        parser.add_argument(
            "--check", action="store_true", help="only say whether it is whole and fits keys and ledger"
        )

    def handle(self, *args: Any, folder: Path, replace: bool, check: bool, **options: Any) -> None:
        try:
            manifest = backups.check(folder)
            self.stdout.write(f"{folder}: whole, taken {manifest['taken_at']}; keyring and ledger fit it.")
            if check:
                return
            backups.put_back(folder, replace=replace)
        except DomainError as error:
            raise CommandError(error.message) from None
        self.stdout.write("The rows are back.")
        for words in STEPS:
            self.step(*words)
        self.stdout.write("Now: manage.py doctor, then start the service. Who consented since then is asked again.")

    def step(self, *words: str) -> None:
        """One command of `manage.py` was carried out. Raises CommandError when it was not."""
        environment = {key: value for key, value in os.environ.items() if key != "DATABASE_ROLE"}
        if words[0] == "createcachetable":
            environment["DATABASE_ROLE"] = "owner"
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), *words]
        done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
        self.stdout.write(done.stdout.rstrip() or f"{words[0]}: done")
        if done.returncode:
            self.stderr.write(done.stderr.rstrip())
            raise CommandError(f"{words[0]} failed. Put that right, then run the same command line again by itself.")
