"""The queue in PostgreSQL: as the app role, without a right to make queues; and what happens when it is down."""

import logging
import os
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from celery import current_app
from django.db import connection, transaction
from kombu import Connection, Message
from kombu.exceptions import OperationalError
from psycopg.conninfo import conninfo_to_dict

from deploy.local.roles import APP
from gdpr_portal import broker, wake
from gdpr_portal.celery import BEAT, app, transport_options
from gdpr_portal.queues import QUEUE, QUEUES, SWEEPS

AsRole = Callable[[str], psycopg.Connection]


@pytest.fixture
def queue(transactional_db: None) -> Iterator[str]:
    """An empty queue; messages of other tests are gone."""
    with connection.cursor() as cursor:
        for name in QUEUES:
            cursor.execute("SELECT pgmq.purge_queue(%s)", [name])
    wake._paused_until = 0.0
    yield QUEUE
    wake._paused_until = 0.0


def waiting() -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT headers->>'task' FROM pgmq.q_gdpr ORDER BY msg_id")
        return [name for (name,) in cursor.fetchall()]


def test_a_hint_is_sent_when_the_transaction_commits(queue: str) -> None:
    with transaction.atomic():
        wake.wake("erasure.tasks.advance", "reference")
        assert waiting() == []
    assert len(waiting()) == 1


def test_a_hint_of_a_transaction_rolled_back_is_never_sent(queue: str) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        wake.wake("erasure.tasks.advance", "reference")
        raise ZeroDivisionError
    assert waiting() == []


def test_a_broker_that_is_down_is_a_warning_and_is_left_alone_for_a_while(
    queue: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked = []

    def refuse(*args: object, **options: object) -> None:
        asked.append(args)
        raise ConnectionRefusedError("nobody@there.example")

    monkeypatch.setattr(current_app._get_current_object(), "send_task", refuse)
    with caplog.at_level(logging.WARNING), transaction.atomic():
        wake.wake("erasure.tasks.advance", "a")
        wake.wake("erasure.tasks.advance", "b")
    assert len(asked) == 1, "the second hint did not wait for a broker known to be down"
    assert "broker down" in caplog.text
    assert "nobody@there" not in caplog.text


def test_an_unreachable_broker_costs_a_request_little(queue: str, settings: Any) -> None:
    settings.BROKER_URL = "pgmq://u:p@127.0.0.1:9/none"
    began = time.monotonic()
    there = Connection(settings.BROKER_URL, transport_options=transport_options("pgmq://"), connect_timeout=1)
    with there, pytest.raises(OperationalError):
        there.ensure_connection(max_retries=1, interval_start=0, timeout=1)
    assert time.monotonic() - began < 60


def test_an_idle_listener_is_woken_by_a_message(queue: str) -> None:
    options = transport_options("pgmq://") | {"polling_interval": 200}
    got: list[object] = []
    with Connection("pgmq://", transport_options=options) as there:
        there.transport.polling_interval = 200
        with there.Consumer(
            app.amqp.queues[queue], callbacks=[lambda body, message: (got.append(body), message.ack())]
        ):
            sender = threading.Timer(0.5, _send)
            sender.start()
            began = time.monotonic()
            there.drain_events(timeout=180)
            sender.join()
    assert got
    assert time.monotonic() - began < 100, "it slept through the notice until the next look"


def _send(queue: str = QUEUE, body: object = None) -> None:
    with Connection("pgmq://", transport_options=transport_options("pgmq://")) as there:
        there.Producer().publish(body or {}, routing_key=queue)


def test_a_sweep_does_not_wait_for_a_flood_of_hints(queue: str) -> None:
    assert {line["options"]["queue"] for line in BEAT.values()} == {SWEEPS}
    for _hint in range(6):
        _send(body="hint")
    _send(SWEEPS, body="sweep")
    got: list[object] = []

    def take(body: object, message: Message) -> None:
        got.append(body)
        message.ack()

    there = Connection("pgmq://", transport_options=transport_options("pgmq://"))
    with there, there.Consumer(list(app.amqp.queues.values()), callbacks=[take], prefetch_count=1):
        while len(got) < 3:
            there.drain_events(timeout=60)
    assert "sweep" in got, "it waited behind the hints"


def test_the_client_rebuilds_exactly_the_address_it_was_given() -> None:
    from pgmq.base import PGMQConfig

    wanted = {
        "host": "/tmp/a folder", "port": "5433", "dbname": "it's", "user": "back\\slash", "password": "p w='x'",
        "sslmode": "require", "connect_timeout": "2", "passfile": "/a folder/pass", "sslcrl": "/ca/gone.crl",
        "channel_binding": "require",
    }  # fmt: skip
    rebuilt = PGMQConfig(conn_string=broker.plain(wanted)).dsn
    assert {key: str(value) for key, value in conninfo_to_dict(rebuilt).items()} == wanted


def test_the_queue_is_reached_as_the_database_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """All that DATABASE_URL says of passwords and TLS, and not the timeouts of the service's own statements."""
    said = {"passfile": "/run/pass", "sslcrl": "/ca/gone.crl", "channel_binding": "require"}
    monkeypatch.setitem(connection.settings_dict, "OPTIONS", {**said, "options": "-c statement_timeout=5000"})
    address = broker.database_address()
    assert {key: address.get(key) for key in said} == said and "options" not in address


def test_every_sweep_of_the_schedule_is_a_task_that_exists() -> None:
    app.loader.import_default_modules()
    assert {line["task"] for line in BEAT.values()} <= set(app.tasks)


def test_the_app_role_sends_and_receives_and_makes_nothing(
    queue: str, as_role: AsRole, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        as_role(APP).execute("SELECT pgmq.create('another')")
    role = {"user": APP, "password": os.environ["TEST_ROLE_PASSWORD"]}
    superuser = broker.database_address()
    monkeypatch.setattr(broker, "database_address", lambda: superuser | role)
    got: list[object] = []

    def take(body: object, message: Message) -> None:
        got.append(body)
        message.ack()

    with Connection("pgmq://", transport_options=transport_options("pgmq://")) as there:
        there.Producer().publish({"id": 1}, routing_key=queue, declare=[app.amqp.queues[queue]])
        with there.Consumer(app.amqp.queues[queue], callbacks=[take]):
            there.drain_events(timeout=60)
    assert got == [{"id": 1}]
    assert waiting() == []


def test_a_database_that_takes_no_writes_is_waited_for(queue: str) -> None:
    """Else the worker ended, and was not there when the database took writes again."""
    with Connection("pgmq://", transport_options=transport_options("pgmq://")) as link:
        assert issubclass(psycopg.errors.ReadOnlySqlTransaction, link.connection_errors)
        assert not issubclass(psycopg.errors.InsufficientPrivilege, link.connection_errors)
