"""The register of breaches: 72 hours, the people concerned from the log, nothing closed silently (Art. 33, 34)."""

from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from access.models import OutgoingMail
from audit import actors
from audit import services as audit
from erasure.admin.breaches import FINAL, WRITES
from erasure.models import Breach
from erasure.services import breaches
from gdpr_portal.errors import Invalid, Refused, WrongState
from subjects.models import Subject
from subjects.services.people import register_subject

pytestmark = pytest.mark.django_db


def breach(by: Any, **more: Any) -> Breach:
    now = timezone.now()
    given = {
        "aware_at": now,
        "since": now - timedelta(days=2),
        "until": now,
        "facts": "A key was lost.",
        "risk": "high",
    }
    return breaches.record_breach(breach=Breach(**given | more), by=by.account)


def proposed(row: Breach, by: Any) -> str:
    """The digest of the words, which this member of staff wants sent."""
    row.refresh_from_db()
    return breaches.propose_words(breach_id=row.id, by=by.account, digest=row.words_digest()).proposed_digest


def read(person: Any, application: str, purpose: str) -> None:
    with transaction.atomic():
        audit.record(
            "data.read",
            actor=actors.application(application),
            subject=person.subject.pseudonym,
            purpose=purpose,
            fields=["email"],
            details={"application": application},
        )


def test_the_clock_runs_from_awareness(rita: Any, frozen: Any) -> None:
    row = breach(rita)
    assert breaches.time_left(row) == timedelta(hours=72)
    frozen.shift(timedelta(hours=73))
    assert breaches.time_left(row) == timedelta(hours=-1)
    with pytest.raises(Invalid, match="delay_reason_missing"):
        breaches.tell_authority(breach_id=row.id, by=rita.account)
    told = breaches.tell_authority(breach_id=row.id, by=rita.account, delay_reason="The extent was not known.")
    assert told.authority_told_at == timezone.now()


def test_the_people_concerned_are_exactly_those_in_the_log(rita: Any, alice: Any, bob: Any) -> None:
    read(alice, "shop", "orders")
    read(alice, "shop", "orders")
    read(bob, "shop", "newsletter")
    read(bob, "acme", "orders")
    until = timezone.now() + timedelta(minutes=1)
    row = breach(rita, application="shop", purpose="orders", until=until)
    assert breaches.concerned(row) == [alice.subject.pseudonym]
    everybody = breach(rita, until=until, application="shop")
    assert set(breaches.concerned(everybody)) == {alice.subject.pseudonym, bob.subject.pseudonym}
    before = breach(rita, since=until - timedelta(days=9), until=until - timedelta(days=8))
    assert breaches.concerned(before) == []


def test_who_was_sent_something_is_concerned_too(rita: Any, alice: Any, bob: Any) -> None:
    with transaction.atomic():
        for person, to in ((alice, "acme"), (bob, "other")):
            details = {"recipient": to, "application": to, "channel": "web"}
            subject = person.subject.pseudonym
            audit.record(
                "sharing.started", actor=actors.SUBJECT, subject=subject, purpose="newsletter", details=details
            )
    row = breach(rita, application="acme", until=timezone.now() + timedelta(minutes=1))
    assert breaches.concerned(row) == [alice.subject.pseudonym]


def test_everybody_concerned_is_written_to_once_and_the_rest_counted(
    rita: Any, ruth: Any, alice: Any, bob: Any, shop: Any, audit_log: Any, django_capture_on_commit_callbacks: Any
) -> None:
    unreached, _new = register_subject(application=shop, identifiers={"customer_id": "c-77"})
    read(alice, "shop", "orders")
    with transaction.atomic():
        audit.record("data.read", actor=actors.application("shop"), subject=unreached.pseudonym, purpose="orders")
    row = breach(rita, until=timezone.now() + timedelta(minutes=1), application="shop", purpose="orders")
    with pytest.raises(Invalid, match="what people are told"):
        proposed(row, rita)
    Breach.objects.update(told_people="Your orders could be read. Change your password.")
    digest = proposed(row, rita)
    with django_capture_on_commit_callbacks(execute=True):
        assert breaches.write_to_people(breach_id=row.id, by=ruth.account, digest=digest) == (1, 1)
    assert [(message.to, "Change your password." in message.body) for message in mail.outbox] == [([alice.email], True)]
    with pytest.raises(WrongState):
        breaches.write_to_people(breach_id=row.id, by=ruth.account, digest=digest)
    [event] = audit_log("breach.people_written_to")
    assert (event.details["count"], event.details["without_address"]) == (1, 1)


