"""What the readings of docs' API contract share: bodies in and out, nothing of the inside."""

from typing import Any
from uuid import UUID

import pytest

PROBLEM = "application/problem+json"


class Door:
    """The API as one application sees it; every answer's body is in `.body`, refusals are `(status, code)`."""

    def __init__(self, client: Any) -> None:
        self.client = client

    def __getattr__(self, name: str) -> Any:
        return getattr(self.client, name)

    def register(self, **identifiers: str) -> str:
        answer = self.client.post("/api/v1/subjects", {"identifiers": identifiers})
        assert answer.status_code in {200, 201}, answer.content
        return str(answer.body["id"])

    def notice(self, purpose: str) -> dict[str, Any]:
        text = self.client.get(f"/api/v1/purposes/{purpose}/notice?language=en").body
        return {name: text[name] for name in ("version", "language", "digest")}

    def consent(self, person: str, purpose: str, action: str, **more: Any) -> Any:
        body = {"purpose": purpose, "action": action, "channel": "web"}
        if action == "give":
            body["notice"] = self.notice(purpose)
        return self.client.post(f"/api/v1/subjects/{person}/consents", body | more)

    def store(self, person: str, purpose: str, values: Any, **more: Any) -> Any:
        body = {"purpose": purpose, "source": "subject", "values": values} | more
        return self.client.put(f"/api/v1/subjects/{person}/data", body)

    def read(self, person: str, purpose: str, fields: str = "") -> Any:
        more = f"&fields={fields}" if fields else ""
        return self.client.get(f"/api/v1/subjects/{person}/data?purpose={purpose}{more}")

    def decide(self, person: str, purpose: str, query: str = "", **more: Any) -> Any:
        answer = self.client.post(f"/api/v1/decisions{query}", {"subject": person, "purpose": purpose} | more)
        assert answer.status_code == 200, answer.content
        return answer.body

    def file(self, person: str, right: str, verified_by: str = "account", **details: Any) -> Any:
        body = {"subject": person, "right": right, "details": details, "verified_by": verified_by}
        return self.client.post("/api/v1/requests", body)


def refused(answer: Any, status: int, code: str) -> bool:
    """The answer is this refusal, as every refusal is written."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == PROBLEM
    body = answer.json()
    assert {"type", "title", "status", "detail", "code"} <= body.keys(), body
    assert body.keys() <= {"type", "title", "status", "detail", "code", "errors"}
    assert (body["status"], body["code"]) == (status, code), body
    return True


@pytest.fixture
def api(client_for: Any, shop: Any, catalogue: None) -> Door:
    """Shop at the door."""
    return Door(client_for(shop))


@pytest.fixture
def other(client_for: Any, catalogue: None) -> Door:
    """A second business application, with every scope and no contract."""
    from access.scopes import SCOPES
    from tests.conftest import make_application

    return Door(client_for(make_application("other", sorted(SCOPES), requests_per_minute=6_000_000)))


@pytest.fixture
def ada(api: Door) -> str:
    """A person shop registered, by shop's id."""
    return api.register(email="ada@example.org", customer_id="42")


@pytest.fixture
def nobody() -> str:
    """An id of nobody."""
    return str(UUID(int=7))


@pytest.fixture
def work() -> Any:
    """Carries out what waits for a worker, until nothing is left to do."""

    def carry_out() -> None:
        from erasure.models import RightsRequest
        from erasure.services.steps import push

        for _ in range(20):
            for request in RightsRequest.objects.filter(state="in_progress"):
                push(request.id)

    return carry_out
