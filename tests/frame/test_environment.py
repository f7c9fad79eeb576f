"""A wrong value of the environment stops the start, with the name of its variable and never with itself."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import ImproperlyConfigured

from gdpr_portal import settings
from gdpr_portal.env import (
    VARIABLES,
    address,
    at_least_zero,
    env,
    holidays,
    natural,
    one_of,
    postgresql,
    share,
    time_zone,
)

BROKER = address("pgmq", "amqp", "amqps")


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """`ask(reader, text)`: what a variable with this reader is when the environment says so."""
    monkeypatch.setattr("gdpr_portal.env.VARIABLES", {})

    def asked(reader: Callable[[str], Any], text: str) -> Any:
        monkeypatch.setenv("SOMETHING", text)
        return env("SOMETHING", reader, None, "For the test.")

    return asked


@pytest.mark.parametrize(
    ("reader", "text", "value"),
    [
        (natural, "0", 0),
        (natural, " 72 ", 72),
        (at_least_zero, "1.5", 1.5),
        (share, "0.05", 0.05),
        (postgresql, "postgresql://app:secret@db.example:5432/gdpr?sslmode=verify-full", None),
        (postgresql, "host=/run/postgres dbname=gdpr user=app", None),
        (BROKER, "pgmq://", None),
        (BROKER, "amqps://user:secret@mq.example:5671/portal", None),
        (time_zone, "Europe/Vienna", None),
        (holidays, "DE-BY", None),
        (holidays, "FR", None),
    ],
)
def test_what_can_be_read_is_read(ask: Callable[..., Any], reader: Any, text: str, value: Any) -> None:
    assert ask(reader, text) == (text if value is None else value)


@pytest.mark.parametrize(
    ("reader", "text"),
    [
        (natural, "-5"),
        (natural, "1.5"),
        (natural, "s3cr3t"),
        (natural, "\u0663"),
        (at_least_zero, "-0.1"),
        (at_least_zero, "nan"),
        (at_least_zero, "inf"),
        (postgresql, "mysql://app:s3cr3t@db.example/gdpr"),
        (postgresql, "postgres//app:s3cr3t@db.example"),
        (BROKER, "http://user:s3cr3t@mq.example"),
        (BROKER, "user:s3cr3t@mq.example:5672"),
        (BROKER, "amqp://user:p/s3cr3t@mq.example:5672"),
        (address("smtp", "smtps"), "mail.s3cr3t.example:25"),
        (time_zone, "Europe/Berlinn"),
        (time_zone, "/etc/passwd"),
        (holidays, "XX"),
        (holidays, "DE-XX"),
        (one_of("INFO", "DEBUG"), "LOUD"),
    ],
)
def test_what_cannot_be_read_is_refused_by_its_name(ask: Callable[..., Any], reader: Any, text: str) -> None:
    with pytest.raises(ImproperlyConfigured, match=r"^SOMETHING cannot be read: expected ") as refused:
        ask(reader, text)
    assert text not in str(refused.value) and "s3cr3t" not in str(refused.value)
    assert refused.value.__cause__ is None, "nor does what it came from"


def test_every_number_and_address_has_a_reader_that_refuses() -> None:
    assert not {name for name, variable in VARIABLES.items() if variable.read in {int, float}}
    addresses = {"BASE_URL", "BROKER_URL", "DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SEQUENCER_URL", "EMAIL_URL"}
    assert not {name for name in addresses if VARIABLES[name].read is str}


def test_options_of_the_address_come_besides_ours() -> None:
    """Else a provider's `options=` would take away the time zone and every limit on statements and locks."""
    made = settings.database("postgresql://app@db.example/gdpr?options=-c%20search_path%3Dgdpr&sslmode=verify-full")
    options = made["OPTIONS"]["options"]
    assert options.endswith(" -c search_path=gdpr") and made["OPTIONS"]["sslmode"] == "verify-full"
    for limit in ("statement_timeout=", "lock_timeout=", "timezone=UTC"):
        assert f"-c {limit}" in options
    assert settings.database("postgresql://app@db.example/gdpr")["OPTIONS"]["options"].endswith("timezone=UTC")
