"""The faults: each one a thing that happens to services, done to a running one and mended again."""

import contextlib
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import httpx
import psycopg

from tests.alerts.ground import Ground
from tests.faults.ground import wait_for
from tests.journey.people import Person


@dataclass(frozen=True)
class Fault:
    """What happens, which alerts have to fire, and which may because they belong to it."""

    what: str
    fires: frozenset[str]
    may: frozenset[str]
    happens: Callable[[Ground], AbstractContextManager[None]]


FAULTS: list[Fault] = []
GOES_ON = frozenset({"PortalLeaseExpiries", "PortalBrokerDown", "PortalSecondFactorFailures", "PortalRestarts",
                     "PortalDecryptFailures"})  # fmt: skip
"""These count over minutes that are not shortened: they fire on after the mend."""
CONNECT_ANEW = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
    " AND pid <> pg_backend_pid() AND backend_type = 'client backend'"
)
OF_MEMORY = frozenset({"PortalMemoryLeak", "PortalMemoryWorseByVersion", "PortalMemorySoonFull",
                       "PortalRecyclesByMemory"})  # fmt: skip
"""Fired by a process that grows for an hour: `make soak` grows one, and promtool fires the alerts."""


def fault(what: str, *fires: str, may: tuple[str, ...] = ()) -> Callable[[Callable[[Ground], Iterator[None]]], None]:
    """Registers a generator that does the fault, yields while it lasts, and mends it."""

    def register(happens: Callable[[Ground], Iterator[None]]) -> None:
        FAULTS.append(Fault(what, frozenset(fires), frozenset(may), contextmanager(happens)))

    return register


# --- processes -------------------------------------------------------------------------------------------------------
@fault("the metrics process hangs", "PortalMetricsMissing")
def _(ground: Ground) -> Iterator[None]:
    with ground.asleep("metrics"):
        yield


@fault("the web process is killed and not started again", "PortalWebDown")
def _(ground: Ground) -> Iterator[None]:
    with ground.unguarded():
        ground.kill("web")
        yield


@fault("the database is killed and not started again", "PortalDatabaseDown", "PortalErrors",
       may=("PortalBrokerDown", "PortalWebDown", "PortalWorkerSilent"))  # fmt: skip
