"""Where data may go: the EEA, adequate countries as far as their decision reaches, and everywhere else a safeguard."""

from datetime import date, timedelta
from typing import Any

import pytest
from django.urls import reverse
from django.utils import timezone

from access.services.applications import set_endpoint
from consent import transfers
from consent.models import Delivery, Finding, Recipient, Standing
from consent.services import findings, review
from consent.services.sharing import sharing_rows
from gdpr_portal.errors import Invalid
from tests.consent.people import answer

DAY = date(2026, 11, 24)
MEMBERS = [
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IT", "LT", "LU",
    "LV", "MT", "NL", "PL", "PT", "RO", "SE", "SI", "SK",
]  # fmt: skip


@pytest.mark.parametrize("country", [*MEMBERS, "IS", "LI", "NO", "de", " FR ", "RE", "AX"])
def test_nothing_is_needed_within_the_eea(country: str) -> None:
    assert transfers.flaws(country, "", DAY) == []


def test_the_union_has_27_members_and_the_eea_30() -> None:
    assert len(MEMBERS) == 27
    assert len(transfers.EEA - {"AX", "GF", "GP", "MF", "MQ", "RE", "YT"}) == 30
    assert not transfers.EEA & transfers.ADEQUATE.keys()


@pytest.mark.parametrize("country", ["US", "CH", "GB", "JP", "IN", "CN", "BR", "UA", "TR"])
def test_outside_something_is_always_named(country: str) -> None:
    [flaw] = transfers.flaws(country, "  ", DAY)
    assert "without a safeguard" in flaw
    assert ("adequacy decision" in flaw) == (country in transfers.ADEQUATE)
    assert transfers.flaws(country, "Standard contractual clauses, module 1", DAY) == []


@pytest.mark.parametrize(
    "nothing",
    ["none", "None.", "-", "–", "n/a", "N.A.", "no safeguard", "Not needed", "keine", "Keine Garantien", "aucune"],
)
def test_a_word_for_nothing_is_no_safeguard(nothing: str) -> None:
    assert "without a safeguard" in transfers.flaws("IN", nothing, DAY)[0]
    assert transfers.flaws("DE", nothing, DAY) == [], "within the EEA none is needed"
    assert transfers.flaws("IN", f"Binding corporate rules; exceptions: {nothing}", DAY) == []


@pytest.mark.parametrize("country", ["", "XX", "Germany", "EU", "D"])
def test_what_is_no_country_is_refused(country: str) -> None:
    assert "ISO 3166" in transfers.flaws(country, "Standard contractual clauses", DAY)[0]


@pytest.mark.parametrize(
    ("country", "safeguard", "holds"),
    [
        ("CH", "Adequacy decision 2000/518/EC", True),
        ("IN", "Adequacy decision", False),
        ("CN", "Angemessenheitsbeschluss", False),
        ("TR", "Décision d'adéquation", False),
        ("UA", "Art. 45 GDPR", False),
        ("US", "Adequacy decision", False),
        ("US", "Adequacy decision: certified under the EU-US Data Privacy Framework", True),
        ("CA", "Art. 45", False),
        ("CA", "Art. 45, subject to PIPEDA", True),
    ],
)
def test_an_adequacy_decision_holds_where_there_is_one_and_as_far_as_it_reaches(
    country: str, safeguard: str, holds: bool
) -> None:
    assert (transfers.flaws(country, safeguard, DAY) == []) is holds


def test_a_decision_ends_with_its_last_day() -> None:
    last = transfers.ADEQUATE["GB"].until
    assert last is not None
    assert transfers.flaws("GB", "Adequacy decision", last) == []
    assert "no adequacy decision is in force" in transfers.flaws("GB", "Adequacy decision", last + timedelta(days=1))[0]


# --- recipients -------------------------------------------------------------------------------------------------------
def draft(olga: Any, **more: Any) -> Recipient:
    given = {
        "slug": "news", "name": "News Ltd", "role": "controller", "country": "GB", "purposes": ["newsletter"],
        "safeguard": "Adequacy decision (EU) 2021/1772", "contact": "dpo@news.example", "contract_reference": "C-17",
    }  # fmt: skip
    return Recipient.objects.create(author=olga.account, **(given | more))


