"""What browsers are told, and who asks without TLS (OWASP ASVS 3.3, 3.4, 4.1.2; docs/security-rules.md)."""

import importlib
import secrets
from collections.abc import Iterator
from typing import Any

import pytest
from django.contrib import messages
from django.http import HttpResponse
from django.test import Client

from gdpr_portal import settings as module
from gdpr_portal.notes import Storage

pytestmark = pytest.mark.django_db
PAGES = ["/", "/login", "/signup", "/privacy", "/nothere", "/livez", "/.well-known/security.txt", "/static/nothere.js"]
PROGRAMS = ["/api/v1/subjects", "/api/v1/schema", "/oauth/token"]


@pytest.fixture
def over_tls(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The settings of production, read anew."""
    for name, value in {"PROFILE": "production", "HTTPS": "1", "SECRET_KEY": "x7" * 30}.items():
        monkeypatch.setenv(name, value)
    yield importlib.reload(module)
    monkeypatch.undo()
    importlib.reload(module)


@pytest.mark.parametrize("path", PAGES + PROGRAMS)
def test_every_answer_says_what_a_browser_may_do(path: str, settings: Any) -> None:
    settings.SECURE_HSTS_SECONDS, settings.SECURE_HSTS_INCLUDE_SUBDOMAINS = 63072000, True
    headers = Client().get(path, secure=True).headers
    policy = {part.split()[0]: part.split()[1:] for part in headers["Content-Security-Policy"].split("; ")}
    for name in ("default-src", "object-src", "base-uri", "frame-ancestors"):
        assert policy[name] == ["'none'"], name
    assert policy["script-src"] == policy["style-src"] == policy["form-action"] == ["'self'"]
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "same-origin"
    assert headers["Cross-Origin-Opener-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["Strict-Transport-Security"].startswith("max-age=63072000; includeSubDomains")
    assert headers["Cache-Control"] == "no-store"
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", PAGES + PROGRAMS)
def test_no_answer_names_what_it_was_made_with(path: str) -> None:
    headers = {name.lower() for name in Client().get(path).headers}
    assert not headers & {"server", "x-powered-by", "via"}


def test_every_cookie_is_of_this_host_alone(over_tls: Any) -> None:
    for kind in ("SESSION", "CSRF", "LANGUAGE"):
        assert getattr(over_tls, f"{kind}_COOKIE_NAME").startswith("__Host-"), kind
        assert getattr(over_tls, f"{kind}_COOKIE_SECURE") is True, kind
        assert getattr(over_tls, f"{kind}_COOKIE_HTTPONLY") is True, kind
        assert getattr(over_tls, f"{kind}_COOKIE_SAMESITE") == "Lax", kind
    assert over_tls.SECURE_HSTS_SECONDS >= 31536000 and over_tls.SECURE_HSTS_INCLUDE_SUBDOMAINS


def test_a_chosen_language_is_found_again_under_the_name_of_production(settings: Any) -> None:
    settings.LANGUAGE_COOKIE_NAME = "__Host-language"
    client = Client()
    answer = client.post("/language", {"language": "de", "next": "/login"})
    assert set(answer.cookies) == {"__Host-language"}
    assert 'lang="de"' in client.get("/login").content.decode()


def test_people_are_led_to_tls_and_programs_refused(settings: Any) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert Client().get("/login").status_code == 301
    for path in PROGRAMS:
        answer = Client().post(path, {}, content_type="application/json")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden"), path
        assert "Content-Security-Policy" in answer.headers and "Location" not in answer.headers
    assert Client().get("/api/v1/schema", secure=True).status_code == 200


@pytest.mark.parametrize("method", ["TRACE", "TRACK", "CONNECT", "PROPFIND", "PUT", "DELETE", "PATCH"])
def test_other_methods_are_nothing(method: str) -> None:
    for path in ("/login", "/signup", "/api/v1/schema", "/oauth/token"):
        assert Client().generic(method, path).status_code in {403, 405}, path


def test_no_list_of_files_and_no_file_of_the_source_is_given_out() -> None:
    for path in ("/static/", "/static/docs/", "/.git/config", "/.env", "/manage.py", "/static/../manage.py"):
        assert Client().get(path).status_code == 404, path


def test_what_the_next_page_tells_is_in_a_cookie_of_this_host_alone(settings: Any, rf: Any) -> None:
    for secure, name in ((True, "__Host-messages"), (False, "messages")):
        settings.SESSION_COOKIE_SECURE = secure
        request, response = rf.get("/"), HttpResponse()
        request.session = {}
        storage = Storage(request)
        storage.add(messages.INFO, "Saved.")
        storage.update(response)
        assert set(response.cookies) == {name}
        assert bool(response.cookies[name]["secure"]) is secure and response.cookies[name]["httponly"]
        again = rf.get("/")
        again.session, again.COOKIES = {}, {name: response.cookies[name].value}
        assert [str(message) for message in Storage(again)] == ["Saved."]


def test_no_cookie_is_longer_than_browsers_take(settings: Any, rf: Any) -> None:
    request, response = rf.get("/"), HttpResponse()
    request.session = {}
    storage = Storage(request)
    for _each in range(200):
        storage.add(messages.INFO, secrets.token_hex(40))  # what cannot be packed smaller
    storage.update(response)
    assert all(len(name) + len(cookie.value) <= 4096 for name, cookie in response.cookies.items())
    assert request.session, "the rest is in the session"
