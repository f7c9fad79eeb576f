"""`manage.py sessions list | end REFERENCE | end-all`: who is signed in, and ending it (docs/security-rules.md)."""

from argparse import ArgumentParser
from typing import Any
from uuid import UUID

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Count

from access.models import Account, AccountSession
from access.services.accounts import sign_out_everywhere
from access.sessions import alive
from audit import actors


class Command(BaseCommand):
    help = "List accounts that are signed in, and sign out one of them or all. Accounts are shown by their id alone."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="the id of each account and how many browsers it is signed in with")
        acts.add_parser("end", help="sign one account out everywhere").add_argument("account", help="its id")
        acts.add_parser("end-all", help="sign everybody out, yourself included")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        if act == "list":
            self._list()
            return
        accounts = list(_signed_in() if act == "end-all" else [self._one(options["account"])])
        for account in accounts:
            sign_out_everywhere(account=account, actor=actors.system("command"))
        self.stdout.write(f"{len(accounts)} accounts are signed out everywhere.")

    def _list(self) -> None:
        for row in alive(AccountSession.objects.exclude(account_id=None)).values("account_id").annotate(n=Count("pk")):
            self.stdout.write(f"{row['account_id']}\t{row['n']}")

    def _one(self, start: str) -> Account:
        try:
            return Account.objects.get(pk=UUID(start))
        except (ValueError, Account.DoesNotExist):
            raise CommandError("There is no account of this id.") from None


def _signed_in() -> Any:
    rows = AccountSession.objects.exclude(account_id=None).values("account_id")
    return Account.objects.filter(pk__in=rows)
