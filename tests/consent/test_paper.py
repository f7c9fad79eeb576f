"""Scans of paper forms: bounded, sealed, looked at with a reason, in the archive, gone with an erasure (Art. 7(1))."""

import base64
import json
import os
from typing import Any
from uuid import uuid4

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from consent.confirmation_holdings import EvidenceHolding
from consent.models import ConsentEvent, ConsentProof
from consent.services.paper import MOST_BYTES, MOST_PROOFS, add_proof, opened_proof, read_proof
from gdpr_portal.errors import DomainError
from gdpr_portal.uploads import MemoryHandler
from subjects.holdings import ExportScope
from subjects.services.reveal import staff_reveal
from tests.consent.people import answer
from tests.laws.haystack import in_database
from tests.vault.renewing import under_new_keys
from vault.services import Tampered

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
WORDS = b"Caracara-Unterschrift"
SCAN = b"%PDF-1.7\n" + WORDS


@pytest.fixture
def event(alice: Any) -> ConsentEvent:
    """A consent alice gave on paper."""
    return answer(alice.subject, "give", channel="paper")


def test_a_scan_is_sealed_and_opens_for_a_reviewer_with_a_reason(event: Any, rita: Any, audit_log: Any) -> None:
    proof = add_proof(event=event.event, data=SCAN, reviewer=rita.account)
    assert WORDS not in bytes(proof.sealed) and not in_database({WORDS: "scan"})
    assert (proof.content_type, proof.size_bytes, proof.event) == ("application/pdf", len(SCAN), event.event)
    assert add_proof(event=event.event, data=SCAN, reviewer=rita.account).pk == proof.pk
    with pytest.raises(DomainError, match="reason_missing"):
        read_proof(proof_id=proof.pk, reviewer=rita.account, reason="because alice asked")
    assert not audit_log("consent.proof_read")
    assert read_proof(proof_id=proof.pk, reviewer=rita.account, reason="complaint")[1] == SCAN
    assert audit_log("consent.proof_read")[0].details["reason"] == "complaint"
    assert audit_log("consent.proof_added")[0].details["digest"] == proof.digest


@pytest.mark.parametrize("size", [1, 65_536, 65_537, MOST_BYTES])
def test_scans_of_every_length_come_back_whole(event: Any, rita: Any, size: int) -> None:
    data = (b"\xff\xd8\xff" + os.urandom(size))[: max(size, 3)]
    proof = add_proof(event=event.event, data=data, reviewer=rita.account)
    assert opened_proof(proof) == data
    assert under_new_keys(proof.subject_id).done >= 1
    proof.refresh_from_db()
    assert opened_proof(proof) == data


@pytest.mark.parametrize(
    ("data", "refused"),
    [
        (b"%PDF-" + b"x" * MOST_BYTES, "too_large"), (b"", "invalid_value"), (b"<html>", "invalid_value"),
        (b"MZ%PDF-", "invalid_value"), (b"GIF89a", "invalid_value"),
    ],
)  # fmt: skip
def test_nothing_else_is_kept(event: Any, rita: Any, data: bytes, refused: str) -> None:
    with pytest.raises(DomainError, match=refused):
        add_proof(event=event.event, data=data, reviewer=rita.account)
    assert not ConsentProof.objects.exists()


def test_five_scans_of_an_answer_and_only_by_reviewers(event: Any, rita: Any, quentin: Any, olga: Any) -> None:
    for number in range(MOST_PROOFS):
        add_proof(event=event.event, data=SCAN + bytes([number]), reviewer=rita.account)
    with pytest.raises(DomainError, match="too_many"):
        add_proof(event=event.event, data=SCAN + b"six", reviewer=rita.account)
    proof = ConsentProof.objects.all()[0]
    for somebody in (quentin, olga):
        with pytest.raises(DomainError, match="role_missing"):
            add_proof(event=event.event, data=SCAN, reviewer=somebody.account)
        with pytest.raises(DomainError, match="role_missing"):
            read_proof(proof_id=proof.pk, reviewer=somebody.account, reason="complaint")
    with pytest.raises(DomainError, match="not_found"):
        add_proof(event=uuid4(), data=SCAN, reviewer=rita.account)


