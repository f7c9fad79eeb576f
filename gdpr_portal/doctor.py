"""What is wrong with a running service, in words, and what to do about it (`manage.py doctor`, docs/runbook.md).

Every check looks at one thing and says one sentence. What cannot be asked is an answer too: the check fails with the
kind of the error, and the others go on. No personal value, no secret and no address with a password in any sentence.
"""

import shutil
import stat
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Literal

from django.conf import settings
from django.db import OperationalError, connection, transaction
from django.db.models import Min
from django.utils import timezone
from psycopg import errors

from access import roles
from access.models import OutgoingMail, WebhookEndpoint
from access.services.factors import count_factors
from audit.selectors import latest_size
from audit.sequencer import lag_seconds
from consent.models import Delivery, NoticeText
from consent.models.governance import ReviewState
from erasure.models import RightsRequest, Step
from erasure.services.escalations import desk_accounts
from erasure.states import OPEN_REQUEST
from gdpr_portal import broker, clocks, outages, wellknown
from gdpr_portal.celery import app
from gdpr_portal.errors import kind_of, last_line
from vault import ledger, ledger_file
from vault import services as vault

Level = Literal["ok", "warn", "bad"]
OLDEST_POSTGRESQL = 150_000
SEALED_WITHIN_SECONDS = 30.0
QUEUE_LATE = timedelta(minutes=5)
SKEW = timedelta(seconds=5)
SORTED_ON_DISK = "SELECT count(*) FROM (SELECT repeat(md5(i::text), 4) FROM generate_series(1, 50000) i ORDER BY 1) x"
LEAST_FREE = 0.10
"""Share of the disk that should stay free."""


@dataclass(frozen=True)
class Answer:
    """What a check found: a sentence, and what to do when it is not well; whether nobody can be asked after it."""

    level: Level
    words: str
    remedy: str = ""
    is_away: bool = False


@dataclass(frozen=True)
class Check:
    """One check by its name, and the entry of docs/runbook.md to read when it is not well."""

    name: str
    look: Callable[[], Answer]
    entry: str = ""
    asks_database: bool = False


UNSEEN = Answer("bad", "not looked at: the database does not answer")


def examine(checks: Sequence[Check] | None = None) -> Iterator[tuple[str, Answer]]:
    """The answer of every check, of `CHECKS` or of those given, in order; a check that cannot look says so.

    A database that does not answer is told once: what would ask it afterwards is `UNSEEN`, without a wait for each.
    """
    is_away = False
    for check in CHECKS if checks is None else checks:
        if is_away and check.asks_database:
            yield check.name, UNSEEN
            continue
        answer = _looked(check)
        is_away = is_away or answer.is_away
        yield check.name, answer


def _looked(check: Check) -> Answer:
    try:
        return check.look()
    except Exception as error:  # whatever keeps a check from looking is what the operator must hear
        if not connection.in_atomic_block:
            connection.close()  # the next check gets a new one
        words = f"cannot be looked at: {kind_of(error)}"
        return Answer("bad", words, "See to the checks above first, then run doctor again.")


# --- the ground -------------------------------------------------------------------------------------------------------
def _profile() -> Answer:
    if settings.PROFILE != "production":
        return Answer("ok", f"profile {settings.PROFILE}")
    weak = [name for name, is_weak in _weaknesses().items() if is_weak]
    if weak:
        return Answer("bad", f"production with {', '.join(weak)}", "Set them as docs/settings.md says, and restart.")
    return Answer("ok", "profile production, with TLS and secure cookies")


def _weaknesses() -> dict[str, bool]:
    return {
        "DEBUG on": settings.DEBUG,
        "BASE_URL without https": not settings.BASE_URL.startswith("https://"),
        "cookies that travel in clear": not settings.SESSION_COOKIE_SECURE,
        "any host allowed": "*" in settings.ALLOWED_HOSTS,
    }


