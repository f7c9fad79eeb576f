import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import selectors, signing
from audit.verifications import as_dict
from audit.verify import Report, verify
from gdpr_portal.errors import Unavailable


class Command(BaseCommand):
    help = "Verify the whole audit log, also against held checkpoints. Exit code 1 tells of damage."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--checkpoint", action="append", default=[], type=Path, help="a checkpoint kept elsewhere")
        parser.add_argument("--key", action="append", default=[], help="verifier key (vkey) to trust, instead of ours")
        parser.add_argument("--json", action="store_true", help="print the report as JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        held = [self.read(path) for path in options["checkpoint"]]
        report = verify(held=held, vkeys=options["key"] or self.keys())
        self.stdout.write(json.dumps(as_dict(report)) if options["json"] else as_text(report))
        if not report.holds:
            raise SystemExit(1)

    def keys(self) -> list[str]:
        """The registered keys; without any, the log's own claim, said aloud."""
        known = signing.vkeys()
        if known:
            return known
        try:
            claimed = [selectors.vkey()]
        except Unavailable:
            return []
        self.stderr.write("warning: no key is registered here; trusting the one the log names (see --key)")
        return claimed

    def read(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path}: {type(error).__name__}", returncode=2) from None


def as_text(report: Report) -> str:
    lines = [str(damage) for damage in report.damages]
    if report.found > len(lines):
        lines.append(f"... and {report.found - len(lines)} more")
    if report.retired:
        span = f"entries {report.retired_first} to {report.retired_last}"
        lines.append(f"{span} are past retention ({report.retired} in all); their hashes stand")
    verdict = "ok" if report.holds else f"DAMAGED: {report.found} found"
    lines.append(f"{verdict}: {report.size} entries, {report.checkpoints} checkpoints, {report.held} held")
    return "\n".join(lines)
