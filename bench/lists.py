"""Lists, pages, feeds and sweeps when there are a million of everything: seconds, statements, and tables read whole.

    python -m bench.lists --people 1000000 [--only part-of-a-name]

Rows of nearly every table are made by SQL (`bench.lists_rows`); one person has a long history. Pages are asked through
Django's own client, sweeps are the scheduler's. A table is told of when one visit read over 5,000 of its rows, by the
statistics of PostgreSQL. A row of every page that takes over 0.3 s, or of which a table is told, is marked.
"""

import argparse
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from bench.lists_rows import EMPTY, TABLES
from bench.world import World, without_triggers, world

SLOW = 0.3
MANY = 5_000
"""So many rows of one table read for one page are told."""
LISTS = (
    "?state__exact=open", "?state__exact=completed", "?right__exact=erasure", "?right__exact=human_review",
    "?extended__exact=1", "?keeper=nobody", "?o=4", "?o=-5", "?p=50",
)  # fmt: skip
"""What the list of rights requests is asked by."""
DESK = (
    "/admin/", "/admin/consent/purpose/desk/", "/admin/consent/purpose/record/", "/admin/sharing/deliveries/",
    "/admin/sharing/by-hand/", "/admin/sharing/latency/", "/admin/lost-factors/",
)  # fmt: skip
QA = ("/admin/", "/admin/audit/", "/admin/qa/matrix/", "/admin/qa/usage/", "/admin/qa/samples/", "/admin/qa/findings/")
PORTAL = ("/", "/data", "/activity", "/consent", "/sharing", "/requests", "/requests/new/erasure", "/security")
API = ("/api/v1/requests", "/api/v1/requests?state=completed", "/api/v1/decisions/snapshot")
HEAD = "| what | seconds | statements | answer | read much of |\n| --- | ---: | ---: | --- | --- |"
_HELD = """
SELECT column_name, udt_name FROM information_schema.columns
WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'
"""
_INDEXES = """
SELECT indexrelid::regclass::text, pg_get_indexdef(indexrelid) FROM pg_index JOIN pg_class ON pg_class.oid = indrelid
WHERE relname = %s AND relkind = 'r' AND NOT relispartition
    AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
"""
_READ = """
SELECT t.relname, t.seq_tup_read + coalesce((SELECT sum(i.idx_tup_read) FROM pg_stat_user_indexes i
    WHERE i.relid = t.relid), 0) FROM pg_stat_user_tables t
"""
_HISTORY = (
    """INSERT INTO consent_consentevent (event, subject_id, purpose, recipient, action, state, notice_language,
        notice_digest, channel, explicit, actor, at, recorded_at)
    SELECT gen_random_uuid(), %(person)s, (ARRAY['newsletter','purpose_1','orders'])[1 + n %% 3], '', 'give', 'given',
        'en', '', 'portal', false, 'subject', now() - n * interval '1 hour', now() FROM generate_series(1, 10000) n""",
    """INSERT INTO erasure_rightsrequest (id, subject_id, "right", state, verified_by, by_person, received_at,
        created_at, due_at, extended, extension_reason, needs_review, reason_code, outcome, verification_tries)
    SELECT gen_random_uuid(), %(person)s, 'access', 'completed', 'account', true, at, at, at + interval '30 days',
        false, '', false, '', 'done', 0 FROM (SELECT now() - n * interval '1 day' FROM generate_series(1, 500) n) d(at)
    """,
    """INSERT INTO audit_event (at, action, actor, subject, request_id, purpose, fields, details)
    SELECT now() - interval '1 minute', 'data.read', 'application:shop', %(pseudonym)s, n::text, 'orders',
        '{email,phone}', '{"application": "shop"}' FROM generate_series(1, 5000) n""",
)
"""10,000 answers, 500 requests and 5,000 reads of one person."""


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--people", type=int, default=1_000_000)
    asked.add_argument("--only", default="")
    given = asked.parse_args()
    with world() as made:
        from django.core.management import call_command

        call_command("createcachetable")
        made.purposes(10)
        print(f"{fill(made, given.people, quick=True)} rows of {given.people} people\n\n{HEAD}", flush=True)
        for name, act in visits(made):
            if given.only in name:
                print(visited(name, act), flush=True)


# --- rows -------------------------------------------------------------------------------------------------------------
def fill(made: World, people: int, *, only: Sequence[str] = (), quick: bool = False) -> int:
    """Every table, or those named, has its rows, and PostgreSQL knows how many; returns how many they are in all.

    `quick` makes indexes after the rows, at a tenth of the cost.
    """
    from django.db import connection

    from access.models import Application

    acme = Application.objects.get(slug="acme").pk
    names = {"shop": made.shop.pk, "acme": acme} | {name: each.account.pk for name, each in made.staff.items()}
    count = 0
    with without_triggers(), connection.cursor() as cursor:
        for table in only or TABLES:
            again = _indexes_away(cursor, table) if quick else []
            count += _filled(cursor, table, people, names)
            for each in [*again, f"ANALYZE {table}"]:
                cursor.execute(each)
    return count


