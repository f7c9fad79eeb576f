"""A past moment is answered as it was answered then: everything a decision rests on, also of people erased since."""

from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from consent.models import ConsentEvent, Delivery, Objection, Revision
from consent.services import review
from consent.services.consents import end_proofs
from consent.services.decisions import decide_many
from consent.services.deliveries import queue_delivery
from consent.services.facts import Question
from consent.services.objections import object_to
from erasure.services import retentions
from subjects.holdings import holdings
from subjects.models import ApplicationLink, Restriction, Retention
from subjects.selectors import retained
from subjects.services import mark_erased, register_subject, restrict, retain
from tests.conftest import make_application, make_person
from tests.consent.people import answer
from tests.consent.test_review import approved

pytestmark = pytest.mark.usefixtures("frozen", "catalogue")


def code(application: Any, person: Any, purpose: str, fields: tuple[str, ...] = (), **when: Any) -> str:
    question = Question(person.id_for(application), purpose, None, fields)
    return decide_many(application=application, questions=[question], **when)[0].code


def test_before_an_application_knew_the_person_it_knew_nobody(shop: Any, alice: Any, frozen: Any) -> None:
    frozen.shift(60)
    other = make_application("other", ["decisions:read"])
    before = timezone.now()
    assert code(other, alice, "orders") == "unknown_subject"
    frozen.shift(60)
    register_subject(application=other, identifiers={"email": alice.email})
    assert code(other, alice, "orders") == "not_in_contract"
    assert code(other, alice, "orders", at=before) == "unknown_subject"
    assert code(shop, alice, "orders", at=before) == "allowed"


def test_what_bound_an_erased_person_is_told_until_the_proof_ends(shop: Any, alice: Any, frozen: Any) -> None:
    answer(alice.subject, "give")
    object_to(subject=alice.subject, purpose="fraud_prevention", actor="subject")
    frozen.shift(60)
    objected = timezone.now()
    frozen.shift(60)
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    frozen.shift(60)
    restricted = timezone.now()
    frozen.shift(60)
    erase(alice)
    frozen.shift(60)
    assert code(shop, alice, "fraud_prevention") == "erased"
    assert code(shop, alice, "fraud_prevention", at=objected) == "objected"
    assert code(shop, alice, "newsletter", at=objected) == "allowed"
    assert code(shop, alice, "newsletter", at=restricted) == "restricted"
    frozen.shift(timedelta(days=settings.PROOF_RETENTION_DAYS))
    assert code(shop, alice, "fraud_prevention", at=objected) == "erased", "what is not known any more is not told"
    assert end_proofs() == 4
    assert not any(model.objects.exists() for model in (ConsentEvent, Objection, Restriction, ApplicationLink))
    assert code(shop, alice, "fraud_prevention") == "unknown_subject", "nobody has this id any more"


def test_who_knew_somebody_and_was_told_goes_when_the_proof_and_the_law_are_over(
    shop: Any, alice: Any, frozen: Any
) -> None:
    queue_delivery(application=shop, subject=alice.subject, type="erasure.requested")
    until = timezone.now() + timedelta(days=settings.PROOF_RETENTION_DAYS + 100)
    retain(subject=alice.subject, purpose="tax_records", fields=["family_name"], article="Art. 17(3)(b)", until=until)
    erase(alice)
    Delivery.objects.update(state="acknowledged")
    assert ApplicationLink.objects.exists()
    frozen.shift(timedelta(days=settings.PROOF_RETENTION_DAYS, seconds=1))
    assert end_proofs() == 1 and not Delivery.objects.exists()
    assert code(shop, alice, "tax_records", ("family_name",)) == "allowed", "while a law keeps it, it answers"
    frozen.shift(timedelta(days=100))
    assert retentions.end_due() == 1
    assert code(shop, alice, "tax_records") == "erased"
    end_proofs()
    assert not ApplicationLink.objects.exists()


def test_a_notice_that_was_not_sent_yet_is_kept_for_it(shop: Any, alice: Any, frozen: Any) -> None:
    queue_delivery(application=shop, subject=alice.subject, type="erasure.requested")
    erase(alice)
    frozen.shift(timedelta(days=settings.PROOF_RETENTION_DAYS, seconds=1))
    end_proofs()
    assert Delivery.objects.exists()


