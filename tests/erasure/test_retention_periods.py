"""What nothing needs any more goes by itself or is proposed; an access request, restriction or hold keeps it."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import override_settings

from access.services.applications import set_endpoint
from consent.models import Delivery, Purpose
from erasure.models import RetentionProposal
from erasure.services import holds, requests
from erasure.services.periods import decide_proposal, end_periods
from gdpr_portal.errors import WrongState
from subjects.models import PersonalValue
from tests.consent.people import answer
from tests.erasure.people import file, run_all, store

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def fields(person: Any) -> set[str]:
    return set(PersonalValue.objects.filter(subject=person.subject).values_list("field", flat=True))


def past(purpose: str) -> timedelta:
    return timedelta(days=Purpose.objects.get(slug=purpose).retention_days, seconds=1)


@pytest.fixture
def stored(alice: Any, bob: Any, shop: Any, frozen: Any) -> Any:
    """Alice's first name for orders alone, her family name for orders and for the tax records."""
    for person in (alice, bob):
        store(shop, person.subject, "orders", given_name="A", family_name="B")
    store(shop, alice.subject, "tax_records", family_name="B")
    return alice


def test_a_value_goes_when_every_purpose_is_over(stored: Any, bob: Any, frozen: Any, audit_log: Any) -> None:
    assert end_periods() == 0
    frozen.shift(past("orders"))
    assert end_periods() == 2 and end_periods() == 0
    assert fields(stored) == {"family_name"} and fields(bob) == set()
    mine = [event for event in audit_log("data.removed") if event.subject == stored.subject.pseudonym]
    assert [(event.fields, event.details["reason"]) for event in mine] == [(["given_name"], "retention_ended")]
    assert "Data no longer needed was erased" in stored.browser().get("/").content.decode()
    frozen.shift(past("tax_records"))
    assert end_periods() == 1 and fields(stored) == set()


def test_whoever_may_hold_it_too_is_told_which_fields(stored: Any, shop: Any, frozen: Any) -> None:
    set_endpoint(application=shop, url="https://shop.example/notices")
    frozen.shift(past("orders"))
    end_periods()
    told = Delivery.objects.get(subject=stored.subject, type="erasure.requested")
    assert told.fields == ["given_name"] and told.request is None


def test_an_open_access_request_postpones_it(stored: Any, frozen: Any) -> None:
    frozen.shift(past("orders"))
    request = file(stored.subject, "access")
    end_periods()
    assert fields(stored) == {"given_name", "family_name"}
    assert run_all(request).state == "completed"
    end_periods()
    assert fields(stored) == {"family_name"}


def test_a_restriction_and_a_hold_keep_it(stored: Any, bob: Any, rita: Any, frozen: Any) -> None:
    frozen.shift(past("orders"))
    file(stored.subject, "restriction", ground="legal_claims")
    holds.place_hold(subject=bob.subject, reason="legal_claims", by=rita.account)
    assert end_periods() == 0
    assert "given_name" in fields(stored) and "given_name" in fields(bob)


def test_what_is_given_again_is_kept_again(stored: Any, shop: Any, frozen: Any) -> None:
    frozen.shift(past("orders"))
    store(shop, stored.subject, "orders", given_name="A")
    end_periods()
    assert "given_name" in fields(stored)


@override_settings(RETENTION_ERASES=False)
def test_it_can_be_set_to_ask_first(stored: Any, frozen: Any) -> None:
    frozen.shift(past("orders"))
    end_periods()
    assert "given_name" in fields(stored)
    assert RetentionProposal.objects.get(subject=stored.subject).fields == ["given_name"]


@pytest.fixture
def withdrawn(alice: Any, shop: Any, frozen: Any) -> Any:
    """The e-mail address for the newsletter alone, the first name for orders too; consent is withdrawn."""
    answer(alice.subject, "give")
    store(shop, alice.subject, "newsletter", email="a@example.org", given_name="Alice")
    store(shop, alice.subject, "orders", given_name="Alice")
    answer(alice.subject, "withdraw")
    return alice


def test_an_ended_consent_proposes_what_nothing_else_needs(withdrawn: Any, rita: Any, audit_log: Any) -> None:
    proposal = RetentionProposal.objects.get()
    assert end_periods() == 0, "withdrawing proposed it; the sweep does not ask twice"
    assert proposal.fields == ["email"] and fields(withdrawn) == {"email", "given_name"}
    decide_proposal(proposal_id=proposal.id, reviewer=rita.account, erase=True)
    assert fields(withdrawn) == {"given_name"}
    assert audit_log("data.removed")[-1].details["reason"] == "consent_ended"
    with pytest.raises(WrongState):
        decide_proposal(proposal_id=proposal.id, reviewer=rita.account, erase=True)


def test_consent_given_again_meanwhile_keeps_it(withdrawn: Any, rita: Any, frozen: Any) -> None:
    end_periods()
    frozen.shift(timedelta(minutes=1))
    answer(withdrawn.subject, "give")
    with pytest.raises(WrongState):
        decide_proposal(proposal_id=RetentionProposal.objects.get().id, reviewer=rita.account, erase=True)
    assert "email" in fields(withdrawn)


def test_what_is_kept_is_not_asked_about_every_hour(withdrawn: Any, rita: Any, frozen: Any) -> None:
    end_periods()
    decide_proposal(proposal_id=RetentionProposal.objects.get().id, reviewer=rita.account, erase=False)
    assert end_periods() == 0 and "email" in fields(withdrawn)
    frozen.shift(timedelta(days=91))
    assert end_periods() == 1


def test_an_expired_consent_counts_as_ended(alice: Any, shop: Any, frozen: Any) -> None:
    answer(alice.subject, "give")
    store(shop, alice.subject, "newsletter", email="a@example.org")
    purpose = Purpose.objects.get(slug="newsletter")
    frozen.shift(timedelta(days=purpose.validity_days, seconds=1))
    end_periods()
    assert RetentionProposal.objects.exists() or fields(alice) == set()


def test_the_desk_decides_proposals(withdrawn: Any, rita: Any, olga: Any) -> None:
    end_periods()
    proposal = RetentionProposal.objects.get()
    address = "/admin/erasure/retentionproposal/"
    given = {"action": "let_go", "_selected_action": [str(proposal.id)]}
    assert olga.browser().post(address, given).status_code in {302, 403}
    given["confirmed"] = "yes"
    assert rita.browser(fresh=False).post(address, given).status_code == 403
    assert fields(withdrawn) == {"email", "given_name"}
    page = rita.browser().get(address).content.decode()
    assert str(withdrawn.subject.pseudonym) in page
    assert page.count("The consent has ended") >= 2 and ">consent_ended<" not in page  # the row, and the filter
    rita.browser().post(address, given)
    assert fields(withdrawn) == {"given_name"}


def test_a_withdrawn_request_no_longer_postpones(stored: Any, frozen: Any) -> None:
    frozen.shift(past("orders"))
    request = file(stored.subject, "access", verified_by="none")
    end_periods()
    assert "given_name" in fields(stored)
    requests.withdraw_request(request=request, actor="subject")
    end_periods()
    assert "given_name" not in fields(stored)
