"""Bearer tokens: issued for client credentials, dead within half a second when revoked, expired or their application
disabled."""

import base64
from datetime import timedelta

import pytest
from django.utils import timezone

from access import oauth
from access.models import AccessToken, Attempt, ThrottleWindow
from access.oauth import LIMIT, purge_tokens
from access.rest import remembered
from access.services.applications import rotate_secret, set_enabled
from access.services.limits import Limit

FORM = "application/x-www-form-urlencoded"
PROBE = "/api/v1/audit/checkpoint"
EVENTS = "/api/v1/audit/events"


def ask(client, body: str, **headers):
    return client.post("/oauth/token", body, content_type=FORM, **headers)


def basic(client_id: str, secret: str) -> dict[str, str]:
    return {"HTTP_AUTHORIZATION": "Basic " + base64.b64encode(f"{client_id}:{secret}".encode()).decode()}


@pytest.fixture
def token(client, qa_sampler) -> str:
    answer = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    return answer.json()["access_token"]


def opens(client, token: str) -> int:
    return client.get(EVENTS, HTTP_AUTHORIZATION=f"Bearer {token}").status_code


def opens_later(client, token: str) -> int:
    """Half a second later: what is remembered of a live token is forgotten."""
    remembered.forget()
    return opens(client, token)


def test_credentials_by_basic_give_a_token_of_all_scopes(client, qa_sampler, audit_log):
    answer = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    body = answer.json()
    assert answer.status_code == 200
    assert body["token_type"] == "Bearer" and body["expires_in"] <= 600
    assert body["scope"].split() == ["audit:read", "catalogue:read"]
    assert answer["Cache-Control"] == "no-store" and answer["Pragma"] == "no-cache"
    assert opens(client, body["access_token"]) == 200
    [event] = audit_log("token.issued")
    assert event.actor == "application:qa_sampler" and body["access_token"] not in str(event.details)


def test_credentials_in_the_form_give_a_token_of_the_scopes_asked_for(client, qa_sampler):
    secrets = f"client_id={qa_sampler.client_id}&client_secret={qa_sampler.plain_secret}"
    answer = ask(client, f"grant_type=client_credentials&scope=audit:read&{secrets}")
    assert answer.status_code == 200 and answer.json()["scope"] == "audit:read"


def test_a_parameter_without_a_value_counts_as_left_out(client, qa_sampler):
    """RFC 6749 section 3.2: many libraries send `scope=` and, beside Basic, `client_secret=`."""
    empty = "grant_type=client_credentials&scope=&client_secret="
    answer = ask(client, empty, **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    assert (answer.status_code, answer.json().get("scope")) == (200, "audit:read catalogue:read")
    answer = ask(client, "grant_type=", **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")
    assert ask(client, f"{empty}&client_id={qa_sampler.client_id}").status_code == 401


def test_the_database_holds_no_token_and_no_secret(token, qa_sampler):
    held = [bytes(row.digest) for row in AccessToken.objects.all()] + [bytes(qa_sampler.secret_digest)]
    assert held and not any(token.encode() in row or qa_sampler.plain_secret.encode() in row for row in held)


@pytest.mark.parametrize(
    ("body", "status", "error"),
    [
        ("", 400, "invalid_request"),
        ("grant_type=password", 400, "unsupported_grant_type"),
        ("grant_type=client_credentials&scope=subjects:read", 400, "invalid_scope"),
        ("grant_type=client_credentials&scope=no:such", 400, "invalid_scope"),
        ("grant_type=client_credentials&grant_type=client_credentials", 400, "invalid_request"),
        ("grant_type=client_credentials&client_id=other", 401, "invalid_client"),
        ("grant_type=client_credentials&scope=%00", 400, "invalid_request"),
        ("grant_type=client_credentials&scope=%ff", 400, "invalid_request"),
    ],
)
def test_errors_follow_rfc_6749(client, qa_sampler, body, status, error):
    answer = ask(client, body, **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer["Cache-Control"] == "no-store" and answer["Content-Type"].startswith("application/json")


def test_a_body_of_another_type_is_an_invalid_request(client, qa_sampler):
    answer = client.post("/oauth/token", {"grant_type": "client_credentials"}, content_type="application/json")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("address", ["/oauth/token", "/oauth/revoke"])
def test_credentials_in_the_address_are_an_invalid_request(client, qa_sampler, address):
    """Addresses stand in logs (RFC 6749 section 2.3.1)."""
    query = f"?client_id={qa_sampler.client_id}&client_secret={qa_sampler.plain_secret}"
    body = "grant_type=client_credentials&token=x"
    answer = client.post(address + query, body, content_type="application/x-www-form-urlencoded")
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


@pytest.mark.parametrize("smuggled", ["client=x", "scopes=subjects:write", "extra_credentials=x", "user=x"])
def test_members_the_library_keeps_for_itself_cannot_be_set_from_outside(client, qa_sampler, smuggled):
    answer = ask(
        client, f"grant_type=client_credentials&{smuggled}", **basic(qa_sampler.client_id, qa_sampler.plain_secret)
    )
    assert answer.status_code == 200
    assert answer.json()["scope"] == "audit:read catalogue:read"


def test_a_wrong_secret_and_an_unknown_client_get_the_same_answer(client, qa_sampler, audit_log):
    wrong = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, "gdpr_cs_wrong"))
    unknown = ask(client, "grant_type=client_credentials", **basic("gdpr_ci_nobody", "gdpr_cs_wrong"))
    assert wrong.status_code == unknown.status_code == 401
    assert wrong.content == unknown.content
    assert wrong["WWW-Authenticate"].startswith("Basic")
    assert [event.actor for event in audit_log("token.refused")] == ["application:qa_sampler", "system:web"]


def test_guessing_is_bounded_and_does_not_lock_the_application_out(client, qa_sampler, audit_log):
    guess = basic(qa_sampler.client_id, "gdpr_cs_wrong")
    for _ in range(LIMIT.free):
        assert ask(client, "grant_type=client_credentials", **guess).status_code == 401
    refused = ask(client, "grant_type=client_credentials", **guess)
    assert refused.status_code == 429 and int(refused["Retry-After"]) > 0
    assert len(audit_log("token.refused")) == LIMIT.free
    right = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    assert right.status_code == 200


def test_made_up_clients_do_not_fill_the_log(client, qa_sampler, audit_log):
    codes = [
        ask(client, "grant_type=client_credentials", **basic(f"gdpr_ci_{number:024x}", "gdpr_cs_wrong")).status_code
        for number in range(LIMIT.free + 5)
    ]
    assert codes == [401] * LIMIT.free + [429] * 5
    assert len(audit_log("token.refused")) == LIMIT.free and Attempt.objects.count() == 1
    ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, "gdpr_cs_wrong"))
    assert len(audit_log("token.refused")) == LIMIT.free + 1, "wrong secrets of a known one are counted by themselves"


