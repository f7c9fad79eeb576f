"""What `check --deploy` says of a production whose connections could be listened to or led elsewhere (T55)."""

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Warning, register  # noqa: A004 (Django's word)
from psycopg.conninfo import conninfo_to_dict

HERE = {"localhost", "127.0.0.1", "::1"}
DATABASES = ("DATABASE_URL", "DATABASE_OWNER_URL", "DATABASE_SEQUENCER_URL")


@register(deploy=True)
def connections_are_over_tls(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Databases are asked for their certificate, broker and mail are asked over TLS, but on this very machine."""
    return [Warning(f"{name}: {words}", id="gdpr_portal.W001") for name, words in _flaws()]


def _flaws() -> Iterator[tuple[str, str]]:
    for name in DATABASES:
        given = conninfo_to_dict(getattr(settings, name))
        hosts = str(given.get("host") or given.get("hostaddr") or "").split(",")
        if given.get("sslmode") != "verify-full" and not all(map(_is_here, hosts)):
            yield name, "sslmode=verify-full is missing, so that whoever answers there is believed."
    broker, mail = urlsplit(settings.BROKER_URL), urlsplit(getattr(settings, "EMAIL_URL", ""))
    if broker.scheme == "amqp" and not _is_here(broker.hostname or ""):
        yield "BROKER_URL", "amqp:// is in clear; use amqps://."
    if mail.scheme == "smtp" and mail.port == 25 and not _is_here(mail.hostname or ""):
        yield "EMAIL_URL", "port 25 is in clear; use smtp://host:587 or smtps://."


def _is_here(host: str) -> bool:
    """A socket of this machine, or its loopback."""
    return not host or host.startswith("/") or host in HERE
