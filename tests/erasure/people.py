"""What the tests of requests do again and again: file, store, answer, and what a worker would do."""

import re
from datetime import datetime
from typing import Any

from django.core import mail
from django.utils import timezone

from audit import actors
from consent.services.data import store_data
from erasure.models import RightsRequest
from erasure.services import requests, steps

CODE = re.compile(r"Code: (\d{6})")
REFERENCE = re.compile(r"Reference: ([0-9a-f-]{36})")


def file(
    subject: Any, right: str, verified_by: str = "account", received_at: datetime | None = None, **details: Any
) -> RightsRequest:
    return requests.file_request(
        subject=subject,
        right=right,
        details=details,
        verified_by=verified_by,
        received_at=received_at,
        actor=actors.SUBJECT,
        by_person=True,
    )


def in_review(subject: Any, decision: str = "loan-1", received_at: datetime | None = None) -> RightsRequest:
    """A request that waits for a reviewer."""
    return file(subject, "human_review", received_at=received_at or timezone.now(), decision=decision)


def store(shop: Any, subject: Any, purpose: str, **values: str) -> None:
    store_data(application=shop, subject=subject, purpose=purpose, values=values, source="subject")


def sweep_all() -> None:
    """Whatever a worker would do until nothing is due, or until twelve rounds did not end it."""
    for _round in range(12):
        if steps.sweep() == 0:
            break


def run_all(request: RightsRequest) -> RightsRequest:
    """The request as it stands when nothing is due any more."""
    sweep_all()
    request.refresh_from_db()
    return request


def code_in_mail() -> tuple[str, str]:
    """Reference and code of the last mail."""
    body = str(mail.outbox[-1].body)
    reference, code = REFERENCE.search(body), CODE.search(body)
    assert reference is not None and code is not None
    return reference.group(1), code.group(1)


def text_of(response: Any) -> str:
    """The page without what differs between any two answers: the token against forged forms, nonces."""
    page = response.content.decode()
    page = re.sub(r'name="csrfmiddlewaretoken" value="[^"]+"', "", page)
    return re.sub(r'nonce="[^"]+"', "", page)
