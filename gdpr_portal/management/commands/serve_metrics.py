"""`manage.py serve_metrics`: `gdpr_portal.exposition` with the settings' port."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand

from gdpr_portal.exposition import serve


class Command(BaseCommand):
    help = "Serve the Prometheus metrics of all processes that share PROMETHEUS_MULTIPROC_DIR, until SIGTERM."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default=settings.METRICS_ADDRESS, help="the address listened on")
        parser.add_argument("--port", type=int, default=settings.METRICS_PORT)

    def handle(self, *args: Any, address: str, port: int, **options: Any) -> None:
        self.stdout.write(f"metrics on http://{address}:{port}/metrics")
        serve(address, port)
