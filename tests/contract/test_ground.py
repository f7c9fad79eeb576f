"""api.md, "Ground rules", "Catalogue", "Audit" and "Operations"."""

import base64
import csv
import hashlib
import io
import json
import re
import uuid

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from tests.contract.conftest import refused

GETS = ["/api/v1/purposes", "/api/v1/purposes/newsletter/notice", "/api/v1/recipients", "/api/v1/requests",
        "/api/v1/decisions/snapshot"]  # fmt: skip


@pytest.fixture
def qa(client_for, qa_sampler, catalogue):
    return client_for(qa_sampler)


# --- ground rules ---------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("path", GETS)
def test_what_holds_for_every_address(api, client, path):
    for accept in ({}, {"HTTP_ACCEPT": "*/*"}, {"HTTP_ACCEPT": "application/json"}, {"HTTP_ACCEPT": "application/*"}):
        answer = api.get(path, **accept)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/json")
    assert re.fullmatch(r'"default";q=6000000;w=60', answer["RateLimit-Policy"])
    assert re.fullmatch(r'"default";r=\d+;t=\d+', answer["RateLimit"])
    assert uuid.UUID(answer["X-Request-Id"])
    assert api.get(path, HTTP_X_REQUEST_ID="a.B_c-1")["X-Request-Id"] == "a.B_c-1"
    assert refused(api.get(path, HTTP_ACCEPT="text/html"), 406, "not_acceptable")
    assert refused(api.get(f"{path}/"), 404, "not_found")
    assert refused(api.delete(path), 405, "method_not_allowed")
    head = api.head(path)
    assert head.status_code == 200 and not head.content
    options = api.generic("OPTIONS", path)
    assert refused(options, 405, "method_not_allowed") and "GET" in options["Allow"]
    assert refused(client.get(path), 401, "invalid_token")
    assert refused(api.get(f"{path}?nonsense=1"), 400, "invalid_parameter")


def test_lists_are_pages(api):
    for path in ("/api/v1/purposes", "/api/v1/recipients"):
        whole = api.get(path).body
        assert whole.keys() == {"items", "next"} and whole["next"] is None
    seen, cursor = [], ""
    while cursor is not None:
        page = api.get(f"/api/v1/purposes?limit=3{cursor and '&cursor=' + cursor}").body
        assert len(page["items"]) <= 3
        seen += page["items"]
        cursor = page["next"]
    assert seen == api.get("/api/v1/purposes").body["items"] and len(seen) == 8
    assert refused(api.get("/api/v1/purposes?cursor=x"), 400, "invalid_cursor")
    for wrong in ("0", "201", "x", "-1", ""):
        assert refused(api.get(f"/api/v1/purposes?limit={wrong}"), 400, "invalid_parameter")


def test_idempotency(api, other):
    body = {"identifiers": {"customer_id": "i-1"}}
    key = {"HTTP_IDEMPOTENCY_KEY": "k"}
    first = api.post("/api/v1/subjects", body, **key)
    again = api.post("/api/v1/subjects", body, **key)
    assert (first.status_code, again.status_code, again.content) == (201, 201, first.content)
    assert again["Idempotency-Replayed"] == "true" and "Idempotency-Replayed" not in first
    assert refused(api.post("/api/v1/subjects", {"identifiers": {"customer_id": "i-2"}}, **key), 422,
                   "idempotency_mismatch")  # fmt: skip
    assert other.post("/api/v1/subjects", body, **key).status_code == 201
    for wrong in ("", "x" * 256, "a b", "é"):
        answer = api.post("/api/v1/subjects", body, HTTP_IDEMPOTENCY_KEY=wrong)
        assert refused(answer, 400, "invalid_idempotency_key")


