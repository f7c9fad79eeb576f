"""Real commits, so that other processes see them; nothing is mocked but the hints, which may be lost anyway."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from consent.services.data import store_data
from tests.crashes.world import Nursery


@pytest.fixture(scope="session")
def nursery(django_db_setup: None) -> Iterator[Nursery]:
    """Where workers come from."""
    made = Nursery()
    yield made
    made.close()


@pytest.fixture(autouse=True)
def _real_commits(transactional_db: None) -> None:
    """Every test here commits."""


@pytest.fixture(autouse=True)
def _no_hints(monkeypatch: pytest.MonkeyPatch) -> None:
    """No hint leaves this process either: the sweep is the guarantee, so it is tested alone."""
    from gdpr_portal import wake

    monkeypatch.setattr(wake, "_send", lambda *given: None)


@pytest.fixture(autouse=True)
def _empty_mail_folder() -> Iterator[None]:
    for old in Path(settings.MAIL_DIR).glob("*.eml"):
        old.unlink()
    yield


@pytest.fixture(autouse=True)
def _no_undo_window(settings: Any) -> None:
    settings.UNDO_WINDOW_SECONDS = 0
    settings.EMAIL_BACKEND = "gdpr_portal.mail.FolderBackend"


@pytest.fixture
def stored(alice: Any, shop: Any, catalogue: None) -> Any:
    """Alice with values under a contract and under a law that keeps them."""
    keep = {"application": shop, "subject": alice.subject, "source": "subject"}
    store_data(purpose="orders", values={"given_name": "Alice", "family_name": "Ahlberg"}, **keep)
    return alice
