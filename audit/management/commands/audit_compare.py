from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from audit import compare, signing


class Command(BaseCommand):
    help = "Compare two held checkpoints with each other and with this log. Exit code 1: they contradict each other."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("a", type=Path, help="a checkpoint somebody kept")
        parser.add_argument("b", type=Path, help="a checkpoint somebody else kept")
        parser.add_argument("--key", action="append", default=[], help="verifier key (vkey) to trust, instead of ours")

    def handle(self, *args: Any, **options: Any) -> None:
        texts = [self.read(options[name]) for name in ("a", "b")]
        result = compare.compare(*texts, vkeys=options["key"] or signing.vkeys())
        self.stdout.write("\n".join([*result.lines, result.verdict]))
        if not result.agree:
            raise SystemExit(1)

    def read(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise CommandError(f"{path}: {type(error).__name__}", returncode=2) from None
