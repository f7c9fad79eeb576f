"""api.md, "Rights requests" and "Deliveries"."""

import io
import json
import zipfile
from datetime import UTC, datetime, timedelta

import pytest

from erasure.models import RightsRequest
from tests.contract.conftest import refused
from tests.erasure.people import file

REQUESTS = "/api/v1/requests"
ROW = {"id", "right", "state", "received_at", "due_at", "extended", "steps"}


@pytest.fixture(autouse=True)
def _no_window(settings):
    settings.UNDO_WINDOW_SECONDS = 0


@pytest.mark.parametrize(
    ("right", "details", "states"),
    [
        ("access", {}, {"in_progress", "completed"}),
        ("portability", {}, {"in_progress", "completed"}),
        ("erasure", {}, {"in_progress"}),
        ("erasure", {"ground": "consent_withdrawn"}, {"in_progress"}),
        ("rectification", {"purpose": "orders", "values": {"given_name": "Augusta"}}, {"in_progress", "completed"}),
        ("restriction", {"ground": "accuracy_contested"}, {"in_progress", "completed"}),
        ("restriction", {"ground": "objection_pending"}, {"in_progress", "completed"}),
        ("objection", {"purpose": "direct_marketing"}, {"completed"}),
        ("objection", {"purpose": "fraud_prevention"}, {"in_review"}),
        ("withdraw_consent", {"purpose": "newsletter"}, {"completed"}),
        ("human_review", {"decision": "d-1"}, {"in_review"}),
    ],
)
def test_each_right_is_received(api, ada, right, details, states):
    api.store(ada, "orders", {"given_name": "Ada"})
    answer = api.file(ada, right, **details)
    assert answer.status_code == 201
    assert answer.body.keys() >= ROW and answer.body["right"] == right
    assert answer.body["state"] in states and answer.body["extended"] is False
    for step in answer.body["steps"]:
        assert step.keys() == {"kind", "target", "state", "article", "until"}
    due = datetime.fromisoformat(answer.body["due_at"])
    assert timedelta(days=27) < due - datetime.fromisoformat(answer.body["received_at"]) < timedelta(days=40)
    assert due.second == 59
    assert api.get(f"{REQUESTS}/{answer.body['id']}").body["id"] == answer.body["id"]


@pytest.mark.parametrize(
    ("right", "details", "status", "code"),
    [
        ("objection", {}, 400, "missing_member"),
        ("objection", {"purpose": 5}, 400, "invalid_type"),
        ("objection", {"purpose": "astrology"}, 404, "unknown_purpose"),
        ("objection", {"purpose": "profiling"}, 403, "purpose_not_approved"),
        ("objection", {"purpose": "orders"}, 409, "right_not_available"),
        ("withdraw_consent", {"purpose": "orders"}, 409, "right_not_available"),
        ("rectification", {"purpose": "orders"}, 400, "missing_member"),
        ("rectification", {"purpose": "orders", "values": {"vat_number": "DE123456789"}}, 422, "invalid_value"),
        ("rectification", {"purpose": "orders", "values": {"email": "none"}}, 422, "invalid_value"),
        ("rectification", {"purpose": "orders", "values": {}}, 422, "invalid_value"),
        ("rectification", {"purpose": "orders", "values": []}, 400, "invalid_type"),
        ("erasure", {"ground": ""}, 422, "invalid_value"),
        ("erasure", {"ground": 5}, 400, "invalid_type"),
        ("restriction", {}, 400, "missing_member"),
        ("restriction", {"ground": "because"}, 422, "invalid_value"),
        ("human_review", {}, 400, "missing_member"),
        ("access", {"purpose": "orders"}, 400, "unknown_member"),
        ("erasure", {"eve@example.org": "x"}, 400, "unknown_member"),
    ],
)
def test_details_are_judged(api, ada, right, details, status, code):
    answer = api.file(ada, right, **details)
    assert refused(answer, status, code) and RightsRequest.objects.count() == 0
    assert b"example.org" not in answer.content and b"frozenset" not in answer.content


def test_everything_else_in_the_body_too(api, ada, nobody):
    assert refused(api.file(nobody, "access"), 404, "not_found")
    assert refused(api.file(ada, "oblivion"), 422, "invalid_value")
    assert refused(api.file(ada, "access", verified_by="gossip"), 422, "invalid_value")
    assert refused(api.post(REQUESTS, {"subject": ada, "right": "access"}), 400, "missing_member")


def test_a_right_the_basis_of_everything_held_does_not_give(api, ada):
    api.store(ada, "tax_records", {"vat_number": "DE123456789"})
    for right in ("portability", "erasure"):
        assert refused(api.file(ada, right), 409, "right_not_available")
    assert api.file(ada, "access").status_code == 201


