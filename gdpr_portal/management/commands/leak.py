"""`manage.py leak start|stop|report PROCESS`: which line of which package takes the memory (docs/leaks.md)."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gdpr_portal import leaks, lifetimes

PROCESSES = ("web", "worker", "scheduler", "sequencer")


class Command(BaseCommand):
    help = "Follow what a running process of this RUN_DIR allocates, and name the lines that keep more and more."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("action", choices=("start", "stop", "report"))
        parser.add_argument("process", choices=PROCESSES)

    def handle(self, *args: Any, action: str, process: str, **options: Any) -> None:
        folder = settings.RUN_DIR / "leaks"
        if action == "report":
            self._report(leaks.report(folder, process))
            return
        (leaks.start if action == "start" else leaks.stop)(folder, process)
        self.stdout.write(f"{process} sees it within {lifetimes.MEASURE_SECONDS:.0f} s.")

    def _report(self, found: dict[str, Any] | None) -> None:
        if found is None:
            raise CommandError("Nothing is reported: was it started, and is the process of this RUN_DIR?")
        if found["state"] == "following":
            self.stdout.write(f"Process {found['pid']} follows its allocations; stop it to see what grew.")
            return
        for each in found["grown"]:
            size = f"{each['bytes'] / 1024:,.0f} KiB more in {each['blocks']:,} blocks"
            self.stdout.write(f"{size:40} {each['place']}  ({each['distribution']} {each['version']})")
        if not found["grown"]:
            self.stdout.write(f"No line keeps {leaks.SMALLEST_BYTES // 1024} KiB more than at the start.")
