"""Places run by hand: declared by two, asked by a link in the mail, reminded, answered once (Art. 15, 17, 28(3)(e))."""

import base64
import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client, override_settings
from django.utils import timezone

from access.services import mail_links
from audit import actors
from erasure.admin import desk
from erasure.models import AnswerFile, MailLink, ManualPlace, PlaceTask, RightsRequest, SourceAnswer, Step
from erasure.services import archives, place_tasks, places, step_acts
from gdpr_portal.errors import DomainError, Invalid, Refused
from tests.conftest import make_staff
from tests.erasure.people import file, run_all, store
from tests.laws.haystack import in_database, needles

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
LINK = re.compile(r"https?://[^/\s]+(/request/place/\S+)")
WORDS = "Canary-Dotterel in drawer 7"
PAPER = b"%PDF-1.7\nCanary-Dotterel-Scan"
KEEPER = places.Respondent("Karla Keeper", "keeper@paper.example")


@pytest.fixture
def petra(db: None) -> Any:
    """The second pair of eyes."""
    from access import roles

    return make_staff("petra", roles.PRIVACY_OFFICER)


def declared(by: Any, **changed: Any) -> ManualPlace:
    given: dict[str, Any] = {
        "slug": "paper", "name": "Paper archive", "description": "Two drawers", "purposes": ["orders"],
        "identifiers": ["email"], "respondent": KEEPER, "language": "en", "days": 10,
    }  # fmt: skip
    return places.declare(by=by.account, **(given | changed))


@pytest.fixture
def paper(rita: Any, petra: Any) -> ManualPlace:
    """A place that is asked."""
    return places.approve(place_id=declared(rita).id, by=petra.account)


@pytest.fixture
def sent(paper: ManualPlace, alice: Any, shop: Any, django_capture_on_commit_callbacks: Any) -> RightsRequest:
    """A request for a copy, of which the place has the mail."""
    store(shop, alice.subject, "orders", given_name="Alice")
    with django_capture_on_commit_callbacks(execute=True):
        return file(alice.subject, "access")


def link() -> str:
    """The address in the last mail."""
    found = LINK.search(str(mail.outbox[-1].body))
    assert found is not None
    return found.group(1)


def test_the_queue_calls_a_place_by_its_name(sent: RightsRequest, rita: Any, petra: Any) -> None:
    places.retire(place_id=ManualPlace.objects.get().id, by=rita.account)
    places.approve(place_id=declared(rita, name="Attic").id, by=petra.account)
    page = rita.browser().get("/admin/erasure/rightsrequest/").content.decode()
    assert str(sent.id)[:8] in page and "Attic" in page and "place:paper" not in page


def opened(path: str) -> tuple[Client, str]:
    """A browser that has pressed the button of the link, and the address of the form."""
    client = Client()
    answer = client.post(path)
    assert answer.status_code == 302, answer.content
    return client, answer["Location"]


def task_of(request: RightsRequest) -> PlaceTask:
    return PlaceTask.objects.select_related("step").get(step__request=request)


def collected(request: RightsRequest, number: int = 0) -> dict[str, bytes]:
    _archive, data = archives.collect(request=request, actor=actors.SUBJECT, number=number)
    with zipfile.ZipFile(io.BytesIO(b"".join(data))) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def receipt(request: RightsRequest) -> dict[str, Any]:
    body = request.receipt.jws.split(".")[1]
    found: dict[str, Any] = json.loads(base64.urlsafe_b64decode(body + "=" * (-len(body) % 4)))
    return found


# --- declaring ------------------------------------------------------------------------------------------------------
def test_who_declares_a_place_does_not_approve_it(rita: Any, petra: Any, alice: Any, bob: Any, shop: Any) -> None:
    for each in (alice, bob):
        store(shop, each.subject, "orders", given_name="Alice")
    row = declared(rita)
    with pytest.raises(Refused):
        places.approve(place_id=row.id, by=rita.account)
    assert not file(alice.subject, "access").steps.filter(kind="manual").exists()
    places.approve(place_id=row.id, by=petra.account)
    assert file(bob.subject, "access").steps.get(kind="manual").target == "place:paper"


def test_a_place_declared_anew_takes_over_only_when_approved(paper: ManualPlace, rita: Any, petra: Any) -> None:
    newer = declared(rita, name="Cellar")
    assert [row.name for row in places.live_places()] == ["Paper archive"]
    declared(rita, name="Attic")
    newest = declared(rita, name="Cellar")
    newer.refresh_from_db()
    assert newer.retired_at is not None
    places.approve(place_id=newest.id, by=petra.account)
    assert [row.name for row in places.live_places()] == ["Cellar"]
    places.retire(place_id=newest.id, by=rita.account)
    assert places.live_places() == []