@pytest.mark.parametrize(("right", "outcome"), [("access", "done"), ("portability", "nothing_held")])
def test_nothing_to_give_completes_and_says_so(api, ada, work, right, outcome):
    """Of a person who was only registered, identifiers are held: something for access, nothing that is portable."""
    made = api.file(ada, right).body
    work()
    done = api.get(f"{REQUESTS}/{made['id']}").body
    assert (done["state"], done["outcome"]) == ("completed", outcome)
    assert api.get(f"{REQUESTS}/{made['id']}/archive").status_code == 200


def test_unverified_waits_for_the_person(api, ada):
    made = api.file(ada, "erasure", verified_by="none").body
    assert made["state"] == "verifying" and made["steps"] == []
    taken_back = api.post(f"{REQUESTS}/{made['id']}/withdraw")
    assert (taken_back.status_code, taken_back.body["state"]) == (200, "withdrawn")
    assert taken_back.body.keys() >= ROW


def test_received_at_may_lie_in_the_past_and_not_in_the_future(api, ada):
    body = {"subject": ada, "right": "access", "details": {}, "verified_by": "account"}
    past = api.post(REQUESTS, body | {"received_at": "2026-01-02T10:00:00Z"}).body
    assert past["received_at"] == "2026-01-02T10:00:00Z" and past["due_at"].startswith("2026-02-02T22:59:59")
    ahead = (datetime.now(UTC) + timedelta(minutes=5)).isoformat()
    assert refused(api.post(REQUESTS, body | {"received_at": ahead}), 422, "invalid_value")
    assert api.post(REQUESTS, body | {"received_at": None}).status_code == 201


def test_lists_are_filtered_and_paged(api, other, ada):
    ids = [api.file(ada, "restriction", "none", ground="legal_claims").body["id"] for _ in range(3)]
    ids.append(api.file(ada, "access", "none").body["id"])
    first = api.get(f"{REQUESTS}?limit=3").body
    second = api.get(f"{REQUESTS}?limit=3&cursor={first['next']}").body
    assert [row["id"] for row in first["items"] + second["items"]] == ids and second["next"] is None
    assert len(api.get(f"{REQUESTS}?right=access&state=verifying").body["items"]) == 1
    assert api.get(f"{REQUESTS}?state=completed").body == {"items": [], "next": None}
    assert len(api.get(f"{REQUESTS}?due_before=2999-01-01T00:00:00Z").body["items"]) == 4
    assert api.get(f"{REQUESTS}?due_before=2020-01-01T00:00:00Z").body["items"] == []
    for wrong in ("state=x", "right=x", "due_before=x", "limit=0", "limit=201", "who=1"):
        assert refused(api.get(f"{REQUESTS}?{wrong}"), 400, "invalid_parameter")
    assert refused(api.get(f"{REQUESTS}?cursor=x"), 400, "invalid_cursor")
    assert refused(api.get(f"{REQUESTS}?right=access&cursor={first['next']}"), 400, "invalid_cursor")
    assert other.get(REQUESTS).body["items"] == []
    assert refused(other.get(f"{REQUESTS}/{ids[0]}"), 404, "not_found")
    assert refused(other.post(f"{REQUESTS}/{ids[0]}/withdraw"), 404, "not_found")


def test_what_ended_without_an_archive_is_not_waited_for(api, ada):
    """`not_ready` has a client ask again; of what was taken back there never is one."""
    made = api.file(ada, "access", verified_by="none").body
    where = f"{REQUESTS}/{made['id']}"
    assert refused(api.get(f"{where}/archive"), 409, "not_ready")
    assert api.post(f"{where}/withdraw").status_code == 200
    assert refused(api.get(f"{where}/archive"), 410, "expired")


def test_the_archive(api, other, ada, work):
    api.store(ada, "orders", {"given_name": "Ada"})
    made = api.file(ada, "access").body
    where = f"{REQUESTS}/{made['id']}/archive"
    assert refused(api.get(where), 409, "not_ready")
    work()
    for accept in ({}, {"HTTP_ACCEPT": "*/*"}, {"HTTP_ACCEPT": "application/zip"}):
        answer = api.get(where, **accept)
        assert (answer.status_code, answer["Content-Type"]) == (200, "application/zip")
        content = b"".join(answer.streaming_content)
        assert int(answer["Content-Length"]) == len(content)
    archive = zipfile.ZipFile(io.BytesIO(content))
    names = archive.namelist()
    assert {"data.json", "index.html", "manifest.json", "manifest.jws"} <= set(names)
    assert any(name.startswith("csv/") for name in names)
    assert "Ada" in archive.read("data.json").decode() and json.loads(archive.read("manifest.json"))
    assert refused(other.get(where), 404, "not_found")
    far = api.get(where, HTTP_RANGE=f"bytes={len(content)}-")
    assert refused(far, 416, "range_not_satisfiable") and far["Content-Range"] == f"bytes */{len(content)}"
    RightsRequest.objects.get(pk=made["id"]).archive.__class__.objects.update(
        expires_at=datetime(2026, 1, 1, tzinfo=UTC)
    )
    assert api.get(where).status_code == 410


