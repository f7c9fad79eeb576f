"""Somebody asks in a person's name: nothing before the mandate is accepted, and the person can stop it (law.md R27)."""

import io
import json
import re
import zipfile
from datetime import timedelta
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.db.migrations.loader import MigrationLoader
from django.test import Client, override_settings
from django.utils import timezone

from access.services import mail_links
from access.services.mail import sweep_mail
from erasure.holdings.mandates import MandatesHolding
from erasure.models import Archive, Mandate, MandateLink, RightsRequest
from erasure.services import archives, handing_over, links, mandates, on_behalf, requests
from erasure.services.mandate_words import Representative, representative_of
from gdpr_portal.errors import DomainError
from gdpr_portal.formats.zones import today
from subjects.holdings import ExportScope
from tests.conftest import NOW, make_staff
from tests.erasure.people import file, run_all, store, text_of
from tests.laws.haystack import in_database

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
WORDS = b"Seidenschwanz-Vollmacht"
PAPER = b"%PDF-1.7\n" + WORDS
LAWYER = Representative("Lena Laubvogel", "lena@lawyers.example")
OBJECTION = re.compile(r"https?://[^/\s]+(/request/objection/\S+)")
COLLECTION = re.compile(r"https?://[^/\s]+(/request/collect/\S+)")


def ask(subject: Any, *rights: str, kind: str = "power_of_attorney", **more: Any) -> Mandate:
    shown = on_behalf.Shown(kind=kind, who=LAWYER, document=PAPER, valid_until=more.pop("valid_until", None))
    wishes: Any = [(right, {}) for right in rights or ("access",)]
    filed = on_behalf.record_on_behalf(subject=subject, wishes=wishes, shown=shown, **more)
    assert filed[0].mandate is not None
    return filed[0].mandate


def accept(mandate: Mandate, rita: Any, answers: bool = False) -> Mandate:
    return mandates.accept(mandate_id=mandate.id, reviewer=rita.account, answers_to_representative=answers)


def one(right: str = "access") -> RightsRequest:
    return RightsRequest.objects.get(right=right)


def sent(address: str) -> list[str]:
    return [str(each.body) for each in mail.outbox if address in each.to]


def later(frozen: Any, hours: int = 73) -> None:
    frozen.shift(timedelta(hours=hours))


def migrate(app: str, name: str) -> None:
    """What this migration does is done, on the schema that is there."""
    loader = MigrationLoader(connection)
    with connection.schema_editor() as editor:
        loader.get_migration(app, name).apply(loader.project_state((app, name), at_end=False), editor)


