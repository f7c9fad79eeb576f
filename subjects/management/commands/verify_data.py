"""`manage.py verify_data`: every held value is the last one that was sealed, or it is named and told to the log."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from gdpr_portal.errors import Unavailable
from subjects.services.put_back import report_put_back


class Command(BaseCommand):
    help = "Compare every held value with the audit log: an older sealing put back is damage. Exit code 1 tells of it."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = report_put_back()
        except Unavailable as error:
            raise CommandError(error.message, returncode=2) from None
        for place in found.put_back:
            self.stdout.write(f"put back: {place.table} {place.column} row {place.row}")
        if found.unmarked:
            self.stdout.write(f"{found.unmarked} values have no mark in the log: nothing is known of them")
        verdict = f"DAMAGED: {len(found.put_back)} put back" if found.put_back else "ok"
        self.stdout.write(f"{verdict}: {found.held} values")
        if found.put_back:
            raise SystemExit(1)
