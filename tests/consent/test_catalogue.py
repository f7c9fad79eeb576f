"""The catalogue over the API: what is live and nothing else; the rights of each basis; the Art. 30 record."""

import csv
import hashlib
import io

import pytest

from consent.models import NoticeText, Purpose, Recipient
from consent.notices import points
from consent.rights import rights_offered
from consent.services import review

pytestmark = pytest.mark.usefixtures("catalogue")
LIVE = [
    "direct_marketing", "emergency_contact", "fraud_prevention", "health_programme", "newsletter", "orders",
    "statistics", "tax_records",
]  # fmt: skip


@pytest.fixture
def api(client_for, shop):
    return client_for(shop)


def test_only_what_is_live_is_listed(api):
    items = api.get("/api/v1/purposes").body["items"]
    assert [item["slug"] for item in items] == LIVE
    assert Purpose.objects.filter(slug="profiling", state="in_review").exists()


def test_a_purpose_has_the_shape_of_the_contract(api):
    items = {item["slug"]: item for item in api.get("/api/v1/purposes").body["items"]}
    text = NoticeText.objects.get(notice__purpose__slug="newsletter", language="en")
    assert items["newsletter"] == {
        "slug": "newsletter", "title": "Newsletter", "lawful_basis": "consent", "fields": ["email", "given_name"],
        "retention_days": 730, "special_category": False, "recipients": ["acme"],
        "rights": ["access", "rectification", "erasure", "restriction", "portability", "withdraw_consent"],
        "notice": {"version": 1, "digest": text.digest, "language": "en"},
    }  # fmt: skip
    assert items["health_programme"]["special_category"] is True


def test_pages_go_on_where_the_last_ended(api):
    first = api.get("/api/v1/purposes", {"limit": 5}).body
    rest = api.get("/api/v1/purposes", {"limit": 5, "cursor": first["next"]}).body
    assert [item["slug"] for item in first["items"] + rest["items"]] == LIVE
    assert rest["next"] is None


@pytest.mark.parametrize(
    ("asked", "language"), [("de", "de"), ("de-AT", "de"), ("fr", "fr"), ("nl", "en"), (None, "en")]
)
def test_the_wording_comes_in_the_language_or_the_default_one(api, asked, language):
    answer = api.get("/api/v1/purposes/newsletter/notice", {"language": asked} if asked else {}).body
    assert (answer["language"], answer["version"], answer["purpose"]) == (language, 1, "newsletter")
    assert answer["digest"] == "sha256:" + hashlib.sha256(answer["body"].encode()).hexdigest()


@pytest.mark.parametrize(
    ("slug", "status", "code"), [("profiling", 403, "purpose_not_approved"), ("nothing", 404, "unknown_purpose")]
)
def test_an_unapproved_or_unknown_purpose_has_no_wording(api, slug, status, code):
    answer = api.get(f"/api/v1/purposes/{slug}/notice")
    assert (answer.status_code, answer.body["code"]) == (status, code)


def test_recipients_are_listed_once_live(api, rita):
    assert api.get("/api/v1/recipients").body == {
        "items": [
            {"slug": "acme", "name": "Acme Mailings GmbH", "role": "controller", "country": "DE", "safeguard": "",
             "purposes": ["newsletter"]}
        ],
        "next": None,
    }  # fmt: skip
    review.retire(item=Recipient.objects.get(slug="acme"), actor=rita.account)
    assert api.get("/api/v1/recipients").body["items"] == []


@pytest.mark.parametrize(
    ("basis", "marketing", "extra"),
    [
        ("consent", False, {"erasure", "portability", "withdraw_consent"}),
        ("contract", False, {"erasure", "portability"}),
        ("legal_obligation", False, set()),
        ("vital_interests", False, {"erasure"}),
        ("public_task", False, {"objection"}),
        ("legitimate_interests", False, {"erasure", "objection"}),
        ("contract", True, {"erasure", "portability", "objection"}),
    ],
)
def test_the_basis_decides_the_rights(basis, marketing, extra):
    assert set(rights_offered(basis, marketing)) == {"access", "rectification", "restriction"} | extra


def test_every_live_notice_makes_every_point_in_every_language():
    live = Purpose.objects.filter(state="live")
    assert live
    for purpose in live:
        texts = {text.language: text.body for text in NoticeText.objects.filter(notice__purpose=purpose)}
        assert points.flaws(texts, purpose.lawful_basis, purpose.is_marketing) == []
        assert all("{" not in body for body in texts.values())


@pytest.mark.parametrize("point", points.HEADINGS)
def test_a_point_left_out_is_named(point):
    texts = dict(
        NoticeText.objects.filter(
            notice__purpose__slug="direct_marketing" if point != "withdrawal" else "newsletter"
        ).values_list("language", "body")
    )
    basis = "consent" if point == "withdrawal" else "legitimate_interests"
    assert points.flaws(texts, basis, basis != "consent") == []
    heading = points.HEADINGS[point]["fr"]
    broken = texts | {"fr": texts["fr"].replace(f"## {heading}", "## Autre chose")}
    named = [f'French: {points.HEADINGS[point]["en"]} ({points.ARTICLES[point]}), under "## {heading}"']
    assert points.flaws(broken, basis, basis != "consent") == named


def test_the_record_of_processing_comes_from_the_live_catalogue(client_for, qa_sampler, rita):
    api = client_for(qa_sampler)
    record = api.get("/api/v1/records-of-processing").body
    entries = {entry["purpose"]: entry for entry in record["activities"]}
    assert list(entries) == LIVE
    assert entries["tax_records"]["retention_law"].startswith("§ 147 AO")
    assert entries["newsletter"]["recipients"] == ["Acme Mailings GmbH"]
    assert record["controller"]["name"] and record["data_protection_officer"]
    review.retire(item=Purpose.objects.get(slug="statistics"), actor=rita.account)
    assert "statistics" not in [e["purpose"] for e in api.get("/api/v1/records-of-processing").body["activities"]]


def test_the_record_of_processing_is_csv_when_asked(client_for, qa_sampler):
    answer = client_for(qa_sampler).get("/api/v1/records-of-processing", headers={"accept": "text/csv"})
    assert (answer.status_code, answer["Content-Type"]) == (200, "text/csv; charset=utf-8")
    rows = list(csv.DictReader(io.StringIO(answer.content.decode())))
    assert [row["purpose"] for row in rows] == LIVE


def test_the_record_of_processing_needs_its_scope(api):
    assert api.get("/api/v1/records-of-processing").body["code"] == "scope_missing"


def test_building_the_catalogue_twice_changes_nothing(olga, rita, audit_log):
    from consent.demo_catalogue import build

    before = (len(audit_log()), list(Purpose.objects.values()))
    build(author=olga.account, approver=rita.account)
    assert (len(audit_log()), list(Purpose.objects.values())) == before