def test_completed_requests_are_not_withdrawn(api, ada):
    made = api.file(ada, "objection", purpose="direct_marketing").body
    assert refused(api.post(f"{REQUESTS}/{made['id']}/withdraw"), 409, "wrong_state")


def test_who_asks_for_an_erasure_again_follows_it_and_takes_it_from_nobody(api, other, ada, settings):
    settings.UNDO_WINDOW_SECONDS = 86_400
    theirs = other.register(email="ada@example.org")
    first = api.file(ada, "erasure").body
    assert refused(other.get(f"{REQUESTS}/{first['id']}"), 404, "not_found")
    again = other.file(theirs, "erasure")
    assert (again.status_code, again.body["id"], again.body["due_at"]) == (201, first["id"], first["due_at"])
    for door in (api, other):
        assert door.get(f"{REQUESTS}/{first['id']}").body["state"] == "in_progress"
        assert [row["id"] for row in door.get(REQUESTS).body["items"]] == [first["id"]]
        assert refused(door.post(f"{REQUESTS}/{first['id']}/withdraw"), 409, "wrong_state")
    assert other.file(theirs, "erasure").status_code == 201 and len(other.get(REQUESTS).body["items"]) == 1


def test_what_the_person_asked_for_too_is_theirs_to_withdraw(api, alice, shop, settings):
    settings.UNDO_WINDOW_SECONDS = 86_400
    asked = file(alice.subject, "erasure")
    theirs = alice.id_for(shop)
    assert api.file(theirs, "erasure").body["id"] == str(asked.id)
    assert refused(api.post(f"{REQUESTS}/{asked.id}/withdraw"), 409, "wrong_state")
    alone = api.file(theirs, "access").body["id"]
    assert RightsRequest.objects.get(pk=asked.id).state == "in_progress" and alone != str(asked.id)


# --- deliveries -------------------------------------------------------------------------------------------------------
@pytest.fixture
def delivery(api, ada):
    from consent.models import Delivery

    api.consent(ada, "newsletter", "give")
    api.put(f"/api/v1/subjects/{ada}/sharing/acme", {"purpose": "newsletter", "shared": True, "channel": "web"})
    return str(Delivery.objects.get(type="sharing.started").pk)


@pytest.fixture
def receiver(client_for, acme):
    return client_for(acme)


def test_a_delivery_is_shown_to_its_addressee_alone(api, receiver, delivery, ada):
    answer = receiver.get(f"/api/v1/deliveries/{delivery}")
    assert answer.status_code == 200
    assert {"delivery", "type", "state", "sequence", "request", "purpose", "subject", "reference", "fields",
            "due_at"} <= answer.body.keys()  # fmt: skip
    assert answer.body["request"] is None and answer.body["fields"] == ["email", "given_name"]
    assert answer.body["subject"] != ada
    assert refused(api.get(f"/api/v1/deliveries/{delivery}"), 404, "not_found")
    assert refused(api.post(f"/api/v1/deliveries/{delivery}/acknowledge", {"outcome": "done"}), 404, "not_found")


@pytest.mark.parametrize("outcome", ["done", "nothing_held", "refused", "failed"])
def test_acknowledging_closes_once(receiver, delivery, outcome):
    where = f"/api/v1/deliveries/{delivery}/acknowledge"
    body = {"outcome": outcome, "evidence": {"ticket": "7"}, "data": {}}
    first = receiver.post(where, body)
    assert first.status_code == 200 and first.body.keys() == {"delivery", "state"}
    again = receiver.post(where, body)
    assert (again.status_code, again.body) == (200, first.body)
    different = "done" if outcome != "done" else "failed"
    assert refused(receiver.post(where, {"outcome": different}), 409, "already_closed")


def test_words_that_are_none(receiver, delivery, nobody):
    where = f"/api/v1/deliveries/{delivery}/acknowledge"
    assert refused(receiver.post(where, {}), 400, "missing_member")
    assert refused(receiver.post(where, {"outcome": "perhaps"}), 422, "invalid_value")
    assert refused(receiver.post(where, {"outcome": "done", "evidence": []}), 400, "invalid_type")
    assert refused(receiver.post(where, {"outcome": "done", "data": "x"}), 400, "invalid_type")
    assert refused(receiver.post(f"/api/v1/deliveries/{nobody}/acknowledge", {"outcome": "done"}), 404, "not_found")