def test_everybody_is_told_in_their_language_where_the_register_has_the_words(
    rita: Any, ruth: Any, alice: Any, bob: Any, django_capture_on_commit_callbacks: Any
) -> None:
    for person, language in ((alice, "fr"), (bob, "de")):
        read(person, "shop", "orders")
        Subject.objects.filter(pk=person.subject.pk).update(language=language)
    until = timezone.now() + timedelta(minutes=1)
    row = breach(rita, until=until, told_people="A key was lost.", told_people_fr="Une clé a été perdue.")
    chosen = {"action": "write_to_people", "_selected_action": [str(row.id)]}
    page = " ".join(rita.browser().post("/admin/erasure/breach/", chosen).content.decode().split())
    assert "A key was lost.</p></blockquote> <figcaption>German: 1</figcaption>" in page
    assert "Une clé a été perdue.</p></blockquote> <figcaption>French: 1</figcaption>" in page
    digest = proposed(row, ruth)
    with django_capture_on_commit_callbacks(execute=True):
        breaches.write_to_people(breach_id=row.id, by=rita.account, digest=digest)
    told = {message.to[0]: message.body for message in mail.outbox}
    assert "Une clé a été perdue." in told[alice.email] and "A key was lost." not in told[alice.email]
    assert "A key was lost." in told[bob.email]


def test_one_alone_writes_to_nobody(rita: Any, ruth: Any, alice: Any) -> None:
    """Free words to everybody concerned were one person's to send."""
    read(alice, "shop", "orders")
    row = breach(rita, until=timezone.now() + timedelta(minutes=1), told_people="A key was lost.")
    with pytest.raises(WrongState):
        breaches.write_to_people(breach_id=row.id, by=rita.account, digest=row.words_digest())
    digest = proposed(row, rita)
    with pytest.raises(Refused, match="four_eyes"):
        breaches.write_to_people(breach_id=row.id, by=rita.account, digest=digest)
    pages = {who: each.browser().get(f"/admin/erasure/breach/{row.id}/change/").content.decode()
             for who, each in (("rita", rita), ("ruth", ruth))}  # fmt: skip
    assert "has proposed the words" in pages["rita"] and '_words"' not in pages["rita"]
    assert 'value="write_to_people"' not in pages["rita"] and 'value="people_told"' in pages["rita"]
    assert 'value="write_to_people"' in pages["ruth"] and "has proposed the words" in pages["ruth"]
    waits = "mail to people about a breach waits"
    assert waits in ruth.browser().get("/admin/").content.decode()
    assert waits not in rita.browser().get("/admin/").content.decode()
    assert not OutgoingMail.objects.exists()


@pytest.mark.parametrize("change", [{"told_people": "Nothing was lost."}, {"told_people_de": "x"}, {"application": ""}])
def test_other_words_or_other_people_are_proposed_anew(rita: Any, ruth: Any, change: dict[str, str]) -> None:
    row = breach(rita, told_people="A key was lost.", application="shop")
    digest = proposed(row, rita)
    Breach.objects.update(**change)
    row.refresh_from_db()
    for seen in (digest, row.words_digest()):
        with pytest.raises(WrongState, match="look at them again"):
            breaches.write_to_people(breach_id=row.id, by=ruth.account, digest=seen)
    with pytest.raises(WrongState, match="look at them again"):  # a page left open proposes nothing else either
        breaches.propose_words(breach_id=row.id, by=rita.account, digest=digest)
    newer = proposed(row, rita)
    with pytest.raises(WrongState):
        breaches.write_to_people(breach_id=row.id, by=ruth.account, digest=digest)  # from a page of before
    assert breaches.write_to_people(breach_id=row.id, by=ruth.account, digest=newer) == (0, 0)


