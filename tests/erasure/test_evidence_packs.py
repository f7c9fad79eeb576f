"""Evidence packs about a person or a period: with reason and four eyes, signed, proven, checked offline."""

import io
import json
import shutil
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from audit import selectors as audit_log_of
from erasure import receipt_verifier
from erasure.models import EvidencePack
from erasure.services import packs
from gdpr_portal.errors import Invalid, Missing, Refused, WrongState
from tests.audit.conftest import key as key  # a fixture
from tests.audit.tools import seal
from tests.conftest import make_staff
from tests.consent.people import answer
from tests.erasure.people import file, run_all, store
from vault.signing import jwks, sign_jws

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.usefixtures("catalogue", "key")]
LIST = "/admin/erasure/evidencepack/"


@pytest.fixture
def lived(alice: Any, bob: Any, shop: Any) -> Any:
    """Alice answered, was told and asked for a copy; Bob did so too."""
    for person in (alice, bob):
        store(shop, person.subject, "orders", given_name="Alice", family_name="Ahlberg")
        answer(person.subject, "give")
        answer(person.subject, "withdraw")
        run_all(file(person.subject, "access"))
    return alice


@pytest.fixture
def paul(db: None) -> Any:
    return make_staff("paul", "irm")


def about(person: Any, by: Any) -> EvidencePack:
    return packs.ask_about_person(pseudonym=person.subject.pseudonym, reason="authority", by=by.account)


def of_this_week(by: Any, **more: Any) -> EvidencePack:
    now = timezone.now()
    return packs.ask_about_period(
        **{"since": now - timedelta(days=7), "until": now + timedelta(minutes=1), "reason": "audit"} | more,
        by=by.account,
    )


def unpacked(data: bytes, folder: Path) -> Path:
    with zipfile.ZipFile(io.BytesIO(data)) as pack:
        pack.extractall(folder / "pack")
    (folder / "jwks.json").write_text(json.dumps(jwks()))
    (folder / "vkey.txt").write_text(audit_log_of.vkey())
    return folder / "pack"


def checked(folder: Path) -> tuple[int, str]:
    """What the program in the pack says of the pack, with the keys from elsewhere and without the service."""
    own = folder.parent
    command = [sys.executable, "-I", "-c", f"import sys; sys.path.insert(0, {str(folder)!r}); import pack_verifier; "
               f"sys.exit(pack_verifier.main([{str(folder)!r}, '--jwks', {str(own / 'jwks.json')!r}, "
               f"'--key', {'@' + str(own / 'vkey.txt')!r}]))"]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, env={}, cwd=own)
    return done.returncode, done.stdout + done.stderr


def test_a_person_s_pack_holds_offline_and_names_nobody(
    lived: Any, bob: Any, rita: Any, paul: Any, tmp_path: Path, audit_log: Any
) -> None:
    seal()
    pack = about(lived, rita)
    packs.agree(pack_id=pack.pk, by=paul.account)
    folder = unpacked(packs.fetch(pack_id=pack.pk, by=rita.account), tmp_path)
    consents = json.loads((folder / "consents.json").read_text())
    assert [each["action"] for each in consents["answers"]] == ["give", "withdraw"]
    requests = json.loads((folder / "requests.json").read_text())
    assert [(each["right"], each["state"], each["late"]) for each in requests] == [("access", "completed", False)]
    told = {event["action"] for event in json.loads((folder / "timeline.json").read_text())}
    assert {"consent.given", "consent.withdrawn", "request.received", "receipt.issued"} <= told
    assert len(list((folder / "receipts").iterdir())) == 1
    assert len(list((folder / "proofs").iterdir())) >= 10
    text = "".join(path.read_text() for path in folder.rglob("*.json"))
    for secret in (lived.email, "Ahlberg", str(lived.subject.id), bob.email, str(bob.subject.pseudonym)):
        assert secret not in text
    proven = len(list((folder / "proofs").iterdir()))
    new = len(json.loads((folder / "not_proven.json").read_text()))
    assert new == 2, "that it was asked for and agreed"
    assert checked(folder) == (0, f"{folder}: everything holds, {proven} of {proven + new} entries proven\n")
    assert [len(audit_log(f"evidence.{what}")) for what in ("asked", "agreed", "fetched")] == [1, 1, 1]
    assert audit_log("evidence.fetched")[0].details["digest"].startswith("sha256:")


def of_a_request(rita: Any, person: Any) -> bytes:
    request = person.subject.requests.get(right="access")
    data: bytes = rita.browser().get(f"/admin/erasure/rightsrequest/{request.pk}/evidence/").content
    return data


def of_a_person(rita: Any, paul: Any, person: Any) -> bytes:
    pack = about(person, rita)
    packs.agree(pack_id=pack.pk, by=paul.account)
    return packs.fetch(pack_id=pack.pk, by=rita.account)