# --- before it is accepted ------------------------------------------------------------------------------------------
def test_nothing_is_done_or_told_before_a_reviewer_accepted_it(
    alice: Any, shop: Any, rita: Any, frozen: Any, after_commit: Any, audit_log: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice")
    with after_commit():
        ask(alice.subject, "access", "erasure")
        later(frozen, 24 * 20)
        run_all(one())
    assert {row.state for row in RightsRequest.objects.all()} == {"in_review"}
    assert not Archive.objects.exists() and not sent(LAWYER.email)
    alice.subject.refresh_from_db()
    assert alice.subject.erased_at is None and not audit_log("data.read")
    with pytest.raises(DomainError, match="mandate_missing"):
        requests.approve_request(request_id=one("erasure").id, reviewer=rita.account)
    assert one("erasure").state == "in_review"


def test_accepted_it_goes_on_after_the_time_to_object(alice: Any, rita: Any, frozen: Any, audit_log: Any) -> None:
    mandate = ask(alice.subject)
    accept(mandate, rita)
    assert one().state == "in_progress" and one().verified_by == "document"
    assert run_all(one()).state == "in_progress" and not one().steps.exists(), "she has three days to object"
    later(frozen, 71)
    assert run_all(one()).state == "in_progress" and not one().steps.exists()
    later(frozen, 2)
    assert run_all(one()).state == "completed"
    assert audit_log("mandate.accepted")[0].details["answers"] is False
    with pytest.raises(DomainError, match="wrong_state"):
        accept(mandate, rita)


def test_a_request_that_is_reviewed_anyway_waits_for_its_own_review(alice: Any, rita: Any) -> None:
    with override_settings(REVIEW_EVERY_REQUEST=True):
        mandate = ask(alice.subject)
    accept(mandate, rita)
    assert one().state == "in_review"
    requests.approve_request(request_id=one().id, reviewer=rita.account)
    assert one().state == "in_progress"


def test_an_objection_to_a_use_holds_once_the_mandate_does(alice: Any, rita: Any, audit_log: Any) -> None:
    shown = on_behalf.Shown(kind="association", who=LAWYER, document=PAPER)
    wishes: Any = [("objection", {"purpose": "fraud_prevention"})]
    filed = on_behalf.record_on_behalf(subject=alice.subject, wishes=wishes, shown=shown)
    assert not audit_log("objection.raised")
    assert filed[0].mandate is not None
    accept(filed[0].mandate, rita)
    assert one("objection").state == "in_review" and audit_log("objection.raised")


def test_teeth_without_the_guard_an_approval_would_do(alice: Any, rita: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    ask(alice.subject)
    monkeypatch.setattr("erasure.services.start.require_authority", lambda _request: None)
    requests.approve_request(request_id=one().id, reviewer=rita.account)
    assert one().state == "in_progress"


# --- refused --------------------------------------------------------------------------------------------------------
def test_refused_with_a_coded_reason_the_requests_end_and_the_document_is_gone(
    alice: Any, rita: Any, audit_log: Any, after_commit: Any
) -> None:
    mandate = ask(alice.subject)
    assert mandates.opened_document(mandate) == PAPER
    with pytest.raises(DomainError, match="invalid_value"):
        mandates.refuse(mandate_id=mandate.id, reviewer=rita.account, reason="ugly")
    with after_commit():
        mandates.refuse(mandate_id=mandate.id, reviewer=rita.account, reason="not_signed")
    assert (one().state, one().reason_code) == ("refused", "A12IdentityFailure")
    row = Mandate.objects.get()
    assert mandates.opened_document(row) is None and not MandateLink.objects.exists()
    assert audit_log("mandate.refused")[0].details["reason"] == "not_signed"
    assert "It is not signed" in sent(LAWYER.email)[0] and alice.email not in sent(LAWYER.email)[0]
    assert "refused it" in sent(alice.email)[-1]
    with pytest.raises(DomainError, match="wrong_state"):
        accept(row, rita)


def test_one_that_is_over_is_not_accepted(alice: Any, rita: Any, frozen: Any) -> None:
    last = today()
    with pytest.raises(DomainError, match="invalid_value"):
        ask(alice.subject, valid_until=last - timedelta(days=1))
    mandate = ask(alice.subject, valid_until=last)
    frozen.shift(timedelta(days=1))
    with pytest.raises(DomainError, match="wrong_state"):
        accept(mandate, rita)
    assert one().state == "in_review"


def test_its_last_day_ends_where_the_controller_is(alice: Any, rita: Any, frozen: Any) -> None:
    """A worker's times are in UTC: for it a mandate was good for an hour or two longer than the page said."""
    with override_settings(CONTROLLER_TIME_ZONE="Europe/Berlin"):
        mandate = ask(alice.subject, valid_until=NOW.date())
        frozen.move_to(NOW.replace(hour=23, minute=30))
        with pytest.raises(DomainError, match="wrong_state"):
            accept(mandate, rita)


def test_a_mandate_nobody_needs_any_more_ends(alice: Any, audit_log: Any) -> None:
    mandate = ask(alice.subject, "access", "portability")
    requests.withdraw_request(request=one("access"), actor="subject")
    mandate.refresh_from_db()
    assert mandate.state == "waiting" and mandate.document_sealed
    requests.withdraw_request(request=one("portability"), actor="subject")
    mandate.refresh_from_db()
    assert mandate.state == "ended" and mandate.document_sealed is None and audit_log("mandate.ended")


# --- the person -----------------------------------------------------------------------------------------------------
def test_the_person_is_told_and_stops_it_with_one_button_without_a_sign_in(
    alice: Any, rita: Any, frozen: Any, after_commit: Any, audit_log: Any
) -> None:
    with after_commit():
        mandate = ask(alice.subject, "erasure")
    body = sent(alice.email)[0]
    found = OBJECTION.search(body)
    assert found is not None and LAWYER.name not in body, "the mail holds nothing of what was asked"
    accept(mandate, rita)
    second = make_staff("petra", "irm").account
    requests.approve_request(request_id=one("erasure").id, reviewer=second)
    page = Client().get(found[1])
    assert page.status_code == 200 and LAWYER.name in page.content.decode()
    mandate.refresh_from_db()
    assert mandate.state == "accepted", "looking does nothing"
    with after_commit():
        assert "You have objected" in Client().post(found[1]).content.decode()
    later(frozen, 200)
    assert run_all(one("erasure")).state == "in_review"
    assert audit_log("mandate.objected")[0].details["stopped"] == 1
    assert any(rita.email in each.to for each in mail.outbox), "the desk knows"
    with after_commit():
        Client().post(found[1])
    assert len(audit_log("mandate.objected")) == 1, "again, it changes nothing"
    with pytest.raises(DomainError, match="wrong_state"):
        accept(mandate, rita)
    with pytest.raises(DomainError, match="mandate_missing"):
        requests.approve_request(request_id=one("erasure").id, reviewer=second)


def test_a_parent_may_be_heard_against_an_objection(alice: Any, rita: Any) -> None:
    mandate = ask(alice.subject, kind="parental")
    mandates.object_to_mandate(mandate_id=mandate.id)
    accept(mandate, rita)
    assert one().state == "in_progress"


def test_a_wrong_or_late_link_leads_nowhere(alice: Any, after_commit: Any, frozen: Any) -> None:
    with after_commit():
        mandate = ask(alice.subject)
    found = OBJECTION.search(sent(alice.email)[0])
    assert found is not None
    where, _slash, _token = found[1].rpartition("/")
    assert Client().post(f"{where}/guess").status_code == 410
    mandate.refresh_from_db()
    assert mandate.state == "waiting" and MandateLink.objects.get().tries == 1
    frozen.shift(timedelta(days=31))
    assert Client().get(found[1]).status_code == 410
    assert links.forget_links() == 1


def test_signed_in_the_person_sees_who_asked_and_stops_it(alice: Any, bob: Any) -> None:
    ask(alice.subject)
    where = f"/requests/{one().id}"
    page = alice.browser().get(where).content.decode()
    assert LAWYER.name in page and "I do not want this" in page and LAWYER.email not in page
    assert "asked by somebody in your name" in alice.browser().get("/requests").content.decode()
    assert bob.browser().post(f"{where}/object").status_code == 404
    assert Mandate.objects.get().state == "waiting"
    alice.browser().post(f"{where}/object")
    assert Mandate.objects.get().state == "objected"
    own = file(alice.subject, "access")
    assert alice.browser().post(f"/requests/{own.id}/object").status_code == 302
    assert "Nobody asked for this" in alice.browser().post(f"/requests/{own.id}/object", follow=True).content.decode()


def test_somebodys_erasure_does_not_stand_in_the_way_of_the_persons_own(alice: Any, rita: Any) -> None:
    mandate = ask(alice.subject, "erasure")
    own = file(alice.subject, "erasure")
    assert own.mandate is None and own.state == "in_progress" and RightsRequest.objects.count() == 2
    with pytest.raises(DomainError, match="wrong_state"):
        accept(mandate, rita)


# --- the answer -----------------------------------------------------------------------------------------------------
def answered(alice: Any, rita: Any, frozen: Any, after_commit: Any, *, answers: bool, right: str = "access") -> Mandate:
    mandate = ask(alice.subject, right)
    accept(mandate, rita, answers)
    if right == "erasure":  # who accepted it is one
        requests.approve_request(request_id=one(right).id, reviewer=make_staff("petra", "irm").account)
    later(frozen)
    with after_commit():
        assert run_all(one(right)).state == "completed"
    return mandate


def test_the_answer_goes_to_the_person_alone_by_default(alice: Any, rita: Any, frozen: Any, after_commit: Any) -> None:
    answered(alice, rita, frozen, after_commit, answers=False)
    assert sent(alice.email) and not sent(LAWYER.email)
    with pytest.raises(DomainError, match="mandate_missing"):
        handing_over.hand_over(request_id=one().id, reviewer=rita.account)


def test_where_the_mandate_says_so_the_representative_hears_too(
    alice: Any, rita: Any, frozen: Any, after_commit: Any
) -> None:
    answered(alice, rita, frozen, after_commit, answers=True, right="erasure")
    assert len(sent(alice.email)) == 1 and len(sent(LAWYER.email)) == 1
    assert representative_of(Mandate.objects.get()) is None, "sent although the mandate is erased by now"


def handed_over(after_commit: Any) -> tuple[str, str]:
    """By somebody else than who accepted."""
    with after_commit():
        code = handing_over.hand_over(request_id=one().id, reviewer=make_staff("paul", "irm").account)
    found = COLLECTION.search(sent(LAWYER.email)[-1])
    assert found is not None and code not in sent(LAWYER.email)[-1]
    return found[1], code


def test_the_copy_opens_by_link_and_code_together_once(
    alice: Any, shop: Any, rita: Any, frozen: Any, after_commit: Any, audit_log: Any
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    answered(alice, rita, frozen, after_commit, answers=True)
    where, code = handed_over(after_commit)
    assert Client().get(where).status_code == 200
    assert Client().post(where, {"code": "AAAAAAAAAA"}).status_code == 422
    assert Client().post(where.rpartition("/")[0] + "/guess", {"code": code}).status_code == 422
    assert not audit_log("archive.downloaded")
    answer = Client().post(where, {"code": code.lower()})
    assert answer.status_code == 200 and "no-store" in answer["Cache-Control"]
    data = zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))).read("data.json")  # type: ignore[attr-defined]
    assert "Alice-Marker" in json.dumps(json.loads(data))
    assert audit_log("archive.downloaded")[0].actor == "representative"
    assert Client().post(where, {"code": code}).status_code == 422
    with pytest.raises(DomainError, match="expired"):
        archives.collect(request=one(), actor="subject")


