"""Requests by people without an account (Art. 12(2)): known or not, the answer on the page is the same."""

from collections.abc import Mapping
from typing import Any

from django.db import transaction

from access.services.mail import send_mail_later
from audit import actors
from erasure.services.details import details_from_words
from erasure.services.requests import file_request
from gdpr_portal.errors import DomainError
from subjects.selectors import subject_by_email


def ask_without_account(*, email: str, right: str, language: str, words: Mapping[str, Any]) -> None:
    """A mail is on its way to the address: with a code if we know it, else with the answer that we hold nothing.

    `words` is what the form says about the right (`details_from_words`).
    """
    with transaction.atomic():
        subject = subject_by_email(email)
        if subject is None:
            send_mail_later("request_unknown", to=email, language=language, context={})
            return
    try:
        details = details_from_words(subject, right, words)
        file_request(
            subject=subject, right=right, details=details, verified_by="none", actor=actors.SUBJECT, by_person=True
        )
    except DomainError as error:
        with transaction.atomic():
            send_mail_later("request_not_possible", to=email, language=language, context={"reason": error.message})
