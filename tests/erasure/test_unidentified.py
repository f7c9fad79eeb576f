"""Who cannot be identified is told so, and more information takes the request up again (Art. 11(2); law.md R24)."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.test import Client
from django.utils import timezone

from access.services import limits
from access.services.mail import sweep_mail
from audit.models import AuditEvent
from erasure.models import RightsRequest, Unidentified
from erasure.services import casework, conversation, identity, requests, unidentified
from erasure.services.details import opened_details
from gdpr_portal.errors import WrongState
from subjects.models import Subject
from subjects.services.people import register_subject
from tests.erasure.people import code_in_mail, file, store, text_of
from vault import services as vault

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

NEW_ADDRESS = "carla.new@example.org"
OLD_ADDRESS = "carla.old@example.org"
LINK = re.compile(r"https?://[^/\s]+(/request/more/\S+)")


@pytest.fixture
def carla(shop: Any, catalogue: Any) -> Any:
    """Known by an old address, a telephone number and a customer number; asks from a new address."""
    identifiers = {"email": OLD_ADDRESS, "phone": "+493012345678", "customer_id": "c-77"}
    subject, _new = register_subject(application=shop, identifiers=identifiers, language="en", country="DE")
    store(shop, subject, "orders", given_name="Carla")
    return subject


def asked(after_commit: Any, right: str = "access", **words: str) -> str:
    """The path of the link that came to the address we do not know."""
    with after_commit():
        Client().post("/request", {"email": NEW_ADDRESS, "right": right, **words})
    assert mail.outbox[-1].to == [NEW_ADDRESS]
    found = LINK.search(str(mail.outbox[-1].body))
    assert found is not None
    return found.group(1)


def add(link: str, after_commit: Any, **identifiers: str) -> Any:
    with after_commit():
        return Client().post(link, identifiers)


@pytest.mark.usefixtures("carla")
def test_the_answer_says_that_we_cannot_tell_who_asks_and_keeps_no_address(after_commit: Any) -> None:
    asked(after_commit)
    said = str(mail.outbox[-1].body)
    assert "cannot tell who you are" in said and "complain to the supervisory authority" in said
    assert Unidentified.objects.count() == 1 and not RightsRequest.objects.exists()
    event = AuditEvent.objects.get(action="request.unidentified")
    assert (event.subject, event.details["right"]) == (None, "access")
    row = Unidentified.objects.get()
    kept = vault.open_secret(unidentified.words_place(row), bytes(row.words_sealed)).decode()
    assert NEW_ADDRESS not in kept and "access" in row.right, "nor sealed"


@pytest.mark.parametrize(
    "known_by",
    [{"email": OLD_ADDRESS}, {"phone": "+49 30 12345678"}, {"customer_id": "c-77"}],
    ids=["email", "phone", "customer_id"],
)
def test_a_matching_identifier_takes_it_up_from_the_day_it_came(
    carla: Any, after_commit: Any, frozen: Any, known_by: dict[str, str]
) -> None:
    link = asked(after_commit)
    came = Unidentified.objects.get().received_at
    frozen.shift(timedelta(days=3))
    add(link, after_commit, **known_by)
    sweep_mail()
    request = RightsRequest.objects.get()
    assert (request.subject_id, request.right, request.state) == (carla.pk, "access", "verifying")
    assert request.received_at == came
    assert mail.outbox[-1].to == [OLD_ADDRESS], "the code goes to the address they are known by"
    assert AuditEvent.objects.get(action="request.identified").subject == carla.pseudonym
    reference, code = code_in_mail()
    Client().post("/request/verify", {"reference": reference, "code": code})
    request.refresh_from_db()
    assert request.state == "in_progress"


def test_what_the_form_said_is_still_known(carla: Any, after_commit: Any) -> None:
    link = asked(after_commit, "rectification", field="given_name", value="Karla")
    add(link, after_commit, phone="+493012345678")
    assert opened_details(RightsRequest.objects.get()) == {"purpose": "orders", "values": {"given_name": "Karla"}}


@pytest.mark.usefixtures("carla")
def test_found_or_not_is_the_same_work(after_commit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A request filed and a mail sent told by the clock whether a customer number is known here (T11)."""
    filed: list[Any] = []
    file_request = unidentified.file_request
    monkeypatch.setattr(unidentified, "file_request", lambda **given: (filed.append(given), file_request(**given))[1])
    found, missed, before = asked(after_commit), asked(after_commit), len(mail.outbox)
    people = Subject.objects.count()
    add(missed, after_commit, customer_id="c-78")
    assert len(filed) == 1 and not RightsRequest.objects.exists() and Subject.objects.count() == people
    add(found, after_commit, customer_id="c-77")
    assert len(filed) == 2 and RightsRequest.objects.count() == 1 and len(mail.outbox) == before
    sweep_mail()
    assert len(mail.outbox) == before + 1


@pytest.mark.usefixtures("carla")
def test_found_or_not_looks_the_same_now_and_afterwards(after_commit: Any) -> None:
    found, missed = asked(after_commit), asked(after_commit)
    pages = [
        (add(found, after_commit, customer_id="c-77"), add(missed, after_commit, customer_id="c-78")),
        (Client().get(found), Client().get(missed)),
        (add(found, after_commit, customer_id="c-77"), add(missed, after_commit, customer_id="c-78")),
    ]
    for hit, miss in pages:
        assert hit.status_code == miss.status_code == 200
        assert text_of(hit).replace(found, "") == text_of(miss).replace(missed, "")
    assert RightsRequest.objects.count() == 1
    assert [each.to for each in mail.outbox].count([NEW_ADDRESS]) == 2, "nothing more comes to who asked"