@pytest.mark.parametrize(
    ("raw", "status", "code"),
    [
        (b'{"identifiers": {"ssn": "1"}}', 400, "unknown_member"),
        (b'{"identifiers": {}}', 422, "invalid_value"),
        (b"{", 400, "malformed_json"),
        (b"[" * 30 + b"]" * 30, 400, "too_deep"),
    ],
)
def test_refusals_are_replayed_too(api, raw, status, code):
    send = lambda: api.generic("POST", "/api/v1/subjects", raw, HTTP_IDEMPOTENCY_KEY="r")  # noqa: E731
    assert refused(send(), status, code)
    again = send()
    assert refused(again, status, code) and again["Idempotency-Replayed"] == "true"
    other_body = api.post("/api/v1/subjects", {"identifiers": {"customer_id": "1"}}, HTTP_IDEMPOTENCY_KEY="r")
    assert refused(other_body, 422, "idempotency_mismatch")


def test_throttling(client_for, eve, catalogue):
    client = client_for(eve)
    answers = [client.get("/api/v1/recipients") for _ in range(61)]
    assert {answer.status_code for answer in answers[:60]} == {200}
    assert answers[0]["RateLimit-Policy"] == '"default";q=60;w=60'
    assert answers[0]["RateLimit"].startswith('"default";r=59;t=')
    assert refused(answers[60], 429, "throttled") and 1 <= int(answers[60]["Retry-After"]) <= 60
    assert answers[60]["RateLimit"].startswith('"default";r=0;t=')


def test_wrong_methods_tell_the_right_ones(api, ada):
    for path, allowed in [
        ("/api/v1/subjects", {"POST"}), ("/api/v1/subjects/lookup", {"POST"}), (f"/api/v1/subjects/{ada}", {"GET"}),
        (f"/api/v1/subjects/{ada}/data", {"GET", "PUT"}), (f"/api/v1/subjects/{ada}/consents", {"GET", "POST"}),
        (f"/api/v1/subjects/{ada}/sharing/acme", {"PUT"}), ("/api/v1/decisions", {"POST"}),
        ("/api/v1/requests", {"GET", "POST"}),
    ]:  # fmt: skip
        answer = api.patch(path, {})
        assert refused(answer, 405, "method_not_allowed")
        assert {part.strip() for part in answer["Allow"].split(",")} - {"HEAD"} == allowed, path


def test_malformed_ids_are_unknown_ids(api):
    for wrong in ("1", "nobody", "ada@example.org", "0" * 32, "{" + "0" * 36 + "}"):
        for path in (f"subjects/{wrong}", f"subjects/{wrong}/data?purpose=x", f"requests/{wrong}",
                     f"consents/{wrong}/receipt", f"deliveries/{wrong}"):  # fmt: skip
            assert refused(api.get(f"/api/v1/{path}"), 404, "not_found")


# --- the two OAuth addresses ----------------------------------------------------------------------------------------
def test_tokens_come_and_go(client, shop, catalogue, django_capture_on_commit_callbacks):
    form = {"grant_type": "client_credentials", "client_id": shop.client_id, "client_secret": shop.plain_secret}
    got = client.post("/oauth/token", form | {"scope": "catalogue:read"}, **FORM)
    assert got.status_code == 200 and got["Cache-Control"] == "no-store"
    body = got.json()
    assert body["token_type"] == "Bearer" and 0 < body["expires_in"] <= 600 and body["scope"] == "catalogue:read"
    bearer = {"HTTP_AUTHORIZATION": f"Bearer {body['access_token']}"}
    assert client.get("/api/v1/purposes", **bearer).status_code == 200
    assert refused(client.get("/api/v1/requests", **bearer), 403, "scope_missing")
    basic = base64.b64encode(f"{shop.client_id}:{shop.plain_secret}".encode()).decode()
    with django_capture_on_commit_callbacks(execute=True):
        gone = client.post(
            "/oauth/revoke", f"token={body['access_token']}", **FORM, HTTP_AUTHORIZATION=f"Basic {basic}"
        )
    assert gone.status_code == 200
    assert refused(client.get("/api/v1/purposes", **bearer), 401, "invalid_token")


FORM = {"content_type": "application/x-www-form-urlencoded"}


@pytest.fixture
def client(client):
    """Forms go as forms."""
    from urllib.parse import urlencode

    original = client.post

    def post(path, data=None, **more):
        return original(path, urlencode(data) if isinstance(data, dict) else data, **more)

    client.post = post
    return client


