"""`manage.py postflight`: the checklist after a deployment (docs/postflight.md)."""

import os
import ssl
from argparse import ArgumentParser
from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand

from gdpr_portal.checklists import postflight, table


class Command(BaseCommand):
    help = "The checklist after a deployment, asked of the live service. Exit 1 when something is bad."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        metrics = f"http://{settings.METRICS_ADDRESS}:{settings.METRICS_PORT}/metrics"
        parser.add_argument("--format", choices=table.FORMS, default="text", help="how the table is printed")
        parser.add_argument("--url", default=settings.BASE_URL, help="where people reach the service")
        parser.add_argument("--metrics", default=metrics, help="where its numbers are")
        parser.add_argument("--ca", default=None, metavar="FILE", help="the authority to trust, if not a public one")

    def handle(self, *args: Any, **options: Any) -> None:
        trusted = ssl.create_default_context(cafile=options["ca"])
        with httpx.Client(timeout=postflight.PATIENCE_SECONDS, verify=trusted) as client:
            live = postflight.Live(
                base_url=options["url"].rstrip("/"),
                metrics_url=options["metrics"],
                client=client,
                client_id=os.environ.get("SMOKE_CLIENT_ID", ""),
                client_secret=os.environ.get("SMOKE_CLIENT_SECRET", ""),
            )
            rows = table.looked_at(postflight.checklist(live))
        self.stdout.write(table.render(rows, options["format"], title="Postflight"))
        if not table.passed(rows):
            raise SystemExit(1)
