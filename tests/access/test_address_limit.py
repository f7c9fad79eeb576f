"""Many people behind one address sign in; one who guesses from it waits."""

from datetime import timedelta

import pytest
from django.test import RequestFactory
from django.utils import timezone

from access.models import Attempt
from access.second_factor import where
from access.services import limits

pytestmark = pytest.mark.django_db
HERE = (limits.ADDRESS, "203.0.113.9")


def test_tries_that_succeed_are_given_back() -> None:
    for _person in range(3 * limits.ADDRESS.free):
        assert limits.take(HERE).wait == 0
        limits.give_back(HERE)


def test_tries_that_fail_are_not() -> None:
    waits = [limits.take(HERE).wait for _try in range(limits.ADDRESS.free + 1)]
    assert waits[0] == 0 and waits[-1] > 0


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("2001:db8::a:b:c:d", "2001:db8::1:2:3:4", True),  # the short form leaves two groups of the /64 out
        ("2001:db8:0:1::1", "2001:db8:0:1:ffff::", True),
        ("2001:db8:0:1::1", "2001:db8:0:2::1", False),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("192.0.2.1", "192.0.2.2", False),
        ("unknown", "hidden", False),
    ],
)
def test_a_household_is_one_address(one: str, other: str, same: bool) -> None:
    found = [where(RequestFactory(REMOTE_ADDR=address).get("/")) for address in (one, other)]
    assert (found[0] == found[1]) is same, found


def test_quiet_time_gives_back_one_try_after_the_other() -> None:
    for _try in range(limits.ADDRESS.free):
        limits.take(HERE)
    assert limits.take(HERE).wait > 0
    later = timezone.now() - timedelta(seconds=limits.ADDRESS.refill * 10)
    Attempt.objects.update(window_ends_at=later)
    assert [limits.take(HERE).wait for _try in range(10)] == [0] * 10
    assert limits.take(HERE).wait > 0
