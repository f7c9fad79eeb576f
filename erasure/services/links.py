"""Links by mail: 256 random bits, kept as a keyed digest bound to their row; a link shows a page and does nothing.

Good for LIFETIME and TRIES wrong guesses; a newer link to the same question replaces the older (threat T52). Who cannot
sign in answers through one (Art. 12(2)), and so does who answers for a place that is run by hand. How any link is made
and opened is said here alone; what those about a mandate lead to, in `erasure.services.mandate_links`.
"""

import hmac
import secrets
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, QuerySet
from django.urls import reverse
from django.utils import timezone

from erasure.models import MailLink, MandateLink, PlaceTask, Question
from gdpr_portal.errors import Gone
from vault.services import keyed_digest, keyed_digests

LIFETIME = timedelta(days=30)
TRIES = 10
_LABEL = "erasure.link"
Link = TypeVar("Link", MailLink, MandateLink)


def link_to(question: Question) -> str:
    """The address of a fresh link; an older one to the same question is dead."""
    MailLink.objects.filter(question=question).delete()
    return _address("question-by-link", MailLink(question=question))


def link_to_task(task: PlaceTask) -> str:
    """The address of a fresh link for who answers for a place; an older one to the same task is dead."""
    MailLink.objects.filter(task=task).delete()
    return _address("place-link", MailLink(task=task))


def _address(page: str, link: MailLink) -> str:
    link.expires_at = timezone.now() + LIFETIME
    return written(link, page)


def written(link: MailLink | MandateLink, page: str, code: str = "") -> str:
    """The address of the link, saved now: a token nobody keeps, and with it a code told on another way, if any."""
    token, link.made_at = secrets.token_urlsafe(32), timezone.now()
    link.digest = keyed_digest(_LABEL, _value(link, token, code))
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
    rows = MailLink.objects.select_related("question__request", "task__step__request", "task__place")
    return fitting(rows, link_id, token)


def fitting(rows: QuerySet[Link], link_id: UUID, token: str, code: str = "") -> Link:
    """The one of these links that token and code fit; a wrong one of either is counted. Gone(`link_dead`) otherwise."""
    with transaction.atomic():
        row = rows.select_for_update(of=("self",)).filter(pk=link_id).first()
        found = row is not None and row.tries < TRIES and _fits(row, token, code)
        if row is not None and not found:
            rows.model._default_manager.filter(pk=row.pk, tries__lt=TRIES).update(tries=F("tries") + 1)
    if row is None or not found or row.expires_at <= timezone.now():
        raise _dead()
    return row


def _dead() -> Gone:
    return Gone("link_dead", "This link holds no more.")


def forget_links() -> int:
    """Links past their time are gone, those about mandates too; returns how many."""
    now = timezone.now()
    return sum(model.objects.filter(expires_at__lte=now).delete()[0] for model in (MailLink, MandateLink))


def _fits(row: MailLink | MandateLink, token: str, code: str) -> bool:
    known = keyed_digests(_LABEL, _value(row, token, code))
    return any(hmac.compare_digest(bytes(row.digest), each) for each in known)


def _value(row: MailLink | MandateLink, token: str, code: str) -> bytes:
    return row.id.bytes + f"{token}:{code}".encode()
