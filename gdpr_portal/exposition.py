"""`python -m gdpr_portal.exposition`: the numbers of every process of this instance, on a port of their own.

It reads the files of `PROMETHEUS_MULTIPROC_DIR` and needs neither Django nor the database.
"""

import os
import signal
import sys
import threading
from pathlib import Path

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.multiprocess import MultiProcessCollector


def serve(address: str, port: int) -> None:
    """`/metrics` answers on this address until SIGTERM or SIGINT."""
    Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).mkdir(mode=0o700, parents=True, exist_ok=True)
    registry = CollectorRegistry()
    MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    server, thread = start_http_server(port, addr=address, registry=registry)
    stopped = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopped.set())
    stopped.wait()
    server.shutdown()
    server.server_close()
    thread.join()


if __name__ == "__main__":
    serve("127.0.0.1", int(os.environ["METRICS_PORT"]))
    sys.exit(0)
