"""Applications that know people, and how they register them."""

from collections.abc import Callable

import pytest

from access.models import Application
from subjects.models import Subject
from subjects.services import register_subject

Register = Callable[..., Subject]


def make_application(slug: str) -> Application:
    """An application, made as a row alone: these tests enter below the doors."""
    return Application.objects.create(slug=slug, name=slug.title(), client_id=f"client-{slug}", secret_digest=b"-")


@pytest.fixture
def webshop(db: None) -> Application:
    return make_application("webshop")


@pytest.fixture
def bakery(db: None) -> Application:
    return make_application("bakery")


@pytest.fixture
def ada(webshop: Application) -> Subject:
    """Somebody the webshop registered, by e-mail and customer number."""
    identifiers = {"email": "ada@canary.example", "customer_id": "c-4711"}
    subject, _ = register_subject(application=webshop, identifiers=identifiers)
    return subject
