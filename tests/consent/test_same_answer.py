"""On random worlds the API, the batch, the vault's read, the portal, a delivery and the simulator say the same."""

import random
from typing import Any

import pytest
from django.db import transaction
from django.utils import timezone

from access.services.applications import set_endpoint
from consent import pages
from consent.decide import ALLOWED
from consent.models import Delivery
from consent.qa.simulation import Invented, simulate
from consent.services import sending
from consent.services.decisions import decide_for
from consent.services.facts import purpose_facts
from consent.services.objections import object_to
from consent.services.standing import sharing_verdict
from consent.wording import WHY_NOT
from subjects.models import PersonalValue
from subjects.services import mark_erased, restrict, store_values
from tests.consent.people import answer, share
from tests.plugins.exhaustive import exhaustive

pytestmark = pytest.mark.usefixtures("catalogue")
WORLDS = 60 if exhaustive() else 25


@pytest.fixture
def api(client_for: Any, shop: Any) -> Any:
    return client_for(shop)


def make(dice: random.Random, alice: Any, shop: Any) -> Invented:
    """Things happen to alice, and the person invented is like her."""
    facts: dict[str, Any] = {"answer": "never_asked"}
    for purpose in ("newsletter", "direct_marketing"):
        values = {"email": alice.email}
        store_values(
            subject=alice.subject, purpose=purpose, values=values, source="subject", source_name="", application=shop
        )
    for action in dice.sample(["give", "give", "give", "refuse", "withdraw"], dice.randint(0, 3)):
        answer(alice.subject, action)
        facts |= {"answer": {"give": "given", "refuse": "refused", "withdraw": "withdrawn"}[action]}
        facts |= {"sharing": facts.get("sharing", False) and action == "give"}
        if action == "give" and dice.random() < 0.7:
            share(alice.subject, True)
            facts |= {"sharing": True}
    if dice.random() < 0.25:
        object_to(subject=alice.subject, purpose="direct_marketing", actor="subject")
        facts |= {"objected": True}
    if dice.random() < 0.25:
        restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
        facts |= {"restricted": True}
    if dice.random() < 0.15:
        mark_erased(subject=alice.subject, actor="subject")
        facts |= {"erased": True}
    return Invented(**facts)


def told(api: Any, alice: Any, shop: Any, purpose: str, recipient: str | None) -> str:
    body = {"subject": str(alice.id_for(shop)), "purpose": purpose, "recipient": recipient}
    one = api.post("/api/v1/decisions", body).body["code"]
    [two] = api.post("/api/v1/decisions/batch", {"items": [body]}).body["results"]
    assert one == two["code"]
    return str(one)


def read(api: Any, alice: Any, shop: Any, purpose: str) -> str:
    answer = api.get(f"/api/v1/subjects/{alice.id_for(shop)}/data", {"purpose": purpose})
    return ALLOWED if answer.status_code == 200 else answer.body["code"]


def test_everybody_asks_the_same_and_hears_the_same(alice: Any, shop: Any, acme: Any, api: Any) -> None:
    set_endpoint(application=acme, url="https://acme.example/notices")
    seen = set()
    for seed in range(WORLDS):
        with transaction.atomic():
            invented = make(random.Random(seed), alice, shop)
            seen |= _compared(api, alice, shop, invented)
            transaction.set_rollback(True)
        alice.subject.refresh_from_db()
    assert seen >= {
        "allowed",
        "restricted",
        "objected",
        "erased",
        "consent_missing",
        "consent_withdrawn",
        "sharing_off",
    }
    assert not PersonalValue.objects.exists()


def _compared(api: Any, alice: Any, shop: Any, invented: Invented) -> set[str]:
    codes = set()
    for purpose, recipient in (("newsletter", None), ("newsletter", "acme"), ("direct_marketing", None)):
        code = told(api, alice, shop, purpose, recipient)
        codes.add(code)
        facts = purpose_facts(purpose, application=shop.pk, at=timezone.now())
        assert simulate(invented, facts, (), recipient, timezone.now())[0].code == code
        decided = decide_for(application=None, subject=alice.subject, purpose=purpose, recipient=recipient)
        assert sharing_verdict(alice.subject, purpose, recipient) == decided.code == code
        if recipient is None:
            assert read(api, alice, shop, purpose) == code
    if not invented.erased:
        [toggle] = [each for each in pages.toggles(alice.subject, "en") if each.row.purpose == "newsletter"]
        assert toggle.obstacle == str(WHY_NOT.get(told(api, alice, shop, "newsletter", None), ""))
    _delivery(told(api, alice, shop, "newsletter", "acme"))
    return codes


def _delivery(code: str) -> None:
    """A notice that starts sharing leaves if, and only if, the decision allows it; the row says the code."""
    started = Delivery.objects.filter(type="sharing.started", state="queued").order_by("-sequence").first()
    if started is None:
        return
    claimed = sending.claim(started.pk)
    started.refresh_from_db()
    assert (claimed is not None) == (code == ALLOWED)
    assert claimed is not None or started.last_error == code
