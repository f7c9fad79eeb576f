"""Samples are drawn by lot, the same again for the same seed; findings have an owner, a history and one open row."""

from datetime import timedelta

import pytest
from django.urls import reverse
from django.utils import timezone

from consent.models import Delivery, Finding, FindingNote, Sample, SampleEntry
from consent.qa.sampling import allocate
from consent.qa.services import draw_sample
from consent.services.findings import change_finding, find_overdue, open_finding
from gdpr_portal.errors import Invalid, Refused, WrongState
from tests.consent.people import answer, share


@pytest.mark.parametrize(
    ("strata", "size", "quota"),
    [
        ({"a": 90, "b": 10}, 10, {"a": 9, "b": 1}),
        ({"a": 1000, "b": 1}, 10, {"a": 9, "b": 1}),
        ({"a": 3, "b": 2}, 10, {"a": 3, "b": 2}),
        ({"a": 5, "b": 5, "c": 5}, 2, {"a": 1, "b": 1}),
        ({}, 5, {}),
    ],
)
def test_every_kind_of_act_has_its_share_and_at_least_one(strata, size, quota):
    assert allocate(strata, size) == quota


def drawn(person, seed="autumn", size=10):
    now = timezone.now()
    return draw_sample(actor=person.account, seed=seed, size=size, since=now - timedelta(days=1), until=now)


def events(sample):
    return list(sample.entries.order_by("place").values_list("event", flat=True))


@pytest.mark.usefixtures("catalogue")
def test_the_same_seed_draws_the_same_again(quentin, audit_log):
    now = timezone.now()
    period = {"since": now - timedelta(days=1), "until": now}
    first, again, other = (
        draw_sample(actor=quentin.account, seed=seed, size=10, **period) for seed in ("autumn", "autumn", "winter")
    )
    assert events(first) == events(again) and first.digest == again.digest
    assert events(first) != events(other) and len(events(first)) == 10
    assert [event.details["size"] for event in audit_log("sample.drawn")] == [10, 10, 10]


def test_only_qa_draws_and_only_what_can_be_drawn(quentin, rita):
    with pytest.raises(Refused):
        drawn(rita)
    for wrong in ({"seed": "two words"}, {"size": 0}, {"size": 501}):
        with pytest.raises(Invalid):
            drawn(quentin, **wrong)
    now = timezone.now()
    with pytest.raises(Invalid):
        draw_sample(actor=quentin.account, seed="s", size=1, since=now, until=now + timedelta(days=1))


@pytest.mark.usefixtures("catalogue")
def test_entries_are_signed_off_on_the_page_or_open_a_finding(quentin, rita, audit_log):
    sample = drawn(quentin)
    first, second = sample.entries.order_by("place")[:2]
    browser = quentin.browser()
    assert rita.browser().get(reverse("admin:qa_sample", args=[sample.pk])).status_code == 200
    rita.browser().post(reverse("admin:qa_mark", args=[first.pk]), {"verdict": "ok"})
    first.refresh_from_db()
    assert first.verdict == "waiting"
    browser.post(reverse("admin:qa_mark", args=[first.pk]), {"verdict": "ok"})
    browser.post(reverse("admin:qa_mark", args=[second.pk]), {"verdict": "finding", "note": ""})
    browser.post(reverse("admin:qa_mark", args=[second.pk]), {"verdict": "finding", "note": "Whose key was this?"})
    assert [entry.verdict for entry in sample.entries.order_by("place")[:3]] == ["ok", "finding", "waiting"]
    finding = Finding.objects.get(kind="sample")
    assert (finding.event, finding.notes.get().text) == (second.event, "Whose key was this?")
    assert [event.details["verdict"] for event in audit_log("sample.marked")] == ["ok", "finding"]
    page = browser.get(reverse("admin:qa_sample", args=[sample.pk])).content.decode()
    assert reverse("admin:qa_finding", args=[finding.pk]) in page


def test_a_sample_is_drawn_on_the_page(quentin):
    now = timezone.now()
    asked = {"seed": "autumn", "size": "5", "since": (now - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M+00:00")}
    asked["until"] = (now - timedelta(minutes=1)).strftime("%Y-%m-%dT%H:%M+00:00")
    reply = quentin.browser().post(reverse("admin:qa_samples"), asked)
    assert reply["Location"] == reverse("admin:qa_sample", args=[Sample.objects.get().pk])


@pytest.mark.usefixtures("catalogue")
def test_a_write_outside_the_contract_is_one_finding_a_field(client_for, shop, alice):
    api, path = client_for(shop), f"/api/v1/subjects/{alice.id_for(shop)}/data"
    for values in ({"vat_number": "x"}, {"vat_number": "y"}, {"shoe_size": "9"}):
        assert api.put(path, {"purpose": "orders", "source": "subject", "values": values}).status_code == 403
    found = Finding.objects.order_by("-field").values_list("kind", "application", "purpose", "field", "times")
    assert list(found) == [
        ("not_in_contract", "shop", "orders", "vat_number", 2), ("not_in_contract", "shop", "orders", "", 1),
    ]  # fmt: skip


@pytest.mark.usefixtures("catalogue")
def test_who_does_not_confirm_in_time_has_one_finding_with_what_is_owed(alice, audit_log):
    answer(alice.subject, "give")
    share(alice.subject, True)
    assert find_overdue() == 0
    Delivery.objects.update(created_at=timezone.now() - timedelta(hours=73))
    assert (find_overdue(), find_overdue()) == (1, 1)
    finding = Finding.objects.get(kind="overdue_confirmation")
    assert (finding.application, finding.times) == ("acme", Delivery.objects.filter(application__slug="acme").count())


def test_a_finding_has_an_owner_and_a_history_and_its_end_needs_words(quentin, olga, audit_log):
    finding = open_finding(kind="manual", author=quentin.account, note="Look at this.")
    with pytest.raises(Refused):
        change_finding(finding=finding, actor=olga.account, state="closed", note="Mine.")
    with pytest.raises(Invalid):
        change_finding(finding=finding, actor=quentin.account, state="closed", note=" ")
    browser, url = quentin.browser(), reverse("admin:qa_finding", args=[finding.pk])
    browser.post(url, {"state": "in_work", "owner": quentin.account.pk, "note": ""})
    browser.post(url, {"state": "closed", "owner": quentin.account.pk, "note": "The contract was narrowed."})
    finding.refresh_from_db()
    assert (finding.state, finding.owner) == ("closed", quentin.account)
    assert list(FindingNote.objects.order_by("pk").values_list("state", flat=True)) == ["open", "in_work", "closed"]
    with pytest.raises(WrongState):
        change_finding(finding=finding, actor=quentin.account, state="open", note="Again.")
    assert [event.details["state"] for event in audit_log("finding.changed")] == ["in_work", "closed"]
    assert open_finding(kind="manual").pk != finding.pk


def test_open_findings_stand_on_the_start_of_irm_and_qa(quentin, rita, olga):
    open_finding(kind="manual", application="shop")
    for person in (quentin, rita):
        page = person.browser().get("/admin/").content.decode()
        assert "<strong>1</strong> finding is open" in page
        assert "Shop" in person.browser().get(reverse("admin:qa_findings")).content.decode()
    assert "finding is open" not in olga.browser().get("/admin/").content.decode()
    assert SampleEntry.objects.count() == 0
