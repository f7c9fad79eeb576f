"""Links by mail: 256 random bits, kept as a keyed digest bound to their row; a link shows a page and does nothing.

Good for LIFETIME and TRIES wrong guesses; a newer link to the same question replaces the older (threat T52). Who cannot
sign in answers through one (Art. 12(2)).
"""

import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone

from erasure.models import MailLink, Question
from gdpr_portal.errors import Gone
from vault.services import keyed_digest, keyed_digests

LIFETIME = timedelta(days=30)
TRIES = 10


def link_to(question: Question) -> str:
    """The address of a fresh link; an older one to the same question is dead."""
    token, now = secrets.token_urlsafe(32), timezone.now()
    MailLink.objects.filter(question=question).delete()
    link = MailLink(question=question, made_at=now, expires_at=now + LIFETIME)
    link.digest = keyed_digest("erasure.link", link.id.bytes + token.encode())
    link.save(force_insert=True)
    return settings.BASE_URL + reverse("question-by-link", args=[link.id, token])


def opened_link(link_id: UUID, token: str) -> Question:
    """The question the link leads to; a wrong token is counted.

    Raises Gone(`link_dead`), the same for a link that is unknown, wrong, late or was guessed at too often.
    """
    with transaction.atomic():
        rows = MailLink.objects.select_for_update(of=("self",)).select_related("question__request")
        row = rows.filter(pk=link_id).first()
        found = row is not None and row.tries < TRIES and _fits(row, token)
        if row is not None and not found:
            MailLink.objects.filter(pk=row.pk, tries__lt=TRIES).update(tries=F("tries") + 1)
    if row is None or not found or row.expires_at <= timezone.now():
        raise Gone("link_dead", "This link holds no more.")
    return row.question


def forget_links() -> int:
    """Links past their time are gone; returns how many."""
    return MailLink.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def _fits(row: MailLink, token: str) -> bool:
    value = row.pk.bytes + token.encode()
    return any(hmac.compare_digest(bytes(row.digest), known) for known in keyed_digests("erasure.link", value))
