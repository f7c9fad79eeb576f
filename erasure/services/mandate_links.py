"""Links by mail about a mandate, as in `erasure.services.links`: 256 random bits, kept as a keyed digest.

The one to object shows a page with one button. The one to collect opens nothing without a code that the desk gives the
representative on another way than by mail; link and code stand in one digest, so that a wrong one of either is a try.
"""

import hmac
import secrets
from datetime import datetime, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from erasure.models import Mandate, MandateLink, RightsRequest
from gdpr_portal.errors import Gone
from vault.services import keyed_digest, keyed_digests

LIFETIME = timedelta(days=30)
TRIES = 10
_ROUTES = {MandateLink.Use.OBJECT: "mandate-by-link", MandateLink.Use.COLLECT: "mandate-collect"}


def mandate_link(
    mandate: Mandate,
    use: MandateLink.Use,
    *,
    request: RightsRequest | None = None,
    code: str = "",
    expires_at: datetime | None = None,
) -> str:
    """The address of a fresh link; an older one for the same is dead. In the caller's transaction."""
    token, now = secrets.token_urlsafe(32), timezone.now()
    MandateLink.objects.filter(mandate=mandate, use=use, request=request).delete()
    link = MandateLink(mandate=mandate, request=request, use=use, made_at=now, expires_at=expires_at or now + LIFETIME)
    link.digest = keyed_digest("erasure.mandate_link", _value(link.id, token, code))
    link.save(force_insert=True)
    return settings.BASE_URL + reverse(_ROUTES[use], args=[link.id, token])


def opened_mandate_link(link_id: UUID, token: str, use: MandateLink.Use, code: str = "") -> MandateLink:
    """The link, with its mandate; a wrong token or code is counted.

    Raises Gone(`link_dead`), the same for a link that is unknown, wrong, late or was guessed at too often.
    """
    with transaction.atomic():
        rows = MandateLink.objects.select_for_update(of=("self",)).select_related("mandate__subject", "request")
        row = rows.filter(pk=link_id, use=use).first()
        found = row is not None and row.tries < TRIES and _fits(row, token, code)
        if row is not None and not found:
            MandateLink.objects.filter(pk=row.pk, tries__lt=TRIES).update(tries=F("tries") + 1)
    if row is None or not found or row.expires_at <= timezone.now():
        raise Gone("link_dead", "This link holds no more.")
    return row


def forget_mandate_links() -> int:
    """Links past their time are gone; returns how many."""
    return MandateLink.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def _fits(row: MandateLink, token: str, code: str) -> bool:
    known = keyed_digests("erasure.mandate_link", _value(row.pk, token, code))
    return any(hmac.compare_digest(bytes(row.digest), each) for each in known)


def _value(link_id: UUID, token: str, code: str) -> bytes:
    return link_id.bytes + f"{token}:{code}".encode()
