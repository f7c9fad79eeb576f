"""What an import may bring in: the same rules as the API, judged a line at a time."""

import pytest

from consent.models import NoticeText, Standing
from consent.services.decisions import decide_for
from consent.services.imports import check_consents, check_values, import_consents
from gdpr_portal.errors import DomainError

pytestmark = pytest.mark.usefixtures("catalogue")


@pytest.fixture
def consent():
    text = NoticeText.objects.get(notice__purpose__slug="newsletter", language="de")
    notice = {"version": 1, "language": "de", "digest": text.digest}
    return {"purpose": "newsletter", "action": "give", "notice": notice, "channel": "paper"}


def test_values_come_back_as_they_are_stored(shop):
    assert check_values(shop, "orders", {"phone": "+49 30 901820"}) == {"phone": "+4930901820"}


@pytest.mark.parametrize(
    ("purpose", "values", "code"),
    [
        ("orders", {"vat_number": "DE123456789"}, "not_in_contract"),
        ("statistics", {"postal_address": "Here"}, "not_in_contract"),
        ("orders", {"email": "no address"}, "invalid_value"),
        ("orders", {"email": None}, "invalid_value"),
        ("orders", {}, "not_in_contract"),
        ("profiling", {"email": "a@example.org"}, "purpose_not_approved"),
        ("nothing", {"email": "a@example.org"}, "unknown_purpose"),
    ],
)
def test_what_the_api_refuses_an_import_refuses(shop, purpose, values, code):
    with pytest.raises(DomainError) as refused:
        check_values(shop, purpose, values)
    assert refused.value.code == code


def test_data_for_a_consent_based_purpose_needs_the_consent_in_its_line(shop, consent):
    assert check_consents(shop, [], frozenset({"orders"})) == []
    with pytest.raises(DomainError, match="no_lawful_basis"):
        check_consents(shop, [], frozenset({"newsletter"}))
    with pytest.raises(DomainError, match="no_lawful_basis"):
        check_consents(shop, [consent | {"action": "refuse"}], frozenset({"newsletter"}))
    assert len(check_consents(shop, [consent], frozenset({"newsletter"}))) == 1


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"notice": None}, "notice_outdated"),
        ({"notice": {"version": 1, "language": "de", "digest": "sha256:0"}}, "notice_outdated"),
        ({"notice": {"version": [1], "language": "de", "digest": "x"}}, "notice_outdated"),
        ({"purpose": "orders"}, "not_consent_based"),
        ({"purpose": "health_programme"}, "explicit_consent_required"),
        ({"purpose": 7}, "missing_member"),
        ({"action": "maybe"}, "invalid_value"),
        ({"action": ["give"]}, "invalid_value"),
        ({"at": "2999-01-01T00:00:00Z"}, "invalid_value"),
        ({"at": "yesterday"}, "invalid_value"),
        ({"channel": "by word of mouth"}, "invalid_value"),
        ({"more": 1}, "invalid_value"),
    ],
)
def test_a_consent_without_its_evidence_does_not_come_in(shop, consent, change, code):
    with pytest.raises(DomainError) as refused:
        check_consents(shop, [consent | change], frozenset())
    assert refused.value.code == code


def test_imported_consents_stand_and_a_repetition_changes_nothing(shop, alice, consent, audit_log):
    checked = check_consents(shop, [consent], frozenset())
    for _ in range(2):
        import_consents(shop, [(alice.subject, checked)])
    assert Standing.objects.get(subject=alice.subject).state == "given"
    assert decide_for(application=shop, subject=alice.subject, purpose="newsletter").allowed
    assert len(audit_log("consent.given")) == 1
