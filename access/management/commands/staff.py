"""`manage.py staff list | invite EMAIL NAME --role ROLE | again EMAIL | roles EMAIL --role ROLE | leave EMAIL`."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from access import roles
from access.models import Account
from access.services import staff
from gdpr_portal.errors import DomainError


class Command(BaseCommand):
    help = "Invite members of staff, give them roles, and let them go (docs/sign-in.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="name, roles, state; addresses are not shown")
        for name, about in _ACTS.items():
            act = acts.add_parser(name, help=about)
            act.add_argument("email", help="the address they sign in with")
            if name == "invite":
                act.add_argument("name", help="what colleagues see at the desk")
                languages = [code for code, _name in settings.LANGUAGES]
                act.add_argument("--language", default="en", choices=languages)
            if name in {"invite", "roles"}:
                act.add_argument("--role", action="append", required=True, choices=sorted(roles.ALL))

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        try:
            getattr(self, f"_{act}")(options)
        except DomainError as error:
            raise CommandError(error.message) from None

    def _list(self, options: dict[str, Any]) -> None:
        for each in Account.objects.filter(is_staff=True).prefetch_related("groups").order_by("created_at"):
            state = "invited" if not each.has_usable_password() else "active"
            state = state if each.is_active else "left"
            self.stdout.write(f"{each}\t{' '.join(sorted(each.groups.values_list('name', flat=True)))}\t{state}")

    def _invite(self, options: dict[str, Any]) -> None:
        given = {name: options[name] for name in ("email", "name", "language")}
        self._tell(staff.invite(**given, roles=options["role"]))

    def _again(self, options: dict[str, Any]) -> None:
        self._tell(staff.invite_again(email=options["email"]))

    def _roles(self, options: dict[str, Any]) -> None:
        staff.set_roles(email=options["email"], roles=options["role"])

    def _leave(self, options: dict[str, Any]) -> None:
        staff.leave(email=options["email"])

    def _tell(self, code: str) -> None:
        self.stdout.write(f"code {code}")
        days = staff.HOLDS.days
        self.stderr.write(f"A link is on its way by mail, for {days} days. Tell them the code by voice or in person.")


_ACTS = {
    "invite": "make the account and print the code that goes with the link in the mail",
    "again": "a new link and a new code for who has not accepted yet",
    "roles": "exactly these roles; every browser of theirs is signed out",
    "leave": "they sign in no more; what they approved still bears their name",
}
