"""A form with one answer for everybody answers after a whole step of time, whatever it did meanwhile (threat T11)."""

from typing import Any

import pytest
from django.test import Client

from access import evenly
from tests.erasure.test_mandates import form

PUBLIC = {"email": "nobody@example.org", "right": "access"}
FORMS = [
    ("/request", PUBLIC),
    ("/request/for-somebody", form("nobody@example.org")),
    *((path, {"email": "nobody@example.org"}) for path in ("/signup", "/password-reset", "/lost-factor")),
]


@pytest.fixture
def waited(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long each answer waited; the view itself takes 70 ms by this clock, whatever it does."""
    found: list[float] = []
    clock = iter(range(1000))
    monkeypatch.setattr(evenly, "monotonic", lambda: 0.07 * next(clock))
    monkeypatch.setattr(evenly, "sleep", found.append)
    return found


@pytest.mark.django_db
@pytest.mark.parametrize(("path", "given"), FORMS)
def test_the_answer_waits_for_the_step(waited: list[float], path: str, given: dict[str, Any]) -> None:
    assert Client().get(path).status_code == 200 and waited == []
    assert Client().post(path, given).status_code in (200, 302)
    assert waited == [pytest.approx(evenly.STEP_SECONDS - 0.07)]


def test_what_takes_longer_waits_for_the_next(waited: list[float], rf: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter((10.0, 10.0 + 2.5 * evenly.STEP_SECONDS))
    monkeypatch.setattr(evenly, "monotonic", lambda: next(clock))
    evenly.evenly(lambda request: None)(rf.post("/"))  # type: ignore[arg-type, return-value]
    assert waited == [pytest.approx(evenly.STEP_SECONDS / 2)]
