"""Below the age of their country a child's yes waits for a parent, who speaks until the child can alone (Art. 8)."""

import re
from datetime import date, timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client

from access.services import mail_links
from consent.models import Confirmation, ConsentEvent, Reminder
from consent.services import authorisations, confirmations
from consent.services.authorisations import holder_of, name_parent
from consent.services.decisions import decide_for
from consent.services.reminders import LOOK_AGAIN, tell_of_age
from consent.services.standing import state_of
from gdpr_portal.errors import DomainError
from subjects.models import Subject
from subjects.services import register_subject
from tests.conftest import NOW, Person
from tests.consent.people import answer, wording
from tests.vault.renewing import under_new_keys

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue", "frozen")]
LINK = re.compile(r"https?://[^/\s]+(/confirmation/\S+)")
PARENT = "mother@family.example"


def born(years: int, days: int = 0) -> date:
    """The date of birth of somebody who is so old, and `days` older, at NOW."""
    return date(NOW.year - years, NOW.month, NOW.day) - timedelta(days=days)


@pytest.fixture
def child(alice: Person, shop: Any) -> Person:
    """alice is 15 today, in Germany: one year short of speaking for herself."""
    register_subject(application=shop, identifiers={"email": alice.email}, country="DE", birth_date=born(15))
    alice._subject[0] = Subject.objects.get(pk=alice.subject.pk)
    return alice


@pytest.fixture
def asked(child: Person, django_capture_on_commit_callbacks: Any) -> str:
    """The child said yes and named her mother; the path of the link that was mailed."""
    event = answer(child.subject, "give")
    with django_capture_on_commit_callbacks(execute=True):
        name_parent(subject=child.subject, event=event.event, email=PARENT, actor="subject")
    return link()


def link() -> str:
    assert mail.outbox[-1].to == [PARENT]
    found = LINK.search(str(mail.outbox[-1].body))
    assert found
    return found[1]


def agree(path: str, birth_date: date | None = None, name: str = "Mara Muster") -> Any:
    return Client().post(path, {"name": name, "birth_date": str(birth_date or born(15))})


def code(person: Person) -> str:
    return decide_for(application=None, subject=person.subject, purpose="newsletter").code


@pytest.mark.parametrize(
    ("country", "years", "days", "state"),
    [
        ("DE", 16, 0, "given"), ("DE", 16, -1, "pending"), ("DE", 15, 364, "pending"),
        ("AT", 14, 0, "given"), ("AT", 14, -1, "pending"), ("FR", 15, 0, "given"), ("FR", 15, -1, "pending"),
        ("BE", 13, 0, "given"), ("BE", 13, -1, "pending"), ("DK", 15, 0, "given"), ("DK", 13, 0, "pending"),
        ("", 16, 0, "given"), ("", 16, -1, "pending"),
    ],
)  # fmt: skip
def test_the_age_of_the_country_decides_to_the_day(shop: Any, country: str, years: int, days: int, state: str) -> None:
    person, _ = register_subject(
        application=shop, identifiers={"customer_id": "1"}, country=country or None, birth_date=born(years, days)
    )
    assert answer(person, "give").state == state


def test_a_parent_agrees_by_name_and_the_childs_date_of_birth(child: Person, asked: str, audit_log: Any) -> None:
    assert code(child) == "consent_pending"
    page = Client().get(asked)
    assert page.status_code == 200 and "alice" not in page.content.decode()
    assert state_of(child.subject, "newsletter") == "pending", "the link alone acts"

    assert agree(asked).status_code == 302

    first, second = ConsentEvent.objects.order_by("seq")
    assert (second.action, second.confirms, second.state, second.actor) == ("authorise", first.event, "given", "parent")
    assert code(child) == "allowed"
    row = Confirmation.objects.get()
    assert under_new_keys(child.subject.pk).done >= 1
    row.refresh_from_db()
    assert holder_of(row) == {"email": PARENT, "name": "Mara Muster"}
    assert (row.method, row.confirmed_at) == (authorisations.METHOD, second.at)
    assert PARENT.encode() not in bytes(row.holder_sealed)
    assert audit_log("consent.authorised")[-1].details["confirms"] == str(first.event)


def test_who_does_not_know_the_date_of_birth_cannot_agree(child: Person, asked: str) -> None:
    for _ in range(10):
        assert agree(asked, born(15, 1)).status_code == 400
    assert agree(asked).status_code == 410, "guesses are counted"
    assert state_of(child.subject, "newsletter") == "pending"