def _database() -> Answer:
    try:
        with connection.cursor() as cursor:
            cursor.execute(
                "SELECT current_setting('server_version_num')::int, current_setting('server_version'),"
                " pg_is_in_recovery(), current_setting('transaction_read_only')::boolean"
            )
            number, version, is_standby, is_read_only = cursor.fetchone()
    except OperationalError as error:
        connection.close()
        words = last_line(error)
        return Answer("bad", f"no connection: {words}", _why_refused(words), is_away=True)
    if number < OLDEST_POSTGRESQL:
        return Answer("bad", f"PostgreSQL {version}", "The service needs PostgreSQL 15 or newer.")
    if is_standby:
        words = "the server of DATABASE_URL is a standby: it takes no writes"
        return Answer(
            "bad", words, "Promote it, if the primary is gone for good; else let DATABASE_URL lead to the primary."
        )
    if is_read_only:
        return Answer(
            "bad",
            "the database takes no writes: default_transaction_read_only is on",
            "A managed PostgreSQL sets it when its disk is full: make room. Else somebody did: `ALTER DATABASE ...`"
            " or `ALTER ROLE ... RESET default_transaction_read_only`, or the same in its configuration.",
        )
    return Answer("ok", f"PostgreSQL {version} answers")


def _why_refused(words: str) -> str:
    """What to do about a server that lets nobody in, by what it said."""
    if "connection slots" in words or "too many" in words:
        return (
            "Its connections are used up: `pg_stat_activity`, asked as the administrator, says by whom. End what is"
            " needless; raise max_connections, or put PgBouncer between (docs/fleet.md)."
        )
    if "starting up" in words or "shutting down" in words or "recovery mode" in words:
        return "It starts, stops or recovers from a crash: its log says why. The service finds it again by itself."
    return "Does the server run, and are host, port, database, user and password of DATABASE_URL right?"


def _role() -> Answer:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT rolsuper OR rolbypassrls OR has_table_privilege(current_user, 'audit_event', 'UPDATE, DELETE')"
            " FROM pg_roles WHERE rolname = current_user"
        )
        too_much = cursor.fetchone()[0]
    if too_much:
        return Answer(
            "bad" if settings.PROFILE == "production" else "warn",
            "the role of web and worker could change the audit log",
            "Give DATABASE_URL the restricted role, and run `manage.py provision_roles` as the owner.",
        )
    return Answer("ok", "the role of web and worker cannot change the audit log")


def _migrations() -> Answer:
    missing = wellknown.missing_migrations()
    if missing:
        return Answer("bad", f"{missing} migrations are not applied", "Run `manage.py migrate` with the owner's URL.")
    return Answer("ok", "every migration is applied")


def _clock() -> Answer:
    skew = abs(clocks.ahead())
    if skew > SKEW:
        words = f"the clocks of this machine and of the database differ by {skew.total_seconds():.0f} s"
        return Answer("bad", words, "Repair time synchronisation: tokens, one-time codes and due dates stand on it.")
    return Answer("ok", "the clocks of this machine and of the database agree")


def _disk() -> Answer:
    free = {"RUN_DIR": _free_share(settings.RUN_DIR), "the shred ledger": _free_share(ledger_file.nearest_folder())}
    where = min(free, key=lambda name: free[name])
    words = f"{free[where]:.0%} of the disk of {where} is free"
    if free[where] < LEAST_FREE:
        return Answer("warn", words, "Make room before the shred ledger cannot grow.")
    return Answer("ok", words)


