"""What an erasure leaves has an article and a last day, in the plan that the person reads first (Art. 17(3))."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from consent.services.deliveries import queue_delivery
from consent.services.objections import object_to
from erasure.plans import preview
from subjects.services import restrict
from tests.consent.people import answer, share
from tests.erasure.people import store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("frozen", "catalogue")]


def lived(alice: Any, shop: Any) -> None:
    """Something of every kind of which a record stays."""
    answer(alice.subject, "give")
    share(alice.subject, True)
    object_to(subject=alice.subject, purpose="fraud_prevention", actor="subject")
    queue_delivery(application=shop, subject=alice.subject, type="restriction.set")
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")


def staying(alice: Any) -> dict[str, Any]:
    return {line.what: line for line in preview(alice.subject).lines if line.fate == "stays"}


def test_every_line_that_stays_says_until_when_and_under_which_article(alice: Any, shop: Any, acme: Any) -> None:
    lived(alice, shop)
    lines = staying(alice)
    assert len(lines) == 4, "answers, restrictions, who was told, who knew them"
    assert all(line.until and line.article and line.why for line in lines.values()), lines
    assert {line.until for line in lines.values()} == {timezone.now() + timedelta(days=settings.PROOF_RETENTION_DAYS)}


def test_who_knew_them_and_what_binds_stay_as_long_as_what_a_law_keeps(alice: Any, shop: Any, acme: Any) -> None:
    store(shop, alice.subject, "tax_records", vat_number="DE123456789")
    lived(alice, shop)
    shown = preview(alice.subject)
    [(_purpose, _fields, until)] = shown.kept
    assert until > timezone.now() + timedelta(days=settings.PROOF_RETENTION_DAYS)
    assert {line.what for line in shown.lines if line.until == until} == {
        "The fact that an application had a record here", "Restrictions of processing",
    }  # fmt: skip
    assert all(line.until for line in shown.lines if line.fate == "stays" and not line.fields)
