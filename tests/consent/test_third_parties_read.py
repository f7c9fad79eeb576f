"""A third party has a person's data while that person shares with it, and not a moment longer (Art. 7(3), 25(2))."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from access.models import WebhookEndpoint
from consent.models import ConsentEvent, DataContract, Purpose, Recipient, Standing
from consent.qa.simulation import Invented, simulate
from consent.services import review
from consent.services.batches import Items, decide_alike
from consent.services.decisions import decide_many
from consent.services.deliveries import affected_applications, affected_by, applications_for
from consent.services.facts import Question, purpose_facts
from consent.services.feed import Mark, order_changes, snapshot
from consent.services.reading import read_plainly
from erasure.models import RightsRequest
from subjects.models import Restriction
from subjects.selectors import is_restricted
from subjects.services import link_application, restrict
from tests.conftest import make_application
from tests.consent.people import answer, share
from tests.consent.test_review import approved
from tests.erasure.people import sweep_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
GIVEN = {"purpose": "newsletter", "source": "subject", "values": {"given_name": "Alice"}}


def reading(application: Any, alice: Any, olga: Any, rita: Any) -> Any:
    """The application has a contract for the newsletter, and knows alice, who said yes to it."""
    application.scopes = [*application.scopes, "data:read", "data:write", "decisions:read"]
    application.save()
    draft = DataContract.objects.create(
        application=application, purpose=Purpose.objects.get(slug="newsletter"), fields=["given_name"],
        reason="It writes the letters.", owner="mailings", author=olga.account,
    )  # fmt: skip
    review.publish(item=approved(draft, olga, rita), actor=rita.account)
    link_application(subject=alice.subject, application=application)
    answer(alice.subject, "give")
    return f"/api/v1/subjects/{alice.id_for(application)}/data"


def lift(alice: Any) -> None:
    """No restriction stands any more; who has to be told of it first is another test's."""
    Restriction.objects.filter(subject=alice.subject).update(lifted_at=timezone.now())


@pytest.fixture
def path(acme: Any, alice: Any, olga: Any, rita: Any, client_for: Any, shop: Any) -> str:
    path: str = reading(acme, alice, olga, rita)
    stored = client_for(shop).put(f"/api/v1/subjects/{alice.id_for(shop)}/data", GIVEN)
    assert stored.status_code == 200
    return path


def test_a_third_party_reads_while_the_person_shares_with_it(
    path: str, alice: Any, acme: Any, client_for: Any, audit_log: Any
) -> None:
    read = lambda: client_for(acme).get(path, {"purpose": "newsletter"})  # noqa: E731
    assert (read().status_code, read().body["code"]) == (403, "sharing_off")
    share(alice.subject, True)
    assert read().body["values"] == {"given_name": "Alice"}
    share(alice.subject, False)
    assert (read().status_code, read().body["code"]) == (403, "sharing_off")
    assert len(audit_log("data.read")) == 1
    assert {event.details["code"] for event in audit_log("data.refused")} == {"sharing_off"}


def test_the_read_in_front_of_django_is_none_for_a_third_party(path: str, alice: Any, acme: Any, shop: Any) -> None:
    plain = {"purpose": "newsletter", "fields": ("given_name",)}
    assert read_plainly(application=shop, pairwise=alice.id_for(shop), **plain) == {"given_name": "Alice"}
    assert read_plainly(application=acme, pairwise=alice.id_for(acme), **plain) is None


def test_every_way_to_ask_says_the_same(path: str, alice: Any, acme: Any, client_for: Any) -> None:
    def codes() -> set[str]:
        who = alice.id_for(acme)
        [many] = decide_many(application=acme, questions=[Question(who, "newsletter")])
        [alike] = decide_alike(application=acme.pk, items=Items(who.bytes, ["newsletter"], [None]))
        one = client_for(acme).post("/api/v1/decisions", {"subject": str(who), "purpose": "newsletter"})
        told, _ = snapshot(application=acme, after=Mark(0), head=order_changes(), limit=10)
        assert {item.recipient for item in told} == {None, "acme"}
        return {many.code, alike.decision.code, one.body["code"], *(item.code for item in told)}

    assert codes() == {"sharing_off"}
    share(alice.subject, True)
    assert codes() == {"allowed"}


def test_the_simulator_says_the_same(path: str, acme: Any) -> None:
    now = timezone.now()
    purpose = purpose_facts("newsletter", application=acme.pk, at=now)
    codes = [simulate(Invented(answer="given", sharing=on), purpose, (), None, now)[0].code for on in (False, True)]
    assert codes == ["sharing_off", "allowed"]


