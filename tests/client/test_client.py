"""The client library against the service itself, over HTTP: every endpoint, both halves, what is refused."""

import asyncio
import re
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from gdpr_portal_client import (
    AsyncLocalDecisions,
    AsyncPortal,
    AuthenticationFailed,
    Conflict,
    Erased,
    LocalDecisions,
    NotFound,
    Portal,
    Problem,
    Refused,
)

from access.services.applications import set_enabled
from tests.audit.conftest import key
from tests.audit.tools import seal

__all__ = ["key"]

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def portal(live_server: Any, shop: Any) -> Iterator[Portal]:
    with Portal(live_server.url, shop.client_id, shop.plain_secret) as portal:
        yield portal


@pytest.fixture
def ada(portal: Portal) -> Any:
    return portal.register({"email": "ada@canary.example", "customer_id": "42"}, language="en", country="DE").id


def give(portal: Portal, subject: Any, purpose: str = "newsletter", **more: Any) -> Any:
    return portal.consent(subject, purpose, "give", notice=portal.notice(purpose, language="en"), **more)


def test_people_are_registered_found_and_kept_apart(portal: Portal) -> None:
    first = portal.register({"email": "ada@canary.example"}, birth_date=date(1990, 1, 31))
    again = portal.register({"email": "ada@canary.example", "customer_id": "42"})
    assert first.created and not again.created and first.id == again.id
    assert portal.lookup(customer_id="42") == first.id
    found = portal.subject(first.id)
    assert found.identifiers == ["customer_id", "email"] and not found.restricted and found.created_at.tzinfo
    with pytest.raises(NotFound):
        portal.subject(uuid4())


def test_the_catalogue_is_read_page_by_page(portal: Portal) -> None:
    purposes = {each.slug: each for each in portal.purposes()}
    assert purposes["newsletter"].lawful_basis == "consent" and "profiling" not in purposes
    notice = portal.notice("newsletter", language="de")
    assert notice.language == "de" and notice.digest.startswith("sha256:")
    assert [each.slug for each in portal.recipients()] == ["acme"]


def test_a_value_is_stored_and_read_only_on_consent(portal: Portal, ada: Any) -> None:
    with pytest.raises(Refused) as refused:
        portal.store(ada, "newsletter", {"given_name": "Ada"})
    assert refused.value.code == "no_lawful_basis" and refused.value.request_id
    event = give(portal, ada)
    assert event.state == "given" and portal.receipt(event.event).count(b".") == 2
    assert portal.receipt(event.event, "dpv").startswith(b"{")
    assert portal.store(ada, "newsletter", {"given_name": "Ada"}).stored == ["given_name"]
    data = portal.data(ada, "newsletter", "given_name", "email")
    assert data.values["given_name"] == "Ada" and "Ada" not in repr(data)


def test_consent_as_of_a_past_moment(portal: Portal, ada: Any) -> None:
    before = datetime.now(UTC)
    give(portal, ada)
    portal.consent(ada, "newsletter", "withdraw")
    states = {each.purpose: each.state for each in portal.consents(ada).standing}
    assert states["newsletter"] == "withdrawn" and len(portal.consents(ada).history) == 2
    then = {each.purpose: each.state for each in portal.consents(ada, at=before).standing}
    assert then.get("newsletter", "never_asked") == "never_asked"
    with pytest.raises(ValueError, match="time zone"):
        portal.consents(ada, at=before.replace(tzinfo=None))


def test_old_wording_is_a_conflict(portal: Portal, ada: Any) -> None:
    from dataclasses import replace

    shown = replace(portal.notice("newsletter", language="en").ref, digest="sha256:" + "0" * 64)
    with pytest.raises(Conflict) as refused:
        portal.consent(ada, "newsletter", "give", notice=shown)
    assert refused.value.code == "notice_outdated"


def test_decisions_one_by_one_and_together(portal: Portal, ada: Any) -> None:
    give(portal, ada)
    verdict = portal.decide(ada, "newsletter", "email", explain=True)
    assert verdict.allowed and verdict.fields == {"email": "allowed"} and verdict.trace
    assert verdict.valid_until is None or verdict.valid_until > datetime.now(UTC) - timedelta(seconds=5)
    many = portal.decide_many([(ada, "newsletter", None), (uuid4(), "newsletter", None), (ada, "newsletter", "acme")])
    assert [each.code for each in many] == ["allowed", "unknown_subject", "sharing_off"]
    assert len(portal.decide_many([(ada, "newsletter", None)] * 1_001)) == 1_001


def test_sharing_is_switched(portal: Portal, ada: Any) -> None:
    give(portal, ada)
    assert portal.share(ada, "acme", "newsletter", True).shared
    assert [each.shared for each in portal.sharing(ada) if each.purpose == "newsletter"] == [True]
    assert not portal.share(ada, "acme", "newsletter", False).shared


def test_a_request_is_filed_listed_and_withdrawn(portal: Portal, ada: Any) -> None:
    give(portal, ada)
    filed = portal.request(ada, "objection", details={"purpose": "fraud_prevention"})
    assert filed.due_at > filed.received_at and filed.id in [each.id for each in portal.requests(right="objection")]
    assert portal.withdraw_request(filed.id).state == "withdrawn"
    with pytest.raises(Conflict), portal.archive(portal.request(ada, "access").id) as chunks:
        list(chunks)


def test_the_same_key_is_the_same_act(portal: Portal, ada: Any) -> None:
    first = portal.request(ada, "access", key="k-1")
    assert portal.request(ada, "access", key="k-1").id == first.id
    with pytest.raises(Problem) as refused:
        portal.request(ada, "portability", key="k-1")
    assert (refused.value.status, refused.value.code) == (422, "idempotency_mismatch")