@pytest.mark.parametrize("end", ["objected", "over", "taken_back"])
def test_a_link_handed_over_dies_with_the_mandate(
    alice: Any, rita: Any, frozen: Any, after_commit: Any, end: str
) -> None:
    mandate = answered(alice, rita, frozen, after_commit, answers=True)
    where, code = handed_over(after_commit)
    if end == "objected":
        mandates.object_to_mandate(mandate_id=mandate.id)
    elif end == "over":
        Mandate.objects.update(valid_until=today() - timedelta(days=1))
    else:
        Mandate.objects.update(answers_to_representative=False)
    assert Client().post(where, {"code": code}).status_code == 422
    assert Archive.objects.get().collected_at is None


def test_ten_wrong_codes_and_the_link_is_dead(alice: Any, rita: Any, frozen: Any, after_commit: Any) -> None:
    answered(alice, rita, frozen, after_commit, answers=True)
    where, code = handed_over(after_commit)
    for _try in range(mail_links.TRIES):
        Client().post(where, {"code": "BBBBBBBBBB"})
    assert Client().post(where, {"code": code}).status_code == 422


# --- sealed, and gone -----------------------------------------------------------------------------------------------
def test_it_is_sealed_in_the_archive_and_gone_with_the_person(
    alice: Any, rita: Any, frozen: Any, after_commit: Any
) -> None:
    mandate = ask(alice.subject)
    assert not in_database({WORDS: "document", LAWYER.name.encode(): "name", LAWYER.email.encode(): "address"})
    holding = MandatesHolding()
    told = holding.export(alice.subject, ExportScope())["mandates"][0]
    assert told["representative"] == LAWYER.name and told["document"] and LAWYER.email not in json.dumps(told)
    assert holding.plan(alice.subject, {}) and holding.residue(alice.subject, {}) > 0
    own = file(alice.subject, "erasure")
    later(frozen)
    assert run_all(own).state == "completed"
    mandate.refresh_from_db()
    assert mandate.words_sealed is None and mandate.document_sealed is None and not MandateLink.objects.exists()
    assert holding.residue(alice.subject, {}) == 0 and representative_of(mandate) is None
    with pytest.raises(DomainError, match="erased"):
        accept(mandate, rita)


