"""`manage.py serve_metrics`: the numbers of every process of this instance on a port of their own."""

import os
import signal
import threading
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector


class Command(BaseCommand):
    help = "Serve the Prometheus metrics of all processes that share PROMETHEUS_MULTIPROC_DIR, until SIGTERM."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--address", default="127.0.0.1", help="the address listened on; the loopback by default")
        parser.add_argument("--port", type=int, default=settings.METRICS_PORT)

    def handle(self, *args: Any, address: str, port: int, **options: Any) -> None:
        Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
        registry = CollectorRegistry()
        MultiProcessCollector(registry)
        start_http_server(port, addr=address, registry=registry)
        self.stdout.write(f"metrics on http://{address}:{port}/metrics")
        stopped = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stopped.set())
        stopped.wait()
