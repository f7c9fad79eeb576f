"""`manage.py application list`, `create SLUG NAME`; `secret`, `scopes`, `limits`, `enable`, `disable` with a SLUG."""

from argparse import ArgumentParser
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError
from django.core.validators import validate_slug

from access.models import Application
from access.scopes import SCOPES
from access.services.applications import create_application, rotate_secret, set_enabled, set_limits, set_scopes
from gdpr_portal.errors import DomainError


class Command(BaseCommand):
    help = "Register, list, change, enable and disable the applications that use the API."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        acts.add_parser("list", help="name, state, requests a minute, scopes")
        for name, about in _ACTS.items():
            act = acts.add_parser(name, help=about)
            act.add_argument("slug", help="its short name, as the log and contracts have it")
            if name == "create":
                act.add_argument("name", help="its name as people read it")
                act.add_argument("--third-party", action="store_true", help="a recipient that data is shared with")
            if name in {"create", "limits"}:
                act.add_argument("--requests-per-minute", type=int, default=6000)
                act.add_argument("--requests-per-second", type=int, help="how many of them at once; none: all of them")
            if name in {"create", "scopes"}:
                act.add_argument("--scope", action="append", default=[], choices=sorted(SCOPES), help="once for each")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        try:
            getattr(self, f"_{act}")(options)
        except DomainError as error:
            raise CommandError(error.message) from None

    def _list(self, options: dict[str, Any]) -> None:
        for each in Application.objects.order_by("slug"):
            state = "enabled" if each.enabled else "disabled"
            burst = f" {each.requests_per_second}/s" if each.requests_per_second else ""
            self.stdout.write(f"{each.slug}\t{state}\t{each.requests_per_minute}/min{burst}\t{' '.join(each.scopes)}")

    def _create(self, options: dict[str, Any]) -> None:
        slug = options["slug"]
        try:
            validate_slug(slug)
        except ValidationError:
            raise CommandError("The short name has letters, digits, hyphens and underscores.") from None
        if Application.objects.filter(slug=slug).exists():
            raise CommandError("There is an application of this name.")
        _made, client_id, secret = create_application(
            slug=slug, name=options["name"], scopes=options["scope"], is_third_party=options["third_party"],
            requests_per_minute=options["requests_per_minute"], requests_per_second=options["requests_per_second"],
        )  # fmt: skip
        self.stdout.write(f"client_id {client_id}\nclient_secret {secret}")
        self.stderr.write("The secret is shown this once.")

    def _secret(self, options: dict[str, Any]) -> None:
        self.stdout.write(rotate_secret(application=_named(options)))
        self.stderr.write("The secret is shown this once; the old one and all tokens are dead.")

    def _scopes(self, options: dict[str, Any]) -> None:
        self.stdout.write(" ".join(set_scopes(application=_named(options), scopes=options["scope"]).scopes))

    def _limits(self, options: dict[str, Any]) -> None:
        set_limits(
            application=_named(options), per_minute=options["requests_per_minute"],
            per_second=options["requests_per_second"],
        )  # fmt: skip

    def _enable(self, options: dict[str, Any]) -> None:
        set_enabled(application=_named(options), enabled=True)

    def _disable(self, options: dict[str, Any]) -> None:
        set_enabled(application=_named(options), enabled=False)


_ACTS = {
    "create": "print its client id and secret",
    "secret": "print a new secret; the old one and all tokens are dead",
    "scopes": "grant exactly these",
    "limits": "how often it may ask, counted over all processes",
    "enable": "it may call again",
    "disable": "it may not call any more, within half a second",
}


def _named(options: dict[str, Any]) -> Application:
    found = Application.objects.filter(slug=options["slug"]).first()
    if found is None:
        raise CommandError("There is no application of this name.")
    return found
