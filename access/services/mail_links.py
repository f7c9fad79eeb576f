"""Links by mail: 256 random bits, kept as a keyed digest bound to their row; a link shows a page and does nothing.

Programs that read mail open links (threat T52), so a page asks before anything happens. A row that a link leads to has
`digest` and `tries`; what it means, how long it is good for and which page it shows are its owner's.
"""

import hmac
import secrets
from typing import Any, Protocol, TypeVar, cast
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Model, QuerySet
from django.urls import reverse

from gdpr_portal.errors import Gone
from vault.services import keyed_digest, keyed_digests

TRIES = 10
"""Wrong guesses at a row; then its link is dead."""


class _Linked(Protocol):
    id: UUID
    digest: Any
    tries: int


Row = TypeVar("Row", bound=Model)


def new_link(row: _Linked, page: str, code: str = "") -> str:
    """The address of the row's fresh link, for `page` with its id and a token nobody keeps; older ones are dead.

    The row, which is not saved here, holds the digest of the token and of a code told on another way, if any.
    """
    token = secrets.token_urlsafe(32)
    row.digest, row.tries = keyed_digest(_label(row), _value(row, token, code)), 0
    return settings.BASE_URL + reverse(page, args=[row.id, token])


def row_of(rows: QuerySet[Row], row_id: UUID, token: str, code: str = "") -> Row:
    """The one of these rows that token and code fit; a wrong one of either is counted, outside the caller's errors.

    Raises Gone(`link_dead`), the same for a link that is unknown, wrong or was guessed at too often.
    """
    with transaction.atomic():
        row = rows.select_for_update(of=("self",)).filter(pk=row_id).first()
        found = row is not None and _fits(cast(_Linked, row), token, code)
        if row is not None and not found:
            count_try(row)
    if row is None or not found:
        raise dead_link()
    return row


def count_try(row: Model) -> bool:
    """One more guess at the row is counted, before it is looked at: parallel ones cannot slip past. False when there
    were too many already."""
    return bool(type(row)._default_manager.filter(pk=row.pk, tries__lt=TRIES).update(tries=F("tries") + 1))


def give_back(row: Model) -> None:
    """The last try at the row was right, and counts no more."""
    type(row)._default_manager.filter(pk=row.pk, tries__gt=0).update(tries=F("tries") - 1)


def dead_link() -> Gone:
    """What every link that leads nowhere is answered with."""
    return Gone("link_dead", "This link is no longer valid.")


def _fits(row: _Linked, token: str, code: str) -> bool:
    known = keyed_digests(_label(row), _value(row, token, code))
    return row.tries < TRIES and any(hmac.compare_digest(bytes(row.digest), each) for each in known)


def _label(row: _Linked) -> str:
    return f"link.{type(row).__name__}"


def _value(row: _Linked, token: str, code: str) -> bytes:
    return row.id.bytes + f"{token}:{code}".encode()
