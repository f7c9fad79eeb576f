"""Whatever is sent to an address that writes: the documented refusal, never a 500, and nothing half stored."""

import json
import uuid
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, transaction

from tests.conftest import BearerClient
from tests.contract.conftest import PROBLEM, refused

SURROGATE = '"\\ud800"'
COUNTED = {
    "access_throttlewindow", "audit_event", "access_idempotencykey", "consent_decisioncount",
    "consent_finding", "consent_findingnote",
}  # fmt: skip
"""What every call leaves behind: a count of it, its refusal in the log, and the finding QA makes of that."""


TABLES = sorted({model._meta.db_table for model in apps.get_models() if model._meta.managed} - COUNTED)


def world() -> tuple[int, ...]:
    """How many rows every table has, in one statement."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT " + ", ".join(f'(SELECT count(*) FROM "{table}")' for table in TABLES))
        return tuple(cursor.fetchone())


WRITES: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "register": ("POST", "/api/v1/subjects",
                 {"identifiers": {"email": "n@example.org"}, "language": "en", "country": "DE",
                  "birth_date": "1990-01-31"}, "shop"),
    "store": ("PUT", "/api/v1/subjects/{person}/data",
              {"purpose": "orders", "source": "subject", "source_name": "", "values": {"given_name": "Ada"}}, "shop"),
    "consent": ("POST", "/api/v1/subjects/{person}/consents",
                {"purpose": "newsletter", "action": "refuse", "channel": "web", "explicit": False}, "shop"),
    "share": ("PUT", "/api/v1/subjects/{person}/sharing/acme",
              {"purpose": "newsletter", "shared": True, "channel": "web"}, "shop"),
    "request": ("POST", "/api/v1/requests",
                {"subject": "{person}", "right": "restriction", "details": {"ground": "legal_claims"},
                 "verified_by": "account", "received_at": "2026-01-01T00:00:00Z"}, "shop"),
    "withdraw": ("POST", "/api/v1/requests/{request}/withdraw", {}, "shop"),
    "acknowledge": ("POST", "/api/v1/deliveries/{delivery}/acknowledge",
                    {"outcome": "done", "evidence": {"a": 1}, "data": {"b": 2}}, "acme"),
    "look up": ("POST", "/api/v1/subjects/lookup", {"email": "ada@example.org"}, "shop"),
    "decide": ("POST", "/api/v1/decisions",
               {"subject": "{person}", "purpose": "orders", "recipient": None, "fields": ["email"]}, "shop"),
    "decide many": ("POST", "/api/v1/decisions/batch",
                    {"items": [{"subject": "{person}", "purpose": "orders", "recipient": None}]}, "shop"),
}  # fmt: skip
WRONG: list[Any] = [
    None, True, 5, -1.5, 10**30, "", " ", "x" * 5000, "é\u202e\u0301", [], [None], [[]], {}, {"": ""},
    {"a": {"b": [1]}},
    {"eve@example.org": "eve@example.org"}, ["eve@example.org"], "'; DROP TABLE subjects_subject; --", "2026-02-30",
    "../../etc/passwd", "{{7*7}}",
]  # fmt: skip


@pytest.fixture
def send(api, ada, client_for, acme):
    """`send(name, change)`: the write, well-formed but for what `change` does to its JSON text."""
    from consent.models import Delivery

    api.consent(ada, "newsletter", "give")
    api.put(f"/api/v1/subjects/{ada}/sharing/acme", {"purpose": "newsletter", "shared": True, "channel": "web"})
    request = api.file(ada, "access", "none").body["id"]
    known = {"{person}": ada, "{request}": request, "{delivery}": str(Delivery.objects.get(type="sharing.started").pk)}
    doors = {"shop": api.client, "acme": client_for(acme)}

    def filled(text: str) -> str:
        for name, value in known.items():
            text = text.replace(name, value)
        return text

    def sent(name: str, change=lambda text: text, path=lambda path: path, **headers: Any) -> Any:
        method, where, body, who = WRITES[name]
        raw = change(filled(json.dumps(body)))
        door = doors[who] if "HTTP_AUTHORIZATION" not in headers else BearerClient()
        return door.generic(method, path(filled(where)), raw, **headers)

    return sent


def is_refusal(answer: Any) -> bool:
    assert answer.status_code in {400, 403, 404, 409, 410, 413, 415, 422}, (answer.status_code, answer.content)
    assert answer["Content-Type"] == PROBLEM
    assert b"eve@example.org" not in answer.content and b"DROP TABLE" not in answer.content
    return True


SPOILT = {
    "cut": (lambda text: text[:-1], 400, "malformed_json"),
    "nul": (lambda text: text.replace("{", '{"x": "a\\u0000b", ', 1), 400, "malformed_json"),
    "surrogate": (lambda text: text.replace("{", f'{{"x": {SURROGATE}, ', 1), 400, "malformed_json"),
    "twice": (lambda text: text.replace("{", '{"x": 1, "x": 2, ', 1), 400, "malformed_json"),
    "nan": (lambda text: text.replace("{", '{"x": NaN, ', 1), 400, "malformed_json"),
    "deep": (lambda text: text.replace("{", '{"x": ' + "[" * 21 + "]" * 21 + ", ", 1), 400, "too_deep"),
    "very deep": (lambda text: text.replace("{", '{"x": ' + "[" * 50_000 + "]" * 50_000 + ", ", 1), 400, "too_deep"),
    "unknown": (lambda text: text.replace("{", '{"unknown": 1, ', 1), 400, "unknown_member"),
    "array": (lambda text: f"[{text}]", 400, "invalid_type"),
    "text": (lambda text: '"x"', 400, "invalid_type"),
    "large": (lambda text: text + " " * (1024 * 1024 + 1 - len(text.encode())), 413, "too_large"),
}


@pytest.mark.parametrize("name", WRITES)
def test_what_does_not_fit_is_refused_and_leaves_nothing(send, name):
    """Every member with every wrong value, then bodies, media types and tokens that are none; last it passes."""
    before = world()
    for member in WRITES[name][2]:
        for wrong in WRONG:
            each_wrong_value(send, name, member, wrong)
        assert world() == before, member
    for spoil, status, code in SPOILT.values():
        spoilt = lambda text, spoil=spoil: spoil(text).replace(", }", "}")  # noqa: E731
        assert refused(send(name, spoilt), status, code)
    assert refused(send(name, content_type="text/plain"), 415, "unsupported_media_type")
    for header in ("Bearer dead", "Bearer", "Basic eDp5", ""):
        answer = send(name, HTTP_AUTHORIZATION=header)
        assert refused(answer, 401, "invalid_token") and "WWW-Authenticate" in answer
    assert world() == before
    passed = send(name)
    assert passed.status_code in {200, 201} or passed.body["code"] == "already_closed", passed.content


def each_wrong_value(send: Any, name: str, member: str, wrong: Any) -> None:
    """It is refused; or it means something here (null, an empty object, a text), and is then undone."""
    with transaction.atomic():
        answer = send(name, lambda text: json.dumps(json.loads(text) | {member: wrong}))
        if answer.status_code in {200, 201}:
            transaction.set_rollback(True)
        else:
            assert is_refusal(answer), (member, wrong, answer.content)


@pytest.mark.parametrize("name", [name for name, (_, path, _, _) in WRITES.items() if "{" in path])
def test_ids_that_are_none(send, name):
    before = world()
    for wrong in (str(uuid.uuid4()), "x", "0" * 32, "ada@example.org", "%00"):
        answer = send(name, path=lambda path, wrong=wrong: "/".join(
            wrong if len(part) == 36 else part for part in path.split("/")
        ))  # fmt: skip
        assert refused(answer, 404, "not_found") and world() == before


@pytest.mark.parametrize("name", [name for name, (method, _, _, _) in WRITES.items() if method == "POST"])
def test_replays_do_nothing_twice(send, name):
    if name in {"look up", "decide", "decide many"}:
        assert "Idempotency-Replayed" not in send(name, HTTP_IDEMPOTENCY_KEY="same")
        return
    first = send(name, HTTP_IDEMPOTENCY_KEY="same")
    before = world()
    again = send(name, HTTP_IDEMPOTENCY_KEY="same")
    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again["Idempotency-Replayed"] == "true" and world() == before
