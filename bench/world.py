"""A throw-away database of the real schema, filled by COPY: what benches of this service measure against.

    with world() as made:            # PostgreSQL of its own, settings, migrations, keys, demo catalogue, shop, staff
        people = made.people(100_000)
        made.consents(people, made.purposes(10))

Import nothing of Django or of the service before `world()`: it sets the environment that the settings read. Figures of
one run may be compared with each other; those of two machines may not (docs/figures.md).
"""

import os
import secrets
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

from deploy.local.postgres import SUPERUSER, throw_away

SEED = 20261124
A_CHUNK = 10_000
STATES = ("given", "given", "given", "given", "refused", "withdrawn", "given")
"""What people answered, drawn by lot."""


@dataclass
class World:
    """What stands: `shop` and `staff` (a person of tests.conftest by name). `dice` are seeded."""

    shop: Any
    staff: dict[str, Any]
    dice: Random = field(default_factory=lambda: Random(SEED))

    def purposes(self, count: int) -> list[str]:
        """So many live purposes on consent with a live notice and a live contract of shop: newsletter, then copies."""
        from consent.models import DataContract, Notice, NoticeText, Purpose

        first = Purpose.objects.get(slug="newsletter")
        slugs = ["newsletter", *(f"purpose_{number}" for number in range(1, count))]
        with without_triggers():  # what was approved takes no more texts
            for slug in slugs[1:]:
                purpose = _copied(first, slug=slug)
                notice = _copied(first.notices.get(state="live"), purpose=purpose)
                for text in NoticeText.objects.filter(notice__purpose=first, notice__state="live"):
                    _copied(text, notice=notice)
                _copied(DataContract.objects.get(purpose=first, application=self.shop), id=UUID(int=0), purpose=purpose)
        assert Notice.objects.filter(purpose__slug__in=slugs, state="live").count() == count
        return slugs

    def people(self, count: int) -> list[UUID]:
        """So many people, known to shop."""
        from subjects.models import ApplicationLink, Subject

        ids = [self._id() for _ in range(count)]
        copy(Subject, ("id", "pseudonym", "language"), ((each, self._id(), "en") for each in ids))
        copy(ApplicationLink, ("subject_id", "application_id"), ((each, self.shop.pk) for each in ids))
        return ids

    def consents(self, people: Sequence[UUID], purposes: Sequence[str], share: float = 0.9) -> int:
        """Each person answered that share of the purposes once, some time in the last year; returns the events."""
        count = 0
        for begin in range(0, len(people), A_CHUNK):
            lot = [(person, slug) for person in people[begin : begin + A_CHUNK] for slug in purposes]
            count += self._answered([pair for pair in lot if self.dice.random() < share])
        return count

    def _answered(self, pairs: Sequence[tuple[UUID, str]]) -> int:
        from consent.models import ConsentEvent, Standing

        answers = [self._answer(person, slug) for person, slug in pairs]
        names = (
            "event", "subject_id", "purpose", "action", "state", "notice_version", "notice_language", "notice_digest",
            "at", "expires_at",
        )  # fmt: skip
        constant = {"channel": "import", "actor": "subject", "recorded_at": datetime.now(UTC)}
        copy(ConsentEvent, names, answers, **constant)
        stands = ("event", "subject_id", "purpose", "state", "notice_version", "notice_language", "notice_digest")
        rows = ((*each[:3], *each[4:]) for each in answers)
        copy(Standing, (*stands, "since", "expires_at"), rows)
        return len(answers)

    def reads(self, applications: Sequence[str], purposes: Sequence[str], fields: Sequence[str], days: int = 90) -> int:
        """Every application read every field for every purpose on each of the last days; returns the rows."""
        from consent.models import FieldRead

        now = datetime.now(UTC)
        rows = [
            (application, slug, name, (now - timedelta(days=day)).date(), self.dice.randint(1, 500), now)
            for application in applications for slug in purposes for name in fields for day in range(days)
        ]  # fmt: skip
        copy(FieldRead, ("application", "purpose", "field", "day", "reads", "last_at"), rows)
        return len(rows)

    def _id(self) -> UUID:
        return UUID(int=self.dice.getrandbits(128), version=4)

    def _answer(self, person: UUID, slug: str) -> tuple[Any, ...]:
        state = self.dice.choice(STATES)
        action = {"given": "give", "refused": "refuse", "withdrawn": "withdraw"}[state]
        at = datetime.now(UTC) - timedelta(seconds=self.dice.randint(1, 365 * 86400))
        ends = at + timedelta(days=730) if state == "given" else None
        return (self._id(), person, slug, action, state, 1, "en", "sha256:" + "0" * 64, at, ends)


@contextmanager
def world() -> Iterator[World]:
    """The service's own schema in a server of its own that forgets at a power cut; gone when the block ends."""
    with tempfile.TemporaryDirectory(prefix="bench-") as name:
        folder, password = Path(name), secrets.token_urlsafe(20)
        folder.chmod(0o755)
        with throw_away(folder / "postgres", password) as cluster:
            set_environment(folder, cluster.address(SUPERUSER, password, "postgres"))
            yield service_stands()


