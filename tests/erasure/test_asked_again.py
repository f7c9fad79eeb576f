"""The same asked twice is one request, harms nobody, and dates that cannot be are refused (Art. 12(3), 99(2))."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone

from audit.models import AuditEvent
from erasure.models import RightsRequest
from erasure.services.requests import file_request
from gdpr_portal.errors import Invalid
from tests.erasure.people import file, run_all, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def test_twenty_equal_requests_for_a_copy_are_one(alice: Any, bob: Any, shop: Any, frozen: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    first = file(alice.subject, "access")
    frozen.shift(timedelta(days=3))
    assert {file(alice.subject, "access").id for _time in range(19)} == {first.id}
    first.refresh_from_db()
    assert first.received_at < timezone.now() - timedelta(days=2), "the date of the first stands"
    assert AuditEvent.objects.filter(action="request.repeated", details__request=str(first.id)).count() == 19
    others = {
        file(alice.subject, "portability").id, file(bob.subject, "access").id,
        file(alice.subject, "access", received_at=timezone.now() - timedelta(days=9)).id,
        file(alice.subject, "access", received_at=timezone.now() - timedelta(days=1)).id,
        file(alice.subject, "access", verified_by="none").id,
        file_request(
            subject=alice.subject, right="access", details={}, verified_by="account", actor="application:shop",
            application=shop,
        ).id,
    }  # fmt: skip
    assert len(others) == 6 and first.id not in others, "other rights, people, sides, dates before are not the same"


def test_a_copy_that_is_put_together_is_asked_for_anew(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    first = run_all(file(alice.subject, "access"))
    assert file(alice.subject, "access").id != first.id


def test_what_holds_at_once_is_done_again(alice: Any, shop: Any) -> None:
    """A restriction may have been lifted meanwhile, a correction overwritten: each is a request of its own."""
    store(shop, alice.subject, "orders", given_name="Alice")
    ask = {"right": "rectification", "purpose": "orders", "values": {"given_name": "Alicia"}}
    assert file(alice.subject, **ask).id != file(alice.subject, **ask).id


def test_a_strangers_unverified_request_is_not_the_persons(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    stranger = file(alice.subject, "access", verified_by="none")
    digest = bytes(stranger.verification_digest or b"")
    assert file(alice.subject, "access", verified_by="none").id != stranger.id
    assert bytes(RightsRequest.objects.get(pk=stranger.pk).verification_digest or b"") == digest, "its code still fits"
    own = file(alice.subject, "access")
    assert own.id == stranger.id and own.state == "in_progress", "verified, it goes on, with the earlier date"


@pytest.mark.parametrize(
    ("received", "refused"),
    [
        (datetime(1, 1, 1, tzinfo=UTC), True), (datetime(2018, 5, 24, 23, 59, 59, tzinfo=UTC), True),
        (datetime(2018, 5, 25, tzinfo=UTC), False), (timedelta(seconds=30), False), (timedelta(minutes=2), True),
    ],
)  # fmt: skip
def test_when_it_was_received_can_have_been(alice: Any, shop: Any, frozen: Any, received: Any, refused: bool) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    at = timezone.now() + received if isinstance(received, timedelta) else received
    if refused:
        with pytest.raises(Invalid) as wrong:
            file(alice.subject, "access", received_at=at)
        assert (wrong.value.status, wrong.value.errors[0].pointer) == (422, "/received_at")
    else:
        assert file(alice.subject, "access", received_at=at).received_at == min(at, timezone.now())
