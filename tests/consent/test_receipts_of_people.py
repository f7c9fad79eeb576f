"""People keep the receipts of their own answers, and check them without us, after any rotation of keys (Art. 7(1))."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from consent.models import ConsentEvent
from consent.selectors import live_notice, live_purpose
from tests.consent.people import answer
from vault import keyfiles, providers, signing
from vault.signing import jwks

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def verify(repository: Path, folder: Path, *more: str) -> subprocess.CompletedProcess[str]:
    program = repository / "erasure" / "receipt_verifier.py"
    command = [sys.executable, "-I", "-S", str(program), "--jwks", str(folder / "jwks.json"), str(folder / "r.jws")]
    return subprocess.run([*command, *more], capture_output=True, text=True, check=False)


@pytest.fixture
def kept(alice: Any, tmp_path: Path) -> Path:
    """alice keeps the receipt, the keys and the wording of her consent."""
    event = answer(alice.subject, "give")
    got = alice.browser().get(f"/consent/receipts/{event.event}/signed")
    assert (got.status_code, got["Content-Type"]) == (200, "application/jose")
    (tmp_path / "r.jws").write_bytes(got.content)
    (tmp_path / "jwks.json").write_text(json.dumps(jwks()))
    (tmp_path / "wording.txt").write_bytes(live_notice(live_purpose("newsletter"), "en").body.encode())
    return tmp_path


def test_a_person_checks_receipt_and_wording_without_us(kept: Path, repository: Path) -> None:
    good = verify(repository, kept, "--wording", str(kept / "wording.txt"))
    assert good.returncode == 0 and "good: consent-receipt+jwt" in good.stdout
    (kept / "wording.txt").write_bytes((kept / "wording.txt").read_bytes() + b" ")
    other = verify(repository, kept, "--wording", str(kept / "wording.txt"))
    assert other.returncode == 1 and "another wording" in other.stdout
    (kept / "r.jws").write_text((kept / "r.jws").read_text()[:-6] + "AAAAAA")
    assert verify(repository, kept).returncode == 1


def test_an_old_receipt_holds_after_the_keys_were_rotated_and_the_old_one_retired(
    kept: Path, repository: Path, alice: Any, settings: Any
) -> None:
    before = json.loads((kept / "jwks.json").read_text())
    ring = providers.keyring()
    settings.VAULT_KEY_FILE = kept / "vault.json"
    public = signing.public_of(ring.key("receipts"))
    fresh_ring = ring.with_version("receipts").without_version("receipts", ring.current("receipts"), public=public)
    providers.forget()
    keyfiles.write_keyring(kept / "vault.json", fresh_ring, None)
    after = jwks()
    assert len(after["keys"]) == len(before["keys"]) + 1
    (kept / "jwks.json").write_text(json.dumps(after))
    assert verify(repository, kept).returncode == 0
    fresh = alice.browser().get(f"/consent/receipts/{ConsentEvent.objects.get().event}/signed").content
    assert fresh != (kept / "r.jws").read_bytes(), "signed by the new key"


def test_nobody_gets_the_receipts_of_somebody_else(alice: Any, bob: Any, rita: Any, audit_log: Any) -> None:
    event = answer(alice.subject, "refuse")
    addresses = [f"/consent/receipts/{event.event}", f"/consent/receipts/{event.event}/signed"]
    for somebody, address in itertools.product((bob, rita), addresses):
        assert somebody.browser().get(address).status_code == 404
    assert not audit_log("consent.receipt_issued")
    page = alice.browser().get("/consent").content.decode()
    assert addresses[0] in page
    assert addresses[1] in alice.browser().get(addresses[0]).content.decode() and not audit_log(
        "consent.receipt_issued"
    )
    assert alice.browser().get(addresses[1]).status_code == 200
    assert audit_log("consent.receipt_issued")[0].details["event"] == str(event.event)


def test_a_person_reads_what_the_receipt_says(alice: Any) -> None:
    text = live_notice(live_purpose("newsletter"), "en")
    given, withdrawn = answer(alice.subject, "give"), answer(alice.subject, "withdraw")
    page = alice.browser().get(f"/consent/receipts/{given.event}").content.decode()
    for words in ("You gave consent", "Newsletter", "E-mail address", text.digest, str(given.event)):
        assert words in page
    page = alice.browser().get(f"/consent/receipts/{withdrawn.event}").content.decode()
    assert "You withdrew consent" in page and text.digest not in page