def test_only_a_reviewer_with_a_reason_sees_the_document(alice: Any, rita: Any, audit_log: Any) -> None:
    mandate = ask(alice.subject)
    with pytest.raises(DomainError, match="reason_missing"):
        mandates.look(mandate_id=mandate.id, reviewer=rita.account, reason="curious")
    assert not audit_log("data.revealed")
    assert mandates.look(mandate_id=mandate.id, reviewer=rita.account, reason="is_it_valid")[1] == PAPER
    assert audit_log("data.revealed")[0].details["reason"] == "is_it_valid"


@pytest.mark.parametrize("changes", [{"state": "accepted"}, {"answers_to_representative": True}, {"state": "refused"}])
def test_the_database_wants_somebody_who_decided(alice: Any, changes: dict[str, Any]) -> None:
    ask(alice.subject)
    with pytest.raises(IntegrityError), transaction.atomic():
        Mandate.objects.update(**changes)


# --- the public form ------------------------------------------------------------------------------------------------
def form(email: str, **changes: Any) -> dict[str, Any]:
    given = {
        "email": email, "right": "access", "kind": "power_of_attorney", "name": LAWYER.name,
        "own_email": LAWYER.email, "document": SimpleUploadedFile("my mandate.pdf", PAPER),
    }  # fmt: skip
    return given | changes


