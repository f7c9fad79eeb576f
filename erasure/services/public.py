"""Requests by people without an account (Art. 12(2)): known or not, the answer on the page is the same."""

from collections.abc import Mapping
from typing import Any

from erasure.services.unidentified import answer_unidentified, file_unverified
from subjects.selectors import subject_by_email


def ask_without_account(*, email: str, right: str, language: str, words: Mapping[str, Any]) -> None:
    """A mail is on its way to the address: with a code if we know it, else with the way to tell us more (Art. 11(2)).

    `words` is what the form says about the right (`details_from_words`).
    """
    subject = subject_by_email(email)
    if subject is None:
        answer_unidentified(email=email, right=right, language=language, words=words)
    else:
        file_unverified(subject=subject, right=right, words=words)