def _(ground: Ground) -> Iterator[None]:
    with ground.unguarded():
        postmaster = int((ground.run_dir / "postgres" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGQUIT)
        yield


@fault("the worker hangs, and a copy was asked for ten minutes ago", "PortalQueueStuck", "PortalWorkerSilent")
def _(ground: Ground) -> Iterator[None]:
    with ground.asleep("worker"):
        request = ground.file("access", ground.person())
        ground.rows("UPDATE erasure_step SET settled_at = NULL, next_at = NULL WHERE request_id = %s", request)
        ground.rows(
            "UPDATE erasure_rightsrequest SET starts_at = now() - interval '10 min',"
            " received_at = now() - interval '10 min' WHERE id = %s", request,
        )  # fmt: skip
        yield


@fault("the sequencer hangs while people act", "PortalAuditUnsealed")
def _(ground: Ground) -> Iterator[None]:
    with ground.asleep("sequencer"):
        ground.person()
        yield


# --- the database ----------------------------------------------------------------------------------------------------
@fault("a table is locked again and again", "PortalSlow", may=("PortalErrors", "PortalQueueStuck"))
def _(ground: Ground) -> Iterator[None]:
    over = threading.Event()

    def lock() -> None:
        with ground.connect() as connection:
            while not over.wait(0.1):
                with connection.transaction():
                    connection.execute("LOCK TABLE consent_standing IN ACCESS EXCLUSIVE MODE")
                    over.wait(1.5)

    thread = threading.Thread(target=lock)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


@fault("a transaction of the service stays open", "PortalTransactionOpen")
def _(ground: Ground) -> Iterator[None]:
    with psycopg.connect(ground.demo["env"]["DATABASE_URL"]) as connection:
        connection.execute("SELECT 1")
        yield


@fault("the schema is older than the code", "PortalMigrationsMissing", may=("PortalErrors",))
def _(ground: Ground) -> Iterator[None]:
    (row,) = ground.rows(
        "DELETE FROM django_migrations WHERE id = (SELECT max(id) FROM django_migrations WHERE app = 'access')"
        " RETURNING id, app, name, applied"
    )
    try:
        yield
    finally:
        ground.rows("INSERT INTO django_migrations (id, app, name, applied) VALUES (%s, %s, %s, %s)", *row)


@fault("the clocks of web and database are ten minutes apart", "PortalClockOff", may=("PortalErrors",))
def _(ground: Ground) -> Iterator[None]:
    """The database has another `clock_timestamp()` for everybody who connects from now on."""
    name = ground.rows("SELECT quote_ident(current_database())")[0][0]
    ground.rows("CREATE SCHEMA shifted")
    ground.rows("GRANT USAGE ON SCHEMA shifted TO PUBLIC")
    ground.rows(
        "CREATE FUNCTION shifted.clock_timestamp() RETURNS timestamptz LANGUAGE sql"
        " AS $$SELECT pg_catalog.clock_timestamp() - interval '10 minutes'$$"
    )
    try:
        ground.rows(f"ALTER DATABASE {name} SET search_path = shifted, pg_catalog, public")
        ground.rows(CONNECT_ANEW)
        yield
    finally:
        ground.rows(f"ALTER DATABASE {name} RESET search_path")
        ground.rows("DROP SCHEMA shifted CASCADE")
        ground.rows(CONNECT_ANEW)


@fault("the database is that of an older backup", "PortalFenceUp", may=("PortalErrors",))
def _(ground: Ground) -> Iterator[None]:
    subject = ground.person()
    ground.file("restriction", subject, ground="accuracy_contested")
    ground.rows("CREATE TABLE kept AS TABLE vault_tombstone")
    try:
        ground.rows("DELETE FROM vault_tombstone")
        yield
    finally:
        ground.rows("INSERT INTO vault_tombstone TABLE kept")
        ground.rows("DROP TABLE kept")


# --- keys and values -------------------------------------------------------------------------------------------------
@fault("the key file is gone", "PortalVaultSealed", may=("PortalErrors", "PortalBrokerDown"))
def _(ground: Ground) -> Iterator[None]:
    file = ground.run_dir / "keys" / "vault.json"
    aside = file.with_suffix(".away")
    file.rename(aside)
    try:
        yield
    finally:
        aside.rename(file)


@fault("a value was changed in the database, and a copy of it is asked for", "PortalDecryptFailures",
       "PortalStepFailed", may=("PortalErrors",))  # fmt: skip
def _(ground: Ground) -> Iterator[None]:
    subject = ground.person()
    change = "UPDATE subjects_personalvalue SET sealed = set_byte(sealed, 20, 255 - get_byte(sealed, 20)) WHERE id = %s"
    ((value,),) = ground.rows("SELECT id FROM subjects_personalvalue ORDER BY created_at DESC LIMIT 1")
    ground.rows(change, value)
    request = ground.file("access", subject)
    try:
        for _try in range(60):  # the next try at once: the waits between them are minutes
            ground.rows("UPDATE erasure_step SET next_at = NULL WHERE request_id = %s AND state = 'queued'", request)
            ground.manage("shell", "-v0", "-c", f"from erasure.services.steps import push; push('{request}')")
            if ground.rows("SELECT 1 FROM erasure_step WHERE request_id = %s AND state = 'failed'", request):
                break
        yield
    finally:
        ground.rows(change, value)
        ground.rows("UPDATE erasure_rightsrequest SET state = 'withdrawn' WHERE id = %s", request)


@fault("an entry of the audit log was changed", "PortalAuditDamaged")
def _(ground: Ground) -> Iterator[None]:
    ask = "from audit import actors, verifications as v; v.ask(actor=actors.system('scheduler'))"
    ends = "SELECT count(*) FROM audit_verification WHERE state IN ('done', 'failed')"

    def verified() -> None:
        (before,) = ground.rows(ends)[0]
        ground.manage("shell", "-v0", "-c", ask)
        wait_for(lambda: ground.rows(ends)[0][0] > before, 120, "the log was not verified")

    (row,) = ground.rows("SELECT id, actor FROM audit_event ORDER BY id LIMIT 1")
    ground.rows("UPDATE audit_event SET actor = 'system:nobody' WHERE id = %s", row[0])
    verified()
    try:
        yield
    finally:
        ground.rows("UPDATE audit_event SET actor = %s WHERE id = %s", row[1], row[0])
        verified()


# --- what is outside -------------------------------------------------------------------------------------------------
@fault("the broker's queues are gone", "PortalBrokerDown", may=("PortalWorkerSilent", "PortalErrors", "PortalRestarts"))
def _(ground: Ground) -> Iterator[None]:
    ground.rows("ALTER SCHEMA pgmq RENAME TO pgmq_away")
    try:
        for _request in range(3):
            ground.file("access", ground.person())
            time.sleep(2)
        yield
    finally:
        ground.rows("ALTER SCHEMA pgmq_away RENAME TO pgmq")


@fault("the mail server takes nothing", "PortalOutboxStuck", "PortalMailGivenUp", "PortalBreakerOpen",
       may=("PortalQueueStuck",))  # fmt: skip
def _(ground: Ground) -> Iterator[None]:
    folder = ground.run_dir / "mail"
    aside = folder.with_name("mail.away")
    folder.rename(aside)
    folder.touch()
    try:
        for _request in range(3):
            ground.file("access", ground.person())
        wait_for(lambda: ground.rows("SELECT 1 FROM access_outgoingmail OFFSET 1"), 60, "no mail waits")
        ground.rows("UPDATE access_outgoingmail SET created_at = now() - interval '2 h'")
        last = "(SELECT id FROM access_outgoingmail ORDER BY created_at LIMIT 1)"
        ground.rows(f"UPDATE access_outgoingmail SET tries = 11, due_at = now() - interval '1 s' WHERE id = {last}")
        yield
    finally:
        folder.unlink()
        aside.rename(folder)
        ground.rows("DELETE FROM access_outgoingmail WHERE given_up_at IS NOT NULL")
        ground.rows("UPDATE access_outgoingmail SET due_at = now(), created_at = now()")


@fault("shop has confirmed nothing for four days", "PortalDeliveryUnconfirmed")
def _(ground: Ground) -> Iterator[None]:
    ground.file("restriction", ground.person(), ground="accuracy_contested")
    wait_for(lambda: ground.shop.notices, 60, "shop got no notice")
    ground.rows("UPDATE consent_delivery SET created_at = created_at - interval '4 days' WHERE state = 'sent'")
    try:
        yield
    finally:
        ground.rows("UPDATE consent_delivery SET created_at = now()")


@fault("shop's endpoint is gone for good", "PortalEndpointOff")
def _(ground: Ground) -> Iterator[None]:
    ground.shop.gone = True
    ground.file("restriction", ground.person(), ground="accuracy_contested")
    try:
        yield
    finally:
        ground.shop.gone = False
        ground.rows("UPDATE access_webhookendpoint SET disabled_at = NULL")


@fault("the balancer's queue is twenty seconds long", "PortalOverloaded", may=("PortalErrors",))
def _(ground: Ground) -> Iterator[None]:
    over = threading.Event()

    def ask() -> None:
        while not over.wait(0.2):
            stamp = {"X-Request-Start": f"t={int((time.time() - 20) * 1000)}"}
            with contextlib.suppress(httpx.HTTPError):
                ground.api.get("/purposes", headers=stamp)

    thread = threading.Thread(target=ask)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(10)


# --- people and dates ------------------------------------------------------------------------------------------------
@fault("nobody has worked on sixty requests for three weeks, and one is late",
       "PortalRequestLate", "PortalRequestOverdue", "PortalDeadlineStorm")  # fmt: skip
def _(ground: Ground) -> Iterator[None]:
    requests = [ground.file("erasure", ground.person()) for _number in range(60)]
    ground.rows(
        "UPDATE erasure_rightsrequest SET received_at = now() - interval '20 days',"
        " due_at = now() + interval '2 days' WHERE id = ANY(%s::uuid[])", requests,
    )  # fmt: skip
    ground.rows("UPDATE erasure_rightsrequest SET due_at = now() - interval '1 h' WHERE id = %s", requests[0])
    try:
        yield
    finally:
        ground.rows(
            "UPDATE erasure_rightsrequest SET received_at = now(), due_at = now() + interval '30 days'"
            " WHERE id = ANY(%s::uuid[])", requests,
        )  # fmt: skip


@fault("forty people are to be erased within a minute", "PortalErasuresPaused")
def _(ground: Ground) -> Iterator[None]:
    waiting = "\"right\" = 'erasure' AND state = 'in_progress'"
    while len(ground.rows(f"SELECT 1 FROM erasure_rightsrequest WHERE {waiting}")) < 40:
        ground.file("erasure", ground.person())
    ground.rows(f"UPDATE erasure_rightsrequest SET starts_at = now() WHERE {waiting}")
    try:
        yield
    finally:
        ground.rows(
            f"UPDATE erasure_rightsrequest SET state = 'withdrawn' WHERE {waiting}"
            " AND id NOT IN (SELECT request_id FROM erasure_step)"
        )
        first, second = (row[0] for row in ground.rows("SELECT id FROM access_account WHERE is_staff LIMIT 2"))
        ground.rows(
            "UPDATE erasure_erasurepause SET lifted_at = now(), first_by_id = %s, second_by_id = %s", first, second
        )


@fault("a breach has been known for 49 hours, and the authority was not told", "PortalBreachClock")
def _(ground: Ground) -> Iterator[None]:
    ground.manage("shell", "-v0", "-c", """
from datetime import timedelta
from django.utils import timezone
from access.models import Account
from erasure.models import Breach
from erasure.services.breaches import record_breach
then = timezone.now() - timedelta(hours=49)
record_breach(breach=Breach(aware_at=then, since=then, until=then, facts="A disk was lost.", risk="risk"),
              by=Account.objects.filter(is_staff=True).first())
""")  # fmt: skip
    try:
        yield
    finally:
        ground.rows("UPDATE erasure_breach SET authority_told_at = now()")


@fault("somebody has a password and guesses codes", "PortalSecondFactorFailures")
def _(ground: Ground) -> Iterator[None]:
    bob = ground.demo["people"]["bob"]
    thief = Person(ground.demo["web"], True, bob["email"], bob["password"])
    page: Any = thief.browser.get("/login").submit("Sign in", {"E-mail": thief.email, "Password": thief.password})
    for number in range(60):
        page.submit("", {"code": f"{number:06d}"}, status=None)
    yield


@fault("seven claims of work outlive their worker", "PortalLeaseExpiries", may=("PortalWorkerSilent",))
def _(ground: Ground) -> Iterator[None]:
    with ground.asleep("worker"):
        requests = [ground.file("access", ground.person()) for _number in range(7)]
        ground.rows(
            "UPDATE erasure_step SET state = 'in_progress', fence = fence + 1, attempts = 1,"
            " lease_until = now() - interval '1 min' WHERE request_id = ANY(%s::uuid[]) AND state = 'queued'", requests,
        )  # fmt: skip
    yield


@fault("the disk fills", "PortalDiskLow")
def _(ground: Ground) -> Iterator[None]:
    file = ground.run_dir / "fills"
    usage = os.statvfs(ground.run_dir)
    with open(file, "wb") as full:
        os.posix_fallocate(
            full.fileno(), 0, max(usage.f_bavail * usage.f_frsize - usage.f_blocks * usage.f_frsize // 20, 1)
        )
    try:
        yield
    finally:
        file.unlink()


@fault("the web process dies again and again", "PortalRestarts", may=("PortalErrors", "PortalWebDown", "PortalSlow"))
def _(ground: Ground) -> Iterator[None]:
    for _time in range(7):
        wait_for(lambda: ground.is_there("web") and ground.is_well(), 90, "the web process does not come back")
        ground.kill("web")
        wait_for(lambda: not ground.is_there("web"), 30, "the web process does not end")
    wait_for(ground.is_well, 90, "the web process does not come back")
    yield
