"""manage.py opendsr_processor set APPLICATION URL --token-file FILE | show APPLICATION."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from access.models import Application
from audit import actors
from erasure.models import OpenDsrProcessor
from erasure.services.opendsr_calls import set_processor
from gdpr_portal.errors import DomainError


class Command(BaseCommand):
    """Has a processor of ours asked by OpenDSR 2.0, after its discovery was checked."""

    help = "Set or show how a processor is asked by OpenDSR 2.0 (docs/opendsr.md)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        for name in ("set", "show"):
            act = acts.add_parser(name)
            act.add_argument("application", help="the slug of the application")
            if name == "set":
                act.add_argument("url", help="its https address, with the major version: https://dsr.example/v2")
                act.add_argument("--token-file", required=True, help="a file with the bearer token it gave us")

    def handle(self, *args: Any, act: str, application: str, **options: Any) -> None:
        found = Application.objects.filter(slug=application).first()
        if found is None:
            raise CommandError("There is no application of this name.")
        row = self._set(found, options) if act == "set" else OpenDsrProcessor.objects.filter(application=found).first()
        if row is None:
            raise CommandError("It is not asked by OpenDSR.")
        self.stdout.write(f"{row.base_url} {','.join(row.kinds)} {','.join(row.identities)}")

    def _set(self, application: Application, options: dict[str, Any]) -> OpenDsrProcessor:
        try:
            token = Path(options["token_file"]).read_text(encoding="ascii").strip()
            actor = actors.system("command")
            return set_processor(application=application, base_url=options["url"], token=token, actor=actor)
        except (OSError, UnicodeDecodeError):
            raise CommandError("The file of the token cannot be read.") from None
        except DomainError as error:
            raise CommandError(error.message) from None