def test_only_post_is_answered(client, db):
    answer = client.get("/oauth/token")
    assert answer.status_code == 405 and answer["Allow"] == "POST" and answer.json()["error"] == "invalid_request"


def test_a_token_dies_with_its_time(client, token):
    assert opens(client, token) == 200
    AccessToken.objects.update(expires_at=timezone.now() - timedelta(milliseconds=1))
    assert opens_later(client, token) == 401
    assert purge_tokens() == 1


def test_a_revoked_token_is_dead_half_a_second_later(client, token, qa_sampler, audit_log):
    assert opens(client, token) == 200
    credentials = basic(qa_sampler.client_id, qa_sampler.plain_secret)
    revoked = client.post("/oauth/revoke", f"token={token}", content_type=FORM, **credentials)
    assert revoked.status_code == 200
    remembered.forget()
    refused = client.get(EVENTS, HTTP_AUTHORIZATION=f"Bearer {token}")
    assert refused.status_code == 401 and refused.json()["code"] == "invalid_token"
    assert 'error="invalid_token"' in refused["WWW-Authenticate"]
    assert len(audit_log("token.revoked")) == 1


@pytest.mark.parametrize("hint", ["access_token", "refresh_token"])
def test_the_hint_of_a_revocation_does_not_decide(client, token, qa_sampler, hint):
    """RFC 7009 section 2.1: the search goes on over all kinds of token."""
    credentials = basic(qa_sampler.client_id, qa_sampler.plain_secret)
    body = f"token={token}&token_type_hint={hint}"
    assert client.post("/oauth/revoke", body, content_type=FORM, **credentials).status_code == 200
    assert opens_later(client, token) == 401


def test_a_token_of_another_application_is_not_revoked_and_nothing_is_told(client, token, eve):
    credentials = basic(eve.client_id, eve.plain_secret)
    answer = client.post("/oauth/revoke", f"token={token}", content_type=FORM, **credentials)
    unknown = client.post("/oauth/revoke", "token=gdpr_at_unknown", content_type=FORM, **credentials)
    assert (answer.status_code, answer.content) == (unknown.status_code, unknown.content)
    assert answer.status_code == 200
    assert opens_later(client, token) == 200


