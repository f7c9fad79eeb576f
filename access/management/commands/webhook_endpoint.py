"""`manage.py webhook_endpoint set APPLICATION URL | show|disable|remove APPLICATION`."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.models import Application, WebhookEndpoint
from access.services.applications import disable_endpoint, remove_endpoint, set_endpoint
from gdpr_portal.errors import DomainError


class Command(BaseCommand):
    help = "Set, show, disable or remove where an application receives its signed notices."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        for name, about in (
            ("set", "print a fresh signing secret"),
            ("show", ""),
            ("disable", "notices wait for another"),
            ("remove", "it is asked no more"),
        ):
            act = acts.add_parser(name, help=about)
            act.add_argument("application", help="the slug of the application")
            if name == "set":
                act.add_argument("url", help="an https address")

    def handle(self, *args: Any, act: str, application: str, **options: Any) -> None:
        found = Application.objects.filter(slug=application).first()
        if found is None:
            raise CommandError("There is no application of this name.")
        try:
            getattr(self, f"_{act}")(found, options.get("url"))
        except DomainError as error:
            raise CommandError(error.message) from None

    def _set(self, application: Application, url: str) -> None:
        self.stdout.write(set_endpoint(application=application, url=url))

    def _show(self, application: Application, _: None) -> None:
        endpoint = WebhookEndpoint.objects.filter(application=application).first()
        if endpoint is None:
            self.stdout.write("none")
            return
        self.stdout.write(f"{endpoint.url} {'disabled' if endpoint.disabled_at else 'live'}")

    def _disable(self, application: Application, _: None) -> None:
        self.stdout.write("disabled" if disable_endpoint(application=application) else "none was live")

    def _remove(self, application: Application, _: None) -> None:
        self.stdout.write("removed" if remove_endpoint(application=application) else "there was none")
