"""What a person says last holds, whatever the clock says of the process that hears it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import pytest
import time_machine

from consent.services.standing import state_of
from consent.states import Consent
from tests.conftest import NOW
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@contextmanager
def clock(seconds: float) -> Iterator[None]:
    with time_machine.travel(NOW + timedelta(seconds=seconds), tick=False):
        yield


@pytest.mark.parametrize(("first", "second"), [(0, 600), (0, -0.05), (0, -600), (600, 0), (0, 0)])
def test_the_last_word_holds(alice: Any, first: float, second: float) -> None:
    with clock(first):
        given = answer(alice.subject, "give")
    with clock(second):
        event = answer(alice.subject, "withdraw")
        assert state_of(alice.subject, "newsletter") is Consent.WITHDRAWN and event.at >= given.at
    with clock(second - 1):
        again = answer(alice.subject, "give")
    assert state_of(alice.subject, "newsletter") is Consent.GIVEN and again.at >= event.at


@pytest.mark.parametrize("second", [600, -0.05, -600])
def test_a_share_switched_off_is_off(alice: Any, second: float) -> None:
    with clock(0):
        answer(alice.subject, "give")
        share(alice.subject, True)
    with clock(second):
        assert not share(alice.subject, False).shared
        assert state_of(alice.subject, "newsletter", "acme") is Consent.WITHDRAWN


def test_paper_of_before_changes_history_alone(alice: Any) -> None:
    with clock(0):
        answer(alice.subject, "give")
        answer(alice.subject, "refuse", at=NOW - timedelta(days=1))
        assert state_of(alice.subject, "newsletter") is Consent.GIVEN