def go_live(item: Recipient, olga: Any, rita: Any) -> Recipient:
    item = review.submit(item=item, actor=olga.account)
    item = review.approve(item=item, approver=rita.account, digest=review.digest_of(item))
    return review.publish(item=item, actor=rita.account)


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
@pytest.mark.parametrize("wrong", [{"safeguard": ""}, {"country": "IN"}, {"country": "XX"}, {"purposes": []}])
def test_a_recipient_that_may_get_nothing_does_not_even_come_to_review(olga: Any, wrong: dict[str, Any]) -> None:
    with pytest.raises(Invalid, match="incomplete"):
        review.submit(item=draft(olga, **wrong), actor=olga.account)


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_a_new_recipient_starts_off_for_everybody(alice: Any, bob: Any, olga: Any, rita: Any, acme: Any) -> None:
    """Also for those who consented to the purpose and share with somebody else already (Art. 25(2), R62)."""
    for person in (alice, bob):
        answer(person.subject, "give")
    before = Delivery.objects.count()
    item = go_live(draft(olga), olga, rita)
    assert item.digest == review.digest_of(item)
    for person in (alice, bob):
        row = next(row for row in sharing_rows(person.subject) if row.recipient == "news")
        assert (row.shared, row.since, row.last_delivery) == (False, None, None)
    assert not Standing.objects.filter(recipient="news").exists()
    assert Delivery.objects.count() == before


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_what_was_approved_is_all_of_it_and_older_digests_stand(olga: Any, rita: Any) -> None:
    acme = Recipient.objects.get(slug="acme")
    assert "contract_reference" not in acme.content()
    assert acme.digest == review.digest_of(acme)
    item = review.submit(item=draft(olga), actor=olga.account)
    assert item.content()["contract_reference"] == "C-17"


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_a_decision_that_ends_is_a_finding_for_every_live_recipient_on_it(olga: Any, rita: Any, acme: Any) -> None:
    set_endpoint(application=acme, url="https://acme.example/hook")
    go_live(draft(olga), olga, rita)
    assert findings.find_unsafe() == 0
    last = transfers.ADEQUATE["GB"].until
    assert last is not None
    later = timezone.now() + timedelta(days=(last - timezone.now().date()).days + 1)
    assert findings.find_unsafe(now=later) == 1
    assert Finding.objects.get(kind="unsafe_transfer").application == "news"


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_joint_controllers_name_their_arrangement(olga: Any) -> None:
    joint = {"role": "joint controller", "contract_reference": ""}
    with pytest.raises(Invalid, match=r"Art\. 26"):
        review.submit(item=draft(olga, **joint), actor=olga.account)


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_the_desk_tells_where_people_are_not_told_of_a_recipient(olga: Any) -> None:
    silent = reverse("admin:consent_recipient_change", args=[draft(olga).pk])
    told = reverse("admin:consent_recipient_change", args=[Recipient.objects.get(slug="acme").pk])
    assert "does not name it" in olga.browser().get(silent).content.decode()
    assert "does not name it" not in olga.browser().get(told).content.decode()


@pytest.mark.django_db
@pytest.mark.usefixtures("catalogue")
def test_a_person_reads_what_a_recipient_is_that_it_is_outside_and_what_protects_the_data_there(
    alice: Any, olga: Any, rita: Any
) -> None:
    answer(alice.subject, "give")
    page = alice.browser().get("/sharing").content.decode()
    assert "outside the European Economic Area" not in page
    go_live(draft(olga, role="joint controller"), olga, rita)
    page = alice.browser().get("/sharing").content.decode()
    assert "United Kingdom, outside the European Economic Area" in page and "Art. 26 GDPR" in page
    assert "What protects your data there" in page and "Adequacy decision (EU) 2021/1772. Ask us" in page
