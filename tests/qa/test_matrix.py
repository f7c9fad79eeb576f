"""The matrix says what holds for each field and why: pure cases, then the page, the file and its speed."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from django.db import connection
from django.urls import reverse

from consent.models import DataContract, FieldRead, Finding
from consent.qa.counting import reads_since, roll_up
from consent.qa.matrix import Contract, Key, Purpose, Reads, World, cell, matrix
from consent.qa.selectors import cells
from consent.services.data import read_data, store_data

NOW = datetime(2026, 11, 24, tzinfo=UTC)
KEY = Key("shop", "news", "email")


def world(**changes):
    facts = {
        "at": NOW, "applications": ("shop", "eve"),
        "purposes": {"news": Purpose("live", frozenset({"email", "phone"}))},
        "components": {"email": "live", "phone": "live"},
        "contracts": {("shop", "news"): Contract(frozenset({"email"}))},
    } | changes  # fmt: skip
    return World(**facts)


@pytest.mark.parametrize(
    ("changes", "key", "state", "reason"),
    [
        ({}, KEY, "allowed", "in_contract"),
        ({}, KEY._replace(field="phone"), "withheld", "not_in_contract"),
        ({}, KEY._replace(application="eve"), "withheld", "no_contract"),
        (
            {"contracts": {("shop", "news"): Contract(frozenset({"email"}), until=NOW)}},
            KEY,
            "withheld",
            "contract_ended",
        ),
        ({"purposes": {"news": Purpose("retired", frozenset({"email"}))}}, KEY, "violation", "purpose_not_live"),
        ({"purposes": {"news": Purpose("live", frozenset({"phone"}))}}, KEY, "violation", "not_of_purpose"),
        ({"components": {"email": "retired"}}, KEY, "violation", "component_not_live"),
        ({"reads": {KEY: Reads(3, 1)}}, KEY, "violation", "read_uncovered"),
        ({"reads": {KEY: Reads(3)}}, KEY, "allowed", "in_contract"),
        ({"components": {}}, KEY, "gap", "component_unknown"),
        ({"purposes": {"news": Purpose("live", frozenset({"email"}), False)}}, KEY, "gap", "no_live_notice"),
        ({"purposes": {}}, KEY, "gap", "purpose_unknown"),
        ({"applications": ()}, KEY, "gap", "application_unknown"),
    ],
)
def test_a_cell_has_its_state_and_its_reason(changes, key, state, reason):
    found = cell(world(**changes), key)
    assert (found.state, found.reasons[0].code) == (state, reason)


def test_every_application_has_a_cell_for_every_field_of_every_purpose_and_for_what_was_read():
    seen = Key("ghost", "gone", "nose")
    keys = {each.key for each in matrix(world(reads={seen: Reads(1)}))}
    assert keys == {Key(a, "news", f) for a in ("shop", "eve") for f in ("email", "phone")} | {seen}


def read(shop, person):
    store_data(
        application=shop, subject=person.subject, purpose="orders", values={"given_name": "Ada"}, source="subject"
    )
    read_data(application=shop, subject=person.subject, purpose="orders", fields=["given_name"])


@pytest.mark.usefixtures("catalogue")
@pytest.mark.django_db(transaction=True)
def test_reads_are_counted_once_and_seen_before_the_sweep(shop, alice):
    key = Key("shop", "orders", "given_name")
    since = datetime.now(UTC) - timedelta(days=7)
    read(shop, alice)
    assert reads_since(since)[key].count == 1
    assert (roll_up(), roll_up()) == (1, 0)
    assert reads_since(since)[key] == Reads(1, 0, FieldRead.objects.get().last_at)
    read(shop, alice)
    assert reads_since(since)[key].count == 2
    roll_up()
    assert FieldRead.objects.get().reads == 2 and reads_since(since)[key].count == 2


@pytest.mark.usefixtures("catalogue")
@pytest.mark.django_db(transaction=True)
def test_a_read_that_no_contract_covered_is_a_violation_and_a_finding(shop, audit_log):
    plant(1, "vat_number")
    roll_up()
    [cell_] = [each for each in cells(application="shop", purpose="orders") if each.key.field == "vat_number"]
    assert (cell_.state, cell_.reads.uncovered) == ("violation", 1)
    assert Finding.objects.get().kind == "uncovered_read" and len(audit_log("finding.opened")) == 1


def plant(number, field):
    """Reads in the log, as if they had been let through."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, at, action, actor, subject, request_id, purpose, fields, details)"
            " SELECT gen_random_uuid(), now(), 'data.read', 'application:shop', gen_random_uuid(), '', 'orders',"
            ' ARRAY[%s, \'email\'], \'{"application": "shop", "count": 2}\' FROM generate_series(1, %s)',
            [field, number],
        )


