"""Mail to people: sent after the act has committed, in their language, text and HTML, never with a personal value.

A kind is three templates: `email/<kind>.subject.txt`, `.txt`, `.html`. They hold no link that acts: who gets a
forwarded or stolen mail can do nothing with it (threats T44, T52).
"""

import logging
from collections.abc import Mapping
from functools import partial
from smtplib import SMTPException
from typing import Any

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.db import transaction
from django.template.loader import render_to_string
from django.utils import translation

log = logging.getLogger("access.mail")


def send_mail_later(kind: str, *, to: str, language: str = "en", context: Mapping[str, Any] | None = None) -> None:
    """The mail goes out once the transaction commits, and never if it does not.

    A mail server that fails does not undo the act: a warning with the kind of mail, without the address, is logged.
    """
    message = compose(kind, to=to, language=language, context=context or {})
    transaction.on_commit(partial(_send, kind, message))


def compose(kind: str, *, to: str, language: str, context: Mapping[str, Any]) -> EmailMultiAlternatives:
    """The message with both its bodies, rendered in the person's language; the subject is one line."""
    values = {"controller": settings.CONTROLLER, "language": language, **context}
    with translation.override(language):
        subject = " ".join(render_to_string(f"email/{kind}.subject.txt", values).split())
        text = render_to_string(f"email/{kind}.txt", values).strip() + "\n"
        html = render_to_string(f"email/{kind}.html", values)
    headers = {"Auto-Submitted": "auto-generated", "Content-Language": language}
    message = EmailMultiAlternatives(subject, text, settings.DEFAULT_FROM_EMAIL, [to], headers=headers)
    message.attach_alternative(html, "text/html")
    return message


def _send(kind: str, message: EmailMultiAlternatives) -> None:
    try:
        message.send()
    except (OSError, SMTPException) as error:
        # Only the kind of failure: the text of an SMTP error repeats the address it was about.
        log.warning("mail.failed kind=%s error=%s", kind, type(error).__name__)
