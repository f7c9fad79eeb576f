"""Requests from addresses we do not know: the answer says so, and more information takes them up again (Art. 11(2)).

The mail has a link. What is added on its page is looked up; if somebody is known by it, the request is filed for them
as of the day it first came, and the code goes to the address *they* are known by, never to the one that asked. Found or
not, page and link go on looking the same (law.md R26). Of who asked nothing is kept.
"""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.services import limits
from access.services.accounts import mailbox_of
from access.services.mail import left_to_the_sweep, send_mail_later
from access.services.mail_links import dead_link, new_link, row_of
from audit import actors
from audit import services as audit
from erasure.models import Unidentified
from erasure.services.details import details_from_words
from erasure.services.nobody import nobody
from erasure.services.requests import file_request
from gdpr_portal.errors import DomainError
from subjects.models import Subject
from subjects.selectors import email_of, subject_known_by
from vault import services as vault

LIFETIME = timedelta(days=30)


def answer_unidentified(*, email: str, right: str, language: str, words: Mapping[str, Any]) -> Unidentified:
    """A mail is on its way that says we cannot tell who asks, with a link to tell us more; the address is not kept."""
    now = timezone.now()
    row = Unidentified(right=right, received_at=now, expires_at=now + LIFETIME)
    row.words_sealed = vault.seal_secret(words_place(row), json.dumps(dict(words)).encode())
    with transaction.atomic():
        link = new_link(row, "request-more")
        row.save(force_insert=True)
        _record("request.unidentified", row)
        send_mail_later("request_unknown", to=email, language=language, context={"link": link})
    return row


def words_place(row: Unidentified) -> vault.Place:
    """Where what was said about the right lies."""
    return vault.Place("erasure_unidentified", "words_sealed", str(row.id))


def opened_unidentified(link_id: UUID, token: str) -> Unidentified:
    """The request the link leads to. Gone(`link_dead`), the same for one that is unknown, wrong, late or guessed at."""
    row = row_of(Unidentified.objects.all(), link_id, token)
    if row.expires_at <= timezone.now():
        raise dead_link()
    return row


def add_information(*, row: Unidentified, identifiers: Mapping[str, str]) -> None:
    """Who is known by all of these is asked to confirm the request, once; who asked is told the same either way, and in
    the same time: the mail goes by the sweep (T11)."""
    with left_to_the_sweep():
        if not _identified(row, identifiers):
            with nobody() as unknown:
                _take_up(row, unknown)


def _identified(row: Unidentified, identifiers: Mapping[str, str]) -> bool:
    """Whether somebody is known by these, for the first time; then the request is theirs to confirm."""
    with transaction.atomic():
        row = Unidentified.objects.select_for_update().get(pk=row.pk)
        subject = subject_known_by(identifiers)
        if subject is None or row.identified_at is not None or _asked_too_often(subject):
            return False
        row.identified_at = timezone.now()
        row.save(update_fields=["identified_at"])
        _record("request.identified", row, subject=subject.pseudonym)
    _take_up(row, subject)
    return True


def _asked_too_often(subject: Subject) -> bool:
    """Whether requests of strangers for this person count as too many, here and by the form: nobody's mailbox is filled
    by way of a number that somebody knows of them, nor the desk's queue."""
    address = email_of(subject)
    about = mailbox_of(address) if address is not None else str(subject.pk)
    return bool(limits.take((limits.MAIL, f"request:{about}")).wait)


def _take_up(row: Unidentified, subject: Subject) -> None:
    words = json.loads(vault.open_secret(words_place(row), bytes(row.words_sealed)))
    file_unverified(subject=subject, right=row.right, words=words, received_at=row.received_at)


def file_unverified(*, subject: Subject, right: str, words: Mapping[str, Any], received_at: Any = None) -> None:
    """The request is filed and waits for the person's code; what cannot be done is told to the address they have."""
    try:
        details = details_from_words(subject, right, words)
        file_request(
            subject=subject, right=right, details=details, verified_by="none", actor=actors.SUBJECT,
            received_at=received_at, by_person=True,
        )  # fmt: skip
    except DomainError as error:
        address = email_of(subject)
        if address is not None:
            context = {"reason": error.message, "signs_in": subject.account_id is not None}
            with transaction.atomic():
                send_mail_later("request_not_possible", to=address, language=subject.language or "en", context=context)


def forget() -> int:
    """Requests whose link is past its time are gone; returns how many."""
    return Unidentified.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def _record(action: str, row: Unidentified, subject: UUID | None = None) -> None:
    details = {"request": str(row.id), "right": row.right}
    audit.record(action, actor=actors.SUBJECT, subject=subject, details=details)
