"""`manage.py provision_roles`: grants and queue are as `gdpr_portal/roles.py` says. Run it after every migrate."""

from argparse import ArgumentParser
from typing import Any

import psycopg
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError
from psycopg.conninfo import conninfo_to_dict

from gdpr_portal.errors import last_line
from gdpr_portal.roles import provision


class Command(BaseCommand):
    help = "Give the app and sequencer roles exactly the rights they need, and make the queue; as the schema's owner."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        users = [conninfo_to_dict(url).get("user") for url in (settings.DATABASE_URL, settings.DATABASE_SEQUENCER_URL)]
        parser.add_argument("--app", default=users[0], help="role of web and worker; the user of DATABASE_URL")
        parser.add_argument("--sequencer", default=users[1], help="role of the sequencer; the user of its URL")

    def handle(self, *args: Any, app: str, sequencer: str, **options: Any) -> None:
        queue = settings.BROKER_URL.startswith("pgmq")
        try:
            with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as connection:
                lines = provision(connection, app=app, sequencer=sequencer, queue=queue)
        except psycopg.Error as error:
            said = error.diag.message_primary or last_line(error)
            raise CommandError(f"The database refused ({type(error).__name__}): {said}") from error
        for line in lines:
            self.stdout.write(line)