@pytest.mark.parametrize(
    ("form", "status", "error"),
    [
        ({}, 400, "invalid_request"), ({"grant_type": "password"}, 400, "unsupported_grant_type"),
        ({"grant_type": "client_credentials", "scope": "audit:read"}, 400, "invalid_scope"),
        ({"grant_type": "client_credentials", "client_secret": "wrong"}, 401, "invalid_client"),
    ],
)  # fmt: skip
def test_oauth_errors_follow_rfc_6749(client, shop, form, status, error):
    given = {"client_id": shop.client_id, "client_secret": shop.plain_secret} | form
    answer = client.post("/oauth/token", given, **FORM)
    assert (answer.status_code, answer.json()["error"]) == (status, error)
    assert answer["Content-Type"] == "application/json"


# --- catalogue ------------------------------------------------------------------------------------------------------
def test_the_catalogue(api):
    items = {item["slug"]: item for item in api.get("/api/v1/purposes").body["items"]}
    assert items.keys() == {"newsletter", "orders", "fraud_prevention", "direct_marketing", "tax_records",
                            "health_programme", "statistics", "emergency_contact"}  # fmt: skip
    newsletter = items["newsletter"]
    assert newsletter.keys() == {"slug", "title", "lawful_basis", "fields", "retention_days", "special_category",
                                 "recipients", "rights", "notice"}  # fmt: skip
    assert newsletter["notice"].keys() == {"version", "digest", "language"}
    assert (newsletter["lawful_basis"], newsletter["recipients"]) == ("consent", ["acme"])
    assert items["health_programme"]["special_category"] is True
    assert "withdraw_consent" in newsletter["rights"] and "objection" not in newsletter["rights"]
    assert "objection" in items["direct_marketing"]["rights"] and "erasure" not in items["tax_records"]["rights"]
    [acme] = api.get("/api/v1/recipients").body["items"]
    assert acme.keys() == {"slug", "name", "role", "country", "safeguard", "purposes"}


def test_the_wording(api):
    for asked, answered in (("de", "de"), ("fr", "fr"), ("en", "en"), ("it", "en"), ("de-AT", None)):
        body = api.get(f"/api/v1/purposes/newsletter/notice?language={asked}").body
        assert body.keys() == {"purpose", "version", "language", "digest", "title", "body", "published_at"}
        assert answered is None or body["language"] == answered
        assert body["digest"] == "sha256:" + hashlib.sha256(body["body"].encode()).hexdigest()
    assert refused(api.get("/api/v1/purposes/astrology/notice"), 404, "unknown_purpose")
    assert refused(api.get("/api/v1/purposes/profiling/notice"), 403, "purpose_not_approved")


# --- audit ----------------------------------------------------------------------------------------------------------
def verify_note(text, vkey):
    """C2SP signed note, with nothing of the service's own code: the body without its signatures, or an error."""
    name, _, key = vkey.strip().partition("+")
    key_id, _, public = key.partition("+")
    raw = base64.b64decode(public)
    assert raw[0] == 1 and hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4].hex() == key_id
    body, _, signatures = text.rpartition("\n\n")
    body += "\n"
    [line] = [line for line in signatures.splitlines() if line.startswith(f"— {name} ")]
    signature = base64.b64decode(line.split(" ")[2])
    assert signature[:4].hex() == key_id
    Ed25519PublicKey.from_public_bytes(raw[1:]).verify(signature[4:], body.encode())
    return body


def node(left, right):
    return hashlib.sha256(b"\x01" + left + right).digest()


def root_of(leaf, index, size, proof):
    """RFC 9162 section 2.1.3.2, written down anew."""
    value, fn, sn = hashlib.sha256(b"\x00" + leaf).digest(), index, size - 1
    for sibling in proof:
        assert sn != 0
        if fn & 1 or fn == sn:
            value = node(sibling, value)
            while not fn & 1 and fn:
                fn, sn = fn >> 1, sn >> 1
        else:
            value = node(value, sibling)
        fn, sn = fn >> 1, sn >> 1
    assert sn == 0
    return value


