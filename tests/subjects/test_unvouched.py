"""What is given together with nothing but somebody's telephone number proves nothing (decision 0067).

A form takes anybody's number. Whoever wrote a stranger's there beside an address of their own became that stranger
here: the code went to them, the account was theirs, and so were the copy and the erasure.
"""

from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from access.scopes import SCOPES
from access.services.accounts import register_verified
from erasure.models import RightsRequest
from erasure.services import opendsr
from erasure.services.connectors import identities_of
from gdpr_portal.errors import Refused
from subjects import selectors
from subjects.models import ApplicationLink, Identifier, Subject
from subjects.services import link_application, register_subject
from subjects.services.reveal import revealed_to_staff
from tests.conftest import PASSWORD, make_application
from tests.erasure.people import file, store, sweep_all

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
NUMBER, MINE = "+49 30 7654321", "mallory@example.org"
CANARY = "Seidenschwanz"


@pytest.fixture
def crm(db: None) -> Any:
    return make_application("crm", ["subjects:write", "data:write"])


@pytest.fixture
def victim(crm: Any, shop: Any) -> Subject:
    """Somebody of whom another application knows the number alone, and holds a name."""
    subject, _new = register_subject(application=crm, identifiers={"phone": NUMBER})
    return subject


def register(application: Any, **identifiers: str) -> Subject:
    return register_subject(application=application, identifiers=identifiers)[0]


def held(subject: Subject, shop: Any) -> None:
    store(shop, subject, "orders", given_name=CANARY, email="victim@example.org")


def test_the_address_finds_the_person_and_opens_nothing(
    victim: Subject, shop: Any, after_commit: Any, audit_log: Any
) -> None:
    assert register(shop, phone=NUMBER, email=MINE).pk == victim.pk, "as api.md has it"
    held(victim, shop)
    assert selectors.find_subject(application=shop, kind="email", value=MINE).pk == victim.pk
    assert selectors.identifiers_of(shop, victim) == ["email", "phone"]

    assert selectors.email_of(victim) is None and selectors.emails_of([victim.pk]) == {}
    account = register_verified(email=MINE, password=PASSWORD)
    victim.refresh_from_db()
    own = selectors.subject_of_account(account)
    assert victim.account is None and own is not None and own.pk != victim.pk
    assert "email" not in identities_of(victim), "nobody else's rows are erased by it"
    with after_commit():
        assert Client().post("/request", {"email": MINE, "right": "access"}).status_code == 200
    assert not RightsRequest.objects.exists()
    assert "We know nobody by it" in str(mail.outbox[-1].body)


def test_whoever_asks_through_the_application_is_identified_by_the_desk(victim: Subject, shop: Any) -> None:
    register(shop, phone=NUMBER, email=MINE)
    asked = file(victim, "access", verified_by="none")
    assert asked.state == "in_review" and not mail.outbox


@pytest.mark.parametrize(
    "steps",
    [
        [{"phone": NUMBER}, {"phone": NUMBER, "email": MINE}],
        [{"phone": NUMBER, "customer_id": "c-9"}, {"customer_id": "c-9", "email": MINE}],
        [{"phone": NUMBER, "customer_id": "c-9"}, {"customer_id": "c-9"}, {"customer_id": "c-9", "email": MINE}],
    ],
)
def test_nor_does_it_in_steps(victim: Subject, shop: Any, steps: list[dict[str, str]]) -> None:
    for identifiers in steps:
        assert register(shop, **identifiers).pk == victim.pk
    assert selectors.email_of(victim) is None
    assert ApplicationLink.objects.get(subject=victim, application=shop).by_phone_alone


@pytest.fixture
def web(crm: Any) -> Any:
    """An application with every scope, that another has registered the person before."""
    return make_application("web", sorted(SCOPES.keys() - {"audit:read"}))


def joined(api: Any) -> str:
    given = {"identifiers": {"phone": NUMBER, "email": MINE, "customer_id": "m-1"}, "birth_date": "2015-01-31"}
    answer = api.post("/api/v1/subjects", given)
    assert answer.status_code == 200
    return str(answer.json()["id"])


@pytest.mark.parametrize("word", ["account", "document", "none"])
def test_its_word_counts_for_no_request_either(
    victim: Subject, shop: Any, web: Any, client_for: Any, word: str
) -> None:
    register(shop, phone=NUMBER)
    held(victim, shop)
    api = client_for(web)
    asked = {"subject": joined(api), "details": {}, "verified_by": word}
    for right in ("access", "portability"):
        copy = api.post("/api/v1/requests", asked | {"right": right})
        assert (copy.status_code, copy.json()["code"]) == (403, "must_ask")
    erasure = api.post("/api/v1/requests", asked | {"right": "erasure"})
    assert (erasure.status_code, erasure.json()["state"]) == (201, "in_review")
    sweep_all()
    victim.refresh_from_db()
    assert victim.erased_at is None


def test_nor_does_a_controller_get_a_copy_of_them_by_opendsr(victim: Subject, web: Any) -> None:
    register(web, phone=NUMBER, email=MINE)
    asked = SimpleNamespace(
        id=uuid4(), kind="access", identities=[("email", MINE)], callback_urls=(), submitted_at=timezone.now()
    )
    with pytest.raises(Refused, match="must_ask"):
        opendsr.receive(application=web, asked=asked, raw=b"{}")


def test_it_says_nothing_of_who_the_person_is(victim: Subject, web: Any, client_for: Any, audit_log: Any) -> None:
    joined(client_for(web))
    victim.refresh_from_db()
    assert selectors.birth_date_of(victim) is None and victim.country == ""
    assert selectors.subject_known_by({"phone": NUMBER, "email": MINE}) is None
    assert selectors.subject_known_by({"phone": NUMBER}) == victim
    assert audit_log("subject.identified")[-1].details["vouched"] is False


def test_that_somebody_shared_with_it_proves_nothing(victim: Subject, acme: Any) -> None:
    link_application(subject=victim, application=acme)
    register(acme, phone=NUMBER, email=MINE)
    assert selectors.email_of(victim) is None


def test_a_colleague_names_nobody_by_it(victim: Subject, shop: Any, rita: Any) -> None:
    register(shop, phone=NUMBER, email=MINE)
    named = revealed_to_staff(subject=victim, by=rita.account, reason="told_by_hand", case=uuid4())
    assert [kind for kind, _value in named] == ["phone"]


def test_the_application_that_registered_somebody_is_believed(victim: Subject, crm: Any) -> None:
    """By number first, by address later: the same application may say so of its own people."""
    register(crm, phone=NUMBER, email="victim@example.org")
    assert selectors.email_of(victim) == "victim@example.org"
    account = register_verified(email="victim@example.org", password=PASSWORD)
    assert selectors.subject_of_account(account) == victim


def test_a_better_word_counts_from_then_on(victim: Subject, shop: Any, crm: Any) -> None:
    register(crm, phone=NUMBER, customer_id="k-1")
    register(shop, phone=NUMBER, email="victim@example.org")
    assert selectors.email_of(victim) is None
    register(crm, customer_id="k-1", email="victim@example.org")
    assert selectors.email_of(victim) == "victim@example.org"
    register(shop, phone=NUMBER, email="victim@example.org")
    assert not ApplicationLink.objects.filter(by_phone_alone=True).exists()
    assert not Identifier.objects.filter(is_vouched=False).exists()
