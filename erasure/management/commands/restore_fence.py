"""`manage.py restore_fence [--check]`: what a restored backup has undone is said, and done again."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from erasure.services.replay import Undone, replay, undone
from gdpr_portal.errors import DomainError
from vault import ledger
from vault.providers import Sealed

WORDS = {
    "erasures": "erased owners are back",
    "withdrawals": "withdrawn consents stand as given",
    "restrictions": "restrictions are missing",
    "objections": "objections are missing",
}


class Command(BaseCommand):
    help = (
        "After a restore: say which erasures, withdrawals, restrictions and objections the backup does not know,"
        " make them hold again, and open the service."
    )

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="only say; exit 1 when the fence is up")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._check() if options["check"] else self._replay()
        except Sealed as error:
            raise CommandError(f"The vault is sealed: {error.reason}. The ledger cannot be read without it.") from None
        except DomainError as error:
            raise CommandError(f"Not everything could be replayed, the fence stays up: {error.message}") from None

    def _check(self) -> None:
        if not ledger.replayed():
            raise CommandError(f"The fence is up: {told(undone())} Run `manage.py restore_fence`.")
        self.stdout.write("The fence is down: nothing that people undid stands here.")

    def _replay(self) -> None:
        found = replay()
        if not ledger.replayed():
            raise CommandError("The fence is still up: the ledger has lines that did not take effect here.")
        self.stdout.write(f"The fence is down. Found and made good: {told(found)}")


def told(found: Undone) -> str:
    """What was undone, in a sentence with numbers and without names."""
    parts = ", ".join(f"{count} {WORDS[kind]}" for kind, count in found.counts.items())
    return f"{parts} ({len(found.lines)} lines of the ledger are newer than this database)."