@pytest.mark.usefixtures("catalogue")
@pytest.mark.django_db(transaction=True)
def test_with_100_000_people_the_page_answers_within_two_seconds(quentin):
    for _ in range(20):
        plant(5_000, "phone")
    while roll_up():
        pass
    browser = quentin.browser()
    browser.get(reverse("admin:qa_matrix"))
    started = time.process_time()
    page = browser.get(reverse("admin:qa_matrix"))
    assert time.process_time() - started < 2
    assert page.status_code == 200 and "100000 reads" in page.content.decode().replace(",", "").replace("\xa0", "")


@pytest.mark.usefixtures("catalogue")
def test_the_page_and_the_file_are_for_qa_and_irm(quentin, rita, olga, alice, audit_log):
    for person, status in ((quentin, 200), (rita, 200), (olga, 403), (alice, 302)):
        assert person.browser().get(reverse("admin:qa_matrix")).status_code == status
    file = quentin.browser().get(reverse("admin:qa_matrix") + "?application=shop&format=csv")
    lines = file.content.decode().splitlines()
    assert file["Content-Type"].startswith("text/csv") and "orders,email,shop,allowed,in_contract,0,0," in lines
    [event] = audit_log("report.exported")
    assert event.details["rows"] == len(lines) - 1


@pytest.mark.usefixtures("catalogue")
def test_why_a_purpose_is_not_live_is_said_in_words(quentin):
    page = quentin.browser().get(reverse("admin:qa_matrix")).content.decode()
    assert "The purpose is not live: In review" in page and "in_review" not in page


@pytest.mark.usefixtures("catalogue")
def test_filters_narrow_the_matrix(quentin):
    page = quentin.browser().get(reverse("admin:qa_matrix") + "?application=acme&state=withheld").content.decode()
    assert ">Acme</th>" in page and ">Shop</th>" not in page
    assert ">Orders and delivery</h2>" in page and ">Family name</th>" in page, "names, not slugs"


@pytest.mark.usefixtures("catalogue")
@pytest.mark.django_db(transaction=True)
def test_what_was_never_read_is_proposed_away_and_waits_for_irm(shop, alice, quentin, rita, audit_log):
    read(shop, alice)
    contract = DataContract.objects.get(application=shop, purpose__slug="orders", state="live")
    page = quentin.browser().get(reverse("admin:qa_usage")).content.decode()
    assert "Never read" in page and "Propose a narrower contract" in page
    assert "Propose a narrower contract" not in rita.browser().get(reverse("admin:qa_usage")).content.decode()
    narrow = reverse("admin:qa_narrow", args=[contract.pk])
    assert rita.browser().post(narrow).status_code == 403
    assert quentin.browser().post(narrow).status_code == 302
    draft = DataContract.objects.get(application=shop, purpose__slug="orders", state="in_review")
    assert (draft.fields, draft.author) == (["given_name"], quentin.account)
    contract.refresh_from_db()
    assert contract.state == "live"
    quentin.browser().post(narrow)
    assert DataContract.objects.filter(purpose__slug="orders").count() == 2
    assert [e.actor for e in audit_log("contract.submitted")][-1] == f"staff:{quentin.account.pk}"


@pytest.mark.usefixtures("catalogue")
def test_a_contract_that_nobody_used_is_not_narrowed(shop, quentin):
    contract = DataContract.objects.get(application=shop, purpose__slug="orders", state="live")
    quentin.browser().post(reverse("admin:qa_narrow", args=[contract.pk]))
    assert DataContract.objects.filter(purpose__slug="orders").count() == 1
