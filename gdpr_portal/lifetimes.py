"""The life of a process in numbers: that it began, what memory it has, why it ended.

Recycling bounds a leak and hides it; so every start is counted, every orderly end with its reason, and the memory of
each process is measured by itself (`portal_process_resident_bytes`). A start without an end before it was a crash or
the kernel's `kill -9`.
"""

import gc
import logging
import os
import threading
import time
from contextlib import suppress
from multiprocessing.util import Finalize
from pathlib import Path

from prometheus_client.multiprocess import mark_process_dead

from gdpr_portal import metrics
from gdpr_portal.leaks import Follower

log = logging.getLogger(__name__)

MEASURE_SECONDS = 10.0
PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
CGROUP_LIMITS = (Path("/sys/fs/cgroup/memory.max"), Path("/sys/fs/cgroup/memory/memory.limit_in_bytes"))
UNLIMITED = 2**60
MEMORY_LIMIT, LIFETIME_LIMIT = "GRANIAN_WORKERS_MAX_RSS", "GRANIAN_WORKERS_LIFETIME"
"""Variables by which the server recycles its workers: MiB of resident memory, whole seconds."""


def watch(process: str, version: str) -> None:
    """This process's start is counted, its memory measured from now on, and its orderly end counted by reason.

    `process` is one of web, worker, scheduler, sequencer. Call it when everything is loaded: what stands then is left
    out of garbage collection for good. Without that the oldest generation is looked at only after some hundred
    thousand requests, and the cycles of their objects look like a leak of 50 KiB a thousand until then (docs/leaks.md).
    """
    gc.collect()
    gc.freeze()
    bury_the_dead()
    metrics.STARTS.labels(process, version).inc()
    log.info("this process has started", extra={"kind": process, "version": version})
    measure(process, version)
    if limit := limit_bytes():
        metrics.MEMORY_LIMIT.labels(process, version).set(limit)
    # Unlike atexit this is run at the end of a child of `multiprocessing` too, which the web worker is.
    Finalize(None, _end, args=(process, time.monotonic()), exitpriority=10)
    threading.Thread(target=_measure_on, args=(process, version), name="lifetimes", daemon=True).start()


def measure(process: str, version: str) -> None:
    """The memory of this process stands in its gauge."""
    metrics.MEMORY.labels(process, version).set(resident_bytes())


def resident_bytes() -> int:
    """What this process has in memory now, in bytes."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * PAGE_BYTES


def limit_bytes() -> int:
    """The memory this container may have, in bytes (cgroup 2, else 1); 0 where nothing limits it."""
    for file in CGROUP_LIMITS:
        if file.exists() and (text := file.read_text().strip()).isdigit() and int(text) < UNLIMITED:
            return int(text)
    return 0


def reason(*, resident: int, lived: float) -> str:
    """Why a process ends in order: `memory` or `lifetime` at a limit of the server, else `asked`."""
    memory, lifetime = (os.environ.get(name, "") for name in (MEMORY_LIMIT, LIFETIME_LIMIT))
    if memory.isdigit() and resident >= int(memory) * 2**20:
        return "memory"
    if lifetime.isdigit() and lived >= int(lifetime):
        return "lifetime"
    return "asked"


def bury_the_dead() -> None:
    """The gauges of this host's processes that are gone are gone too: the boards and the alert on a web process that is
    missing go by them. Every process looks, as one that was killed may not be started again."""
    for file in Path(os.environ["PROMETHEUS_MULTIPROC_DIR"]).glob(f"gauge_live*_{metrics.HOST}-*.db"):
        pid = file.stem.rpartition("-")[2]
        if not Path("/proc", pid).exists():
            _bury(f"{metrics.HOST}-{pid}")


def _bury(identity: str) -> None:
    with suppress(FileNotFoundError):  # another process was quicker
        mark_process_dead(identity)  # type: ignore[no-untyped-call]  # it takes any name of a process


def _measure_on(process: str, version: str) -> None:
    follower = Follower(Path(os.environ.get("RUN_DIR", ".run")) / "leaks", process)
    while True:
        time.sleep(MEASURE_SECONDS)
        measure(process, version)
        bury_the_dead()
        try:
            follower.look()
        except OSError as error:  # no room for the report, say: the memory is measured on
            log.warning("cannot report what grew", extra={"error": type(error).__name__})


def _end(process: str, began: float) -> None:
    lived = time.monotonic() - began
    why = reason(resident=resident_bytes(), lived=lived)
    log.info("this process ends in order", extra={"kind": process, "code": why, "seconds": int(lived)})
    metrics.RECYCLED.labels(process, why).inc()
    _bury(metrics.identity())
