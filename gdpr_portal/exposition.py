"""`python -m gdpr_portal.exposition`: the numbers of every process of this instance, on a port of their own.

It reads the files of `PROMETHEUS_MULTIPROC_DIR`, and with `DATABASE_URL` in its environment also what the rows say
(`gdpr_portal.measures`): one such process for the whole service is enough, beside a pod the files alone will do. It
needs no Django. `METRICS_ADDRESS` is the address listened on, the loopback by default.
"""

import os
import shutil
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from gdpr_portal.measures import RowsCollector


class DiskCollector(Collector):
    """`portal_disk_free_ratio`: the free share of the disk that a folder lies on."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def collect(self) -> Iterator[GaugeMetricFamily]:
        usage = shutil.disk_usage(self.folder)
        yield GaugeMetricFamily(
            "portal_disk_free_ratio", "Free share of the disk of RUN_DIR.", value=usage.free / usage.total
        )


def serve(address: str, port: int) -> None:
    """`/metrics` answers on this address until SIGTERM or SIGINT."""
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    registry.register(DiskCollector(Path(os.environ["PROMETHEUS_MULTIPROC_DIR"])))
    if database := os.environ.get("DATABASE_URL"):
        registry.register(RowsCollector(database))
    server, thread = start_http_server(port, addr=address, registry=registry)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    serve(os.environ.get("METRICS_ADDRESS") or "127.0.0.1", int(os.environ["METRICS_PORT"]))
    sys.exit(0)