@contextmanager
def without_triggers() -> Iterator[None]:
    """Rows are taken as they are: no trigger fires and no reference is checked."""
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        cursor.execute("SET statement_timeout = 0")  # a bench may take its time; the pages it measures may not
        try:
            yield
        finally:
            cursor.execute("SET session_replication_role = DEFAULT")
            cursor.execute("RESET statement_timeout")


def copy(model: Any, names: Sequence[str], rows: Iterable[Sequence[Any]], **constant: Any) -> None:
    """The rows stand in the model's table, by binary COPY, without triggers or checks; the other columns by default."""
    from django.db import connection

    fields = {each.attname: each for each in model._meta.concrete_fields if not _generated(each)}
    fixed = {name: _plain(each, constant) for name, each in fields.items() if name not in names and each.column}
    fixed = {name: value for name, value in fixed.items() if value is not None}
    columns = [*names, *fixed]
    with without_triggers(), connection.cursor() as cursor:
        listed = ", ".join(f'"{fields[name].column}"' for name in columns)
        with cursor.copy(f"COPY {model._meta.db_table} ({listed}) FROM STDIN") as lines:
            for row in rows:
                lines.write_row((*row, *fixed.values()))
        cursor.execute(f"ANALYZE {model._meta.db_table}")


def timed(act: Callable[[], Any], times: int = 7) -> list[float]:
    """Seconds of each of so many calls, after one that is not counted."""
    act()
    found = []
    for _ in range(times):
        began = time.perf_counter()
        act()
        found.append(time.perf_counter() - began)
    return found


def line(what: str, seconds: Sequence[float], note: str = "") -> str:
    """A row of a Markdown table: what, median, lowest to highest, how many."""
    median, low, high = statistics.median(seconds), min(seconds), max(seconds)
    return f"| {what} | {median:.3f} s | {low:.3f} to {high:.3f} s | {len(seconds)} | {note} |"


HEAD = "| what | median | spread | runs | |\n| --- | --- | --- | --- | --- |"


def set_environment(folder: Path, address: str) -> None:
    """The settings will read of a service in this folder, on the database at that address."""
    for part in ("static", "metrics", "mail", "keys", "ledger"):
        (folder / part).mkdir()
    os.environ |= {
        "RUN_DIR": str(folder), "PROMETHEUS_MULTIPROC_DIR": str(folder / "metrics"), "DATABASE_URL": address,
        "VAULT_KEY_FILE": str(folder / "keys" / "vault.json"), "MAIL_DIR": str(folder / "mail"),
        "AUDIT_SIGNING_KEY_FILE": str(folder / "keys" / "audit.json"), "PROFILE": "development",
        "SHRED_LEDGER_FILE": str(folder / "ledger" / "shred.jsonl"), "BROKER_URL": "memory://",
        "SECRET_KEY": "only-for-benches-" + "x" * 50, "DJANGO_SETTINGS_MODULE": "gdpr_portal.settings",
    }  # fmt: skip


def service_stands() -> World:
    """Migrated, with keys, shop, acme, staff and the demo catalogue. Called once in a process."""
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command

    settings.ALLOWED_HOSTS = ["*"]
    settings.STORAGES |= {"staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.StaticFilesStorage"}}
    call_command("migrate", verbosity=0)
    with open(os.devnull, "w") as nowhere:
        call_command("keys", "init", stdout=nowhere)
    from access import roles
    from access.scopes import SCOPES
    from consent.demo_catalogue import build
    from tests.conftest import make_application, make_staff

    shop = make_application("shop", sorted(SCOPES.keys() - {"audit:read"}), requests_per_minute=6_000_000)
    make_application("acme", ["deliveries:acknowledge", "sharing:read"], is_third_party=True)
    named = {"rita": roles.IRM, "quentin": roles.QA, "olga": roles.OPERATOR}
    staff = {name: make_staff(name, role) for name, role in named.items()}
    build(author=staff["olga"].account, approver=staff["rita"].account)
    return World(shop, staff)


def _copied(row: Any, **changes: Any) -> Any:
    """Another row like it, in one insert; `id=UUID(int=0)` stands for a new random one."""
    from uuid import uuid4

    names = [each.attname for each in row._meta.concrete_fields if not each.primary_key]
    values = {name: getattr(row, name) for name in names}
    for name, value in changes.items():
        values.pop(f"{name}_id", None)
        values[name] = uuid4() if value == UUID(int=0) else value
    made = type(row)(**values)
    made.save(force_insert=True)
    return made


def _generated(each: Any) -> bool:
    """Whether the database gives the value itself."""
    return each.get_internal_type() in {"AutoField", "BigAutoField"} or each.has_db_default()


def _plain(each: Any, constant: dict[str, Any]) -> Any:
    if each.attname in constant:
        return constant[each.attname]
    if getattr(each, "auto_now_add", False) or getattr(each, "auto_now", False):
        return datetime.now(UTC)
    return each.get_default()