def test_a_parent_takes_the_word_back_with_the_same_link(child: Person, asked: str) -> None:
    agree(asked)
    assert "Take my agreement back" in Client().get(asked).content.decode()
    assert Client().post(asked, {"action": "take_back"}).status_code == 200
    assert (code(child), ConsentEvent.objects.last().actor) == ("consent_withdrawn", "parent")  # type: ignore[union-attr]
    assert Client().get(asked).status_code == 410
    assert agree(asked).status_code == 410


def test_from_the_birthday_on_the_child_alone_decides(
    child: Person, asked: str, frozen: Any, django_capture_on_commit_callbacks: Any
) -> None:
    agree(asked)
    frozen.shift((365 * 24 - 12) * 3600)  # the evening before: NOW is at 10 in the morning
    assert tell_of_age() == 0
    assert Client().get(asked).status_code == 200

    frozen.shift(LOOK_AGAIN.total_seconds() + 6 * 3600)
    assert Client().get(asked).status_code == 410
    assert Client().post(asked, {"action": "take_back"}).status_code == 410
    assert code(child) == "allowed", "what a parent agreed to stands until the child says otherwise"
    with django_capture_on_commit_callbacks(execute=True):
        assert tell_of_age() == 1
    assert (mail.outbox[-1].to, Reminder.objects.get().kind) == ([child.email], "of_age")
    frozen.shift(LOOK_AGAIN.total_seconds() + 1)
    assert tell_of_age() == 0, "told once"

    page = child.browser().get("/consent").content.decode()
    assert "Keep this consent" in page and "Withdraw consent" in page
    kept = answer(child.subject, "give")
    assert (kept.action, kept.state, kept.confirms) == ("give", "given", None)
    assert "Keep this consent" not in child.browser().get("/consent").content.decode()
    answer(child.subject, "withdraw")
    assert code(child) == "consent_withdrawn"


def test_a_parent_who_is_late_for_the_birthday_speaks_for_nobody(child: Person, asked: str, frozen: Any) -> None:
    Confirmation.objects.update(expires_at=NOW + timedelta(days=400))
    frozen.shift(366 * 86400)
    assert agree(asked).status_code == 410
    assert answer(child.subject, "give").state == "given"


def test_the_child_withdraws_without_anybody(child: Person, asked: str) -> None:
    agree(asked)
    answer(child.subject, "withdraw")
    assert code(child) == "consent_withdrawn"
    assert Client().get(asked).status_code == 410


def test_naming_is_bounded_and_a_new_name_ends_the_old_link(
    child: Person, asked: str, frozen: Any, django_capture_on_commit_callbacks: Any
) -> None:
    event = ConsentEvent.objects.get().event

    def name(email: str) -> None:
        with django_capture_on_commit_callbacks(execute=True):
            name_parent(subject=child.subject, event=event, email=email, actor="subject")

    with pytest.raises(DomainError, match="throttled"):
        name("father@family.example")
    frozen.shift(301)
    name("father@family.example")
    assert Client().get(asked).status_code == 410
    frozen.shift(301)
    name(PARENT)
    frozen.shift(301)
    with pytest.raises(DomainError, match="throttled"):
        name(PARENT)
    assert len(mail.outbox) == 3
    assert [bool(row.holder_sealed) for row in Confirmation.objects.order_by("created_at", "mailed_at")].count(
        True
    ) == 1


@pytest.mark.parametrize(
    ("email", "refused"), [("no address", "invalid_value"), ("alice@example.org", "own_address"), ("", "invalid_value")]
)
def test_not_every_address_will_do(child: Person, email: str, refused: str) -> None:
    event = answer(child.subject, "give").event
    with pytest.raises(DomainError, match=refused) as told:
        name_parent(subject=child.subject, event=event, email=email, actor="subject")
    assert [(flaw.pointer, flaw.code) for flaw in told.value.errors] == [("/email", refused)]


