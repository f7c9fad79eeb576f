"""Links by mail: 256 random bits, kept as a keyed digest bound to their row; a link shows a page and does nothing.

Good for LIFETIME and TRIES wrong guesses; a newer link to the same question replaces the older (threat T52). Who cannot
sign in answers through one (Art. 12(2)), and so does who answers for a place that is run by hand.
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

from erasure.models import MailLink, PlaceTask, Question
from gdpr_portal.errors import Gone
from vault.services import keyed_digest, keyed_digests

LIFETIME = timedelta(days=30)
TRIES = 10


def link_to(question: Question) -> str:
    """The address of a fresh link; an older one to the same question is dead."""
    MailLink.objects.filter(question=question).delete()
    return _address("question-by-link", MailLink(question=question))


def link_to_task(task: PlaceTask) -> str:
    """The address of a fresh link for who answers for a place; an older one to the same task is dead."""
    MailLink.objects.filter(task=task).delete()
    return _address("place-link", MailLink(task=task))


def _address(page: str, link: MailLink) -> str:
    token, link.made_at = secrets.token_urlsafe(32), timezone.now()
    link.expires_at = link.made_at + LIFETIME
    link.digest = keyed_digest("erasure.link", link.id.bytes + token.encode())
    link.save(force_insert=True)
    return settings.BASE_URL + reverse(page, args=[link.id, token])


def opened_link(link_id: UUID, token: str) -> Question:
    """The question the link leads to; a wrong token is counted.

    Raises Gone(`link_dead`), the same for a link that is unknown, wrong, late or was guessed at too often.
    """
    question = _opened(link_id, token).question
    if question is None:
        raise _dead()
    return question


def opened_task(link_id: UUID, token: str) -> PlaceTask:
    """The task the link leads to; wrong tokens and dead links as for `opened_link`."""
    task = _opened(link_id, token).task
    if task is None:
        raise _dead()
    return task


def live_task(link_id: UUID) -> PlaceTask:
    """The task of a link that a session has shown the token of before. Gone(`link_dead`) once it is answered, replaced,
    revoked or late."""
    rows = MailLink.objects.select_related("task__step__request", "task__place")
    row = rows.filter(pk=link_id, expires_at__gt=timezone.now()).first()
    if row is None or row.task is None:
        raise _dead()
    return row.task


def _opened(link_id: UUID, token: str) -> MailLink:
    with transaction.atomic():
        rows = MailLink.objects.select_for_update(of=("self",))
        row = rows.select_related("question__request", "task__step__request", "task__place").filter(pk=link_id).first()
        found = row is not None and row.tries < TRIES and _fits(row, token)
        if row is not None and not found:
            MailLink.objects.filter(pk=row.pk, tries__lt=TRIES).update(tries=F("tries") + 1)
    if row is None or not found or row.expires_at <= timezone.now():
        raise _dead()
    return row


def _dead() -> Gone:
    return Gone("link_dead", "This link holds no more.")


def forget_links() -> int:
    """Links past their time are gone; returns how many."""
    return MailLink.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def _fits(row: MailLink, token: str) -> bool:
    value = row.pk.bytes + token.encode()
    return any(hmac.compare_digest(bytes(row.digest), known) for known in keyed_digests("erasure.link", value))