@pytest.mark.parametrize(
    "changed", [{"days": 0}, {"days": 26}, {"purposes": []}, {"respondent": places.Respondent("K", "nobody")}]
)
def test_a_place_that_cannot_work_is_refused(rita: Any, changed: dict[str, Any]) -> None:
    with pytest.raises(Invalid):
        declared(rita, **changed)


def test_who_answers_there_lies_sealed(paper: ManualPlace) -> None:
    assert places.respondent_of(paper) == KEEPER
    assert in_database(needles({"name": KEEPER.name, "email": KEEPER.email})) == set()


def test_only_places_of_purposes_the_person_is_held_for_are_asked(
    paper: ManualPlace, alice: Any, bob: Any, shop: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, bob.subject, "tax_records", vat_number="DE123456789")
    assert file(alice.subject, "access").steps.filter(target="place:paper").exists()
    assert not file(bob.subject, "access").steps.filter(target="place:paper").exists()


def test_portability_asks_only_for_consent_and_contract(rita: Any, petra: Any, alice: Any, shop: Any) -> None:
    row = declared(rita, slug="tax", purposes=["tax_records"])
    places.approve(place_id=row.id, by=petra.account)
    row = declared(rita, purposes=["orders"])
    places.approve(place_id=row.id, by=petra.account)
    store(shop, alice.subject, "orders", given_name="Alice")
    store(shop, alice.subject, "tax_records", vat_number="DE123456789")
    asked = file(alice.subject, "portability").steps.filter(kind="manual").values_list("target", flat=True)
    assert list(asked) == ["place:paper"]


# --- the link -------------------------------------------------------------------------------------------------------
def test_the_mail_names_nobody_and_its_link_shows_and_does_nothing(sent: RightsRequest) -> None:
    message = mail.outbox[-1]
    assert message.to == [KEEPER.email] and "alice" not in str(message.body).lower()
    page = Client().get(link())
    assert page.status_code == 200 and "alice" not in page.content.decode()
    assert task_of(sent).answered_at is None and SourceAnswer.objects.count() == 0


def test_the_form_shows_what_the_desk_allowed_and_no_more(sent: RightsRequest, audit_log: Any) -> None:
    client, where = opened(link())
    page = client.get(where).content.decode()
    assert "alice@example.org" in page and "A copy of everything held" in page and "Paper archive" in page
    assert "c-alice" not in page and "Drawers" not in page
    event = audit_log("place.opened")[-1]
    assert event.actor == "system:respondent" and "alice" not in json.dumps(event.details)


def test_no_address_with_the_token_is_sent_on_kept_or_indexed(sent: RightsRequest) -> None:
    path = link()
    token = path.rpartition("/")[2]
    client, where = opened(path)
    assert token not in where
    for page in (client.get(path), client.get(where), Client().get(where)):
        assert page["Referrer-Policy"] == "strict-origin"
        assert "noindex" in page["X-Robots-Tag"] and "no-store" in page["Cache-Control"]
    assert token not in client.get(where).content.decode()
    assert token not in json.dumps(dict(client.session.items()))
    assert in_database(needles({"token": token})) == set()


def test_a_dead_link_and_a_wrong_one_look_the_same(sent: RightsRequest) -> None:
    path = link()
    wrong = Client().get(path[:-1] + ("a" if path[-1] != "a" else "b"))
    unknown = Client().get("/request/place/00000000-0000-4000-8000-000000000000/guess")
    MailLink.objects.update(expires_at=timezone.now())
    late = Client().get(path)
    bodies = {re.sub(r'nonce="[^"]+"|value="[^"]+"', "", page.content.decode()) for page in (wrong, unknown, late)}
    assert {page.status_code for page in (wrong, unknown, late)} == {410} and len(bodies) == 1


def test_after_ten_guesses_the_link_is_dead(sent: RightsRequest) -> None:
    path = link()
    for _guess in range(mail_links.TRIES):
        assert Client().get(path[:-4] + "xxxx").status_code == 410
    assert Client().get(path).status_code == 410