def test_a_change_of_the_register_is_in_the_log(rita: Any, audit_log: Any) -> None:
    row = breach(rita)
    row.risk = "risk"
    breaches.change_breach(breach=row, changed=["risk", "remedy"], by=rita.account)
    assert audit_log("breach.changed")[0].details["changed"] == ["remedy", "risk"]
    row.aware_at = timezone.now() + timedelta(hours=1)
    with pytest.raises(Invalid):
        breaches.change_breach(breach=row, changed=["aware_at"], by=rita.account)


def test_nothing_is_closed_before_everybody_was_told_or_a_reason_stands(rita: Any, audit_log: Any) -> None:
    row = breach(rita, effects="Addresses could be read.", remedy="The key was replaced.")
    with pytest.raises(WrongState, match="notices_missing"):
        breaches.close_breach(breach_id=row.id, by=rita.account)
    breaches.tell_authority(breach_id=row.id, by=rita.account)
    with pytest.raises(WrongState, match="notices_missing"):
        breaches.close_breach(breach_id=row.id, by=rita.account)
    with pytest.raises(Invalid):
        breaches.tell_people(breach_id=row.id, by=rita.account, omitted="embarrassing")
    breaches.tell_people(breach_id=row.id, by=rita.account, omitted="34(3)(a)")
    breaches.close_breach(breach_id=row.id, by=rita.account)
    kinds = ("recorded", "authority_told", "people_told", "closed")
    assert [len(audit_log(f"breach.{kind}")) for kind in kinds] == [1, 1, 1, 1]
    with pytest.raises(WrongState):
        breaches.tell_people(breach_id=row.id, by=rita.account)


def test_the_database_keeps_it_too(rita: Any) -> None:
    row = breach(rita)
    rows = Breach.objects.filter(pk=row.pk)
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(closed_at=timezone.now())
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(authority_told_at=row.aware_at + timedelta(hours=73))
    with pytest.raises(IntegrityError), transaction.atomic():
        rows.update(proposed_by=rita.account, sent_by=rita.account)


