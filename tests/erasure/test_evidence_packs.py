"""Evidence packs about a person or a period: with reason and four eyes, signed, proven, checked offline."""

import io
import json
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
from erasure.models import EvidencePack
from erasure.services import packs
from gdpr_portal.errors import Invalid, Missing, Refused, WrongState
from tests.audit.conftest import key as key  # a fixture
from tests.audit.tools import seal
from tests.conftest import make_staff
from tests.consent.people import answer
from tests.erasure.people import file, run_all, store
from vault.signing import jwks

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
    assert checked(folder) == (0, f"{folder}: everything holds\n")
    assert [len(audit_log(f"evidence.{what}")) for what in ("asked", "agreed", "fetched")] == [1, 1, 1]
    assert audit_log("evidence.fetched")[0].details["digest"].startswith("sha256:")


def test_whatever_is_changed_in_a_pack_is_told(lived: Any, rita: Any, paul: Any, tmp_path: Path) -> None:
    seal()
    pack = about(lived, rita)
    packs.agree(pack_id=pack.pk, by=paul.account)
    folder = unpacked(packs.fetch(pack_id=pack.pk, by=rita.account), tmp_path)
    for path in [folder / "requests.json", next((folder / "receipts").iterdir()), folder / "manifest.json"]:
        kept = path.read_bytes()
        path.write_bytes(kept.replace(b"e", b"f", 1))
        code, said = checked(folder)
        assert code == 1 and path.name in said
        path.unlink()
        assert checked(folder)[0] in {1, 2}
        path.write_bytes(kept)
    (folder / "more.json").write_text("{}")
    assert "more.json: not of the pack" in checked(folder)[1]
    (folder / "more.json").unlink()
    assert checked(folder)[0] == 0


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
    assert "2026-03-01 - 2026-03-31" in rita.browser().get(where).content.decode()