def _filled(cursor: Any, table: str, people: int, names: dict[str, Any]) -> int:
    share, columns = TABLES[table]
    cursor.execute(_HELD, [table])
    values = {name: EMPTY[kind] for name, kind in cursor.fetchall()} | columns
    rows = max(10, int(people * share))
    listed, made_of = ", ".join(map('"{}"'.format, values)), ", ".join(values.values())
    for name, value in names.items():
        made_of = made_of.replace(f"%({name})s", f"'{value}'")
    cursor.execute(f"INSERT INTO {table} ({listed}) SELECT {made_of} FROM generate_series(1, {rows}) n")
    return rows


def _indexes_away(cursor: Any, table: str) -> list[str]:
    """The statements that make again the indexes that are gone now."""
    cursor.execute(_INDEXES, [table])
    indexes = cursor.fetchall()
    for name, _made in indexes:
        cursor.execute(f"DROP INDEX {name}")
    return [made for _name, made in indexes]


def with_history(made: World) -> Any:
    """A person who was asked, read and heard of more than anybody."""
    from django.db import connection

    from tests.conftest import make_person

    alice = make_person("alice", made.shop)
    of = {"person": alice.subject.pk, "pseudonym": alice.subject.pseudonym}
    with without_triggers(), connection.cursor() as cursor:
        for each in _HISTORY:
            cursor.execute(each, of)
        cursor.execute("ANALYZE")
    return alice


# --- visits -----------------------------------------------------------------------------------------------------------
def visits(made: World) -> Iterator[tuple[str, Callable[[], Any]]]:
    """Everything that is looked at, by name."""
    from django.contrib import admin

    alice = with_history(made)
    rita, olga, quentin = (made.staff[name].browser() for name in ("rita", "olga", "quentin"))
    lists = [f"/admin/{each._meta.app_label}/{each._meta.model_name}/" for each in admin.site._registry]
    for path in sorted(lists):
        browser = olga if path.startswith(("/admin/access", "/admin/subjects")) else rita
        yield path, lambda browser=browser, path=path: browser.get(path)
    for query in LISTS:
        yield query, lambda query=query: rita.get(f"/admin/erasure/rightsrequest/{query}")
    for who, browser, paths in (("IRM", rita, DESK), ("QA", quentin, QA), ("person", alice.browser(), PORTAL)):
        for path in paths:
            yield f"{who} {path}", lambda browser=browser, path=path: browser.get(path)
    client = _client(made)
    for path in API:
        yield path, lambda path=path: client.get(path)
    yield from _sweeps()


def _client(made: World) -> Any:
    from django.test import Client

    from access.oauth import save_token
    from access.tokens import new_token

    token = new_token()
    save_token(application=made.shop, token=token, scopes=made.shop.scopes)
    return Client(headers={"Authorization": f"Bearer {token}"})


def _sweeps() -> Iterator[tuple[str, Callable[[], Any]]]:
    from importlib import import_module

    from gdpr_portal.celery import BEAT
    from gdpr_portal.measures import MEASURES

    for name, line in BEAT.items():
        module, _dot, task = line["task"].rpartition(".")
        yield f"sweep {name}", getattr(import_module(module), task).run
    for measure in MEASURES:
        yield f"gauge {measure.name}", lambda sql=measure.sql: _asked(sql)


def visited(name: str, act: Callable[[], Any]) -> str:
    """A row of the table: the quicker of two visits, its statements, and what it read much of."""
    from django.db import connection

    best, statements, answer, read = float("inf"), [0], "", {}
    for _turn in range(2):
        statements, before, began = [0], _read(), time.perf_counter()

        def counted(execute: Any, *asked: Any, statements: list[int] = statements) -> Any:
            statements[0] += 1
            return execute(*asked)

        with connection.execute_wrapper(counted):
            try:
                answer = str(getattr(act(), "status_code", ""))
            except Exception as error:
                answer = type(error).__name__
        best = min(best, time.perf_counter() - began)
        read = {table: n - before.get(table, 0) for table, n in _read().items()}
    much = ", ".join(f"{table} {n:,}" for table, n in sorted(read.items()) if n > MANY)
    mark = "**" if best > SLOW or much else ""
    return f"| {mark}`{name}`{mark} | {best:.2f} | {statements[0]} | {answer} | {much} |"


def _read() -> dict[str, int]:
    """Rows read so far, by table."""
    for each in ("SELECT pg_stat_force_next_flush()", "SELECT pg_stat_clear_snapshot()"):
        _asked(each)
    return dict(_asked(_READ))


def _asked(sql: str) -> list[Any]:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute(sql)
        return cursor.fetchall()


if __name__ == "__main__":
    main()
