"""`manage.py preflight`: the checklist before a deployment (docs/preflight.md)."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from gdpr_portal.checklists import preflight, table


class Command(BaseCommand):
    help = "The checklist before a deployment, run where the new version will run. Exit 1 when something is bad."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=table.FORMS, default="text", help="how the table is printed")
        parser.add_argument("--ci", default="", metavar="ADDRESS", help="the green run of .ci/run for this version")
        parser.add_argument("--coverage", default="", metavar="PERCENT", help="its coverage, for the ticket")

    def handle(self, *args: Any, **options: Any) -> None:
        rows = table.looked_at(preflight.checklist(ci=options["ci"], coverage=options["coverage"]))
        self.stdout.write(table.render(rows, options["format"], title="Preflight"))
        if not table.passed(rows):
            raise SystemExit(1)
