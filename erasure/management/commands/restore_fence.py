from typing import Any

from django.core.management.base import BaseCommand, CommandError

from erasure.services.replay import replay_erasures
from vault import ledger


class Command(BaseCommand):
    help = "After a restore: say which erasures the backup did not know, do them again, and open the service."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--check", action="store_true", help="only say; exit 1 when the fence is up")

    def handle(self, *args: Any, **options: Any) -> None:
        back = len(ledger.resurrected())
        if options["check"]:
            if not ledger.replayed():
                raise CommandError(f"The fence is up: {back} erased owners are back. Run `manage.py restore_fence`.")
            self.stdout.write("The fence is down: nobody who was erased is here.")
            return
        count = replay_erasures()
        if not ledger.replayed():
            raise CommandError("The fence is still up: the ledger has lines that did not take effect here.")
        self.stdout.write(f"The fence is down: {count} erased owners had come back and are erased again.")
