"""Mail to people: sent after the act has committed, in their language, text and HTML, never with a personal value.

A kind is three templates: `email/<kind>.subject.txt`, `.txt`, `.html`. They hold no link that acts: who gets a
forwarded or stolen mail can do nothing with it (threats T44, T52).

What is to be kept as a file, such as a receipt, is attached; it names nobody.

The row is the promise: it is written with the act and gone once a mail server has the message. Whoever committed tries
at once; what that leaves behind (a server that is down, a process that died) the sweep sends. So no mail is lost, and
a few may come twice, under the same Message-ID, when a process dies between the server's yes and the rows' end.
"""

import json
import logging
import random
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from datetime import timedelta
from smtplib import SMTPDataError, SMTPRecipientsRefused, SMTPSenderRefused
from typing import Any
from uuid import UUID

from django.conf import settings
from django.core.mail import EmailMultiAlternatives, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F
from django.template.loader import render_to_string
from django.utils import timezone, translation
from email_validator import EmailNotValidError, validate_email

from access.models import OutgoingMail
from gdpr_portal import breakers, traces
from gdpr_portal.formats.zones import controllers_zone
from gdpr_portal.prepared import Prepared
from vault import services as vault

log = logging.getLogger("access.mail")

LEASE = timedelta(minutes=2)
"""How long one process has a mail to itself; longer than the mail server's time limit."""
TRIES = 12
"""After these, about three days of them, a mail is given up."""
LONGEST_WAIT = timedelta(hours=12)
KEPT_FOR = timedelta(days=7)
"""How long a mail that was given up can be looked at."""
BATCH = 50
TOGETHER = 10
"""As many go over one connection to the server; as many may come twice when the process dies meanwhile."""
SIGNED = "application/jose"
BREAKER = "mail"
_dice = random.SystemRandom()
_CLAIMED = ("id", "kind", "sealed", "tries", "created_at", "due_at", "given_up_at")
_CLAIM = Prepared(f"""
UPDATE access_outgoingmail SET due_at = %(until)s, tries = tries + 1
WHERE id = ANY(%(ids)s) AND due_at <= %(now)s AND given_up_at IS NULL RETURNING {", ".join(_CLAIMED)}
""")  # noqa: S608 - constants


@dataclass(frozen=True)
class Mail:
    """A mail that is to go out: `kind` names its templates."""

    kind: str
    to: str
    language: str = "en"
    context: Mapping[str, Any] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Name of an attached file -> its text; signed documents, as application/jose (RFC 7515)."""


def send_mail_later(kind: str, *, to: str, language: str = "en", context: Mapping[str, Any] | None = None) -> None:
    """`send_mails_later` of one."""
    send_mails_later([Mail(kind, to, language, context or {})])


def send_mails_later(mails: Iterable[Mail]) -> None:
    """The mails go out once the transaction commits, and never if it does not; rows by one statement.

    A mail server that fails does not undo the act: the rows wait for the sweep.
    """
    rows = [_row(mail) for mail in mails]
    with transaction.atomic(savepoint=False):
        OutgoingMail.objects.bulk_create(rows)
        if not _left.get():
            # No `partial`: Django asks what has failed for its name, and a partial has none.
            transaction.on_commit(lambda: _send_at_once([row.pk for row in rows]), robust=True)


_left: ContextVar[bool] = ContextVar("mail_left_to_the_sweep", default=False)


@contextmanager
def left_to_the_sweep() -> Iterator[None]:
    """Mails written in the block are sent by the sweep, seconds later: nobody can tell from how long the answer takes
    whether there was one (T11)."""
    token = _left.set(True)
    try:
        yield
    finally:
        _left.reset(token)


def _row(mail: Mail) -> OutgoingMail:
    content: dict[str, Any] = compose(mail.kind, to=mail.to, language=mail.language, context=mail.context)
    content["files"] = dict(mail.files)
    row = OutgoingMail(kind=mail.kind, due_at=timezone.now())
    row.sealed = vault.seal_secret(place(row.pk), json.dumps(content).encode())
    return row


def compose(kind: str, *, to: str, language: str, context: Mapping[str, Any]) -> dict[str, str]:
    """`to`, `language`, `subject` (one line), `text` and `html`, in the person's language and the controller's time."""
    values = {"controller": settings.CONTROLLER, "language": language, **context}
    with translation.override(language), timezone.override(controllers_zone()):
        return {
            "to": to,
            "language": language,
            "subject": " ".join(render_to_string(f"email/{kind}.subject.txt", values).split()),
            "text": render_to_string(f"email/{kind}.txt", values).strip() + "\n",
            "html": render_to_string(f"email/{kind}.html", values),
        }


def place(mail_id: UUID) -> vault.Place:
    """Where the sealed content of a mail lies."""
    return vault.Place("access_outgoingmail", "sealed", str(mail_id))


def sweep_mail() -> int:
    """Mails that are due have been tried, until a server does not answer; how many went out."""
    due = OutgoingMail.objects.filter(due_at__lte=timezone.now(), given_up_at=None)
    ids = list(due.order_by("due_at").values_list("id", flat=True)[:BATCH])
    if not ids:
        return 0
    if wait := breakers.wait_seconds(BREAKER):  # nothing is tried, and nothing counts as tried
        due.update(due_at=timezone.now() + timedelta(seconds=wait * _dice.uniform(1.0, 1.0 + breakers.JITTER)))
        return 0
    return _send_all(ids)


def purge() -> int:
    """Mails that were given up a week ago are gone, and the addresses with them (Art. 5(1)(e)); returns how many."""
    return OutgoingMail.objects.filter(given_up_at__lt=timezone.now() - KEPT_FOR).delete()[0]


def send(mail_ids: Sequence[UUID]) -> int:
    """How many of these the server took, over one connection; those that are not due or another's are left alone.

    When it stops answering, the one it was given waits for another try, and the rest as if nothing had been tried.
    """
    mails, taken = deque(_claimed(mail_ids)), []
    if not mails:
        return 0
    try:
        with traces.span("mail"), get_connection() as server:
            while mails and timezone.now() < mails[0].due_at - LEASE / 2:
                if _took(server, mails[0]):
                    taken.append(mails[0].pk)
                mails.popleft()
    except OSError as error:
        breakers.told(BREAKER, answered=False)
        if mails:
            _wait(mails.popleft(), error)
    except Exception as error:  # whatever is wrong with it holds up no other, and it is given up in the end
        if mails:
            _wait(mails.popleft(), error)
        raise
    finally:
        OutgoingMail.objects.filter(pk__in=taken).delete()
        rest = OutgoingMail.objects.filter(pk__in=[mail.pk for mail in mails])
        rest.update(due_at=timezone.now(), tries=F("tries") - 1)
    return len(taken)


def _took(server: BaseEmailBackend, mail: OutgoingMail) -> bool:
    """Whether the server has it; what it refuses waits. Raises OSError when it does not answer."""
    try:
        server.send_messages([_message(mail)])
    except (SMTPRecipientsRefused, SMTPSenderRefused, SMTPDataError) as error:
        breakers.told(BREAKER, answered=True)
        _wait(mail, error)
        return False
    breakers.told(BREAKER, answered=True)
    return True


def _send_all(mail_ids: Sequence[UUID]) -> int:
    """So many at a time, until the server does not answer: the rest is the sweep's, and no request waits for it."""
    sent = 0
    for first in range(0, len(mail_ids), TOGETHER):
        sent += send(mail_ids[first : first + TOGETHER])
        if not breakers.is_well(BREAKER):
            break
    return sent


