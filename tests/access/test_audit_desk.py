"""IRM and QA keep checkpoints and verify the log with one click; nobody else gets in."""

import re
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.core import mail
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from audit import verifications
from audit.models import AuditEvent, Checkpoint, HeldCopy, Verification
from tests.audit.conftest import key, log
from tests.audit.tools import seal, tamper, write
from tests.conftest import Person

pytestmark = pytest.mark.django_db(transaction=True)

Fill = Callable[[int], list[uuid.UUID]]
__all__ = ["key", "log"]


def text_of(answer: Any) -> str:
    body = re.sub(r"<[^>]+>", " ", answer.content.decode())
    return re.sub(r"\s+", " ", body).replace("&nbsp;", " ").replace("\xa0", " ")


@pytest.fixture
def desk(log: Fill, rita: Person) -> Client:
    log(9)
    return rita.browser()


def verified(browser: Client, **fields: Any) -> Verification:
    """One click, and the worker."""
    where = "/admin/audit/verify/held/" if fields else "/admin/audit/verify/"
    answer = browser.post(where, fields)
    assert answer.status_code == 302, answer.content.decode()
    row = Verification.objects.latest("asked_at")
    assert answer["Location"] == f"/admin/audit/verifications/{row.pk}/"
    verifications.run(row.pk)
    row.refresh_from_db()
    return row


def test_before_the_first_checkpoint_the_page_says_so(rita: Person, log: Fill) -> None:
    browser = rita.browser()
    tamper("DELETE FROM audit_checkpoint")
    page = text_of(browser.get("/admin/audit/"))
    assert "There is no checkpoint yet." in page and "has not been verified yet" in page
    assert browser.post("/admin/audit/checkpoint/").status_code == 302
    assert not HeldCopy.objects.exists()


def test_a_download_is_the_note_to_the_byte_and_is_remembered_and_recorded(desk: Client, rita: Person) -> None:
    before = Checkpoint.objects.order_by("-size").first()
    assert before is not None
    assert "holds none" in text_of(desk.get("/admin/audit/"))
    answer = desk.post("/admin/audit/checkpoint/")
    assert answer.content.decode() == before.note
    assert f'filename="audit-{before.size}.checkpoint"' in answer["Content-Disposition"]
    copy = HeldCopy.objects.get()
    assert (copy.holder, copy.role, copy.way, copy.size) == (
        f"staff:{rita.account.id}",
        "irm",
        "downloaded",
        before.size,
    )
    event = AuditEvent.objects.get(action="checkpoint.held")
    assert event.details["digest"] == copy.digest and event.actor == copy.holder
    page = text_of(desk.get("/admin/audit/"))
    assert "IRM holds none" not in page and "QA holds none" in page


