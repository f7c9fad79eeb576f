"""Many people behind one address sign in; one who guesses from it waits."""

from datetime import timedelta

import pytest
from django.utils import timezone

from access.models import Attempt
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


def test_quiet_time_gives_back_one_try_after_the_other() -> None:
    for _try in range(limits.ADDRESS.free):
        limits.take(HERE)
    assert limits.take(HERE).wait > 0
    later = timezone.now() - timedelta(seconds=limits.ADDRESS.refill * 10)
    Attempt.objects.update(window_ends_at=later)
    assert [limits.take(HERE).wait for _try in range(10)] == [0] * 10
    assert limits.take(HERE).wait > 0