def test_without_an_account_the_answer_is_the_same_for_everybody(alice: Any, after_commit: Any) -> None:
    with after_commit():
        known = Client().post("/request/for-somebody", form(alice.email))
        unknown = Client().post("/request/for-somebody", form("nobody@example.org"))
    assert text_of(known) == text_of(unknown) and known.status_code == 200
    one_mail, other = sent(LAWYER.email)
    assert one_mail == other, "nor does the mail tell"
    assert not sent(alice.email), "nor the time that another mail takes"
    sweep_mail()
    assert one().state == "in_review" and one().mandate_id == Mandate.objects.get().id and sent(alice.email)
    assert RightsRequest.objects.count() == 1 and not sent("nobody@example.org")


@pytest.mark.parametrize(
    "changes",
    [
        {"document": SimpleUploadedFile("a.exe", b"MZ")}, {"document": ""}, {"kind": "friendship"}, {"name": ""},
        {"valid_until": "2001-01-01"}, {"right": "human_review"},
    ],
)  # fmt: skip
def test_what_is_missing_is_told_to_known_and_unknown_alike(alice: Any, changes: dict[str, Any]) -> None:
    pages = [
        Client().post("/request/for-somebody", form(email, **changes)) for email in (alice.email, "no@example.org")
    ]
    assert all('role="alert"' in page.content.decode() for page in pages)
    assert not Mandate.objects.exists()


