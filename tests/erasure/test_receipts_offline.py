"""Receipts and evidence are checked by a program of one file, without us (Art. 5(2), 7(1))."""

import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core import mail

from erasure.receipt_verifier import keys_of, main, verify
from tests.erasure.people import file, run_all
from vault.signing import jwks, sign_jws

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def keys(tmp_path: Path) -> Path:
    path = tmp_path / "jwks.json"
    path.write_text(json.dumps(jwks()))
    return path


def kept(tmp_path: Path, token: str) -> str:
    path = tmp_path / "receipt.jws"
    path.write_text(token)
    return str(path)


@pytest.mark.parametrize(
    ("right", "details"),
    [
        ("access", {}),
        ("portability", {}),
        ("restriction", {"ground": "legal_claims"}),
        ("objection", {"purpose": "direct_marketing"}),
    ],
)
def test_every_right_ends_with_a_receipt_that_holds(
    alice: Any, tmp_path: Path, keys: Path, right: str, details: dict[str, Any]
) -> None:
    request = run_all(file(alice.subject, right, **details))
    token = alice.browser().get(f"/requests/{request.id}/receipt").content.decode()
    assert main(["--jwks", str(keys), kept(tmp_path, token)]) == 0
    header, said = verify(token, keys_of(keys.read_text()))
    assert header["typ"] == "rights-receipt+jwt" and json.loads(said)["right"] == right


def test_the_last_mail_brings_it_as_a_file(
    alice: Any, tmp_path: Path, keys: Path, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        request = run_all(file(alice.subject, "restriction", ground="legal_claims"))
    message = mail.outbox[-1].message()
    [attached] = [part for part in message.walk() if part.get_filename()]
    assert (attached.get_filename(), attached.get_content_type()) == ("receipt.jws", "application/jose")
    token = attached.get_payload(decode=True).decode()
    assert token == request.receipt.jws and token in str(mail.outbox[-1].body), "as text, too"
    assert main(["--jwks", str(keys), kept(tmp_path, token)]) == 0


def test_it_runs_alone_with_nothing_but_python(tmp_path: Path, keys: Path, repository: Path) -> None:
    program = tmp_path / "receipt_verifier.py"
    program.write_bytes((repository / "erasure" / "receipt_verifier.py").read_bytes())
    token = kept(tmp_path, sign_jws(b'{"n": 1}', typ="consent-receipt+jwt"))
    command = [sys.executable, "-I", "-S", str(program), "--jwks", str(keys), token]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "good: consent-receipt+jwt" in done.stdout
    Path(token).write_text(Path(token).read_text()[:-6] + "AAAAAA")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "FORGED" in done.stdout


def test_detached_signatures(tmp_path: Path, keys: Path) -> None:
    payload = tmp_path / "manifest.json"
    payload.write_bytes(b'{"files": []}')
    token = kept(tmp_path, sign_jws(payload.read_bytes(), typ="archive-manifest+jws", detached=True))
    arguments = ["--jwks", str(keys), token]
    assert main([*arguments, "--payload", str(payload)]) == 0
    assert main(arguments) == 1
    payload.write_bytes(b'{"files": [1]}')
    assert main([*arguments, "--payload", str(payload)]) == 1


def test_whatever_is_changed_is_seen(tmp_path: Path, keys: Path) -> None:
    head, body, signature = sign_jws(b'{"outcome": "done"}', typ="rights-receipt+jwt").split(".")
    other = sign_jws(b'{"outcome": "none"}', typ="rights-receipt+jwt").split(".")
    none = f"eyJhbGciOiJub25lIn0.{body}.{signature}"
    for token in (
        f"{head}.{other[1]}.{signature}",
        f"{head}.{body}.{other[2]}",
        f"{head}.{body}.",
        none,
        "x",
        "..",
        "",
    ):
        assert main(["--jwks", str(keys), kept(tmp_path, token)]) == 1
    strange = tmp_path / "strange.json"
    ours = json.loads(keys.read_text())
    ours["keys"] = [key | {"kid": "not-its-thumbprint"} for key in ours["keys"]]
    strange.write_text(json.dumps(ours))
    assert main(["--jwks", str(strange), kept(tmp_path, f"{head}.{body}.{signature}")]) == 1
    strange.write_text("no json")
    assert main(["--jwks", str(strange), "x"]) == 2


def test_the_evidence_pack_stands_by_itself(
    alice: Any, rita: Any, quentin: Any, tmp_path: Path, audit_log: Any
) -> None:
    request = run_all(file(alice.subject, "access"))
    address = f"/admin/erasure/rightsrequest/{request.id}/evidence/"
    assert quentin.browser().get(address).status_code == 302
    assert "/confirm" in rita.browser(fresh=False).get(address)["Location"]
    answered = rita.browser().get(address)
    with zipfile.ZipFile(io.BytesIO(answered.content)) as pack:
        pack.extractall(tmp_path)
        names = set(pack.namelist())
    assert {"timeline.json", "manifest.jws", "jwks.json", "pack_verifier.py"} <= names
    timeline = json.loads((tmp_path / "timeline.json").read_text())
    actions = [event["action"] for event in timeline]
    assert actions[0] == "request.received" and "request.completed" in actions
    text = "".join(path.read_text() for path in tmp_path.glob("*.json"))
    assert alice.email not in text and str(alice.subject.id) not in text
    assert main(["--jwks", str(tmp_path / "jwks.json"), str(tmp_path / "receipts" / f"{request.id}.jws")]) == 0
    assert len(audit_log("evidence.exported")) == 1