def test_nobodys_mailbox_is_filled_by_way_of_their_number(
    carla: Any, after_commit: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new address of a stranger was another link, and each link another mail to who has the number (T40)."""
    monkeypatch.setattr(unidentified, "nobody", nobody := _Counted(unidentified.nobody))
    for number in range(limits.MAIL.free + 3):
        row = unidentified.answer_unidentified(email=f"x{number}@evil.example", right="access", language="en", words={})
        unidentified.add_information(row=row, identifiers={"customer_id": "c-77"})
    assert RightsRequest.objects.count() == limits.MAIL.free
    assert nobody.count == 3, "past it the same work is done for nobody"
    with after_commit():
        Client().post("/request", {"email": OLD_ADDRESS, "right": "access"})
    assert RightsRequest.objects.count() == limits.MAIL.free, "counted with the form's own"


class _Counted:
    """Calls through, and counts."""

    def __init__(self, called: Any) -> None:
        self.called, self.count = called, 0

    def __call__(self) -> Any:
        self.count += 1
        return self.called()


def test_two_people_are_nobody(carla: Any, bob: Any, acme: Any, after_commit: Any) -> None:
    register_subject(application=acme, identifiers={"customer_id": "c-77"}, language="en")
    link = asked(after_commit)
    add(link, after_commit, email=bob.email, customer_id="c-77")
    add(link, after_commit, email=OLD_ADDRESS, customer_id="c-none")
    add(link, after_commit, customer_id="c-77")  # a number of two people, of two applications
    assert not RightsRequest.objects.exists()
    add(link, after_commit, email=OLD_ADDRESS, customer_id="c-77")
    assert RightsRequest.objects.get().subject_id == carla.pk


def test_who_was_erased_is_nobody(carla: Any, after_commit: Any) -> None:
    """Also before the last row of them is gone."""
    link = asked(after_commit)
    Subject.objects.filter(pk=carla.pk).update(erased_at=timezone.now())
    add(link, after_commit, email=OLD_ADDRESS)
    assert not AuditEvent.objects.filter(action="request.identified").exists()
    assert mail.outbox[-1].to == [NEW_ADDRESS]


@pytest.mark.usefixtures("carla")
def test_numbers_are_not_tried_out_by_one_link(after_commit: Any) -> None:
    link = asked(after_commit)
    pages = [add(link, after_commit, customer_id=f"c-{number}") for number in range(limits.MAIL.free)]
    pages.append(add(link, after_commit, customer_id="c-77"))
    assert {text_of(page) for page in pages} == {text_of(pages[0])}
    assert not RightsRequest.objects.exists()


@pytest.mark.usefixtures("carla")
def test_the_link_ends_after_thirty_days_and_the_row_with_it(after_commit: Any, frozen: Any) -> None:
    link = asked(after_commit)
    assert Client().get(link).status_code == 200
    assert Client().get(link[:-2] + "xx").status_code == 410
    frozen.shift(timedelta(days=30))
    assert Client().get(link).status_code == 410
    assert unidentified.forget() == 1 and not Unidentified.objects.exists()


def test_nothing_said_is_an_error_in_words(after_commit: Any) -> None:
    page = Client().post(asked(after_commit), {"email": ""})
    assert "Fill in at least one." in page.content.decode()


def test_whom_no_mail_reaches_the_desk_identifies_and_nothing_runs_before(shop: Any, rita: Any) -> None:
    """A code that never comes would have ended the request after seven days, and nobody would have known of it."""
    subject, _new = register_subject(application=shop, identifiers={"customer_id": "c-no-mail"}, language="en")
    request = file(subject, "access", verified_by="none")
    assert request.state == "in_review" and mail.outbox == []
    with pytest.raises(WrongState, match="not_identified"):
        requests.approve_request(request_id=request.pk, reviewer=rita.account)
    identity.ask_evidence(request_id=request.pk, author=rita.account, text="Please call us.", doubt="no_address")
    with pytest.raises(WrongState, match="not_identified"):  # it was asked, and nobody has answered
        requests.approve_request(request_id=request.pk, reviewer=rita.account)
    conversation.withdraw_question(request_id=request.pk, author=rita.account)
    with pytest.raises(WrongState, match="not_identified"):  # nor by the desk's taking its question back
        requests.approve_request(request_id=request.pk, reviewer=rita.account)
    identity.settle(request_id=request.pk, reviewer=rita.account, method="call_back", outcome="confirmed")
    requests.approve_request(request_id=request.pk, reviewer=rita.account)
    request.refresh_from_db()
    assert (request.state, request.verified_by) == ("in_progress", "document")


def test_a_correction_by_somebody_unidentified_holds_nothing_back(shop: Any, catalogue: Any, rita: Any) -> None:
    """A stranger's word restricts nobody's data (Art. 18(1)(a) is for the person), whatever the desk makes of it."""
    subject, _new = register_subject(application=shop, identifiers={"customer_id": "c-no-mail"}, language="en")
    store(shop, subject, "orders", given_name="Nora")
    values = {"given_name": "Norma"}
    request = file(subject, "rectification", verified_by="none", purpose="orders", values=values)
    assert request.state == "in_review" and not subject.restrictions.exists()
    ground = {"ground": "accuracy_contested"}
    casework.retype(request_id=request.pk, reviewer=rita.account, right="restriction", details=ground)
    assert not subject.restrictions.exists()
    identity.ask_evidence(request_id=request.pk, author=rita.account, text="Please call us.", doubt="no_address")
    identity.settle(request_id=request.pk, reviewer=rita.account, method="call_back", outcome="confirmed")
    requests.approve_request(request_id=request.pk, reviewer=rita.account)
    assert subject.restrictions.get().ground == "accuracy_contested"