@pytest.mark.parametrize("who", ["known", "unknown", "with too much waiting"])
def test_the_document_is_sealed_and_stored_for_everybody(
    alice: Any, monkeypatch: pytest.MonkeyPatch, audit_log: Any, who: str
) -> None:
    """The work of a file of 5 MiB told in half a second who is known here (T11)."""
    stored: list[int] = []
    save = Mandate.save
    monkeypatch.setattr(
        Mandate, "save", lambda row, **more: (stored.append(len(row.document_sealed)), save(row, **more))
    )
    monkeypatch.setattr(on_behalf, "MOST_WAITING", 0 if who == "with too much waiting" else 3)
    shown = on_behalf.Shown(kind="power_of_attorney", who=LAWYER, document=PAPER)
    email = "nobody@example.org" if who == "unknown" else alice.email
    on_behalf.ask_for_somebody(email=email, right="access", words={}, shown=shown, language="en")
    assert len(stored) == (2 if who == "known" else 1) and min(stored) > len(PAPER)
    assert Mandate.objects.count() == len(audit_log("mandate.recorded")) == int(who == "known")


def test_nobody_fills_the_queue_of_the_desk(alice: Any) -> None:
    shown = on_behalf.Shown(kind="power_of_attorney", who=LAWYER, document=PAPER)
    for _time in range(on_behalf.MOST_WAITING + 2):
        on_behalf.ask_for_somebody(email=alice.email, right="access", words={}, shown=shown, language="en")
    assert Mandate.objects.count() == on_behalf.MOST_WAITING


# --- the desk -------------------------------------------------------------------------------------------------------
RECORD = "/admin/erasure/rightsrequest/record/"


def letter(email: str, **changes: Any) -> dict[str, Any]:
    given = form(email) | {"rights": ["access"], "who": "representative"} | changes
    del given["right"]
    return given


def test_a_letter_that_is_still_to_come_is_refused(alice: Any, rita: Any) -> None:
    """A day mistyped was taken for today: the month of Art. 12(3) began too late, and nobody was told."""
    tomorrow = today() + timedelta(days=1)
    refused = rita.browser().post(RECORD, letter(alice.email, received_on=tomorrow.isoformat()))
    assert refused.status_code == 200 and "This day is still to come." in refused.content.decode()
    assert not RightsRequest.objects.exists()


def test_the_desk_records_a_letter_and_decides(alice: Any, rita: Any, quentin: Any, frozen: Any) -> None:
    browser = rita.browser()
    day = today() - timedelta(days=3)
    filed = browser.post(RECORD, letter(alice.email, received_on=day.isoformat()))
    assert filed.status_code == 302, filed.content.decode()
    row = one()
    assert row.received_at.date() <= day + timedelta(days=1) and row.mandate is not None
    assert row.mandate.recorded_by == rita.account
    where = f"/admin/erasure/rightsrequest/{row.id}/"
    page = browser.get(f"{where}change/").content.decode()
    assert LAWYER.name in page and "Accept the mandate" in page
    document = browser.post(f"{where}mandate/", {"reason": "is_it_valid"})
    assert document.content == PAPER and "attachment" in document["Content-Disposition"]
    assert quentin.browser().post(f"{where}mandate/", {"reason": "is_it_valid"}).status_code == 302
    accepting = {"act": "accept_mandate", "answers": "representative"}
    refused = browser.post(f"{where}act/", accepting, follow=True).content.decode()
    assert "A second person has to approve." in refused and Mandate.objects.get().state == "waiting"
    make_staff("paul", "irm").browser().post(f"{where}act/", accepting)
    mandate = Mandate.objects.get()
    assert mandate.state == "accepted" and mandate.answers_to_representative
    later(frozen)
    run_all(row)
    shown = rita.browser().post(f"{where}hand-over/")
    assert shown.status_code == 200 and "no-store" in shown["Cache-Control"]
    assert re.search(r"<code class=\"code\">[A-Z2-9]{10}</code>", shown.content.decode())


