"""Programs pass the middleware of pages by; pages keep every part of it."""

import pytest
from csp.middleware import CSPMiddleware
from django.http import HttpResponse
from django.test import Client
from django.utils import translation

from gdpr_portal.views import server_error

CSP = "Content-Security-Policy"


@pytest.mark.parametrize("path", ["/api/v1/purposes", "/api/v1/nothing", "/oauth/token"])
def test_a_program_has_no_session_no_account_and_no_cookie(client, db, path):
    answer = client.get(path, HTTP_COOKIE="session=x; csrf=y")
    seen = answer.wsgi_request
    assert not {"session", "_messages", "csrf_processing_done"} & vars(seen).keys() and not answer.cookies
    assert answer.status_code in {401, 404, 405} and "Cookie" not in answer.get("Vary", "")


@pytest.mark.parametrize("path", ["/login", "/api/docs", "/apix"])
def test_a_page_has_them(client, db, path):
    seen = client.get(path).wsgi_request
    assert {"session", "_messages", "user"} <= vars(seen).keys()


def test_a_form_needs_its_token_and_a_programs_post_does_not(db):
    strict = Client(enforce_csrf_checks=True)
    assert strict.post("/login", {"email": "x"}).status_code == 403
    assert strict.post("/api/v1/decisions", {}, content_type="application/json").status_code == 401


def test_every_answer_carries_the_policy_as_the_library_makes_it(client, rf, db):
    made = CSPMiddleware(lambda _: HttpResponse())(rf.get("/"))[CSP]
    assert "default-src 'none'" in made
    assert {client.get(path)[CSP] for path in ("/login", "/livez", "/api/v1/purposes", "/no-such-page")} == {made}


@pytest.mark.parametrize(
    ("language", "words"), [("de", "Etwas ist schiefgegangen"), ("fr", "Une erreur s’est produite")]
)
def test_the_page_of_a_fault_speaks_the_readers_language_and_needs_no_database(rf, language, words):
    broke_early = rf.get("/data", HTTP_ACCEPT_LANGUAGE=language)
    with translation.override("en"):  # what the thread spoke to whoever came before
        page = server_error(broke_early).content.decode()
    assert f'lang="{language}"' in page and words in page and "went wrong" not in page


def test_the_page_of_a_fault_keeps_the_language_that_was_chosen(rf):
    broke_late = rf.get("/data", HTTP_ACCEPT_LANGUAGE="de")
    broke_late.LANGUAGE_CODE = "fr"  # the account's
    assert 'lang="fr"' in server_error(broke_late).content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_a_nul_in_query_or_form_is_400_and_no_fault_of_ours(alice, rita):
    """PostgreSQL takes none: each was a 500, and an alert that whoever is signed in could set off."""
    assert Client().get("/login", {"next": "/\0"}).status_code == 400
    assert Client().get("/login", {"a\0": "b"}).status_code == 400
    given = {"shared": "on", "recipient": "ac\0me", "purpose": "newsletter"}
    assert alice.browser().post("/sharing", given).status_code == 400
    browser = rita.browser()
    for path in ("erasure/rightsrequest/?state__exact=", "consent/purpose/?state=", "sharing/deliveries/?application="):
        assert browser.get(f"/admin/{path}%00").status_code == 400
    assert browser.get("/admin/consent/purpose/?state=live").status_code == 200
