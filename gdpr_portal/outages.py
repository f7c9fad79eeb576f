"""Which outside dependencies are left alone at the moment, for the desk and `manage.py doctor`: every process's word.

A breaker is known to its own process only (gdpr_portal.breakers). When one opens, a note goes into the shared cache and
goes with the answer that closes it, or by itself when its process fell silent. A note decides nothing: it is shown.
"""

import logging
from collections.abc import Iterator
from datetime import datetime, timedelta

from django.core.cache import cache
from django.db import DatabaseError
from django.utils import timezone

from access.models import WebhookEndpoint
from consent.webhook import place_of
from erasure.models import Connector, Destination, OpenDsrProcessor
from gdpr_portal import breakers
from gdpr_portal.errors import kind_of

log = logging.getLogger(__name__)
_PREFIX = "breaker"


def note(kind: str, name: str, seconds: float) -> None:
    """A watcher of breakers: it opened for so many seconds, or is well again (0). Never an error to whoever calls."""
    if kind == "keys":
        return  # told by `manage.py keys status`; the vault must not need the database
    try:
        if seconds:
            until = timezone.now() + timedelta(seconds=seconds)
            cache.set(_key(kind, name), until, timeout=2 * (seconds + breakers.PROBE_SECONDS))
        else:
            cache.delete(_key(kind, name))
    except DatabaseError as error:
        log.warning("breaker not noted", extra={"dependency": f"{kind}:{name}", "error": kind_of(error)})


def standing() -> list[tuple[str, str, datetime]]:
    """(kind, name, when it is asked again) of every dependency that some process leaves alone, by kind and name."""
    known = {_key(kind, name): (kind, name) for kind, name in _known()}
    found = cache.get_many(known)
    return sorted((*known[key], until) for key, until in found.items())


def _known() -> Iterator[tuple[str, str]]:
    """Every dependency that operators have set up."""
    yield "mail", ""
    yield from (("connector", name) for name in Connector.objects.values_list("name", flat=True))
    urls = [
        *WebhookEndpoint.objects.values_list("url", flat=True),
        *OpenDsrProcessor.objects.values_list("base_url", flat=True),
        *Destination.objects.filter(retired_at=None).values_list("url", flat=True),
    ]
    yield from {("webhook", place_of(url)) for url in urls}


def _key(kind: str, name: str) -> str:
    return f"{_PREFIX}:{kind}:{name}"
