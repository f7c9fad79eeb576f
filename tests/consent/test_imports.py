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


# --- never more permissive than the evidence ------------------------------------------------------------------------
@pytest.mark.parametrize("said", ["refuse", "withdraw"])
def test_a_yes_of_nobody_knows_when_does_not_overrule_a_no(shop, alice, consent, said):
    from tests.consent.people import answer

    answer(alice.subject, said)
    with pytest.raises(DomainError, match="consent_superseded"):
        import_consents(shop, [(alice.subject, check_consents(shop, [consent], frozenset()))])
    assert Standing.objects.get(subject=alice.subject).state in {"refused", "withdrawn"}


def test_an_older_yes_is_history_and_leaves_the_no_and_the_objection(shop, alice, consent, frozen):
    from consent.models import ConsentEvent, Notice, Objection
    from consent.services.objections import object_to
    from tests.audit.tools import behind_the_triggers
    from tests.consent.people import answer

    with behind_the_triggers():
        Notice.objects.update(published_at="2026-01-01T00:00:00Z")
    answer(alice.subject, "withdraw")
    past = check_consents(shop, [consent | {"at": "2026-06-01T08:00:00Z"}], frozenset())
    import_consents(shop, [(alice.subject, past)])
    assert Standing.objects.get(subject=alice.subject).state == "withdrawn"
    assert ConsentEvent.objects.filter(subject=alice.subject, action="give").count() == 1
    object_to(subject=alice.subject, purpose="newsletter", actor="subject")
    older = check_consents(shop, [consent | {"at": "2026-07-01T08:00:00Z"}], frozenset())
    with pytest.raises(DomainError, match="consent_superseded"):
        import_consents(shop, [(alice.subject, older)])
    assert Objection.objects.filter(ended_at=None).exists()


def test_an_imported_yes_waits_where_the_purpose_asks_for_a_word_by_mail(shop, alice, bob, consent):
    from consent.models import Confirmation, Purpose
    from tests.audit.tools import behind_the_triggers

    with behind_the_triggers():
        Purpose.objects.filter(slug="newsletter").update(double_opt_in=True)
    import_consents(shop, [(who.subject, check_consents(shop, [consent], frozenset())) for who in (alice, bob)])
    assert set(Standing.objects.values_list("state", flat=True)) == {"pending"}
    assert Confirmation.objects.count() == 2
