"""Health, public files, headers, and pages while something is down."""

import json
import re
import threading
from datetime import UTC, datetime, timedelta

import pytest
import time_machine
from django.db import OperationalError
from django.db.backends.postgresql.base import DatabaseWrapper

from gdpr_portal import wellknown


@pytest.fixture(autouse=True)
def _patient(monkeypatch, request):
    """A busy machine may take longer than a second; only the test of what hangs keeps to it."""
    if "hangs" not in request.node.name:
        monkeypatch.setattr(wellknown, "READY_SECONDS", 60.0)


def ready(client):
    wellknown.readiness.forget()
    answer = client.get("/readyz")
    return answer.status_code, answer.json()


@pytest.fixture
def database_down(transactional_db):
    """Call it, and every statement fails as when the server is gone."""

    def fail(*_, **__):
        raise OperationalError("connection to server at 10.0.0.1 failed: alice")

    with pytest.MonkeyPatch.context() as patch:

        def go_down() -> None:
            patch.setattr(DatabaseWrapper, "cursor", fail)
            patch.setattr(DatabaseWrapper, "connect", fail)

        yield go_down


def test_readyz_says_ok_when_everything_stands(transactional_db, client):
    status, body = ready(client)
    assert (status, body["status"]) == (200, "ok"), body
    names = ("database", "migrations", "keys", "shred_ledger", "clock", "draining")
    assert body["checks"] == dict.fromkeys(names, "ok")


def test_readyz_without_the_database_is_503_and_livez_is_not(transactional_db, client, database_down):
    assert ready(client)[0] == 200
    database_down()
    status, body = ready(client)
    assert (status, body["status"], body["checks"]["database"]) == (503, "unready", "failing")
    assert client.get("/livez").status_code == 200
    assert "alice" not in json.dumps(body) and "10.0.0.1" not in json.dumps(body)


def test_readyz_without_keys_is_503(transactional_db, client, settings, tmp_path):
    from vault import providers

    settings.VAULT_KEY_FILE = tmp_path / "gone.json"
    providers.forget()
    status, body = ready(client)
    assert status == 503 and body["checks"]["keys"] == "failing" and body["checks"]["database"] == "ok"


def test_readyz_with_a_migration_missing_is_503(transactional_db, client, monkeypatch):
    monkeypatch.setattr(wellknown, "_on_disk", lambda: frozenset({("access", "9999_not_yet")}))
    status, body = ready(client)
    assert status == 503 and body["checks"]["migrations"] == "failing"


def test_readyz_while_the_ledger_is_ahead_of_the_database_is_503(transactional_db, client, monkeypatch):
    monkeypatch.setitem(wellknown._CHECKS, "shred_ledger", lambda: False)
    status, body = ready(client)
    assert status == 503 and body["checks"]["shred_ledger"] == "failing"


@pytest.mark.parametrize(("by", "status"), [(61, 503), (50, 200), (-50, 200), (-61, 503)])
def test_a_process_whose_clock_is_off_takes_no_traffic(transactional_db, client, by, status):
    """It answered a withdrawal with 201 and dated it before the consent, which went on holding."""
    with time_machine.travel(datetime.now(UTC) + timedelta(seconds=by)):
        found, body = ready(client)
    assert found == status and body["checks"]["clock"] == ("ok" if status == 200 else "failing")
    assert body["checks"]["database"] == "ok"


def test_a_draining_instance_is_unready(transactional_db, client, settings, tmp_path):
    settings.RUN_DIR = tmp_path
    (tmp_path / "draining").touch()
    status, body = ready(client)
    assert status == 503 and body["checks"]["draining"] == "failing"


def test_a_database_that_hangs_is_given_up_after_a_second(transactional_db, client, monkeypatch):
    answers, asked, given_up = threading.Event(), [], []

    def hangs() -> bool:
        asked.append("the database")
        given_up.append(answers.wait(60))
        return True

    monkeypatch.setitem(wellknown._CHECKS, "database", hangs)
    assert ready(client)[0] == 503
    assert given_up == [], "it was waited for"
    for _ in range(2):
        wellknown.readiness._at = float("-inf")  # a second later
        assert client.get("/readyz").status_code == 503
    answers.set()
    wellknown.readiness._looking.result(60)
    wellknown.readiness._at = float("-inf")
    assert client.get("/readyz").status_code == 200
    assert len(asked) == 2, "what hung was asked again and again, and the answers had to be waited for in a row"


def test_an_answer_about_readiness_is_given_again_for_a_second(transactional_db, client, monkeypatch):
    assert ready(client)[0] == 200
    monkeypatch.setitem(wellknown._CHECKS, "keys", lambda: False)
    assert client.get("/readyz").status_code == 200
    assert ready(client)[0] == 503