def _servers_disk() -> Answer:
    """A few megabytes are sorted, by way of a file of the server's: it is all that a client can see of its disk."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET LOCAL work_mem = '64kB'")
            cursor.execute(SORTED_ON_DISK)
    except OperationalError as error:
        if not isinstance(error.__cause__, errors.DiskFull):
            raise
        return Answer(
            "bad",
            "the disk of the database is full",
            "Make room there, or a bigger disk. Reads go on, writes are answered with 503; nothing is lost.",
        )
    return Answer("ok", "the database has room for a few megabytes")


def _free_share(folder: Path) -> float:
    usage = shutil.disk_usage(folder)
    return usage.free / usage.total


# --- keys -------------------------------------------------------------------------------------------------------------
def _keys() -> Answer:
    status = vault.status()
    if not status.unsealed:
        return Answer("bad", f"the vault is sealed: {status.reason}", "Bring the right key file back; make no new one.")
    return Answer("ok", "the vault is unsealed")


def _key_file() -> Answer:
    file = Path(settings.VAULT_KEY_FILE)
    if not file.exists():
        if not vault.status().unsealed:
            return Answer("bad", "there is no file at VAULT_KEY_FILE", "Mount the keyring there, with mode 0400.")
        return Answer("ok", "no key file; the keys come from elsewhere")
    mode = stat.S_IMODE(file.stat().st_mode)
    if mode & 0o077:
        return Answer("bad", f"the key file has mode {mode:04o}", "chmod 0400: nobody else on the machine may read it.")
    return Answer("ok", f"the key file has mode {mode:04o}")


def _ledger() -> Answer:
    if not ledger.replayed():
        return Answer(
            "bad",
            "the database is older than the shred ledger: it was restored",
            "`manage.py restore_fence` explains what it would replay, and does it.",
        )
    return _ledger_file()


def _ledger_file() -> Answer:
    """The file itself: it is the one this database knows, nothing waits for it, and it can be written."""
    if missing := ledger.lacking():
        return Answer(
            "bad",
            f"the shred ledger lacks {missing} lines that this database has seen written",
            "Is SHRED_LEDGER_FILE the right file? Bring back the present one: without it a restore undoes erasures.",
        )
    if waiting := ledger.overdue():
        return Answer(
            "bad",
            f"{waiting} lines wait to be written to the shred ledger",
            "Is its disk full or read-only? Does a worker run? Acts stand; people were asked to try again.",
        )
    if not ledger_file.writable():
        return Answer(
            "bad",
            "this process may not write to the shred ledger",
            "See to owner, mode and mount of SHRED_LEDGER_FILE: erasures and withdrawals wait for it.",
        )
    return Answer("ok", "the database is as new as the shred ledger")


# --- what runs --------------------------------------------------------------------------------------------------------
def _broker() -> Answer:
    try:
        with app.connection_for_write() as link:
            link.ensure_connection(max_retries=1, timeout=2)
    except Exception as error:  # each transport has errors of its own
        remedy = "Does it run, and are host, user, password and virtual host of BROKER_URL right?"
        return Answer("bad", f"the broker does not let us in: {type(error).__name__}", remedy)
    return Answer("ok", "the broker answers")


def _worker() -> Answer:
    now = timezone.now()
    waits = [
        Step.objects.filter(state__in=("queued", "in_progress")).aggregate(at=Min("next_at"))["at"],
        Delivery.objects.filter(state__in=("queued", "sending")).aggregate(at=Min("next_at"))["at"],
        OutgoingMail.objects.filter(given_up_at=None).aggregate(at=Min("due_at"))["at"],
    ]
    late = max((now - at for at in waits if at is not None), default=timedelta())
    if late > QUEUE_LATE:
        words = f"work has been due for {late.total_seconds() / 60:.0f} minutes"
        return Answer("bad", words, "Are worker and scheduler running? Rows wait for them; nothing is lost.")
    return Answer("ok", "no work is overdue in the queues")


def _sequencer() -> Answer:
    lag = lag_seconds()
    if lag > SEALED_WITHIN_SECONDS:
        words = f"the oldest entry that is not sealed is {lag:.0f} s old"
        return Answer(
            "bad",
            words,
            "Is the sequencer running? Is a transaction open for minutes on this server (pg_stat_activity)?",
        )
    return Answer("ok", f"the log is sealed; its last checkpoint has {latest_size()} entries")


# --- what people wait for ---------------------------------------------------------------------------------------------
def _requests() -> Answer:
    late = RightsRequest.objects.filter(state__in=OPEN_REQUEST, due_at__lt=timezone.now()).count()
    if late:
        return Answer(
            "bad", f"{late} rights requests are overdue (Art. 12(3))", "They stand first in the queue of the desk."
        )
    failed = Step.objects.filter(Step.stuck(), request__state__in=OPEN_REQUEST).count()
    if failed:
        return Answer(
            "warn",
            f"{failed} steps of rights requests failed, or their place does not answer",
            "The desk shows each with its reason, to be retried or closed.",
        )
    return Answer("ok", "no rights request is overdue or stuck")


def _reviewers() -> Answer:
    """Four eyes are two people who can act: what needs a second waits for ever else (docs/decisions/0070)."""
    able = [account for account in desk_accounts() if count_factors(account)]
    writers = [account for account in able if account.has_role(roles.IRM)]
    remedy = (
        "Invite another: `manage.py staff invite ADDRESS NAME --role irm`; `staff list` says who has no factor yet."
    )
    if len(able) < 2:
        words = f"reviewers who can act: {len(able)}; erasures by letter, mails about a breach, holds need two"
        return Answer("warn", words, remedy)
    if len(writers) < 2:
        words = f"of the reviewers {len(writers)} with the role irm can act; wordings and contracts need two"
        return Answer("warn", words, remedy)
    return Answer("ok", f"{len(able)} reviewers can act, {len(writers)} of them for wordings and contracts")


def _mail() -> Answer:
    given_up = OutgoingMail.objects.exclude(given_up_at=None).count()
    if given_up:
        return Answer(
            "warn", f"{given_up} mails were given up after many tries", "Check EMAIL_URL and the mail server's log."
        )
    return Answer("ok", "every mail went out or is being tried")


def _receivers() -> Answer:
    off = list(WebhookEndpoint.objects.exclude(disabled_at=None).values_list("application__slug", flat=True))
    if off:
        return Answer(
            "warn",
            f"endpoints are switched off: {', '.join(sorted(off))}",
            "`manage.py webhook_endpoint set APPLICATION URL` switches one on.",
        )
    return Answer("ok", "every receiver's endpoint is on")


def _breakers() -> Answer:
    standing = outages.standing()
    if standing:
        words = ", ".join(f"{kind} {name}".strip() for kind, name, _until in standing)
        return Answer(
            "warn", f"left alone for a while, as they did not answer: {words}", "What is meant for them waits in rows."
        )
    return Answer("ok", "no outside dependency is left alone")


def _controller() -> Answer:
    """Consent was given to the controller that the wording named, and to no other (Art. 4(11), 5(1)(b))."""
    texts = NoticeText.objects.filter(notice__state=ReviewState.LIVE, notice__purpose__state=ReviewState.LIVE)
    named = " ".join(settings.CONTROLLER["name"].split())
    others = {
        purpose
        for purpose, body in texts.values_list("notice__purpose__slug", "body").iterator()
        if named not in " ".join(body.split())
    }
    if others:
        words = f"live notices that do not name the controller of CONTROLLER_NAME: {', '.join(sorted(others))}"
        remedy = "Is it another one, not the same renamed? A major notice of each asks everybody again (Art. 5(1)(b))."
        return Answer("warn", words, f"{remedy} Renamed: a minor one says so.")
    return Answer("ok", "every live notice names the controller")


def entry_of(name: str) -> str:
    """The entry of docs/runbook.md for the check of that name; empty when it has none."""
    return next((check.entry for check in CHECKS if check.name == name), "")


CHECKS = [
    Check("profile", _profile, "A deployment goes wrong"),
    Check("database", _database, "The database is down"),
    Check("role", _role, "Migrations are missing", asks_database=True),
    Check("migrations", _migrations, "Migrations are missing", asks_database=True),
    Check("clock", _clock, "The clocks differ", asks_database=True),
    Check("disk", _disk, "The disk fills"),
    Check("database disk", _servers_disk, "The disk fills", asks_database=True),
    Check("keys", _keys, "The vault is sealed", asks_database=True),
    Check("key file", _key_file, "The vault is sealed"),
    Check("shred ledger", _ledger, "The restore fence is up", asks_database=True),
    Check("broker", _broker, "The broker is down", asks_database=broker.is_the_database()),
    Check("queues", _worker, "Work is overdue in the queues", asks_database=True),
    Check("audit log", _sequencer, "The audit log is not sealed", asks_database=True),
    Check("notices", _controller, "A deployment goes wrong", asks_database=True),
    Check("rights requests", _requests, "A rights request runs out of time", asks_database=True),
    Check("reviewers", _reviewers, "A rights request runs out of time", asks_database=True),
    Check("mail", _mail, "Notices or mails do not go out", asks_database=True),
    Check("breakers", _breakers, "A dependency is left alone", asks_database=True),
    Check("receivers", _receivers, "A recipient does not confirm", asks_database=True),
]
