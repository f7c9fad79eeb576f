from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import dump
from gdpr_portal.errors import Unavailable


class Command(BaseCommand):
    help = "Write the log up to its latest checkpoint to FILE, for audit/standalone_verifier.py."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path)

    def handle(self, *args: Any, **options: Any) -> None:
        target: Path = options["file"]
        part = target.with_name(target.name + ".part")
        try:
            with part.open("w", encoding="utf-8") as file:
                count = dump.write(file)
            part.replace(target)
        except (Unavailable, OSError) as error:
            part.unlink(missing_ok=True)
            raise CommandError(str(error)) from None
        self.stdout.write(f"{count} entries")
