"""A log line says what happened and never who: planted values are looked for in what is written."""

import io
import json
import logging
import logging.config
import sys
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import structlog
from django.db import InternalError, OperationalError, connection, transaction

from gdpr_portal import logs
from gdpr_portal.context import request_id
from gdpr_portal.errors import kind_of

Written = Callable[[], list[dict[str, Any]]]
SECRET = "ada@lovelace.example"


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> Iterator[Written]:
    """Logs are configured as in a process of ours; gives what has been written, read as JSON lines."""
    root, stream = logging.getLogger(), io.StringIO()
    kept = root.handlers[:], root.level
    with monkeypatch.context() as patch:
        patch.setattr(sys, "stdout", stream)
        patch.setattr(sys, "excepthook", sys.excepthook)
        logs.configure({"format": "json", "level": "INFO"})
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    logging.captureWarnings(False)
    root.handlers[:], root.level = kept[0], kept[1]
    structlog.reset_defaults()


def test_a_line_has_the_sentence_the_level_and_the_request(written: Written) -> None:
    token = request_id.set("req-1")
    logging.getLogger("consent").info("consent stored", extra={"count": 3, "code": "given"})
    request_id.reset(token)
    (line,) = written()
    assert line["event"] == "consent stored"
    assert (line["level"], line["logger"], line["request_id"]) == ("info", "consent", "req-1")
    assert (line["count"], line["code"]) == (3, "given")


@pytest.mark.parametrize(
    "say",
    [
        lambda log: log.warning("mail to %s failed", SECRET),
        lambda log: log.warning("mail to %(who)s failed", {"who": SECRET}),
        lambda log: log.warning("number %d", SECRET),
        lambda log: log.warning("sent", extra={"email": SECRET, "code": SECRET}),
        lambda log: log.warning("row %r", {"email": SECRET}),
        lambda log: log.warning("broken: %s", ValueError(SECRET)),
        lambda log: log.warning(ValueError(SECRET)),
        lambda log: log.warning("GET %s", f"/data?email={SECRET}"),
        lambda log: structlog.get_logger("x").warning("sent", email=SECRET, name=SECRET, kind=SECRET),
    ],
)
def test_no_value_of_a_person_is_written(written: Written, say: Callable[[Any], None]) -> None:
    say(logging.getLogger("any.library"))
    lines = written()
    assert len(lines) == 1, "the line itself is there"
    assert "lovelace" not in json.dumps(lines)


def test_an_error_is_told_by_class_and_place_and_not_by_message(written: Written) -> None:
    try:
        raise ValueError(SECRET)
    except ValueError:
        logging.getLogger("erasure").exception("step failed")
    (line,) = written()
    assert line["error"] == "builtins.ValueError"
    assert "test_logs.py" in line["trace"][-1]
    assert "lovelace" not in json.dumps(line)


@pytest.mark.django_db
def test_an_error_of_the_database_is_told_by_what_the_server_said(written: Written) -> None:
    """Django calls a full disk, a read-only server and a cut connection by one name."""
    try:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SET TRANSACTION READ ONLY")
            cursor.execute("CREATE TABLE of_tomorrow ()")
    except InternalError as error:
        logging.getLogger("erasure").exception("step failed")
        assert kind_of(error) == "ReadOnlySqlTransaction"
    (line,) = written()
    assert line["error"] == "psycopg.errors.ReadOnlySqlTransaction"
    assert kind_of(OperationalError("refused")) == "OperationalError"
