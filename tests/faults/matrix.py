"""The faults F1 to F27: what is done, what must be seen. Each raises AssertionError when the promise is not kept.

What other tests prove already is run by them (`elsewhere`), so that there is one table and nothing is proven twice.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.faults.ground import ROOT, Ground, Load, Web, forget_connections, idle_clients, wait_for

SHORT = ("F7", "F9", "F10", "F13", "F19")
"""What `make test` does of it; the crash tests beside (tests/crashes) are in `make test` themselves."""
WEB_SECONDS = 5.0
"""Within so long after the database is back the web takes traffic again."""


class NotHereError(Exception):
    """This machine has not what the fault needs."""


@dataclass(frozen=True)
class Fault:
    """One row of the matrix. `act` returns what was seen."""

    name: str
    what: str
    act: Callable[[Ground], str]


AT_FIRST = dict(os.environ)
"""The environment before that of the ground: tests in a process of their own have a ground of their own."""


def elsewhere(*nodes: str) -> Callable[[Ground], str]:
    """The named tests, in a process of their own."""

    def act(_stands: Ground) -> str:
        command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--no-header", "--tb=short", *nodes]
        done = subprocess.run(command, cwd=ROOT, env=AT_FIRST, capture_output=True, text=True, check=False)
        said = done.stdout.strip().splitlines() or ["nothing"]
        words = said[-1]
        why = [line for line in said if line.startswith(("FAILED", "ERROR", "E  "))]
        assert done.returncode == 0, " ".join([words, *why])
        return f"{words} ({', '.join(Path(each.split('::')[0]).name for each in nodes)})"

    return act


# --- web and database ------------------------------------------------------------------------------------------------
def f1_web_worker_killed(stands: Ground) -> str:
    with Load(stands) as load:
        for _kill in range(stands.many(5, 200)):
            time.sleep(0.2 + stands.dice.random())
            stands.web.kill(all_of_it=False)
            wait_for(stands.web.is_back, 60, "the web worker did not come back")
        wait_for(lambda: load.total >= stands.many(40, 5000), 900, "too few acts went through")
        return load.finish()


def f2_web_tree_killed(stands: Ground) -> str:
    with Load(stands) as load:
        for _kill in range(stands.many(1, 10)):
            time.sleep(0.5 + stands.dice.random())
            stands.web.kill(all_of_it=True)
            stands.web.start()
        wait_for(lambda: load.total >= 20, 120, "too few acts went through")
        return load.finish()


def f4_worker_tree_killed(stands: Ground) -> str:
    from tests.crashes.world import SWEEP, file

    nursery, slowest, killed = stands.nursery(), 0.0, 0
    for _time in range(stands.many(3, 30)):
        request = file(stands.person(), "access")
        worker = nursery.start(SWEEP)
        time.sleep(stands.dice.random() * 0.5)
        with contextlib.suppress(ProcessLookupError):
            os.kill(worker, signal.SIGKILL)
        killed += nursery.finish(worker) != 0
        slowest = max(slowest, _swept(stands, nursery, request.pk, 11))
    return f"{killed} killed, the slowest request complete after {slowest:.1f} s (bar: lease 1 s + 10 s)"


def _swept(stands: Ground, nursery: Any, request: Any, seconds: float) -> float:
    """A sweep every half second until the request is complete; seconds that took."""
    from tests.crashes.world import SWEEP

    def complete() -> bool:
        nursery.work(SWEEP)
        return _state(stands, request) == "completed"

    return wait_for(complete, seconds + 60, "never completed")


def _state(stands: Ground, request: Any) -> str:
    from erasure.models import RightsRequest

    forget_connections()
    return str(RightsRequest.objects.values_list("state", flat=True).get(pk=request))


def f5_broker_gone(stands: Ground) -> str:
    """Also F6: a broker that forgot everything is a broker whose hints are gone."""
    from tests.crashes.world import file

    nursery = stands.nursery(BROKER_URL="amqp://guest:guest@127.0.0.1:9//")
    filed = [file(stands.person(), right).pk for right in ("access", "erasure")]
    for step in _steps(filed[1]).filter(kind="manual"):
        _by_hand(stands, step)
    began = time.monotonic()
    for request in filed:
        _swept(stands, nursery, request, 30)
    return f"2 requests whose hints went nowhere complete after {time.monotonic() - began:.1f} s"


def _steps(request: Any) -> Any:
    from erasure.models import Step

    return Step.objects.filter(request_id=request)


def _by_hand(stands: Ground, step: Any) -> None:
    from erasure.services import step_acts

    step_acts.close_by_hand(step_id=step.pk, operator=stands.made.staff["olga"].account)


def _crash(stands: Ground, load: Load, **settings: str) -> None:
    """The server is shut down at once under writes, and started again with these settings."""
    aim = load.total + 10
    wait_for(lambda: load.total >= aim, 120, "nothing is written")
    stands.server.stop(signal.SIGQUIT)
    stands.server.start(**settings)
    forget_connections()


def f7_database_crashes(stands: Ground) -> str:
    ready = []
    with Load(stands) as load:
        for _time in range(stands.many(3, 50)):
            _crash(stands, load)
            ready.append(wait_for(stands.web.is_ready, 60, "the web did not find the database again"))
        words = load.finish()
    assert not stands.is_alone or max(ready) <= WEB_SECONDS, f"ready only {max(ready):.1f} s after the database"
    return f"{len(ready)} crashes, {words}, web ready at most {max(ready):.1f} s after the database"


def f8_not_flushed(stands: Ground) -> str:
    """F7 with `synchronous_commit=off`: what is lost must be missed, by the count and by the service itself.

    A withdrawal stands in the shred ledger, outside the database: it has lines the database lost, so the service takes
    itself for a restored backup and is not ready until `restore_fence`.
    """
    unflushed = {"synchronous_commit": "off", "wal_writer_delay": "10s", "wal_writer_flush_after": "2GB"}
    stands.server.stop(signal.SIGINT)
    stands.server.start(**unflushed)
    forget_connections()
    wait_for(stands.web.is_ready, 60, "not ready without flushing either")
    try:
        with Load(stands) as load:
            _crash(stands, load, **unflushed)
            time.sleep(3)
            refused = not stands.web.is_ready()
            load.stop()
        lost, _doubled = load.differences()
        assert lost and refused, f"{lost} of {load.total} missed, ready: {not refused}"
        return f"{lost} of {load.total} acknowledged acts missed, as they have to be; the service refused to be ready"
    finally:
        stands.server.stop(signal.SIGINT)
        stands.server.start()
        forget_connections()
        _replayed(stands)


def _replayed(stands: Ground) -> None:
    """The ledger was held against the database, and the web is ready."""
    import io

    from django.core.management import call_command

    call_command("restore_fence", stdout=io.StringIO())
    wait_for(stands.web.is_ready, 60, "not ready after restore_fence")


def f9_connections_cut(stands: Ground) -> str:
    with Load(stands) as load:
        for _cut in range(stands.many(5, 50)):
            time.sleep(0.3 + stands.dice.random() / 2)
            if stands.dice.random() < 0.5:
                stands.proxy.cut()
            else:
                stands.count("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE client_addr IS NULL "
                             "AND pid <> pg_backend_pid() AND query LIKE '%%consent%%'")  # fmt: skip
        return load.finish()


def f10_black_hole(stands: Ground) -> str:
    assert stands.web.get("/api/v1/purposes")[0] in {401, 403}
    with Load(stands, threads=3) as load:
        wait_for(lambda: load.total > 3, 60, "nothing is written")
        refused = load.statuses[503]
        stands.proxy.set("black hole")
        time.sleep(1)
        status, seconds = stands.web.get("/readyz")
        live = stands.web.get("/livez")
        time.sleep(7)
        if not stands.is_alone:
            wait_for(lambda: load.statuses[503] > refused, 60, "nobody gave up")
        stands.proxy.set("pass")
        stands.proxy.cut()
        back = wait_for(stands.web.is_ready, 30 if stands.is_alone else 120, "did not come back")
        words = load.finish()
    assert status in {0, 503} and live[0] == 200, (status, live)
    assert not stands.is_alone or live[1] < 1, live
    assert not stands.is_alone or load.slowest <= 8, f"one request hung for {load.slowest:.1f} s"
    said = f"readyz {status} after {seconds:.1f} s, livez after {live[1]:.2f} s, slowest answer {load.slowest:.1f} s"
    return f"{said}, back after {back:.1f} s; {words}"


def f11_slow_dependency(stands: Ground) -> str:
    from access.services.applications import set_endpoint
    from tests.crashes.world import SEND

    quick = sorted(stands.web.get("/.well-known/security.txt")[1] for _ in range(20))[18]
    with _receiver(lambda _n: ("hang", 20.0)) as receiver:
        set_endpoint(application=stands.made.shop, url=receiver.url)
        _withdrawn(stands)
        sender = threading.Thread(target=stands.nursery().work, args=(SEND,))
        sender.start()
        stands.proxy.set("delay", 2.0)
        times = sorted(stands.web.get("/.well-known/security.txt")[1] for _ in range(20))
        stands.proxy.set("pass")
        sender.join(60)
    _no_endpoint(stands)
    assert times[18] <= max(2 * quick, 0.25), f"{times[18]:.3f} s instead of {quick:.3f} s"
    beside = "with 2 s a query and a hanging receiver"
    return f"a page without database: p95 {times[18] * 1000:.0f} ms {beside}, {quick * 1000:.0f} ms without"


def f12_disk_full(stands: Ground) -> str:
    if not stands.has_volume:
        raise NotHereError("needs the right to mount a small volume")
    ballast = stands.server.cluster.folder.parent / "ballast"
    with Load(stands, threads=2) as load:
        wait_for(lambda: load.total > 3, 60, "nothing is written")
        try:
            with open(ballast, "wb", buffering=0) as file, contextlib.suppress(OSError):
                while True:
                    file.write(b"\0" * 65536)
            with contextlib.suppress(AssertionError):
                wait_for(lambda: load.statuses[503] > 0, 45, "no 503")
            refused, reads = load.statuses[503], stands.web.get("/livez")[0]
        finally:
            ballast.unlink()  # the faults after this one need the room
        if stands.server.process.poll() is not None:
            stands.server.start()
        back = wait_for(stands.web.is_ready, 60, "did not recover")
        words = load.finish()
    assert reads == 200
    assert stands.count("SELECT count(*) FROM subjects_subject") > 0
    return f"{refused} writes refused with 503, back {back:.1f} s after there was room; {words}"


def f13_ledger_volume_full(stands: Ground) -> str:
    """The shred ledger cannot be written: no key is destroyed, nothing is said to be complete."""
    from tests.crashes.world import file

    full = (
        "from vault import ledger_file\ndef full(entries): raise OSError(28, 'no space')\nledger_file.append = full\n"
    )
    nursery, person = stands.nursery(), stands.person()
    request = file(person, "erasure").pk
    for step in _steps(request).filter(kind="manual"):
        _by_hand(stands, step)
    nursery.work(full + "from erasure.tasks import sweep; sweep(); sweep(); sweep()")
    state = _state(stands, request)
    keys = stands.count("SELECT count(*) FROM vault_datakey WHERE owner = %s", person.subject.pk)
    assert (state, keys) == ("in_progress", 1), (state, keys)
    _steps(request).update(next_at=None, lease_until=None)
    took = _swept(stands, nursery, request, 60)
    return f"in progress with the key while the volume was full, complete {took:.1f} s after"


def f14_clock_jumps(stands: Ground) -> str:
    from tests.crashes.world import KILLED, SWEEP, file

    jump = "import time_machine, datetime as d\ntime_machine.travel(d.datetime.now(d.UTC) + d.timedelta({})).start()\n"
    nursery = stands.nursery()
    request = file(stands.person(), "access").pk
    due = stands.count("SELECT extract(epoch FROM due_at)::bigint FROM erasure_rightsrequest WHERE id = %s", request)
    assert nursery.work(jump.format("days=40") + SWEEP, "erasure.archive.claimed") != KILLED
    assert _state(stands, request) == "in_progress", "a worker whose clock is ahead did something"
    assert nursery.work(jump.format("hours=-1") + SWEEP, "erasure.archive.claimed") == KILLED
    took = _swept(stands, nursery, request, 20)
    again = stands.count("SELECT extract(epoch FROM due_at)::bigint FROM erasure_rightsrequest WHERE id = %s", request)
    assert due == again
    return (
        f"40 days ahead a worker did nothing; one an hour behind died with a lease, another had it done {took:.1f} s"
        " later; no deadline moved"
    )


def f17_late_answer(stands: Ground) -> str:
    from access.services.applications import set_endpoint
    from consent.models import Delivery
    from consent.services.deliveries import acknowledge
    from tests.crashes.world import file

    set_endpoint(application=stands.made.shop, url="http://127.0.0.1:9/notices")
    request = file(stands.person(), "access").pk
    step = _steps(request).get(kind="notify")
    Delivery.objects.filter(pk=step.delivery).update(state="sent")
    _by_hand(stands, step)
    _swept(stands, stands.nursery(), request, 20)
    acknowledge(application=stands.made.shop, delivery_id=step.delivery, outcome="failed", evidence={}, data={})
    _no_endpoint(stands)
    assert _state(stands, request) == "completed"
    told = stands.count(
        "SELECT count(*) FROM audit_event WHERE action = 'delivery.acknowledged' AND details->>'delivery' = %s",
        str(step.delivery),
    )
    assert told == 1
    return "an answer after the request was complete is in the log and moved nothing"


# --- others and load -------------------------------------------------------------------------------------------------
def f19_third_party(stands: Ground) -> str:
    """500, 429, hanging, 200 without an answer: a request waits, and never says complete."""
    from access.services.applications import set_endpoint
    from consent.models import Delivery
    from tests.crashes.world import SEND, SWEEP, file

    script = [(500, {}), (429, {"Retry-After": "1"}), ("drop", 0.0), (200, {})]
    nursery = stands.nursery(WEBHOOK_TIMEOUT_SECONDS="2")
    with _receiver(lambda number: script[min(number, len(script) - 1)]) as receiver:
        set_endpoint(application=stands.made.shop, url=receiver.url)
        request = file(stands.person(), "access").pk
        for _try in range(len(script)):
            Delivery.objects.filter(request=request).exclude(state="sent").update(next_at="2000-01-01T00:00:00Z")
            nursery.work(SEND + "; " + SWEEP)
            assert _state(stands, request) == "in_progress"
    state = Delivery.objects.get(request=request).state
    _no_endpoint(stands)
    assert receiver.heard >= len(script) and state == "sent", (receiver.heard, state)
    return f"heard {receiver.heard} times (500, 429, dropped, 200 without an answer), the request waited each time"


def f21_rolling_restart(stands: Ground) -> str:
    from deploy.local.instance import free_port

    folder = stands.folder / "second"
    folder.mkdir(exist_ok=True)
    for part in ("metrics", "mail"):
        (folder / part).mkdir(exist_ok=True)
    other = Web(free_port(), stands.web.env | {"RUN_DIR": str(folder)})
    other.start()
    both, failed = [stands.web, other], 0
    try:
        with Load(stands, webs=list(both)) as load:
            for number in range(stands.many(2, 20)):
                leaving = both[number % 2]
                draining = Path(leaving.env["RUN_DIR"]) / "draining"
                draining.touch()
                wait_for(lambda leaving=leaving: not leaving.is_ready(), 10, "still ready while draining")
                load.webs[:] = [each for each in both if each is not leaving]
                time.sleep(0.5)
                leaving.stop()
                draining.unlink()
                leaving.start()
                load.webs[:] = list(both)
                time.sleep(0.5)
            words = load.finish()
        failed = sum(count for status, count in load.statuses.items() if status != 201)
    finally:
        other.stop()
    assert not failed, f"{failed} requests failed; {words}"
    return f"{stands.many(2, 20)} restarts, {words}"


def f22_out_of_memory(stands: Ground) -> str:
    from tests.crashes.world import SWEEP, file

    starved = (
        "import resource; from erasure.archives import build\n"
        "def hungry(*a, **k): resource.setrlimit(resource.RLIMIT_AS, (2**20, -1)); bytearray(2**30)\n"
        "build.content = hungry\n"
    )
    nursery = stands.nursery()
    request = file(stands.person(), "access").pk
    ended = nursery.start(starved + SWEEP)
    with contextlib.suppress(AssertionError):  # it may well end by its own death
        nursery.finish(ended)
    assert _state(stands, request) == "in_progress"
    took = _swept(stands, nursery, request, 60)
    return f"a worker without memory left the step, another finished it {took:.1f} s later"


def f25_migration_under_load(stands: Ground) -> str:
    import psycopg

    with Load(stands) as load, psycopg.connect(os.environ["DATABASE_URL"], autocommit=True) as owner:
        owner.execute("SET lock_timeout = '2s'")
        for _time in range(stands.many(3, 20)):
            owner.execute("ALTER TABLE consent_consentevent ADD COLUMN of_tomorrow text")
            time.sleep(0.3)
            owner.execute("ALTER TABLE consent_consentevent DROP COLUMN of_tomorrow")
        wait_for(lambda: load.total >= 20, 60, "too few acts went through")
        return f"columns come and go under old code: {load.finish()}"


def f27_exhausted(stands: Ground) -> str:
    idle: list[Any] = []
    with Load(stands) as load:
        try:
            idle = idle_clients(stands.web.port, 500)
            wait_for(lambda: load.total >= 10, 60, "nothing goes through beside 500 idle clients")
            slowest = load.slowest
        finally:
            for each in idle:
                each.close()
        words = load.finish()
    assert stands.web.is_ready()
    return f"500 idle clients: slowest answer {slowest:.2f} s; {words}"


# --- helpers ---------------------------------------------------------------------------------------------------------
@contextlib.contextmanager
def _receiver(script: Callable[[int], tuple[Any, Any]]) -> Any:
    """A receiver that does what the script says for each number of call: (status, headers), hang or drop."""
    from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            what, more = script(server.heard)
            server.heard += 1
            if what in {"hang", "drop"}:
                time.sleep(more)
                self.connection.close()
                return
            self.send_response(what)
            for name, value in {"Content-Length": "0", **more}.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    server: Any = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.heard, server.url = 0, f"http://127.0.0.1:{server.server_port}/notices"
    threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()


def _withdrawn(stands: Ground) -> None:
    from tests.consent.people import answer

    person = stands.person()
    answer(person.subject, "give")
    answer(person.subject, "withdraw")


def _no_endpoint(stands: Ground) -> None:
    """Nobody is told by webhook any more; what waits for it is off the table of later faults."""
    from access.models import WebhookEndpoint
    from consent.models import Delivery

    Delivery.objects.filter(state__in=["queued", "sending"]).update(state="cancelled")
    WebhookEndpoint.objects.filter(application=stands.made.shop).delete()


RESUMED = "tests/crashes/test_erasure_is_resumed.py"
SWEPT = "tests/crashes/test_the_sweep_is_the_guarantee.py::test_"
TOLD = "tests/crashes/test_deliveries_are_resumed.py::test_"
RESTORED = ("tests/erasure/test_restore_drill.py", "tests/erasure/test_restore_fence.py")
TEN_TIMES = (f"{SWEPT}ten_hints_for_one_step_have_one_effect", f"{TOLD}ten_times_the_same_answer_is_one")
POISON = (
    f"{SWEPT}a_step_that_kills_its_worker_five_times_waits_for_somebody",
    f"{TOLD}a_notice_that_cannot_be_put_together_holds_up_nobody_elses",
)
NO_BROKER = f"{SWEPT}with_the_broker_down_consent_and_requests_are_taken_and_finished"
EARLY = f"{TOLD}an_answer_before_the_note_of_the_sending_survives_the_kill"
NOTED = f"{TOLD}a_notice_is_acknowledged_once_wherever_a_worker_dies"
AT_ONCE = (f"{SWEPT}two_sweeps_at_once_have_one_effect", f"{TOLD}two_sweeps_at_once_tell_once")

FAULTS = [
    Fault("F1", "kill -9 of the web worker under writes", f1_web_worker_killed),
    Fault("F2", "kill -9 of web master and workers", f2_web_tree_killed),
    Fault("F3", "kill -9 of a worker at each boundary of an erasure and an export", elsewhere(RESUMED)),
    Fault("F4", "kill -9 of the whole worker at any moment", f4_worker_tree_killed),
    Fault("F5", "broker down, hints lost", f5_broker_gone),
    Fault("F6", "broker emptied: the sweep alone", elsewhere(NO_BROKER)),
    Fault("F7", "database shut down at once under writes", f7_database_crashes),
    Fault("F8", "F7 with unflushed commits: must be noticed", f8_not_flushed),
    Fault("F9", "connections reset and backends terminated", f9_connections_cut),
    Fault("F10", "web cut from the database by a black hole", f10_black_hole),
    Fault("F11", "2 s a query and a receiver that hangs", f11_slow_dependency),
    Fault("F12", "the database's volume is full", f12_disk_full),
    Fault("F13", "the shred ledger's volume is full", f13_ledger_volume_full),
    Fault("F14", "clocks of workers jump", f14_clock_jumps),
    Fault("F15", "tasks and answers ten times", elsewhere(*TEN_TIMES)),
    Fault("F16", "an answer before the sending was noted", elsewhere(EARLY)),
    Fault("F17", "an answer after the end", f17_late_answer),
    Fault("F18", "a step that kills its worker, a notice that cannot be built", elsewhere(*POISON)),
    Fault("F19", "a third party that fails, throttles, drops, or says 200 and no more", f19_third_party),
    Fault("F20", "three sweeps at once", elsewhere(*AT_ONCE)),
    Fault("F21", "rolling restarts under load", f21_rolling_restart),
    Fault("F22", "a worker out of memory", f22_out_of_memory),
    Fault("F23", "an old backup restored", elsewhere(*RESTORED)),
    Fault("F24", "death between the call and its note", elsewhere(NOTED)),
    Fault("F25", "a table changed under load", f25_migration_under_load),
    Fault("F26", "master key missing, wrong, taken away", elsewhere("tests/vault/test_sealed_service.py")),
    Fault("F27", "500 idle clients", f27_exhausted),
]  # fmt: skip