@pytest.mark.parametrize("kind", ["request", "person", "period"])
def test_whatever_is_changed_in_a_pack_is_told(lived: Any, rita: Any, paul: Any, tmp_path: Path, kind: str) -> None:
    seal()
    made = {
        "request": lambda: of_a_request(rita, lived),
        "person": lambda: of_a_person(rita, paul, lived),
        "period": lambda: packs.fetch(pack_id=of_this_week(rita).pk, by=rita.account),
    }
    folder = unpacked(made[kind](), tmp_path)
    assert checked(folder)[0] == 0
    receipt, proof = (next(iter(sorted((folder / name).iterdir()))) for name in ("receipts", "proofs"))
    for path in [*(folder / f"{name}.json" for name in ("requests", "timeline", "manifest")), receipt, proof]:
        kept = path.read_bytes()
        path.write_bytes(kept.replace(b"e", b"\xff", 1))
        code, said = checked(folder)
        assert code == 1 and path.name in said
        path.unlink()
        assert checked(folder) == (1, f"{path.relative_to(folder)}: missing\n")
        path.write_bytes(kept)
    for name in ("more.json", "__pycache__/more.json"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}")
        assert f"{name}: not of the pack" in checked(folder)[1]
        (folder / name).unlink()
    assert checked(folder)[0] == 0