def test_a_third_party_that_is_no_recipient_has_nothing(alice: Any, olga: Any, rita: Any, client_for: Any) -> None:
    other = make_application("other", [], is_third_party=True)
    path = reading(other, alice, olga, rita)
    assert client_for(other).get(path, {"purpose": "newsletter"}).body["code"] == "sharing_off"


def test_what_a_third_party_gives_us_is_taken(path: str, acme: Any, client_for: Any) -> None:
    assert client_for(acme).put(path, GIVEN).status_code == 200


def test_a_third_party_is_not_told_what_a_person_shares_with_others(
    path: str, alice: Any, acme: Any, shop: Any, olga: Any, rita: Any, client_for: Any
) -> None:
    another = Recipient.objects.create(
        slug="another", name="Another", role="controller", country="DE", contact="x@another.example",
        contract_reference="1", purposes=["newsletter"], author=olga.account,
    )  # fmt: skip
    review.publish(item=approved(another, olga, rita), actor=rita.account)
    share(alice.subject, True, recipient="another")

    def told(application: Any) -> set[str]:
        who = alice.id_for(application)
        [many] = decide_many(application=application, questions=[Question(who, "newsletter", "another")])
        [alike] = decide_alike(application=application.pk, items=Items(who.bytes, ["newsletter"], ["another"]))
        items, _ = snapshot(application=application, after=Mark(0), head=order_changes(), limit=100)
        codes = {item.code for item in items if (item.recipient, item.purpose) == ("another", "newsletter")}
        return {many.code, alike.decision.code, *codes}

    def rows(application: Any) -> set[str]:
        application.scopes = [*application.scopes, "sharing:read"]
        application.save()
        told = client_for(application).get(f"/api/v1/subjects/{alice.id_for(application)}/sharing").body["items"]
        return {row["recipient"] for row in told}

    def answers(application: Any) -> set[str | None]:
        client = client_for(application)
        found = client.get(f"/api/v1/subjects/{alice.id_for(application)}/consents").body
        return {line["recipient"] for line in [*found["standing"], *found["history"]]}

    [event] = ConsentEvent.objects.filter(recipient="another").values_list("event", flat=True)
    acme.scopes = [*acme.scopes, "consent:read"]
    receipt = f"/api/v1/consents/{event}/receipt"

    assert told(shop) == {"allowed"} and rows(shop) >= {"acme", "another"}
    assert told(acme) == {"sharing_off"} and rows(acme) == {"acme"}
    assert answers(shop) == {None, "another"} and client_for(shop).get(receipt).status_code == 200
    assert answers(acme) == {None} and client_for(acme).get(receipt).status_code == 404


@pytest.mark.parametrize("right", ["access", "portability"])
def test_a_third_party_has_no_copy_of_everything(
    path: str, alice: Any, acme: Any, shop: Any, client_for: Any, right: str
) -> None:
    for application in (shop, acme):
        application.scopes = [*application.scopes, "requests:read", "requests:write"]
        application.save()

    def asked(application: Any, right: str) -> Any:
        about = {"subject": str(alice.id_for(application)), "right": right, "verified_by": "account"}
        return client_for(application).post("/api/v1/requests", about)

    share(alice.subject, True)
    refused = asked(acme, right)
    assert (refused.status_code, refused.body["code"]) == (403, "must_ask")
    assert not RightsRequest.objects.exists()
    assert asked(shop, right).status_code == 201

    retyped = asked(acme, "erasure").body["id"]  # the desk may find that it is another right
    RightsRequest.objects.filter(pk=retyped).update(right=right)
    assert client_for(acme).get(f"/api/v1/requests/{retyped}/archive").status_code == 404


def test_a_third_party_is_not_told_why_it_could_not_have_it_anyway(
    path: str, alice: Any, acme: Any, shop: Any, client_for: Any
) -> None:
    """What somebody answered, and that they are restricted, is nothing to who has no share of theirs."""
    acme.scopes = [*acme.scopes, "subjects:read"]
    acme.save()

    def told(application: Any) -> tuple[set[str], bool]:
        who = alice.id_for(application)
        client = client_for(application)
        [many] = decide_many(application=application, questions=[Question(who, "newsletter")])
        [alike] = decide_alike(application=application.pk, items=Items(who.bytes, ["newsletter"], [None]))
        one = client.post("/api/v1/decisions?explain=1", {"subject": str(who), "purpose": "newsletter"}).body
        read = client.get(f"/api/v1/subjects/{who}/data", {"purpose": "newsletter"}).body["code"]
        assert one["trace"][-1] == one["trace"][-1] | {"rule": one["code"], "outcome": "refused"}
        return {many.code, alike.decision.code, one["code"], read}, client.get(f"/api/v1/subjects/{who}").body[
            "restricted"
        ]

    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    assert told(shop) == ({"restricted"}, True)
    assert told(acme) == ({"sharing_off"}, False)
    lift(alice)
    answer(alice.subject, "withdraw")
    assert told(shop)[0] == {"consent_withdrawn"}
    assert told(acme)[0] == {"sharing_off"}


