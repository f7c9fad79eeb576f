from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import DatabaseError

from audit import retention
from gdpr_portal.errors import DomainError


class Command(BaseCommand):
    help = (
        "Take months past AUDIT_RETENTION_MONTHS out of the log, whole partitions at a time; the tree of hashes stays. "
        "Needs the owner's role (DATABASE_ROLE=owner). Without --drop it only says what would go."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--drop", action="store_true", help="drop what is due")
        parser.add_argument("--checkpoint", action="append", default=[], type=Path, help="a checkpoint kept elsewhere")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            held = [path.read_text(encoding="utf-8") for path in options["checkpoint"]]
            self.go(held, drop=options["drop"])
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"a checkpoint cannot be read: {type(error).__name__}", returncode=2) from None
        except DomainError as refused:
            raise CommandError(f"{refused.code}: {refused.message}") from None
        except DatabaseError as error:
            raise CommandError(f"only the owner's role may drop a month: {type(error).__name__}") from None

    def go(self, held: list[str], *, drop: bool) -> None:
        due = retention.due()
        for partition in due:
            planned = retention.plan(partition)
            said = f"{partition.label}: {planned.count} entries"
            if drop:
                retention.retire(planned, held=held)
                said += ", taken out; their hashes stand"
            self.stdout.write(said)
        if not due:
            self.stdout.write("nothing is past retention")
