from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gdpr_portal.demo import CREDENTIALS, build_demo


class Command(BaseCommand):
    help = "Make the demo people, applications and catalogue. Development profiles only; harmless when repeated."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.IS_LOCAL:
            raise CommandError("The demo is for development profiles only.")
        made = build_demo()
        done = "Made" if made else "There already"
        self.stdout.write(f"{done}: the sign-ins stand in {settings.RUN_DIR / CREDENTIALS}.")
