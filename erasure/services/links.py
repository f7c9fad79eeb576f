"""Links by mail to a question, a message or a task (`access.services.mail_links`), good for LIFETIME; the newest alone.

Who cannot sign in answers through one (Art. 12(2)), and so does who answers for a place that is run by hand. Those
about a mandate are in `erasure.services.mandate_links`.
"""

from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from django.db.models import QuerySet
from django.utils import timezone

from access.services.mail_links import dead_link, new_link, row_of
from erasure.models import MailLink, MandateLink, Message, PlaceTask, Question

LIFETIME = timedelta(days=30)
Link = TypeVar("Link", MailLink, MandateLink)


def link_to(question: Question) -> str:
    """The address of a fresh link; an older one to the same question is dead."""
    MailLink.objects.filter(question=question).delete()
    return _address("question-by-link", MailLink(question=question))


def link_to_message(message: Message) -> str:
    """The address of a fresh link to what we wrote."""
    return _address("question-by-link", MailLink(message=message))


def link_to_task(task: PlaceTask) -> str:
    """The address of a fresh link for who answers for a place; an older one to the same task is dead."""
    MailLink.objects.filter(task=task).delete()
    return _address("place-link", MailLink(task=task))


def _address(page: str, link: MailLink) -> str:
    link.made_at = timezone.now()
    link.expires_at = link.made_at + LIFETIME
    address = new_link(link, page)
    link.save(force_insert=True)
    return address


def opened_link(link_id: UUID, token: str) -> MailLink:
    """The link, with the question or message it leads to; a wrong token is counted.

    Raises Gone(`link_dead`), the same for a link that is unknown, wrong, late or was guessed at too often.
    """
    link = _opened(link_id, token)
    if link.said is None:
        raise dead_link()
    return link


def opened_task(link_id: UUID, token: str) -> PlaceTask:
    """The task the link leads to; wrong tokens and dead links as for `opened_link`."""
    task = _opened(link_id, token).task
    if task is None:
        raise dead_link()
    return task


def live_task(link_id: UUID) -> PlaceTask:
    """The task of a link that a session has shown the token of before. Gone(`link_dead`) once it is answered, replaced,
    revoked or late."""
    rows = MailLink.objects.select_related("task__step__request", "task__place")
    row = rows.filter(pk=link_id, expires_at__gt=timezone.now()).first()
    if row is None or row.task is None:
        raise dead_link()
    return row.task


def _opened(link_id: UUID, token: str) -> MailLink:
    roads = ("question__request__subject", "question__message", "message__request__subject", "task__place")
    rows = MailLink.objects.select_related(*roads, "task__step__request")
    return fitting(rows, link_id, token)


def fitting(rows: QuerySet[Link], link_id: UUID, token: str, code: str = "") -> Link:
    """The one of these links that token and code fit, and that is not late. Gone(`link_dead`) otherwise."""
    link = row_of(rows, link_id, token, code)
    if link.expires_at <= timezone.now():
        raise dead_link()
    return link


def forget_links() -> int:
    """Links past their time are gone, those about mandates too; returns how many."""
    now = timezone.now()
    return sum(model.objects.filter(expires_at__lte=now).delete()[0] for model in (MailLink, MandateLink))
