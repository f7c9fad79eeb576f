"""The register of breaches: 72 hours, the people concerned from the log, nothing closed silently (Art. 33, 34)."""

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import actors
from audit import services as audit
from erasure.models import Breach
from erasure.services import breaches
from gdpr_portal.errors import Invalid, WrongState

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


def test_the_desk_keeps_the_register(rita: Any, olga: Any, alice: Any) -> None:
    address = "/admin/erasure/breach/"
    assert olga.browser().get(address).status_code in {302, 403}
    read(alice, "shop", "orders")
    now = timezone.now()
    given = {"facts": "A key was lost.", "risk": "risk", "application": "shop", "purpose": ""}
    for name, moment in (("aware_at", now), ("since", now - timedelta(days=1)), ("until", now + timedelta(days=1))):
        given[name] = moment.strftime("%Y-%m-%dT%H:%M:%S")
    rita.browser().post(f"{address}add/", given)
    row = Breach.objects.get()
    assert row.recorded_by_id == rita.account.id
    left = int(breaches.time_left(row).total_seconds() // 3600)
    assert f">{left}<" in rita.browser().get(address).content.decode()
    chosen = {"_selected_action": [str(row.id)]}
    listed = rita.browser().post(address, {"action": "people", **chosen})
    assert str(alice.subject.pseudonym) in listed.content.decode() and alice.email not in listed.content.decode()
    assert rita.browser(fresh=False).post(address, {"action": "authority_told", **chosen}).status_code == 403
    rita.browser().post(address, {"action": "authority_told", **chosen})
    row.refresh_from_db()
    assert row.authority_told_at is not None
