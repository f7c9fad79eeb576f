"""`manage.py rebuild_standing`: the standing answers are what the history of events derives."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from consent.services.standing import compare_standing, rebuild_standing


class Command(BaseCommand):
    """Compares, or rebuilds, the derived standing; people appear under their audit pseudonym."""

    help = "Rebuilds every standing consent from the append-only events; --check only compares."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="change nothing; exit 1 when something differs")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["check"]:
            self.stdout.write(f"rebuilt; {rebuild_standing()} rows had differed")
            return
        odd = compare_standing()
        for pseudonym, purpose, recipient in odd:
            self.stdout.write(f"differs: {pseudonym} {purpose} {recipient or '-'}")
        if odd:
            raise CommandError(f"{len(odd)} standing rows differ from the events")
        self.stdout.write("every standing row is what the events derive")