def test_guesses_from_one_address_are_slowed(sent: RightsRequest) -> None:
    path = link()
    codes = {Client().get(f"/request/place/{PlaceTask.objects.get().id}/guess").status_code for _guess in range(70)}
    assert codes == {410, 429}
    assert Client().get(path).status_code == 429


def test_the_form_opens_only_in_the_browser_that_showed_the_token_and_not_for_long(
    frozen: Any, sent: RightsRequest
) -> None:
    client, where = opened(link())
    assert client.get(where).status_code == 200
    assert Client().get(where).status_code == 410
    frozen.shift(1801)
    assert client.get(where).status_code == 410


def test_a_link_of_a_question_opens_no_task_and_the_other_way_round(sent: RightsRequest) -> None:
    path = link()
    row, token = path.split("/")[-2:]
    assert Client().get(f"/request/answer/{row}/{token}").status_code == 410
    assert Client().get(path).status_code == 200


def test_the_desk_revokes_a_link_in_every_browser_and_sends_another(
    sent: RightsRequest, rita: Any, django_capture_on_commit_callbacks: Any
) -> None:
    path = link()
    client, where = opened(path)
    given = {"step": str(task_of(sent).step_id)}
    desk.do(name="revoke_link", request_id=sent.id, account=rita.account, given=given)
    assert client.get(where).status_code == 410 and Client().get(path).status_code == 410
    assert client.post(where, {"outcome": "done", "text": WORDS}).status_code == 410
    assert SourceAnswer.objects.count() == 0
    with django_capture_on_commit_callbacks(execute=True):
        desk.do(name="send_link", request_id=sent.id, account=rita.account, given=given)
    assert link() != path and Client().get(link()).status_code == 200


# --- answering ------------------------------------------------------------------------------------------------------
def test_an_answer_and_its_files_are_in_the_persons_copy(sent: RightsRequest) -> None:
    assert run_all(sent).archive is None
    client, where = opened(link())
    scan = SimpleUploadedFile("alice's file.pdf", PAPER)
    page = client.post(where, {"outcome": "done", "text": WORDS, "files": [scan]})
    assert page.status_code == 200 and "Thank you" in page.content.decode()
    assert in_database(needles({"words": WORDS, "scan": PAPER.decode(), "name": "alice's file"})) == set()
    request = run_all(sent)
    files = collected(request)
    assert json.loads(files["data/sources/place-paper/answer.json"]) == {
        "text": WORDS, "attachments": ["attachment-1.pdf"],
    }  # fmt: skip
    assert files["data/sources/place-paper/attachment-1.pdf"] == PAPER
    assert WORDS in files["index.html"].decode() and "From Paper archive" in files["index.html"].decode()
    assert request.state == "completed"
    assert receipt(request)["sources"][0] == {
        "source": "paper", "kind": "place", "answer": "answered", "reason": None, "archive": 0,
        "answered_at": SourceAnswer.objects.get().at.isoformat(),
    }  # fmt: skip
    assert Step.objects.get(target="place:paper").identities_sealed is None


def test_sent_twice_it_is_one_answer_and_the_link_is_dead(sent: RightsRequest) -> None:
    path = link()
    client, where = opened(path)
    other, _where = opened(path)
    assert client.post(where, {"outcome": "done", "text": WORDS}).status_code == 200
    again = client.post(where, {"outcome": "done", "text": "something else"})
    assert again.status_code == 200 and "Thank you" in again.content.decode()
    assert other.post(where, {"outcome": "nothing_held"}).status_code == 410
    assert Client().get(path).status_code == 410
    assert SourceAnswer.objects.get().outcome == "done"
    assert WORDS in collected(run_all(sent))["index.html"].decode()


def test_two_browsers_at_once_make_one_answer(sent: RightsRequest) -> None:
    """Both have the form open and the link is still alive for the second: the service itself counts the first."""
    task = task_of(sent)
    first = place_tasks.answer(task_id=task.id, outcome="done", text=WORDS, actor="system:respondent")
    second = place_tasks.answer(task_id=task.id, outcome="nothing_held", actor="system:respondent")
    assert first.pk == second.pk and second.outcome == "done"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, "Choose what you did"),
        ({"outcome": "cannot"}, "Choose what you did"),
        ({"outcome": "cannot", "reason": "no_idea"}, "Choose what you did"),
        ({"outcome": "done"}, "Write down what is held"),
        ({"outcome": "done", "text": "x" * 20_001}, "too long"),
    ],
)
def test_what_does_not_fit_is_said_and_kept_in_the_form(sent: RightsRequest, given: Any, words: str) -> None:
    client, where = opened(link())
    page = client.post(where, given)
    assert page.status_code == 422 and words in page.content.decode()
    assert SourceAnswer.objects.count() == 0 and MailLink.objects.count() == 1