@pytest.mark.django_db(transaction=True)
def test_a_stranger_verifies_the_log(transactional_db, qa, api, ada, client):
    from tests.audit.tools import seal
    from vault.services import status

    assert status().unsealed
    api.decide(ada, "orders")
    newest = qa.get("/api/v1/audit/events?limit=1").body["items"][0]
    assert refused(qa.get(f"/api/v1/audit/events/{newest['id']}/proof"), 409, "not_sequenced")
    with signer():
        seal()
        vkey = client.get("/.well-known/audit-vkey").content.decode()
        for event in qa.get("/api/v1/audit/events?action=subject.created").body["items"]:
            assert event.keys() == {"id", "seq", "at", "action", "actor", "subject", "request_id", "purpose",
                                    "fields", "details"}  # fmt: skip
            proof = qa.get(f"/api/v1/audit/events/{event['id']}/proof").body
            assert proof.keys() == {"index", "leaf", "inclusion", "checkpoint"} and proof["index"] == event["seq"]
            origin, size, root = verify_note(proof["checkpoint"], vkey).splitlines()[:3]
            leaf = base64.b64decode(proof["leaf"])
            path = [base64.b64decode(each) for each in proof["inclusion"]]
            assert root_of(leaf, proof["index"], int(size), path) == base64.b64decode(root)
            told = json.loads(leaf)
            assert told == {name: value for name, value in event.items() if name != "seq"}
            assert json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode() == leaf
            assert len(qa.get(f"/api/v1/audit/events?subject={event['subject']}").body["items"]) >= 1
        checkpoint = qa.get("/api/v1/audit/checkpoint")
        assert checkpoint["Content-Type"].startswith("text/plain") and origin in checkpoint.content.decode()
        grown = qa.get(f"/api/v1/audit/consistency?from=1&to={size}").body
        assert grown.keys() == {"from", "to", "hashes"}
        for wrong in (f"from={int(size) + 1}&to={size}", "from=2&to=1", f"from=1&to={int(size) + 1}", "from=-1&to=1",
                      "from=x&to=1", "from=1", ""):  # fmt: skip
            assert refused(qa.get(f"/api/v1/audit/consistency?{wrong}"), 400, "invalid_parameter")


def signer():
    """The checkpoint key of the tests is registered for a while."""
    from contextlib import contextmanager

    from tests.audit.conftest import key

    return contextmanager(key.__wrapped__ if hasattr(key, "__wrapped__") else key._get_wrapped_function())()


def test_before_the_first_checkpoint(qa):
    assert refused(qa.get("/api/v1/audit/checkpoint"), 409, "not_sequenced")


def test_the_record_of_processing(qa, api):
    body = qa.get("/api/v1/records-of-processing")
    assert body.status_code == 200 and {each["purpose"] for each in body.body["activities"]} >= {"orders", "statistics"}
    table = qa.get("/api/v1/records-of-processing", HTTP_ACCEPT="text/csv")
    assert table["Content-Type"] == "text/csv; charset=utf-8"
    rows = list(csv.DictReader(io.StringIO(table.content.decode())))
    assert {row["purpose"] for row in rows} == {each["purpose"] for each in body.body["activities"]}
    assert refused(qa.get("/api/v1/records-of-processing", HTTP_ACCEPT="text/html"), 406, "not_acceptable")
    assert refused(api.get("/api/v1/records-of-processing"), 403, "scope_missing")


# --- operations -----------------------------------------------------------------------------------------------------
def test_what_the_world_may_ask(client, db):
    assert client.get("/livez").status_code == 200
    assert client.get("/.well-known/gpc.json").json()["gpc"] is True
    assert client.get("/.well-known/security.txt")["Content-Type"].startswith("text/plain")
    keys = client.get("/.well-known/jwks.json").json()["keys"]
    assert keys and all(key["kty"] == "OKP" and "d" not in key for key in keys)
    assert client.get("/api/v1/schema", HTTP_ACCEPT="*/*").json()["openapi"].startswith("3.1")
    assert client.get("/api/docs").status_code == 200