def test_the_desk_keeps_the_register(rita: Any, olga: Any, alice: Any) -> None:
    address = "/admin/erasure/breach/"
    assert olga.browser().get(address).status_code in {302, 403}
    read(alice, "shop", "orders")
    now = timezone.now()
    given = {"facts": "A key was lost.", "risk": "risk", "application": "shop", "purpose": ""}
    for name, moment in (("aware_at", now), ("since", now - timedelta(days=1)), ("until", now + timedelta(days=1))):
        given[name] = moment.strftime("%Y-%m-%dT%H:%M:%S")
    assert rita.browser(fresh=False).post(f"{address}add/", given).status_code == 403 and not Breach.objects.exists()
    rita.browser().post(f"{address}add/", given)
    row = Breach.objects.get()
    assert row.recorded_by_id == rita.account.id
    later = {"aware_at": (now + timedelta(days=2)).strftime("%Y-%m-%dT%H:%M:%S")}
    refused = rita.browser().post(f"{address}{row.id}/change/", given | later)
    assert refused.status_code == 200 and "not known of in the future" in refused.content.decode()
    changed = given | {"effects": "Orders could be read.", "risk": "high"}
    assert rita.browser(fresh=False).post(f"{address}{row.id}/change/", changed).status_code == 403
    row.refresh_from_db()
    assert row.effects == "", "a stolen session writes nothing into the register"
    rita.browser().post(f"{address}{row.id}/change/", changed)
    row.refresh_from_db()
    assert (row.risk, row.effects) == ("high", "Orders could be read.")
    left = int(breaches.time_left(row).total_seconds() // 3600)
    assert f">{left}<" in rita.browser().get(address).content.decode()
    chosen = {"_selected_action": [str(row.id)]}
    assert rita.browser(fresh=False).post(address, {"action": "people", **chosen}).status_code == 403
    listed = rita.browser().post(address, {"action": "people", **chosen})
    assert str(alice.subject.pseudonym) in listed.content.decode() and alice.email not in listed.content.decode()
    sure = chosen | {"confirmed": "yes"}
    assert rita.browser(fresh=False).post(address, {"action": "authority_told", **sure}).status_code == 403
    rita.browser().post(address, {"action": "authority_told", **sure})
    row.refresh_from_db()
    assert row.authority_told_at is not None


@pytest.mark.parametrize("act", ["authority_told", "propose_words", "write_to_people", "people_told", "close"])
def test_what_nothing_undoes_is_asked_once_more(rita: Any, ruth: Any, alice: Any, act: str) -> None:
    read(alice, "shop", "orders")
    row = breach(rita, effects="None known.", remedy="Locked.", told_people="A laptop was <lost>.", risk="unlikely")
    digest = proposed(row, ruth) if act == "write_to_people" else row.words_digest()
    before = Breach.objects.values().get()
    chosen = {"action": act, "_selected_action": [str(row.id)]}
    asked = rita.browser().post("/admin/erasure/breach/", chosen)
    page = asked.content.decode()
    assert asked.status_code == 200 and "Nothing is done yet." in page and str(FINAL[act][1]) in page
    assert ("People concerned: 1." in page) == ("A laptop was &lt;lost&gt;." in page) == (act in WRITES)
    assert f'name="words-{row.id}" value="{digest}"' in page or act not in WRITES
    assert Breach.objects.values().get() == before and not OutgoingMail.objects.exists()
    rita.browser().post("/admin/erasure/breach/", chosen | {"confirmed": "yes", f"words-{row.id}": digest})
    assert Breach.objects.values().get() != before
    assert OutgoingMail.objects.exists() == (act == "write_to_people")


def test_a_time_that_cannot_be_is_refused_in_words_alone(rita: Any) -> None:
    now = timezone.now()
    given = {"facts": "A key was lost.", "risk": "risk", "application": "", "purpose": ""}
    for name, moment in (("aware_at", now), ("since", now), ("until", now - timedelta(days=1))):
        given[name] = moment.strftime("%Y-%m-%dT%H:%M:%S")
    page = rita.browser().post("/admin/erasure/breach/add/", given).content.decode()
    assert "ends after it began" in page and "breach_period" not in page and not Breach.objects.exists()


def test_the_last_hour_is_not_shown_as_none(rita: Any) -> None:
    row = breach(rita)
    for left, shown in ((timedelta(minutes=50), "&lt; 1"), (timedelta(minutes=-5), "-1"), (timedelta(hours=3.5), "3")):
        Breach.objects.filter(pk=row.pk).update(aware_at=timezone.now() + left - timedelta(hours=72))
        assert f">{shown}<" in rita.browser().get("/admin/erasure/breach/").content.decode()


def test_when_people_were_told_is_never_taken_out_of_the_register(rita: Any, frozen: Any) -> None:
    row = breach(rita)
    told = breaches.tell_people(breach_id=row.id, by=rita.account).people_told_at
    frozen.shift(timedelta(hours=1))
    for omitted in ("", "34(3)(b)"):
        with pytest.raises(WrongState):
            breaches.tell_people(breach_id=row.id, by=rita.account, omitted=omitted)
    row.refresh_from_db()
    assert (row.people_told_at, row.people_not_told) == (told, "")


def test_the_page_of_a_breach_says_what_comes_next_and_has_a_button_for_it(rita: Any) -> None:
    row, browser = breach(rita), rita.browser()
    page = browser.get(f"/admin/erasure/breach/{row.id}/change/").content.decode()
    assert "to be told by" in page and 'name="action" value="people_averted"' in page
    given = {"action": "people_averted", "_selected_action": str(row.id), "confirmed": "yes"}
    browser.post("/admin/erasure/breach/", given)
    page = browser.get(f"/admin/erasure/breach/{row.id}/change/").content.decode()
    assert "The high risk has been averted since (Art. 34(3)(b))" in page
    assert "averted" in browser.get("/admin/erasure/breach/").content.decode().split("result_list")[1]
    breaches.tell_people(breach_id=row.id, by=rita.account)
    page = browser.get(f"/admin/erasure/breach/{row.id}/change/").content.decode()
    assert "told on" in page and 'value="people_told"' not in page and 'value="close"' in page