def _send_at_once(mail_ids: Sequence[UUID]) -> None:
    """No request waits for a server that did not answer the last time: its mail is the sweep's."""
    if breakers.is_well(BREAKER):
        _send_all(mail_ids)


def _claimed(mail_ids: Sequence[UUID]) -> list[OutgoingMail]:
    """Those that are due, in this order; this process has them to itself for the lease."""
    now = timezone.now()
    found = _CLAIM.all(ids=list(mail_ids), now=now, until=now + LEASE)
    mails = {row[0]: OutgoingMail.from_db(None, _CLAIMED, row) for row in found}
    return [mails[mail_id] for mail_id in mail_ids if mail_id in mails]


def _wait(mail: OutgoingMail, error: Exception) -> None:
    now = timezone.now()
    mail.due_at = now + min(timedelta(minutes=2) * 2 ** (mail.tries - 1), LONGEST_WAIT)
    mail.given_up_at = now if mail.tries >= TRIES else None
    mail.save(update_fields=["due_at", "given_up_at"])
    # Only the kind of failure: the text of an SMTP error repeats the address it was about.
    word = "given_up" if mail.given_up_at else "failed"
    log.warning("mail.%s kind=%s error=%s", word, mail.kind, type(error).__name__)


def deliverable(address: str) -> str:
    """The address with its domain as IDNA of 2008 writes it, which mail servers look up (RFC 5891).

    Django writes it as IDNA of 2003 does, where `straße.example` is `strasse.example`: another owner's mailbox.
    """
    if address.isascii():
        return address
    try:
        found = validate_email(address, check_deliverability=False, test_environment=settings.IS_LOCAL)
    except EmailNotValidError:
        raise ValueError("an address that no mail server knows") from None  # the library's message quotes it
    return f"{found.local_part}@{found.ascii_domain}"


def _message(mail: OutgoingMail) -> EmailMultiAlternatives:
    content = json.loads(vault.open_secret(place(mail.pk), bytes(mail.sealed)))
    headers = {
        "Auto-Submitted": "auto-generated",
        "Content-Language": content["language"],
        "Message-ID": f"<{mail.pk}@{settings.DEFAULT_FROM_EMAIL.rpartition('@')[2].strip('>')}>",
    }
    sender = settings.DEFAULT_FROM_EMAIL
    to = deliverable(content["to"])
    message = EmailMultiAlternatives(content["subject"], content["text"], sender, [to], headers=headers)
    message.attach_alternative(content["html"], "text/html")
    for name, text in content.get("files", {}).items():  # none in what waited before an upgrade
        message.attach(name, text.encode(), SIGNED)
    return message