def test_the_signature_over_something_else_is_none_over_a_pack(lived: Any, rita: Any, tmp_path: Path) -> None:
    """An archive's manifest is signed by the same key, and has files with their digests too."""
    seal()
    folder = unpacked(of_a_request(rita, lived), tmp_path)
    told = (folder / "manifest.json").read_bytes()
    (folder / "manifest.jws").write_text(sign_jws(told, typ="archive-manifest+jws", detached=True))
    assert checked(folder) == (
        1,
        "manifest.json: FORGED: signed as archive-manifest+jws, not as evidence-manifest+jws\n",
    )


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ("swapped", "the receipt of another request"),
        ("again", "the log says that another receipt was issued last"),
        ("later", "requests.json has another completed_at than the receipt"),
        ("gone", "completed, and its receipt is not here"),
        ("moment", "the timeline says something else than the log"),
        ("left out", "proven, and left out of the timeline"),
        ("checkpoint", "checkpoint.txt: forged"),
        ("consent", "FORGED: signed as consent-receipt+jwt, not as rights-receipt+jwt"),
    ],
)
def test_another_story_is_told_though_the_service_signed_it(
    lived: Any, bob: Any, rita: Any, paul: Any, tmp_path: Path, changed: str, words: str
) -> None:
    seal()
    folder = unpacked(of_a_person(rita, paul, lived), tmp_path)
    files = {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    requests, timeline = (json.loads(files[f"{name}.json"]) for name in ("requests", "timeline"))
    name = next(each for each in files if each.startswith("receipts/"))
    said = receipt_verifier.verify(files[name].decode(), receipt_verifier.keys_of(json.dumps(jwks())))[1]
    other: Any = bob.subject.requests.get(right="access")
    match changed:
        case "swapped":
            files[name] = other.receipt.jws.encode()
        case "again":
            files[name] = sign_jws(said.replace(b'"steps"', b'"stops"'), typ="rights-receipt+jwt").encode()
        case "consent":
            files[name] = sign_jws(said, typ="consent-receipt+jwt").encode()
        case "later":
            requests[0]["completed_at"] = requests[0]["received_at"]
        case "gone":
            del files[name]
        case "moment":
            timeline[0]["at"] = timeline[0]["at"].replace("20", "19", 1)
        case "left out":
            del timeline[0]
        case "checkpoint":
            files["checkpoint.txt"] = files["checkpoint.txt"].replace(b"\n", b"x\n", 1)
    files |= {"requests.json": packs.as_json(requests), "timeline.json": packs.as_json(timeline)}
    shutil.rmtree(folder)
    del files["manifest.json"], files["manifest.jws"]
    code, told = checked(unpacked(packs.evidence.zipped(packs.evidence.signed(files)), tmp_path))
    assert code == 1 and words in told


def test_a_timeline_that_says_something_else_than_the_log_is_told(
    lived: Any, rita: Any, paul: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also when the service itself signed it."""
    seal()
    true = packs.evidence.event
    monkeypatch.setattr(packs.evidence, "event", lambda row: true(row) | {"action": "consent.given"})
    pack = of_this_week(rita)
    folder = unpacked(packs.fetch(pack_id=pack.pk, by=rita.account), tmp_path)
    code, said = checked(folder)
    assert code == 1 and "the timeline says something else than the log" in said


def test_a_period_has_counts_and_deadlines_and_no_person_s_reads(lived: Any, rita: Any, tmp_path: Path) -> None:
    late = file(lived.subject, "human_review", received_at=timezone.now() - timedelta(days=40), decision="loan-1")
    seal()
    pack = of_this_week(rita, since=timezone.now() - timedelta(days=41))
    folder = unpacked(packs.fetch(pack_id=pack.pk, by=rita.account), tmp_path)
    counts = json.loads((folder / "counts.json").read_text())
    assert (counts["requests"], counts["late"]) == (3, 1)
    assert counts["by_right"] == {"access": 2, "human_review": 1}
    told = json.loads((folder / "requests.json").read_text())
    assert [each["id"] for each in told if each["late"]] == [str(late.id)]
    actions = {event["action"] for event in json.loads((folder / "timeline.json").read_text())}
    assert "request.completed" in actions and not any(each.startswith(("data.", "consent.")) for each in actions)
    assert not (folder / "consents.json").exists()
    assert checked(folder)[0] == 0


def test_a_person_s_pack_can_be_made_after_an_erasure(
    lived: Any, rita: Any, paul: Any, olga: Any, tmp_path: Path, settings: Any
) -> None:
    from erasure.services import step_acts

    settings.UNDO_WINDOW_SECONDS = 0
    request = run_all(file(lived.subject, "erasure"))
    for step in request.steps.filter(kind="manual"):
        step_acts.close_by_hand(step_id=step.pk, operator=olga.account)
    assert run_all(request).state == "completed"
    seal()
    pack = about(lived, rita)
    packs.agree(pack_id=pack.pk, by=paul.account)
    folder = unpacked(packs.fetch(pack_id=pack.pk, by=rita.account), tmp_path)
    assert len(list((folder / "receipts").iterdir())) == 2
    assert checked(folder)[0] == 0


def test_a_person_s_pack_needs_two(lived: Any, rita: Any, paul: Any) -> None:
    pack = about(lived, rita)
    with pytest.raises(WrongState):
        packs.fetch(pack_id=pack.pk, by=rita.account)
    with pytest.raises(Refused, match="four_eyes"):
        packs.agree(pack_id=pack.pk, by=rita.account)
    with pytest.raises(IntegrityError), transaction.atomic():
        EvidencePack.objects.filter(pk=pack.pk).update(agreed_by=rita.account)
    packs.agree(pack_id=pack.pk, by=paul.account)
    with pytest.raises(WrongState):
        packs.agree(pack_id=pack.pk, by=paul.account)


def test_what_cannot_be_asked_for_is_refused(lived: Any, rita: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(Missing):
        packs.ask_about_person(pseudonym=lived.subject.pk, reason="authority", by=rita.account)
    with pytest.raises(Invalid):
        of_this_week(rita, reason="curiosity")
    with pytest.raises(Invalid):
        of_this_week(rita, until=timezone.now() - timedelta(days=8))
    monkeypatch.setattr(packs, "MOST_EVENTS", 2)
    with pytest.raises(Invalid, match="too_large"):
        packs.fetch(pack_id=of_this_week(rita).pk, by=rita.account)


def test_the_desk_asks_agrees_and_fetches(lived: Any, rita: Any, paul: Any, quentin: Any, olga: Any) -> None:
    given = {"pseudonym": str(lived.subject.pseudonym), "reason": "court"}
    for outsider in (quentin, olga):
        assert outsider.browser().post(f"{LIST}add/", given)["Location"].endswith("/admin/")
    assert rita.browser(fresh=False).post(f"{LIST}add/", given).status_code == 403
    assert not EvidencePack.objects.exists()
    page = rita.browser().post(f"{LIST}add/", given | {"first": "2026-01-01"})
    assert "Name a person, or the first and last day" in page.content.decode()
    where = rita.browser().post(f"{LIST}add/", given)["Location"]
    assert "Somebody else has to agree" in rita.browser().get(where).content.decode()
    assert rita.browser().post(where, {"act": "fetch"}).status_code == 302
    assert "Agree" in paul.browser().get(where).content.decode()
    assert paul.browser(fresh=False).post(where, {"act": "agree"}).status_code == 403
    paul.browser().post(where, {"act": "agree"})
    assert rita.browser(fresh=False).post(where, {"act": "fetch"}).status_code == 403
    answered = rita.browser().post(where, {"act": "fetch"})
    assert answered["Content-Type"] == "application/zip" and "no-store" in answered["Cache-Control"]
    assert quentin.browser().post(where, {"act": "fetch"})["Location"].endswith("/admin/")
    listed = rita.browser().get(LIST).content.decode()
    assert str(lived.subject.pseudonym) in listed and lived.email not in listed


def test_a_period_is_asked_for_by_its_days(rita: Any) -> None:
    given = {"first": "2026-03-01", "last": "2026-03-31", "reason": "audit"}
    where = rita.browser().post(f"{LIST}add/", given)["Location"]
    pack: Any = EvidencePack.objects.get()
    assert (pack.since.isoformat(), pack.until.isoformat()) == (
        "2026-02-28T23:00:00+00:00",
        "2026-03-31T22:00:00+00:00",
    )
    assert "1 Mar 2026 – 31 Mar 2026" in rita.browser().get(where).content.decode()