def test_what_a_law_kept_is_told_after_it_ended(shop: Any, alice: Any, frozen: Any) -> None:
    until = timezone.now() + timedelta(days=10)
    retain(subject=alice.subject, purpose="tax_records", fields=["family_name"], article="Art. 17(3)(b)", until=until)
    erase(alice)
    kept = timezone.now()
    assert code(shop, alice, "tax_records", ("family_name",)) == "allowed"
    frozen.shift(timedelta(days=11))
    assert retentions.end_due() == 1 and retained(alice.subject) == {}
    assert Retention.objects.get().ended_at == timezone.now()
    assert code(shop, alice, "tax_records", ("family_name",)) == "erased"
    assert code(shop, alice, "tax_records", ("family_name",), at=kept) == "allowed"
    assert retentions.end_due() == 0


def test_other_terms_of_a_law_end_the_first_and_the_same_change_nothing(alice: Any, frozen: Any) -> None:
    terms: dict[str, Any] = {"purpose": "tax_records", "article": "Art. 17(3)(b)"}
    until = timezone.now() + timedelta(days=10)
    first = retain(subject=alice.subject, fields=["family_name"], until=until, **terms)
    assert retain(subject=alice.subject, fields=["family_name"], until=until, **terms) == first
    frozen.shift(60)
    retain(subject=alice.subject, fields=["family_name", "vat_number"], until=until, **terms)
    assert retained(alice.subject) == {"tax_records": frozenset({"family_name", "vat_number"})}
    before = timezone.now() - timedelta(seconds=30)
    assert retained(alice.subject, before) == {"tax_records": frozenset({"family_name"})}


def test_a_late_answer_counts_from_when_it_was_given_and_was_not_known_before(
    shop: Any, alice: Any, frozen: Any
) -> None:
    given = timezone.now()
    frozen.shift(timedelta(days=1))
    between = timezone.now()
    assert code(shop, alice, "newsletter") == "consent_missing"
    frozen.shift(timedelta(days=1))
    answer(alice.subject, "give", at=given, channel="import")
    assert code(shop, alice, "newsletter") == code(shop, alice, "newsletter", at=between) == "allowed"
    assert code(shop, alice, "newsletter", at=between, known_at=between) == "consent_missing"
    assert code(shop, alice, "newsletter", at=between, known_at=timezone.now()) == "allowed"


def test_a_revised_purpose_is_what_it_was(shop: Any, alice: Any, olga: Any, rita: Any, frozen: Any) -> None:
    from consent.models import Purpose
    from consent.services.revisions import begin_revision

    before = timezone.now()
    frozen.shift(60)
    purpose = Purpose.objects.get(slug="orders")
    fewer = [name for name in purpose.fields if name != "phone"]
    revision = begin_revision(thing=purpose, author=olga.account)
    revision.values, revision.reason = revision.values | {"fields": fewer}, "Nobody needs it."
    revision.save()
    review.publish(item=approved(revision, olga, rita), actor=rita.account)
    frozen.shift(60)
    assert Revision.objects.get().state == "live"
    assert code(shop, alice, "orders", ("phone",)) == "not_in_contract"
    assert code(shop, alice, "orders", ("phone",), at=before) == "allowed"


def test_a_late_no_switches_off_the_sharing_of_today(shop: Any, acme: Any, frozen: Any) -> None:
    from consent.models import Standing
    from tests.consent.people import share

    carol = make_person("carol", shop)
    answer(carol.subject, "give")
    frozen.shift(60)
    past = timezone.now()
    frozen.shift(60)
    share(carol.subject, True)
    frozen.shift(60)
    answer(carol.subject, "withdraw", at=past, channel="import")
    assert Standing.objects.get(subject=carol.subject, recipient="acme").state == "withdrawn"
    answer(carol.subject, "give")
    question = Question(carol.id_for(shop), "newsletter", "acme")
    assert decide_many(application=shop, questions=[question])[0].code == "sharing_off"


def test_a_new_yes_finds_no_switch_of_one_that_ran_out(shop: Any, alice: Any, acme: Any, frozen: Any) -> None:
    from tests.consent.people import share

    answer(alice.subject, "give")
    share(alice.subject, True)
    frozen.shift(timedelta(days=731))
    answer(alice.subject, "give")
    question = Question(alice.id_for(shop), "newsletter", "acme")
    assert decide_many(application=shop, questions=[question])[0].code == "sharing_off"


def erase(person: Any) -> None:
    mark_erased(subject=person.subject, actor="subject")
    person.subject.refresh_from_db()
    for holding in holdings():
        if holding.name in {"consents", "restrictions", "retentions"}:
            holding.erase(person.subject, retained(person.subject))
            assert holding.residue(person.subject, retained(person.subject)) == 0