def test_files_are_bounded_and_known_by_their_first_bytes(sent: RightsRequest) -> None:
    task = task_of(sent)
    for files in ([b"MZ program"], [PAPER] * 4, [PAPER + b"x" * 5 * 1024 * 1024]):
        with pytest.raises(Invalid):
            place_tasks.answer(task_id=task.id, outcome="done", files=files, actor="system:respondent")
    assert AnswerFile.objects.count() == 0


def test_a_place_that_cannot_blocks_the_end_until_the_desk_settles_it(
    sent: RightsRequest, rita: Any, olga: Any
) -> None:
    client, where = opened(link())
    client.post(where, {"outcome": "cannot", "reason": "not_found", "text": WORDS})
    request = run_all(sent)
    step = request.steps.get(target="place:paper")
    assert (request.state, step.state, step.last_error) == ("in_progress", "failed", "not_found")
    assert json.loads(collected(request)["data.json"])["sources"][0]["state"] == "failed"
    page = rita.browser().get(f"/admin/erasure/placetask/{task_of(sent).id}/change/").content.decode()
    assert WORDS in page and "It cannot be told who the person is" in page
    step_acts.close_by_hand(step_id=step.id, operator=olga.account)
    assert run_all(request).state == "completed"


def test_what_comes_after_the_copy_is_a_supplement(frozen: Any, sent: RightsRequest) -> None:
    frozen.shift(timedelta(days=10, seconds=1))
    assert json.loads(collected(run_all(sent))["data.json"])["supplement_follows"] is True
    place_tasks.answer(task_id=task_of(sent).id, outcome="done", text=WORDS, actor="system:respondent")
    assert WORDS in collected(run_all(sent), 1)["index.html"].decode()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_erasure_is_carried_out_there_too_and_stands_in_the_receipt(
    paper: ManualPlace, alice: Any, shop: Any, django_capture_on_commit_callbacks: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    with django_capture_on_commit_callbacks(execute=True):
        request = file(alice.subject, "erasure")
    asked = next(message for message in mail.outbox if message.to == [KEEPER.email])
    step_acts.close_by_hand(step_id=request.steps.get(target="shop").id, operator=paper.declared_by)
    assert run_all(request).state == "in_progress"
    found = LINK.search(str(asked.body))
    assert found is not None
    client, where = opened(found.group(1))
    page = client.get(where).content.decode()
    assert "alice@example.org" in page and "Erase everything" in page, "whom to erase outlives the identity rows here"
    client.post(where, {"outcome": "done", "text": WORDS})
    request = run_all(request)
    assert request.state == "completed"
    told = receipt(request)["sources"][0]
    assert (told["source"], told["answer"], told["archive"]) == ("paper", "answered", None)
    row = SourceAnswer.objects.get()
    assert row.sealed is None, "nothing of the person is written down after the erasure"
    assert Step.objects.get(target="place:paper").identities_sealed is None


def test_a_correction_names_the_right_values(
    paper: ManualPlace, alice: Any, shop: Any, django_capture_on_commit_callbacks: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alise")
    with django_capture_on_commit_callbacks(execute=True):
        request = file(alice.subject, "rectification", purpose="orders", values={"given_name": "Alice-Right"})
    assert request.steps.filter(target="place:paper").exists()
    client, where = opened(link())
    assert "Alice-Right" in client.get(where).content.decode()


def test_named_staff_answer_at_the_desk_and_nobody_else(
    rita: Any, petra: Any, olga: Any, quentin: Any, alice: Any, shop: Any
) -> None:
    row = declared(rita, staff=[olga.account])
    places.approve(place_id=row.id, by=petra.account)
    store(shop, alice.subject, "orders", given_name="Alice")
    request = file(alice.subject, "access")
    where = f"/admin/erasure/placetask/{task_of(request).id}/change/"
    stranger = quentin.browser()
    assert stranger.get(where).status_code == 302
    assert stranger.post(where, {"outcome": "done", "text": WORDS}).status_code == 302
    assert str(task_of(request)) not in stranger.get("/admin/erasure/placetask/").content.decode()
    assert SourceAnswer.objects.count() == 0
    stale = olga.browser(fresh=False).post(where, {"outcome": "done", "text": WORDS})
    assert stale.status_code == 403 and SourceAnswer.objects.count() == 0
    browser = olga.browser()
    assert str(task_of(request)) in browser.get("/admin/erasure/placetask/").content.decode()
    assert "alice@example.org" in browser.get(where).content.decode()
    assert browser.post(where, {"outcome": "done", "text": WORDS}).status_code == 302
    assert WORDS in collected(run_all(request))["index.html"].decode()


def test_a_session_planted_beforehand_is_not_let_in(sent: RightsRequest) -> None:
    """Whoever put their own cookie into the browser of who answers is not let in with them (T42)."""
    client, planted = Client(), Client()
    session = client.session
    session["planted"] = True
    session.save()
    planted.cookies["session"] = client.cookies["session"].value
    where = client.post(link())["Location"]
    assert (client.get(where).status_code, planted.get(where).status_code) == (200, 410)


def test_looks_of_staff_count_as_all_do_and_the_person_reads_of_them(
    sent: RightsRequest, rita: Any, alice: Any, settings: Any, audit_log: Any
) -> None:
    """The page showed whom it is about to any reviewer, as often as they liked, on a stolen session too (T12)."""
    settings.STAFF_REVEALS_AN_HOUR = 1
    where = f"/admin/erasure/placetask/{task_of(sent).id}/change/"
    stale = rita.browser(fresh=False).get(where)
    assert stale.status_code == 302 and stale["Location"].startswith("/confirm")
    browser = rita.browser()
    assert "alice@example.org" in browser.get(where).content.decode()
    (look,) = audit_log("data.revealed")
    assert (look.actor, look.fields) == (f"staff:{rita.account.pk}", ["email"])
    again = browser.get(where, follow=True).content.decode()
    assert "alice@example.org" not in again and "Too many looks within an hour" in again
    assert "E-mail address" in alice.browser().get("/activity").content.decode()


# --- reminders ------------------------------------------------------------------------------------------------------
def test_reminders_at_half_and_most_of_its_days_then_the_desk_then_given_up(
    frozen: Any, sent: RightsRequest, rita: Any, olga: Any, django_capture_on_commit_callbacks: Any
) -> None:
    first = link()

    def at(days: float) -> list[tuple[str, str]]:
        mail.outbox.clear()
        frozen.move_to(task_of(sent).asked_at + timedelta(days=days, seconds=1))
        with django_capture_on_commit_callbacks(execute=True):
            place_tasks.remind()
            place_tasks.remind()
        return [(message.to[0], str(message.subject)) for message in mail.outbox]

    waits = "A request about personal data is still waiting for you"
    assert at(4.9) == []
    assert at(5) == [(KEEPER.email, waits)]
    assert Client().get(first).status_code == 410 and Client().get(link()).status_code == 200
    assert at(8) == [(KEEPER.email, waits)]
    newest = link()
    late = at(10)
    assert {subject for _to, subject in late} == {"A place has not answered"}
    assert rita.email in {to for to, _subject in late} and KEEPER.email not in {to for to, _subject in late}
    assert run_all(sent).state == "in_progress" and Client().get(newest).status_code == 200
    assert {subject for _to, subject in at(20)} == {"A place has not answered"}
    assert "its link no longer works" in str(mail.outbox[-1].body)
    step = task_of(sent).step
    assert (step.state, step.last_error) == ("failed", "no_answer") and Client().get(newest).status_code == 410
    assert run_all(sent).state == "in_progress", "a place given up blocks the end"
    assert ManualPlace.objects.get().name in rita.browser().get("/admin/erasure/rightsrequest/").content.decode()
    assert at(40) == []
    step_acts.close_by_hand(step_id=step.id, operator=olga.account)
    assert run_all(sent).state == "completed"


def test_who_was_asleep_reminds_once(frozen: Any, sent: RightsRequest, django_capture_on_commit_callbacks: Any) -> None:
    mail.outbox.clear()
    frozen.shift(timedelta(days=9))
    with django_capture_on_commit_callbacks(execute=True):
        assert place_tasks.remind() == 1
        assert place_tasks.remind() == 0
    assert [message.to for message in mail.outbox] == [[KEEPER.email]]


def test_who_answered_is_reminded_of_nothing(frozen: Any, sent: RightsRequest) -> None:
    place_tasks.answer(task_id=task_of(sent).id, outcome="nothing_held", actor="system:respondent")
    frozen.shift(timedelta(days=30))
    assert place_tasks.remind() == 0


def test_a_step_settled_by_hand_lets_nobody_in_and_reminds_nobody(frozen: Any, sent: RightsRequest, olga: Any) -> None:
    path = link()
    client, where = opened(path)
    step_acts.close_by_hand(step_id=task_of(sent).step_id, operator=olga.account)
    assert client.get(where).status_code == 410 and Client().get(path).status_code == 410
    with pytest.raises(DomainError):
        place_tasks.answer(task_id=task_of(sent).id, outcome="done", text=WORDS, actor="system:respondent")
    frozen.shift(timedelta(days=6))
    assert place_tasks.remind() == 0
    assert task_of(sent).step.identities_sealed is None


# --- the end --------------------------------------------------------------------------------------------------------
def test_words_and_files_go_thirty_days_after_they_were_handed_on(frozen: Any, sent: RightsRequest) -> None:
    place_tasks.answer(task_id=task_of(sent).id, outcome="done", text=WORDS, files=[PAPER], actor="system:respondent")
    frozen.shift(timedelta(days=29))
    run_all(sent)
    assert place_tasks.forget_answers() == 0 and AnswerFile.objects.count() == 1
    frozen.shift(timedelta(days=2))
    assert place_tasks.forget_answers() == 1 and place_tasks.forget_answers() == 0
    row = SourceAnswer.objects.get()
    assert (row.sealed, row.outcome, AnswerFile.objects.count()) == (None, "done", 0)


def test_an_answer_no_archive_has_yet_is_not_forgotten(frozen: Any, sent: RightsRequest) -> None:
    place_tasks.answer(task_id=task_of(sent).id, outcome="done", text=WORDS, actor="system:respondent")
    frozen.shift(timedelta(days=31))
    assert place_tasks.forget_answers() == 0
    assert WORDS in collected(run_all(sent))["index.html"].decode()


@override_settings(UNDO_WINDOW_SECONDS=0)
def test_an_erasure_takes_the_answers_along(sent: RightsRequest, alice: Any) -> None:
    place_tasks.answer(task_id=task_of(sent).id, outcome="done", text=WORDS, files=[PAPER], actor="system:respondent")
    run_all(sent)
    assert SourceAnswer.objects.exclude(sealed=None).exists() and AnswerFile.objects.exists()
    run_all(file(alice.subject, "erasure"))
    assert not SourceAnswer.objects.exclude(sealed=None).exists() and not AnswerFile.objects.exists()


def test_the_pages_of_the_desk_open_and_declare(rita: Any, petra: Any, django_capture_on_commit_callbacks: Any) -> None:
    browser = rita.browser()
    where = "/admin/erasure/manualplace/"
    assert browser.get(f"{where}add/").status_code == 200
    given = {
        "slug": "cellar", "name": "Cellar", "description": "", "purposes": ["orders"], "identifiers": ["email"],
        "respondent_name": "Karl", "respondent_email": "karl@paper.example", "language": "de", "days": "7",
    }  # fmt: skip
    stale = rita.browser(fresh=False).post(f"{where}add/", given)
    assert stale.status_code == 403 and not ManualPlace.objects.exists()
    assert browser.post(f"{where}add/", given).status_code == 302
    row = ManualPlace.objects.get()
    assert (row.slug, row.days, row.approved_at) == ("cellar", 7, None)
    assert "karl@paper.example" in browser.get(f"{where}{row.id}/change/").content.decode()
    act = {"action": "approve", "_selected_action": [str(row.id)]}
    browser.post(where, act)
    row.refresh_from_db()
    assert row.approved_at is None, "four eyes"
    petra.browser().post(where, act)
    row.refresh_from_db()
    assert row.approved_at is not None


@pytest.mark.parametrize(
    ("language", "words"), [("de", "Ihre Antwort"), ("fr", "Votre réponse"), ("en", "Your answer")]
)
def test_who_answers_reads_their_own_language(
    rita: Any, petra: Any, alice: Any, shop: Any, language: str, words: str, django_capture_on_commit_callbacks: Any
) -> None:
    row = declared(rita, language=language)
    places.approve(place_id=row.id, by=petra.account)
    store(shop, alice.subject, "orders", given_name="Alice")
    with django_capture_on_commit_callbacks(execute=True):
        file(alice.subject, "access")
    client, where = opened(link())
    page = client.get(where)
    assert words in page.content.decode() and f'<html lang="{language}"' in page.content.decode()
    assert page["Content-Language"] == language