def test_a_swapped_or_changed_scan_does_not_open(event: Any, bob: Any, rita: Any) -> None:
    mine = add_proof(event=event.event, data=SCAN, reviewer=rita.account)
    theirs = add_proof(event=answer(bob.subject, "give").event, data=SCAN, reviewer=rita.account)
    ConsentProof.objects.filter(pk=mine.pk).update(sealed=bytes(theirs.sealed))
    with pytest.raises(Tampered):
        opened_proof(ConsentProof.objects.get(pk=mine.pk))


def test_it_is_in_the_archive_and_gone_with_an_erasure(alice: Any, event: Any, rita: Any) -> None:
    proof = add_proof(event=event.event, data=SCAN, reviewer=rita.account)
    holding = EvidenceHolding()
    told = holding.export(alice.subject, ExportScope())
    assert base64.b64decode(told["scans"][0]["content_base64"]) == SCAN and json.dumps(told)
    assert holding.export(alice.subject, ExportScope(portability=True)) == {}
    assert [line.fate for line in holding.plan(alice.subject, {})] == ["goes"]
    assert holding.residue(alice.subject, {}) == 1

    assert holding.erase(alice.subject, {}) == 1

    assert holding.residue(alice.subject, {}) == holding.erase(alice.subject, {}) == 0
    left = ConsentProof.objects.get()
    assert (left.sealed, left.digest) == (None, proof.digest)
    with pytest.raises(DomainError, match="erased"):
        opened_proof(left)


def test_at_the_desk(alice: Any, event: Any, rita: Any, quentin: Any) -> None:
    path = f"/admin/proofs/{event.event}/"
    stale = rita.browser(fresh=False)
    assert stale.get(path).status_code == 302 and stale.get(path)["Location"].startswith("/confirm")
    assert quentin.browser().get(path).status_code == 403
    assert alice.browser().get(path).status_code in {302, 403}
    browser = rita.browser()
    assert browser.get("/admin/proofs/", {"event": str(event.event)})["Location"] == path
    assert browser.get("/admin/proofs/", {"event": "x"}).status_code == 200
    file = SimpleUploadedFile("Frau Adler.pdf", SCAN + b"x" * 3_000_000, "text/html")
    page = browser.post(path, {"scan": file}, follow=True).content.decode()
    proof = ConsentProof.objects.get()
    assert "The scan is kept" in page and "Adler" not in page and proof.content_type == "application/pdf"
    scan = f"/admin/proofs/scan/{proof.pk}/"
    assert stale.post(scan, {"reason": "complaint"}).status_code == 403
    assert browser.get(scan).status_code == 405
    assert "Say why" in browser.post(scan, {}, follow=True).content.decode()
    got = browser.post(scan, {"reason": "quality_check"})
    assert (got.content[: len(SCAN)], got["Content-Type"]) == (SCAN, "application/pdf")
    assert got["Content-Disposition"].startswith("attachment") and got["X-Content-Type-Options"] == "nosniff"
    assert browser.post(path, {"scan": SimpleUploadedFile("x.pdf", b"%PDF-" + b"x" * 6_000_000)}).status_code >= 400


def test_no_upload_touches_a_disk(settings: Any) -> None:
    assert [f"{MemoryHandler.__module__}.{MemoryHandler.__name__}"] == settings.FILE_UPLOAD_HANDLERS


def test_a_look_at_a_scan_counts_as_all_do_and_the_person_reads_of_it(
    alice: Any, event: Any, rita: Any, settings: Any
) -> None:
    """A scan bears a name and a signature: nobody looks at more of them than at anything else (T12)."""
    settings.STAFF_REVEALS_AN_HOUR = 1
    proof = add_proof(event=event.event, data=SCAN, reviewer=rita.account)
    read_proof(proof_id=proof.pk, reviewer=rita.account, reason="complaint")
    with pytest.raises(DomainError, match="reveal_quota"):
        read_proof(proof_id=proof.pk, reviewer=rita.account, reason="complaint")
    with pytest.raises(DomainError, match="reveal_quota"), staff_reveal(rita.account):
        raise AssertionError("it was let in")
    assert "Saw the scan of a form you signed" in alice.browser().get("/activity").content.decode()
