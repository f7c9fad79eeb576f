"""A production that would talk in clear, or to whoever answers, is told so before it is deployed (OWASP ASVS 12.3)."""

import ssl
from typing import Any

import pytest

from consent import webhook
from gdpr_portal.checks import connections_are_over_tls

SAFE = "postgresql://app:word@db.example/portal?sslmode=verify-full"


@pytest.fixture
def production(settings: Any) -> Any:
    settings.DATABASE_URL = settings.DATABASE_OWNER_URL = settings.DATABASE_SEQUENCER_URL = SAFE
    settings.BROKER_URL, settings.EMAIL_URL = "amqps://broker.example//", "smtps://mail.example"
    return settings


def told(settings: Any, name: str, value: str) -> bool:
    setattr(settings, name, value)
    return [message.msg.partition(":")[0] for message in connections_are_over_tls()] == [name]


def test_connections_over_tls_are_fine(production: Any) -> None:
    assert connections_are_over_tls() == []


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql://app:word@db.example/portal"),
        ("DATABASE_URL", "postgresql://app:word@db.example/portal?sslmode=require"),
        ("DATABASE_URL", "postgresql://app:word@localhost,db.example/portal"),
        ("DATABASE_OWNER_URL", "postgresql://owner:word@10.0.0.7/portal?sslmode=prefer"),
        ("DATABASE_SEQUENCER_URL", "host=db.example dbname=portal"),
        ("BROKER_URL", "amqp://broker.example//"),
        ("EMAIL_URL", "smtp://mail.example:25"),
    ],
)
def test_what_could_be_listened_to_is_told(production: Any, name: str, value: str) -> None:
    assert told(production, name, value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgresql:///portal"),
        ("DATABASE_URL", "host=/run/postgresql dbname=portal"),
        ("DATABASE_URL", "postgresql://app:word@127.0.0.1/portal"),
        ("BROKER_URL", "pgmq://"),
        ("BROKER_URL", "amqp://localhost//"),
        ("EMAIL_URL", ""),
        ("EMAIL_URL", "smtp://mail.example:587"),
    ],
)
def test_this_machine_and_starttls_are_fine(production: Any, name: str, value: str) -> None:
    assert not told(production, name, value)


def test_calls_to_the_outside_know_their_certificate_and_keep_no_old_cipher() -> None:
    context = webhook._tls()
    assert context.verify_mode is ssl.CERT_REQUIRED and context.check_hostname
    assert context.minimum_version >= ssl.TLSVersion.TLSv1_2
    names = [cipher["name"] for cipher in context.get_ciphers()]
    assert names and all(name.startswith(("TLS_", "ECDHE-", "DHE-")) for name in names), "forward secrecy alone"