def test_a_page_while_the_database_is_down_is_503_and_says_nothing_was_received(
    transactional_db, client, database_down
):
    client.raise_request_exception = False
    database_down()
    client.cookies["session"] = "x" * 32
    answer = client.get("/security")
    page = answer.content.decode()
    assert answer.status_code == 503 and int(answer["Retry-After"]) > 0
    assert "Nothing was received" in page and "alice" not in page
    assert answer["Content-Type"].startswith("text/html") and answer["Cache-Control"] == "no-store"


def test_the_api_while_the_database_is_down_is_a_503_problem(transactional_db, client, database_down):
    client.raise_request_exception = False
    database_down()
    answer = client.get("/api/v1/audit/events", HTTP_AUTHORIZATION="Bearer gdpr_at_x")
    assert answer.status_code == 503 and answer.json()["code"] == "unavailable"
    assert answer["Content-Type"] == "application/problem+json" and int(answer["Retry-After"]) > 0


def test_the_token_endpoint_while_the_database_is_down_is_temporarily_unavailable(
    transactional_db, client, database_down
):
    client.raise_request_exception = False
    database_down()
    form = "grant_type=client_credentials&client_id=x&client_secret=y"
    answer = client.post("/oauth/token", form, content_type="application/x-www-form-urlencoded")
    assert answer.status_code == 503 and answer.json()["error"] == "temporarily_unavailable"


def test_an_unknown_page_is_a_calm_404(client, db):
    answer = client.get("/no-such-page")
    assert answer.status_code == 404 and answer["Content-Type"].startswith("text/html")


def test_a_form_without_its_token_is_refused(db):
    from django.test import Client

    answer = Client(enforce_csrf_checks=True).post("/login", {"email": "a@example.org"})
    assert answer.status_code == 403 and b"<h1" in answer.content


@pytest.mark.parametrize("path", ["/livez", "/login", "/api/docs", "/api/v1/nothing", "/.well-known/gpc.json"])
def test_every_answer_carries_the_strict_headers(client, db, path):
    answer = client.get(path)
    assert answer["Cache-Control"] == "no-store" or "no-store" in answer["Cache-Control"]
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Referrer-Policy"] in {"no-referrer", "same-origin"}
    assert answer["Cross-Origin-Opener-Policy"] == "same-origin"
    assert answer["Cross-Origin-Resource-Policy"] == "same-origin"
    assert "camera=()" in answer["Permissions-Policy"]
    assert "default-src 'none'" in answer["Content-Security-Policy"]
    assert answer["X-Frame-Options"] == "DENY"
    assert answer["X-Request-Id"]


def test_security_txt_follows_rfc_9116(client, db):
    answer = client.get("/.well-known/security.txt")
    text = answer.content.decode()
    assert answer["Content-Type"].startswith("text/plain")
    assert re.search(r"^Contact: mailto:\S+@\S+$", text, re.M) and re.search(r"^Expires: \d{4}-\d\d-\d\dT", text, re.M)


def test_the_gpc_signal_is_honoured(client, db):
    assert client.get("/.well-known/gpc.json").json()["gpc"] is True


def test_jwks_holds_public_keys_only(client, db):
    keys = client.get("/.well-known/jwks.json").json()["keys"]
    assert keys and all(key["kty"] == "OKP" and key["crv"] == "Ed25519" and "d" not in key for key in keys)


def test_the_verifier_key_of_the_log_is_public(client, db, settings):
    text = client.get("/.well-known/audit-vkey").content.decode()
    assert re.fullmatch(r"\S+\+[0-9a-f]{8}\+[A-Za-z0-9+/=]+\n", text)


def test_requests_are_counted_by_the_template_of_the_route(client, db):
    from gdpr_portal.metrics import REQUESTS

    def total(route: str) -> float:
        return REQUESTS.labels(route, "GET", "4xx")._value.get()

    before = total("unmatched")
    client.get("/alice@example.org")
    assert total("unmatched") == before + 1


@pytest.mark.parametrize(("given", "language"), [("de", "de"), ("fr-CH, en;q=0.5", "fr"), ("xx", "en")])
def test_pages_speak_what_the_browser_prefers(client, db, given, language):
    answer = client.get("/login", HTTP_ACCEPT_LANGUAGE=given)
    assert answer["Content-Language"] == language and f'lang="{language}"' in answer.content.decode()


def test_the_cookie_goes_before_the_browser_and_the_account_before_both(client, alice):
    client.cookies["language"] = "fr"
    assert client.get("/login", HTTP_ACCEPT_LANGUAGE="de")["Content-Language"] == "fr"
    type(alice.account).objects.filter(pk=alice.account.pk).update(language="de")
    browser = alice.browser()
    browser.cookies["language"] = "fr"
    assert 'lang="de"' in browser.get("/security").content.decode()
