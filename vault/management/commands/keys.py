"""`manage.py keys init|status`: the keys are made, shown in words, never printed."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from vault import checkpoint_key, keyfiles


class Command(BaseCommand):
    help = "Makes the keys of the vault and of the audit log and shows their state."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        actions = parser.add_subparsers(dest="action", required=True)
        actions.add_parser("init", help="make the key files that are missing; overwrite nothing")

    def handle(self, *args: Any, action: str, **options: Any) -> None:
        getattr(self, f"_{action}")(**options)

    def _init(self, **options: Any) -> None:
        made = keyfiles.initialise(
            key_file=settings.VAULT_KEY_FILE,
            audit_file=settings.AUDIT_SIGNING_KEY_FILE,
            origin=settings.AUDIT_LOG_ORIGIN,
        )
        checkpoint_key.register()
        for path in made:
            self.stdout.write(f"made {path}")
        if not made:
            self.stdout.write("the keys are there already; nothing was changed")