def test_nothing_is_given_out_when_the_log_cannot_say_so(desk: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    from audit import held

    def fails(*args: Any, **options: Any) -> None:
        raise RuntimeError

    monkeypatch.setattr(held, "record", fails)
    with pytest.raises(RuntimeError):
        desk.post("/admin/audit/checkpoint/")
    assert not HeldCopy.objects.exists()


def test_a_mail_goes_to_the_reviewer_alone_and_what_is_in_it_verifies(log: Fill, quentin: Person) -> None:
    log(9)
    browser = quentin.browser()
    assert browser.post("/admin/audit/checkpoint/mail/").status_code == 302
    [sent] = mail.outbox
    assert sent.to == [quentin.email]
    head = Checkpoint.objects.order_by("-size").first()
    assert head is not None and head.note in sent.body
    seal()
    assert HeldCopy.objects.get().role == "qa" and HeldCopy.objects.get().way == "mailed"
    note = str(sent.body).partition("\n\n")[2].rpartition("\n--\n")[0]
    assert verified(browser, text=note.replace("\n", "\r\n")).holds


def test_one_click_verifies_and_the_page_says_what_was_checked(desk: Client) -> None:
    row = verified(desk)
    page = text_of(desk.get(f"/admin/audit/verifications/{row.pk}/"))
    assert f"The log is intact. All {row.checked} entries" in page
    assert f"The audit log is intact: {row.checked} entries, verified" in text_of(desk.get("/admin/"))
    assert "The audit log is intact" in text_of(desk.get("/admin/qa/findings/"))
    assert AuditEvent.objects.get(action="audit.verified").details["verification"] == str(row.pk)


def test_the_damaged_entry_is_named_on_the_page_and_on_every_desk(desk: Client) -> None:
    event = AuditEvent.objects.order_by("xid", "ordinal")[4]
    tamper("UPDATE audit_event SET purpose = 'marketing' WHERE id = %s", event.id)
    row = verified(desk)
    page = text_of(desk.get(f"/admin/audit/verifications/{row.pk}/"))
    assert "The log is damaged at 1 place." in page
    assert f"changed after it was sealed the event is not the one that was sealed {event.id}" in page
    assert "The audit log is damaged: 1 found" in text_of(desk.get("/admin/qa/findings/"))


def test_while_it_waits_or_runs_the_page_says_how_far_it_is(desk: Client) -> None:
    answer = desk.post("/admin/audit/verify/")
    assert "Waits for a worker." in text_of(desk.get(answer["Location"]))
    Verification.objects.update(state="running", checked=4000, expected=10000)
    assert "4000 of 10000 entries are behind it." in text_of(desk.get(answer["Location"]))
    Verification.objects.update(state="failed")
    assert "It was interrupted several times" in text_of(desk.get(answer["Location"]))


def test_a_checkpoint_kept_from_before_the_rewriting_shows_it(desk: Client) -> None:
    kept = desk.post("/admin/audit/checkpoint/").content
    event = AuditEvent.objects.order_by("xid", "ordinal")[4]
    tamper("UPDATE audit_event SET purpose = 'marketing' WHERE id = %s", event.id)
    for table in ("audit_checkpoint", "audit_node", "audit_leaf"):
        tamper(f"DELETE FROM {table}")
    seal()
    assert verified(desk).holds, "signed anew as a whole, it is flawless from inside"
    file = SimpleUploadedFile("kept.checkpoint", kept, "text/plain")
    row = verified(desk, file=file)
    assert not row.holds
    assert "not what somebody else was shown" in text_of(desk.get(f"/admin/audit/verifications/{row.pk}/"))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "hello",
        "alice@example.org\n3\nAAAA\n\n— x y\n",
        "x" * 9000,
        "name\n5\n" + "A" * 43 + "=\nmore\n\n— n AAAAAAA=\n",
    ],
)
def test_what_is_no_checkpoint_is_refused_and_not_kept(desk: Client, text: str) -> None:
    answer = desk.post("/admin/audit/verify/held/", {"text": text})
    assert answer.status_code == 422
    assert not Verification.objects.exists()


def test_two_kept_checkpoints_are_compared_on_the_page(desk: Client) -> None:
    write(4)
    seal()
    first, second = (row.note for row in Checkpoint.objects.order_by("size"))
    assert "Both can belong to one log." in text_of(desk.post("/admin/audit/compare/", {"a": first, "b": second}))
    tamper("UPDATE audit_event SET purpose = 'marketing' WHERE id = (SELECT event FROM audit_leaf WHERE seq = 3)")
    for table in ("audit_checkpoint", "audit_node", "audit_leaf"):
        tamper(f"DELETE FROM {table}")
    seal()
    answer = desk.post("/admin/audit/compare/", {"a": second, "b": Checkpoint.objects.get().note})
    assert "They contradict each other." in text_of(answer)
    assert desk.post("/admin/audit/compare/", {"a": "x", "b": second}).status_code == 422


def test_the_holders_are_shown_with_what_went_wrong(desk: Client, settings: Any, tmp_path: Any) -> None:
    from audit import witnesses

    settings.AUDIT_WITNESS_DIR = str(tmp_path / "away")
    witnesses.push_due()
    assert "The folder holds none The folder cannot be written to." in text_of(desk.get("/admin/audit/"))
    (tmp_path / "away").mkdir()
    assert desk.post("/admin/audit/checkpoint/push/").status_code == 302
    assert witnesses.push_due() == 1
    assert "cannot be written to" not in text_of(desk.get("/admin/audit/"))


def test_operators_and_people_have_no_business_here(log: Fill, olga: Person, alice: Person) -> None:
    log(3)
    for person, status in ((olga, 403), (alice, 403)):
        browser = person.browser()
        assert browser.get("/admin/audit/").status_code in {status, 302}
        for where in ("checkpoint/", "checkpoint/mail/", "verify/", "checkpoint/push/"):
            assert browser.post(f"/admin/audit/{where}").status_code in {status, 302}
    assert not HeldCopy.objects.exists() and not Verification.objects.exists()
    assert not AuditEvent.objects.filter(action="checkpoint.held").exists()
