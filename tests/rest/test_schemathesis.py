"""What the service answers is what its OpenAPI document says, for every operation and whatever is sent to it."""

import base64
import os
from collections.abc import Iterator
from typing import Any

import pytest
import schemathesis
from django.core import signals
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis.errors import Unsatisfiable
from schemathesis import Case, GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    missing_required_header,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)

from access.scopes import SCOPES
from tests.conftest import Person, make_application
from tests.consent.people import answer
from tests.plugins.exhaustive import in_turn

CHECKS = [
    not_a_server_error, status_code_conformance, content_type_conformance, response_headers_conformance,
    response_schema_conformance, negative_data_rejection, missing_required_header, unsupported_method, ignored_auth,
]  # fmt: skip
EXAMPLES = int(os.environ.get("SCHEMATHESIS", "4"))
"""Of each operation, with what fits and with what does not."""
wsgi = get_wsgi_application()
BOUNDED = settings(
    max_examples=EXAMPLES,
    deadline=None,
    database=None,
    derandomize=True,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
)


@pytest.fixture
def shop(db: None) -> Any:
    """As in the demo, with every scope there is."""
    return make_application("shop", sorted(SCOPES), requests_per_minute=6_000_000)


@pytest.fixture
def known(catalogue: None, alice: Person, shop: Any) -> dict[str, Any]:
    """Parts of addresses and bodies that lead somewhere."""
    from erasure.services.requests import file_request
    from subjects.services.people import register_subject

    event = answer(alice.subject, "give")
    request = file_request(
        subject=alice.subject, right="restriction", details={"ground": "legal_claims"}, verified_by="none",
        actor="application:shop", application=shop,
    )  # fmt: skip
    other, _ = register_subject(application=shop, identifiers={"customer_id": "o-1"})
    from audit.models import AuditEvent
    from subjects.selectors import pairwise_of

    person = str(pairwise_of(shop, other))
    return {
        "subject_id": person, "subject": person, "event": str(event.event), "request_id": str(request.id),
        "slug": "newsletter", "recipient": "acme", "delivery": str(request.id), "purpose": "newsletter",
        "proof": str(AuditEvent.objects.order_by("ordinal").values_list("id", flat=True)[0]),
    }  # fmt: skip


@pytest.fixture(autouse=True)
def _one_connection() -> Iterator[None]:
    """The end of a request leaves the connection of the test alone, as with Django's own client."""
    signals.request_started.disconnect(close_old_connections)
    signals.request_finished.disconnect(close_old_connections)
    yield
    signals.request_started.connect(close_old_connections)
    signals.request_finished.connect(close_old_connections)


@pytest.fixture
def schema(_one_connection: None, db: None) -> Any:
    return schemathesis.openapi.from_wsgi("/api/v1/schema", wsgi)


def operations(schema: Any) -> Iterator[Any]:
    for result in schema.get_all_operations():
        yield result.ok()


def lead_somewhere(case: Case, known: dict[str, Any]) -> None:
    """Half of what fits the document is about people, requests and purposes there are."""
    path = case.path_parameters or {}
    for name in path:
        if name in known:
            path[name] = known["proof"] if "audit" in case.path and name == "event" else known[name]
    if isinstance(case.body, dict):
        case.body |= {name: known[name] for name in ("subject", "purpose") if name in case.body}


def credentials(case: Case, shop: Any, token: str) -> dict[str, str]:
    if not case.path.startswith("/oauth/"):
        return {"Authorization": f"Bearer {token}"}
    pair = f"{shop.client_id}:{shop.plain_secret}".encode()
    return {"Authorization": "Basic " + base64.b64encode(pair).decode()}


def explore(operation: Any, mode: GenerationMode, known: dict[str, Any], shop: Any, client_for: Any) -> list[int]:
    statuses: list[int] = []
    token = client_for(shop).token

    @BOUNDED
    @given(case=operation.as_strategy(generation_mode=mode))
    def ask(case: Case) -> None:
        if mode is GenerationMode.POSITIVE and len(statuses) % 2:
            lead_somewhere(case, known)
        checks = [check for check in CHECKS if check is not ignored_auth or not case.path.startswith("/oauth/")]
        response = case.call(headers=credentials(case, shop, token))
        case.validate_response(response, checks=checks, headers=credentials(case, shop, token))
        statuses.append(response.status_code)

    ask()
    return statuses


@pytest.mark.parametrize(
    "mode", in_turn(GenerationMode.POSITIVE, GenerationMode.NEGATIVE, of=2), ids=["fitting", "unfit"]
)
def test_every_operation_keeps_its_word(schema: Any, known: Any, shop: Any, client_for: Any, mode: Any) -> None:
    failures, seen = [], {}
    for operation in operations(schema):
        try:
            seen[operation.label] = explore(operation, mode, known, shop, client_for)
        except Unsatisfiable:
            assert not operation.query and not operation.body and not operation.path_parameters, operation.label
            seen[operation.label] = []  # nothing is asked of it, so nothing can be asked wrongly
        except BaseExceptionGroup as group:
            failures.append(f"{operation.label}: {group.exceptions}")
        except Exception as error:
            failures.append(f"{operation.label}: {type(error).__name__} {str(error)[:1500]}")
    assert not failures, "\n\n".join(failures)
    assert len(seen) > 25