def test_one_reviewer_alone_hands_out_nobodys_data(alice: Any, rita: Any) -> None:
    """Recorded and accepted by the same person, a made-up mandate would be the whole copy for them alone (T12, T16)."""
    mandate = ask(alice.subject, reviewer=rita.account)
    with pytest.raises(DomainError, match="four_eyes"):
        accept(mandate, rita, answers=True)
    with pytest.raises(IntegrityError, match="mandate_four_eyes"), transaction.atomic():
        own = {"state": "accepted", "decided_by": rita.account, "decided_at": timezone.now()}
        Mandate.objects.update(**own)
    accept(mandate, make_staff("paul", "irm"), answers=True)


def test_what_one_reviewer_accepted_alone_before_the_upgrade_waits_for_another(
    alice: Any, bob: Any, rita: Any, frozen: Any
) -> None:
    """The migration that forbids it finds such rows, and neither fails nor lets them go on (T16)."""
    alone = ask(alice.subject, "access", "erasure", reviewer=rita.account)
    fine = accept(ask(bob.subject), rita)
    with connection.cursor() as cursor:
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE; ALTER TABLE erasure_mandate DROP CONSTRAINT mandate_four_eyes")
    alone.requests.update(state="in_progress")
    decided: dict[str, Any] = {"decided_by": rita.account, "decided_at": timezone.now()}
    Mandate.objects.filter(pk=alone.pk).update(state="accepted", answers_to_representative=True, **decided)
    migrate("erasure", "0010_mandate_four_eyes")
    alone.refresh_from_db()
    assert (alone.state, alone.decided_by, alone.answers_to_representative) == ("waiting", None, False)
    assert set(alone.requests.values_list("state", flat=True)) == {"in_review"}
    fine.refresh_from_db()
    assert fine.state == "accepted" and fine.requests.get().state == "in_progress"
    with pytest.raises(DomainError, match="four_eyes"):
        accept(alone, rita)
    mandates.accept(mandate_id=alone.id, reviewer=make_staff("paul", "irm").account, answers_to_representative=True)
    assert set(alone.requests.values_list("state", flat=True)) == {"in_progress"}


def test_one_reviewer_alone_hands_out_nobodys_data_by_the_public_form(
    alice: Any, shop: Any, rita: Any, frozen: Any, after_commit: Any
) -> None:
    """Sent as a stranger and accepted by the same person, it would be the same (T12, T16)."""
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    with after_commit():
        assert Client().post("/request/for-somebody", form(alice.email)).status_code == 200
    accept(Mandate.objects.get(), rita, answers=True)
    later(frozen)
    with after_commit():
        assert run_all(one()).state == "completed"
        page = rita.browser().post(f"/admin/erasure/rightsrequest/{one().id}/hand-over/", follow=True).content.decode()
    assert "Whoever accepted the mandate does not hand over the copy too" in page
    assert not MandateLink.objects.filter(use="collect").exists()
    handed_over(after_commit)


def test_the_desk_refuses_and_others_do_not_act(alice: Any, rita: Any, quentin: Any) -> None:
    ask(alice.subject)
    where = f"/admin/erasure/rightsrequest/{one().id}/act/"
    quentin.browser().post(where, {"act": "accept_mandate"})
    assert Mandate.objects.get().state == "waiting"
    assert LAWYER.name not in quentin.browser().get(where.replace("act/", "change/")).content.decode()
    rita.browser().post(where, {"act": "refuse_mandate", "reason": "illegible"})
    assert Mandate.objects.get().state == "refused"


def test_recording_says_what_is_wrong(alice: Any, rita: Any, quentin: Any) -> None:
    page = rita.browser().post(RECORD, letter("nobody@example.org"))
    assert "Nobody is known by this address." in page.content.decode()
    page = rita.browser().post(RECORD, letter(alice.email, rights=[]))
    assert "Choose at least one." in page.content.decode()
    assert quentin.browser().get(RECORD).status_code == 302
    assert not Mandate.objects.exists()