def test_who_shares_with_it_is_told_to_it_as_to_everybody(path: str, alice: Any, acme: Any, client_for: Any) -> None:
    acme.scopes = [*acme.scopes, "subjects:read"]
    acme.save()
    share(alice.subject, True)
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    assert client_for(acme).get(path, {"purpose": "newsletter"}).body["code"] == "restricted"
    assert client_for(acme).get(path.removesuffix("/data")).body["restricted"] is True


def test_a_third_party_gives_us_nothing_without_a_ground_and_is_not_told_which(
    path: str, alice: Any, acme: Any, client_for: Any
) -> None:
    details = set()
    restrict(subject=alice.subject, ground="legal_claims", request=None, actor="subject")
    for act in ("restricted", "withdrawn"):
        refused = client_for(acme).put(path, GIVEN)
        assert (refused.status_code, refused.body["code"]) == (403, "no_lawful_basis"), act
        details.add(refused.body["detail"])
        lift(alice)
        answer(alice.subject, "withdraw")
    assert details == {"There is no lawful ground for this person now."}


def test_when_an_answer_ends_is_not_told_either(path: str, alice: Any, acme: Any, shop: Any) -> None:
    soon = timezone.now() + timedelta(seconds=5)
    Standing.objects.filter(subject=alice.subject, recipient="").update(expires_at=soon, notice_version=7)
    for application, expected in ((shop, (soon, 7)), (acme, None)):
        question = Question(alice.id_for(application), "newsletter")
        [decision] = decide_many(application=application, questions=[question])
        said = (decision.valid_until, decision.notice_version)
        assert said == expected if expected else (said[0] > soon and said[1] != 7), application


def test_a_third_party_is_told_of_no_right_of_a_person_who_never_shared_with_it(
    path: str, alice: Any, acme: Any, shop: Any
) -> None:
    """Neither of those about everything, nor of those about a purpose that it has a contract for (Art. 5(1)(c), 19)."""
    WebhookEndpoint.objects.create(application=acme, url="https://acme.example/hook", secret_sealed=b"x")
    assert shop in affected_applications(alice.subject) and shop in affected_by(alice.subject, ["newsletter"])
    assert acme not in affected_applications(alice.subject)
    assert acme not in affected_by(alice.subject, ["newsletter"])
    assert acme not in applications_for(alice.subject, "newsletter")
    share(alice.subject, True)
    share(alice.subject, False)
    assert acme in affected_applications(alice.subject)
    assert acme in affected_by(alice.subject, ["newsletter"])
    assert acme in applications_for(alice.subject, "newsletter")


def test_what_a_third_party_asks_for_in_a_persons_name_waits_for_the_person(
    path: str, alice: Any, acme: Any, shop: Any, client_for: Any, settings: Any
) -> None:
    """An address it knows and its own word erase, restrict or stop nothing; nor is it told who else holds something."""
    settings.UNDO_WINDOW_SECONDS = 0
    for application in (acme, shop):
        application.scopes = [*application.scopes, "requests:read", "requests:write"]
        application.save()
    share(alice.subject, True)

    def asked(application: Any, right: str, **details: str) -> Any:
        body = {"subject": str(alice.id_for(application)), "right": right, "details": details, "verified_by": "account"}
        return client_for(application).post("/api/v1/requests", body).body

    wishes = {"restriction": {"ground": "legal_claims"}, "objection": {"purpose": "direct_marketing"}, "erasure": {}}
    for right, details in wishes.items():
        assert asked(acme, right, **details)["state"] == "verifying", right
    assert not is_restricted(alice.subject)
    assert {row.verified_by for row in RightsRequest.objects.all()} == {"none"}

    confirmed = asked(shop, "erasure")
    assert confirmed["state"] == "in_progress"
    sweep_all()
    own = client_for(acme).get(f"/api/v1/requests/{confirmed['id']}").body
    all_of_it = client_for(shop).get(f"/api/v1/requests/{confirmed['id']}").body
    assert {step["target"] for step in own["steps"]} <= {"acme"} < {step["target"] for step in all_of_it["steps"]}