def test_revoking_needs_credentials_and_a_token(client, token, qa_sampler):
    assert client.post("/oauth/revoke", f"token={token}", content_type=FORM).status_code == 401
    credentials = basic(qa_sampler.client_id, qa_sampler.plain_secret)
    missing = client.post("/oauth/revoke", "", content_type=FORM, **credentials)
    assert (missing.status_code, missing.json()["error"]) == (400, "invalid_request")
    assert opens_later(client, token) == 200


def test_disabling_an_application_takes_effect_within_half_a_second(client, token, qa_sampler):
    assert opens(client, token) == 200
    set_enabled(application=qa_sampler, enabled=False)
    assert opens_later(client, token) == 401
    again = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    assert (again.status_code, again.json()["error"]) == (401, "invalid_client")


def test_the_flag_alone_refuses_a_token_still_in_the_table(client, token, qa_sampler):
    type(qa_sampler).objects.filter(pk=qa_sampler.pk).update(enabled=False)
    assert AccessToken.objects.exists()
    assert opens_later(client, token) == 401


def test_a_scope_taken_from_the_application_is_gone_from_its_live_tokens(client, token, qa_sampler):
    type(qa_sampler).objects.filter(pk=qa_sampler.pk).update(scopes=["catalogue:read"])
    assert opens_later(client, token) == 403


def test_a_new_secret_kills_the_old_one_and_its_tokens(client, token, qa_sampler):
    fresh = rotate_secret(application=qa_sampler)
    assert opens_later(client, token) == 401
    old = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    new = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, fresh))
    assert (old.status_code, new.status_code) == (401, 200)


@pytest.mark.parametrize(
    "act", [rotate_secret, lambda application: set_enabled(application=application, enabled=False)]
)
def test_no_token_comes_after_the_secret_that_asks_for_it_is_dead(client, qa_sampler, monkeypatch, audit_log, act):
    """The secret is replaced, or the application switched off, between the look at the credentials and the token."""
    made = oauth.new_token

    def overtaken():
        monkeypatch.setattr(oauth, "new_token", made)
        act(application=qa_sampler)
        return made()

    monkeypatch.setattr(oauth, "new_token", overtaken)
    answer = ask(client, "grant_type=client_credentials", **basic(qa_sampler.client_id, qa_sampler.plain_secret))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
    assert not AccessToken.objects.exists() and not audit_log("token.issued")
    assert len(audit_log("token.refused")) == 1


@pytest.mark.parametrize("how", ["revoked", "disabled", "narrowed"])
def test_what_is_taken_away_is_refused_within_a_second_by_every_view(client, token, qa_sampler, monkeypatch, how):
    clock = [100.0]
    monkeypatch.setattr(remembered.time, "monotonic", lambda: clock[0])
    assert opens(client, token) == 200
    if how == "revoked":
        AccessToken.objects.all().delete()
    else:
        change = {"enabled": False} if how == "disabled" else {"scopes": ["catalogue:read"]}
        type(qa_sampler).objects.filter(pk=qa_sampler.pk).update(**change)
    clock[0] += 0.99
    assert opens(client, token) == (403 if how == "narrowed" else 401)


def test_a_live_token_is_looked_up_once_in_a_while_and_nothing_beside_it_is_kept(rf, token, monkeypatch):
    from rest_framework.request import Request

    from access.rest.admission import BearerAuthentication

    asked, real = [], remembered.grant_of
    monkeypatch.setattr(remembered, "grant_of", lambda each: asked.append(each) or real(each))
    request = Request(rf.get(EVENTS, HTTP_AUTHORIZATION=f"Bearer {token}"))
    first, second = (BearerAuthentication().authenticate(request)[0] for _ in range(2))
    assert len(asked) == 1 and first == second
    first.seen_by_the_first_request = True
    assert not hasattr(second, "seen_by_the_first_request")
    assert {name: getattr(first, name) for name in ("slug", "scopes", "requests_per_minute")} == {
        "slug": "qa_sampler", "scopes": ["audit:read", "catalogue:read"], "requests_per_minute": 6000,
    }  # fmt: skip


def test_who_asks_for_a_token_before_each_call_is_told_so(client, monkeypatch, eve, audit_log):
    """It would fill table and log; its quota for other calls is not touched."""
    monkeypatch.setattr(oauth, "TOKENS", Limit("token", free=3, first_wait=7))
    right = basic(eve.client_id, eve.plain_secret)
    answers = [ask(client, "grant_type=client_credentials", **right) for _ in range(5)]
    assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
    assert 1 <= int(answers[-1]["Retry-After"]) <= 7 and answers[-1]["Cache-Control"] == "no-store"
    assert answers[-1].json()["error"] == "temporarily_unavailable"
    assert len(audit_log("token.issued")) == AccessToken.objects.filter(application=eve.pk).count() == 3
    assert not ThrottleWindow.objects.filter(application=eve.pk).exists()