def test_flaws_are_told_by_pointer_and_without_the_value(portal: Portal) -> None:
    with pytest.raises(Problem) as refused:
        portal.register({"email": "not-an-address"})
    assert refused.value.errors[0].pointer == "/identifiers/email" and "not-an-address" not in str(refused.value)


def test_a_dead_token_is_renewed_and_a_disabled_application_is_told(portal: Portal, shop: Any) -> None:
    from access.models import AccessToken
    from access.rest import remembered

    assert portal.purposes()
    AccessToken.objects.all().delete()
    remembered.forget()  # half a second later
    assert portal.purposes() and AccessToken.objects.count() == 1
    set_enabled(application=shop, enabled=False)
    remembered.forget()
    with pytest.raises(AuthenticationFailed):
        portal.purposes()


def test_a_wrong_secret_is_told(live_server: Any, shop: Any) -> None:
    with Portal(live_server.url, shop.client_id, "wrong") as portal, pytest.raises(AuthenticationFailed):
        portal.purposes()


def test_local_decisions_follow_the_service_and_fail_closed(portal: Portal, ada: Any) -> None:
    local = LocalDecisions(portal, stale_after=60)
    assert local.decide(ada, "newsletter").code == "stale"
    give(portal, ada)
    local.load()
    assert local.decide(ada, "newsletter").allowed and local.decide(uuid4(), "newsletter").code == "unknown_subject"
    portal.consent(ada, "newsletter", "withdraw")
    assert local.catch_up() >= 1
    assert local.decide(ada, "newsletter").code == "consent_withdrawn"
    local._stale_after = 0
    assert not local.decide(ada, "orders").allowed and local.decide(ada, "orders").code == "stale"


def test_local_decisions_say_what_the_service_says(portal: Portal, ada: Any) -> None:
    give(portal, ada)
    local = LocalDecisions(portal)
    local.load()
    told = {purpose.slug: portal.decide(ada, purpose.slug).code for purpose in portal.purposes()}
    mine = {slug: code for slug, code in told.items() if code != "not_in_contract"}
    assert mine["newsletter"] == "allowed"
    assert {slug: local.decide(ada, slug).code for slug in mine} == mine


def test_the_async_half_does_the_same(live_server: Any, shop: Any) -> None:
    async def walk() -> None:
        async with AsyncPortal(live_server.url, shop.client_id, shop.plain_secret) as portal:
            ada = (await portal.register({"email": "ada@canary.example"})).id
            notice = await portal.notice("newsletter")
            await portal.consent(ada, "newsletter", "give", notice=notice)
            verdicts = await asyncio.gather(*(portal.decide(ada, "newsletter") for _each in range(5)))
            assert all(each.allowed for each in verdicts)
            local = AsyncLocalDecisions(portal)
            await local.load()
            assert local.decide(ada, "newsletter").allowed
            assert [each.right async for each in portal.requests()] == []
            with pytest.raises(NotFound):
                await portal.subject(uuid4())

    asyncio.run(walk())


ELSEWHERE = {"attestations", "audit/entries"}
"""What the conformance kit hands in, and what `audit_dump` and monitors read."""


def test_there_is_a_method_for_every_endpoint(repository: Path, client: Any) -> None:
    source = (repository / "clients/python/src/gdpr_portal_client/_async/client.py").read_text("utf-8")
    asked = {re.sub(r"\{_step\(\w+\)\}", "{}", path) for path in re.findall(r'"/api/v1/([^"]+)"', source)}
    offered = {path.removeprefix("/api/v1/") for path in client.get("/api/v1/schema").json()["paths"]}
    offered = {re.sub(r"\{\w+\}", "{}", path) for path in offered if not path.startswith("/oauth/")}
    assert {path.removesuffix("{which}") for path in asked} == offered - ELSEWHERE


def test_the_log_is_proven_and_the_record_read(live_server: Any, qa_sampler: Any, key: Any) -> None:
    with Portal(live_server.url, qa_sampler.client_id, qa_sampler.plain_secret) as auditor:
        newest = next(auditor.audit_events())
        with pytest.raises(Conflict):
            auditor.audit_proof(newest["id"])
        seal()
        proof = auditor.audit_proof(newest["id"])
        assert proof.keys() == {"index", "leaf", "inclusion", "checkpoint"}
        size = int(auditor.audit_checkpoint().splitlines()[1])
        assert size > proof["index"] and auditor.audit_consistency(0, size)["to"] == size
        assert auditor.records_of_processing()["activities"]


def test_a_third_party_asks_a_person_for_a_share(live_server: Any, portal: Portal, acme: Any, ada: Any) -> None:
    with pytest.raises(NotFound):
        portal.ask_to_share(ada, "acme", "newsletter")
    with Portal(live_server.url, acme.client_id, acme.plain_secret) as third, pytest.raises(Refused):
        third.ask_to_share(ada, "acme", "newsletter")


def test_a_yes_that_does_not_wait_needs_nobodys_authorisation(portal: Portal, ada: Any) -> None:
    with pytest.raises(Conflict):
        portal.authorise(ada, give(portal, ada).event, "parent@canary.example")


def test_the_sync_half_is_made_from_the_async_one(repository: Path) -> None:
    check = [sys.executable, str(repository / "clients" / "python" / "unasync.py"), "--check"]
    assert subprocess.run(check, check=False).returncode == 0


def test_an_erased_person_is_told_as_such(portal: Portal, ada: Any, settings: Any) -> None:
    from erasure.models import RightsRequest
    from tests.erasure.people import run_all

    settings.UNDO_WINDOW_SECONDS = 0
    filed = portal.request(ada, "erasure")
    run_all(RightsRequest.objects.get(pk=filed.id))
    with pytest.raises(Erased):
        portal.subject(ada)