def test_over_the_api_and_in_the_portal(
    child: Person, shop: Any, client_for: Any, eve: Any, django_capture_on_commit_callbacks: Any
) -> None:
    browser, api = child.browser(), client_for(shop)
    base = f"/api/v1/subjects/{child.id_for(shop)}/consents"
    seen = vars(wording())
    told = api.post(base, {"purpose": "newsletter", "action": "give", "notice": seen})
    assert (told.status_code, told.body["state"]) == (201, "pending")
    assert "Ask my parent" in browser.get("/consent").content.decode()
    with django_capture_on_commit_callbacks(execute=True):
        asked = api.post(f"{base}/authorisation", {"event": told.body["event"], "email": PARENT})
    assert (asked.status_code, asked.body["state"], asked.body["event"]) == (201, "waiting", told.body["event"])
    at_once = api.post(f"{base}/authorisation", {"event": told.body["event"], "email": PARENT})
    assert (at_once.status_code, at_once.body["code"], at_once["Retry-After"]) == (429, "throttled", "300")
    assert api.post(f"{base}/authorisation", {"event": told.body["event"], "email": PARENT}).status_code == 429
    assert agree(link()).status_code == 302
    again = api.post(f"{base}/authorisation", {"event": told.body["event"], "email": PARENT})
    assert (again.status_code, again.body["code"]) == (409, "not_awaiting_parent")
    missing = api.post(f"{base}/authorisation", {"event": str(child.subject.pk), "email": PARENT})
    assert missing.status_code == 404
    unknown = api.post(f"{base}/authorisation", {"event": told.body["event"], "email": PARENT, "name": "x"})
    assert (unknown.status_code, unknown.body["code"]) == (400, "unknown_member")
    assert client_for(eve).post(f"{base}/authorisation", {}).status_code == 403

    form = {"event": told.body["event"], "email": PARENT}
    assert "does not wait for a parent" in browser.post("/consent/authorisation", form, follow=True).content.decode()


def test_the_portal_asks_the_parent(child: Person, django_capture_on_commit_callbacks: Any) -> None:
    event = answer(child.subject, "give")
    with django_capture_on_commit_callbacks(execute=True):
        page = child.browser().post("/consent/authorisation", {"event": str(event.event), "email": PARENT}, follow=True)
    assert "A mail is on its way" in page.content.decode()
    assert "We wrote to your parent" in page.content.decode()
    assert agree(link()).status_code == 302


def test_an_address_nobody_answered_from_is_forgotten(child: Person, asked: str, frozen: Any) -> None:
    frozen.shift(confirmations.LIFETIME.total_seconds() + 30 * 86400 - 60)
    assert confirmations.forget_unanswered() == 0 and holder_of(Confirmation.objects.get())
    frozen.shift(120)
    assert confirmations.forget_unanswered() == 1 and holder_of(Confirmation.objects.get()) == {}
    assert ConsentEvent.objects.count() == 1


def test_wrong_dates_of_birth_are_counted_by_the_service_too(child: Person, asked: str) -> None:
    row = Confirmation.objects.get()
    token = asked.rpartition("/")[2]
    for _ in range(mail_links.TRIES):
        with pytest.raises(DomainError, match="wrong_birth_date"):
            authorisations.authorise(confirmation_id=row.pk, token=token, name="M", birth_date=born(15, 1))
    with pytest.raises(DomainError, match="link_dead"):
        authorisations.authorise(confirmation_id=row.pk, token=token, name="M", birth_date=born(15))


def test_a_wrong_token_is_counted_by_every_service(child: Person, asked: str) -> None:
    row = Confirmation.objects.get()
    for act in (confirmations.confirm, authorisations.take_back):
        with pytest.raises(DomainError, match="link_dead"):
            act(confirmation_id=row.pk, token="wrong")
    assert Confirmation.objects.get().tries == 2


@pytest.mark.parametrize(("years", "stands"), [(15, False), (16, True)])
def test_a_yes_from_before_the_age_was_known_stands_for_those_of_age_alone(
    alice: Person, shop: Any, years: int, stands: bool
) -> None:
    given = answer(alice.subject, "give")
    assert (given.state, code(alice)) == ("given", "allowed")
    register_subject(application=shop, identifiers={"email": alice.email}, country="DE", birth_date=born(years))
    child = Subject.objects.get(pk=alice.subject.pk)
    assert code(alice) == ("allowed" if stands else "consent_expired")
    assert state_of(child, "newsletter") == ("given" if stands else "expired")
    assert ConsentEvent.objects.filter(subject=child, purpose="newsletter", action="expire").exists() is not stands
    assert answer(child, "give").state == ("given" if stands else "pending")
