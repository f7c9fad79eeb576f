"""api.md, "Subjects"."""

from tests.contract.conftest import refused

SUBJECTS = "/api/v1/subjects"


def test_a_new_person_is_201_with_kinds_and_never_values(api):
    answer = api.post(
        SUBJECTS,
        {"identifiers": {"email": "a@example.org", "customer_id": "9"}, "language": "en", "country": "DE",
         "birth_date": "1990-01-31"},
    )  # fmt: skip
    assert answer.status_code == 201
    assert answer.body.keys() == {"id", "identifiers", "created_at"}
    assert answer.body["identifiers"] == ["customer_id", "email"]
    assert answer.body["created_at"].endswith("Z") and b"example.org" not in answer.content


def test_a_known_person_is_200_with_the_same_body(api, ada):
    answer = api.post(SUBJECTS, {"identifiers": {"email": "ada@example.org", "customer_id": "42"}})
    assert answer.status_code == 200
    assert answer.body.keys() == {"id", "identifiers", "created_at"} and answer.body["id"] == ada


def test_email_and_phone_are_normalised(api, ada):
    again = api.post(SUBJECTS, {"identifiers": {"email": "  ADA@Example.ORG "}})
    assert (again.status_code, again.body["id"]) == (200, ada)
    first = api.register(phone="+49 30 123456")
    assert api.register(phone="+4930123456") == first


def test_known_ones_plus_new_kinds_are_added(api, ada):
    answer = api.post(SUBJECTS, {"identifiers": {"email": "ada@example.org", "phone": "+4930123456"}})
    assert answer.status_code == 200
    assert answer.body["identifiers"] == ["customer_id", "email", "phone"]


def test_identifiers_of_two_people_are_409(api, ada):
    api.register(email="bob@example.org")
    answer = api.post(SUBJECTS, {"identifiers": {"email": "bob@example.org", "customer_id": "42"}})
    assert refused(answer, 409, "identifier_conflict")


def test_what_is_given_of_a_known_person_fills_what_is_empty_and_changes_nothing_else(api, ada):
    body = {"identifiers": {"customer_id": "42"}}
    api.post(SUBJECTS, body | {"language": "de"})
    assert api.get(f"{SUBJECTS}/{ada}").body["language"] == "de"
    api.post(SUBJECTS, body | {"language": "fr"})
    assert api.get(f"{SUBJECTS}/{ada}").body["language"] == "de"


def test_customer_numbers_are_per_application_and_ids_pairwise(api, other, ada):
    stranger = other.post(SUBJECTS, {"identifiers": {"customer_id": "42"}})
    assert stranger.status_code == 201
    same = other.post(SUBJECTS, {"identifiers": {"email": "ada@example.org"}})
    assert same.status_code == 200 and same.body["id"] not in {ada, stranger.body["id"]}
    assert refused(other.get(f"{SUBJECTS}/{ada}"), 404, "not_found")


def test_no_time_of_a_person_is_the_same_for_two_applications(api, other):
    """Two applications cannot join what they know: to the microsecond, a time is as good as an id."""
    body = {"identifiers": {"email": "ada@example.org"}}
    mine, theirs = api.post(SUBJECTS, body).body, other.post(SUBJECTS, body).body
    assert mine["created_at"] < theirs["created_at"]
    for client, told in ((api, mine), (other, theirs)):
        assert client.get(f"{SUBJECTS}/{told['id']}").body["created_at"] == told["created_at"]
        assert client.post(SUBJECTS, body).body["created_at"] == told["created_at"]


def test_unknown_and_of_another_application_have_one_body(api, other, ada, nobody):
    for path in ("", "/data?purpose=orders", "/consents", "/sharing"):
        theirs, none = other.get(f"{SUBJECTS}/{ada}{path}"), other.get(f"{SUBJECTS}/{nobody}{path}")
        assert refused(theirs, 404, "not_found") and theirs.content == none.content


def test_look_up_takes_exactly_one_identifier(api, ada):
    found = api.post(f"{SUBJECTS}/lookup", {"email": "ADA@example.org"})
    assert (found.status_code, found.body) == (200, {"id": ada})
    assert refused(api.post(f"{SUBJECTS}/lookup", {"email": "nobody@example.org"}), 404, "not_found")
    assert refused(api.post(f"{SUBJECTS}/lookup", {}), 400, "missing_member")
    two = api.post(f"{SUBJECTS}/lookup", {"email": "ada@example.org", "customer_id": "42"})
    assert refused(two, 422, "invalid_value")
    assert refused(api.post(f"{SUBJECTS}/lookup", {"name": "Ada"}), 400, "unknown_member")
    bad = api.post(f"{SUBJECTS}/lookup", {"email": "no address"})
    assert refused(bad, 422, "invalid_value") and bad.body["errors"][0]["pointer"] == "/email"


def test_a_person_as_shown(api, ada):
    answer = api.get(f"{SUBJECTS}/{ada}")
    assert answer.status_code == 200
    assert answer.body.keys() == {"id", "identifiers", "language", "restricted", "created_at"}
    assert answer.body["restricted"] is False and answer.body["language"] is None
    assert api.get(f"{SUBJECTS}/{ada.upper()}").body == answer.body


def test_bad_identifiers(api):
    assert refused(api.post(SUBJECTS, {"identifiers": {}}), 422, "invalid_value")
    assert refused(api.post(SUBJECTS, {}), 400, "missing_member")
    assert refused(api.post(SUBJECTS, {"identifiers": {"ssn": "1"}}), 400, "unknown_member")
    bad = api.post(SUBJECTS, {"identifiers": {"email": "no address"}})
    assert refused(bad, 422, "invalid_value") and bad.body["errors"][0]["pointer"] == "/identifiers/email"
    odd = api.post(SUBJECTS, {"identifiers": {"eve@example.org": "1"}})
    assert refused(odd, 400, "unknown_member") and b"example.org" not in odd.content


def test_after_an_erasure_the_same_identifiers_make_a_new_person(api, ada, work, settings):
    settings.UNDO_WINDOW_SECONDS = 0
    assert api.store(ada, "tax_records", {"vat_number": "DE123456789"}).status_code == 200
    assert api.store(ada, "orders", {"phone": "+4930123456"}).status_code == 200
    api.file(ada, "erasure")
    work()
    for path in ("", "/consents", "/sharing", "/data?purpose=orders"):
        assert refused(api.get(f"{SUBJECTS}/{ada}{path}"), 410, "erased")
    kept = api.read(ada, "tax_records", "vat_number")
    assert (kept.status_code, kept.body["values"]) == (200, {"vat_number": "DE123456789"})
    assert api.decide(ada, "orders")["code"] == "erased"
    assert api.decide(ada, "tax_records", fields=["vat_number"])["code"] == "allowed"
    assert refused(api.file(ada, "access"), 410, "erased")
    assert refused(api.store(ada, "orders", {"phone": "+4930123456"}), 410, "erased")
    assert refused(api.consent(ada, "newsletter", "withdraw"), 410, "erased")
    again = api.post(SUBJECTS, {"identifiers": {"email": "ada@example.org", "customer_id": "42"}})
    assert again.status_code == 201 and again.body["id"] != ada
