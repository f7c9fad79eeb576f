from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from gdpr_portal.demo import CREDENTIALS, build_demo
from gdpr_portal.demo_crowd import build_crowd


class Command(BaseCommand):
    help = "Make the demo people, applications and catalogue. Development profiles only; harmless when repeated."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--crowd",
            type=int,
            default=0,
            help="so many made-up people with answers and requests besides, for the desks",
        )

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_LOCAL:
            raise CommandError("The demo is for development profiles only.")
        made = build_demo()
        done = "Made" if made else "There already"
        self.stdout.write(f"{done}: the sign-ins stand in {settings.RUN_DIR / CREDENTIALS}.")
        if crowd := options["crowd"]:
            self.stdout.write(f"New of a crowd of {crowd}: {build_crowd(crowd)}.")
