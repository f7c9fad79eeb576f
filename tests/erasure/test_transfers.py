"""An archive goes to another controller byte for byte, whatever the other side does; or it does not, and says why."""

import os
import re
import threading
import tracemalloc
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from django.db import IntegrityError, transaction
from django.utils import timezone

from access.services.mail import sweep_mail
from audit import actors
from audit.models import AuditEvent
from erasure.archives import build
from erasure.models import Archive, Destination, RightsRequest, Transfer
from erasure.resumable import Reply
from erasure.services import archives, pushing, transfers
from erasure.services.destinations import approve, propose, retire
from gdpr_portal.errors import Gone, Invalid, Missing, Refused, WrongState
from tests.erasure.people import file, run_all, store
from tests.erasure.receiver import SECRET, Other, destination, due_again, receiving
from vault.services import Tampered
from vault.signing import verify_jws

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def rival(other: Other, rita: Any, ruth: Any) -> Destination:
    return destination(other.url, by=rita, approved_by=ruth)


@pytest.fixture
def asked(alice: Any, shop: Any) -> RightsRequest:
    """Alice's portability request, its archive built."""
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    return run_all(file(alice.subject, "portability"))


def grown(request: RightsRequest, size: int) -> bytes:
    """The archive as it would be with very much data in it: these bytes."""
    archive, data = Archive.objects.get(request=request), os.urandom(size)
    archive.chunks.all().delete()
    build.store(build.sealed(archive, iter([data])))
    archive.save()
    return data


def send(request: RightsRequest, to: Destination, turns: int = 1) -> Transfer:
    transfer = transfers.ask_transfer(request=request, destination_id=to.id, actor=actors.SUBJECT)
    return turn(transfer, turns)


def turn(transfer: Transfer, turns: int = 1) -> Transfer:
    for _ in range(turns):
        due_again()
        pushing.push(transfer.id)
    transfer.refresh_from_db()
    return transfer


def receipt_of(request: RightsRequest) -> str:
    request.refresh_from_db()
    return verify_jws(request.receipt.jws, typ="rights-receipt+jwt").decode()


def told() -> str:
    """The last mail to the person."""
    sweep_mail()
    return str(mail.outbox[-1].body)


# --- the same bytes -------------------------------------------------------------------------------------------------
def test_the_other_controller_holds_exactly_the_archive_and_its_word_is_in_the_receipt(
    asked: RightsRequest, rival: Destination, other: Other, alice: Any
) -> None:
    assert "transfers" not in receipt_of(asked)
    expected = b"".join(build.opened(asked.archive))
    transfer = send(asked, rival)
    assert (transfer.state, transfer.last_error, transfer.upload_url != "") == ("received", "", True)
    assert other.held() == expected
    receipt = receipt_of(asked)
    assert asked.archive.digest in receipt and transfer.acknowledgement.split()[0] in receipt.replace("\\", "")
    assert "Alice" not in receipt and alice.email not in receipt
    actions = AuditEvent.objects.filter(action__startswith="transfer.").order_by("ordinal")
    assert list(actions.values_list("action", flat=True)) == ["transfer.asked", "transfer.received"]
    assert "Rival" in told() and "exactly the file we sent" in told()


def test_a_supplement_beside_it_is_not_what_is_sent(asked: RightsRequest, rival: Destination, other: Other) -> None:
    expected = b"".join(build.opened(asked.archive))
    later = Archive.objects.create(request=asked, number=1, expires_at=timezone.now() + timedelta(days=1))
    build.store(build.sealed(later, iter([b"what somebody answered later"])))
    later.complete = True
    later.save()
    assert send(asked, rival).state == "received" and other.held() == expected
    assert later.chunks.exists()


def test_the_person_can_still_download_it_themselves(asked: RightsRequest, rival: Destination, other: Other) -> None:
    transfer = send(asked, rival)
    _, data = archives.collect(request=asked, actor=actors.SUBJECT)
    assert transfer.state == "received" and b"".join(data) == other.held()
    assert not asked.archive.chunks.exists()


def test_whoever_downloads_while_it_is_sent_cuts_nothing_off(
    asked: RightsRequest, rival: Destination, other: Other
) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    _, data = archives.collect(request=asked, actor=actors.SUBJECT)
    expected = b"".join(data)
    assert asked.archive.chunks.exists()
    assert turn(transfer).state == "received" and other.held() == expected
    assert not asked.archive.chunks.exists(), "collected and sent: nobody needs the chunks any more"


def test_a_request_is_completed_only_when_its_sending_has_ended(
    alice: Any, shop: Any, rival: Destination, other: Other
) -> None:
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    request = file(alice.subject, "portability")
    transfer = transfers.ask_transfer(request=request, destination_id=rival.id, actor=actors.SUBJECT)
    assert not pushing.push(transfer.id) and other.calls == [], "nothing is sent before there is an archive"
    assert run_all(request).state == "in_progress" and request.archive.complete
    assert pushing.push_due() == 1
    assert run_all(request).state == "completed"
    assert '"state": "received"' in receipt_of(request)


def test_many_pieces_make_one_file(
    asked: RightsRequest, rival: Destination, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PIECE_BYTES", 50_001)
    data = grown(asked, 333_333)
    assert send(asked, rival).state == "received"
    assert other.held() == data and other.sent_bytes() == len(data)


def test_any_range_of_a_sealed_archive_opens(asked: RightsRequest) -> None:
    for size in (1, 65_535, 65_536, 65_537, 131_072):
        data = grown(asked, size)
        asked.refresh_from_db()
        for offset, length in ((0, 1), (0, 10**6), (65_535, 2), (65_536, 10), (131_071, 1)):
            if offset < size:
                found = build.opened_range(asked.archive, offset, length)
                assert found == data[offset : offset + length], (size, offset, length)


def test_a_changed_moved_or_missing_chunk_is_not_sent(asked: RightsRequest) -> None:
    grown(asked, 200_000)
    asked.refresh_from_db()
    first, second = asked.archive.chunks.filter(position__in=[1, 2]).order_by("position")
    second.sealed = bytes(first.sealed)
    second.save()
    assert len(build.opened_range(asked.archive, 0, 10)) == 10
    with pytest.raises(Tampered):
        build.opened_range(asked.archive, 70_000, 10)
    second.delete()
    with pytest.raises(Gone):
        build.opened_range(asked.archive, 70_000, 10)


def test_memory_does_not_grow_with_the_archive(
    asked: RightsRequest, rival: Destination, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Peak of our side alone: the receiver takes every piece without keeping it."""
    monkeypatch.setattr(pushing, "PIECE_BYTES", 256 * 1024)
    monkeypatch.setattr(pushing, "TURN_SECONDS", 600.0)
    taken = 0

    def swallows(handler: Any) -> bool:
        nonlocal taken
        if handler.command != "PATCH":
            return False
        taken += len(handler.rfile.read(int(handler.headers["Content-Length"])))
        handler.say(204, {"Upload-Offset": str(taken)})
        return True

    other.misbehave = swallows
    peaks = []
    for size in (512 * 1024, 6 * 1024 * 1024):
        grown(asked, size)
        taken = 0
        transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
        tracemalloc.start()
        pushing.push(transfer.id)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
        assert taken == size
        transfers.stop_transfer(request=asked, actor=actors.SUBJECT)
    assert peaks[1] < peaks[0] + 1024 * 1024


# --- what the other side may do to us ---------------------------------------------------------------------------------
def test_a_broken_connection_goes_on_where_it_was(
    asked: RightsRequest, rival: Destination, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PIECE_BYTES", 100_000)
    data, breaks = grown(asked, 450_000), iter([False, False, True, False, False])

    def hangs_up(handler: Any) -> bool:
        if handler.command == "PATCH" and next(breaks, False):
            handler.connection.close()
            handler.close_connection = True
            return True
        return False

    other.misbehave = hangs_up
    transfer = send(asked, rival)
    assert (transfer.state, transfer.offset) == ("waiting", 200_000)
    assert transfer.last_error in {"broken_answer", "connect_failed"}
    assert transfer.next_at is not None and transfer.next_at > timezone.now()
    assert not pushing.push(transfer.id), "not before its time"
    assert turn(transfer).state == "received"
    assert other.held() == data and other.sent_bytes() <= len(data) + 100_000


def test_a_piece_that_arrived_without_our_hearing_of_it_is_not_sent_again(
    asked: RightsRequest, rival: Destination, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PIECE_BYTES", 100_000)
    data, lost = grown(asked, 250_000), iter([True])

    def answers_nothing(handler: Any) -> bool:
        if handler.command != "PATCH" or not next(lost, False):
            return False
        with handler.upload().open("ab") as upload:
            upload.write(handler.rfile.read(int(handler.headers["Content-Length"])))
        handler.connection.close()
        handler.close_connection = True
        return True

    other.misbehave = answers_nothing
    transfer = send(asked, rival)
    assert transfer.state == "waiting"
    assert turn(transfer).state == "received"
    assert other.held() == data and other.sent_bytes() == len(data)


def test_offsets_that_cannot_be_are_not_believed(asked: RightsRequest, rival: Destination, other: Other) -> None:
    """Of HEAD `0` is no lie, so it is told of PATCH: nothing would have been taken."""
    data = grown(asked, 10_000)
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    for lie in ("-1", "", "soon", "999999999999", "1e3", "٣", "0"):

        def lies(handler: Any, lie: str = lie) -> bool:
            if handler.command != ("PATCH" if lie == "0" else "HEAD"):
                return False
            handler.send_response(204)
            handler.send_header("Upload-Offset", lie.encode().decode("latin-1"))
            handler.send_header("Content-Length", "0")
            handler.end_headers()
            return True

        other.misbehave = lies
        turn(transfer)
        assert (transfer.state, transfer.last_error) == ("waiting", "offset_invalid"), lie
    other.misbehave = lambda handler: False
    assert turn(transfer).state == "received" and other.held() == data


def test_a_side_that_forgot_what_it_had_is_sent_it_anew(
    asked: RightsRequest, rival: Destination, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PIECE_BYTES", 5_000)
    data, answers = grown(asked, 10_000), iter([False, True])

    def forgets(handler: Any) -> bool:
        if handler.command == "PATCH" and next(answers, False):
            for path in other.folder.iterdir():
                path.unlink()
            handler.say(404)
            return True
        return False

    other.misbehave = forgets
    transfer = send(asked, rival)
    assert (transfer.state, transfer.last_error, transfer.upload_url) == ("waiting", "http_404", "")
    assert turn(transfer).state == "received" and other.held() == data


@pytest.mark.parametrize(
    "elsewhere", ["http://10.0.0.7/uploads/x", "http://169.254.169.254/latest/meta-data", "//127.0.0.2:9/x"]
)
def test_an_upload_at_another_place_is_refused(
    asked: RightsRequest, rival: Destination, other: Other, elsewhere: str
) -> None:
    def leads_away(handler: Any) -> bool:
        if handler.command == "POST":
            handler.say(201, {"Location": elsewhere})
        return bool(handler.command == "POST")

    other.misbehave = leads_away
    transfer = send(asked, rival)
    assert (transfer.state, transfer.last_error) == ("failed", "upload_elsewhere")
    assert [method for method, _path, _size in other.calls] == ["POST"]


@pytest.mark.parametrize("method", ["POST", "HEAD", "PATCH"])
def test_a_redirect_inwards_is_not_followed(
    asked: RightsRequest, rival: Destination, other: Other, method: str, tmp_path: Path
) -> None:
    with receiving(tmp_path / "inner") as inner:

        def redirects(handler: Any) -> bool:
            if handler.command == method:
                handler.say(307, {"Location": inner.url})
            return bool(handler.command == method)

        other.misbehave = redirects
        transfer = send(asked, rival)
        assert (transfer.state, transfer.last_error) == ("failed", "http_307")
        assert inner.calls == []


def test_a_private_address_is_never_connected_to(
    asked: RightsRequest, rita: Any, ruth: Any, settings: Any, other: Other
) -> None:
    place = destination(other.url, by=rita, approved_by=ruth)
    settings.WEBHOOK_LOOPBACK_ALLOWED = False
    Destination.objects.filter(pk=place.pk).update(url=other.url.replace("http:", "https:"))
    transfer = send(asked, place)
    assert (transfer.state, transfer.last_error) == ("failed", "address_not_allowed")
    assert other.calls == []


def test_a_late_answer_ends_at_its_time_and_is_tried_again(
    asked: RightsRequest, rival: Destination, other: Other, settings: Any
) -> None:
    settings.WEBHOOK_TIMEOUT_SECONDS = 1
    late, given_up = iter([True]), threading.Event()

    def dawdles(handler: Any) -> bool:
        if handler.command == "HEAD" and next(late, False):
            assert given_up.wait(60), "We waited for an answer that came only once we had given up."
        return False

    other.misbehave = dawdles
    transfer = send(asked, rival)
    given_up.set()
    assert (transfer.state, transfer.last_error) == ("waiting", "timeout")
    assert turn(transfer).state == "received"


def test_received_is_only_said_with_the_other_sides_signed_word(
    asked: RightsRequest, rival: Destination, other: Other
) -> None:
    def answering(**changed: str | None) -> Any:
        def answers(handler: Any) -> bool:
            say = handler.say

            def said(status: int, headers: dict[str, str] | None = None) -> None:
                kept = {**(headers or {}), **{name.replace("_", "-"): value for name, value in changed.items()}}
                say(status, {name: value for name, value in kept.items() if value is not None})

            handler.say = said
            return False

        return answers

    other.misbehave = answering(Repr_Digest=None)
    transfer = send(asked, rival)
    assert (transfer.state, transfer.last_error) == ("waiting", "not_acknowledged")
    sent = other.sent_bytes()
    for forged in ("transfer=:AAAA:", "", "x" * 5000, "transfer=:=====:"):
        other.misbehave = answering(Signature=forged)
        assert turn(transfer).last_error == "acknowledgement_unsigned"
    other.misbehave = answering(Repr_Digest="sha-256=:AAAA:")
    assert turn(transfer).last_error == "acknowledgement_unsigned"
    other.misbehave = lambda handler: False
    assert turn(transfer).state == "received"
    assert other.sent_bytes() == sent, "nothing was sent again"


def test_another_file_than_ours_is_not_received(asked: RightsRequest, rival: Destination, other: Other) -> None:
    def garbles(handler: Any) -> bool:
        if handler.command == "PATCH":
            size = len(handler.rfile.read(int(handler.headers["Content-Length"])))
            handler.upload().write_bytes(b"x" * size)
            handler.held(204)
        return bool(handler.command == "PATCH")

    other.misbehave = garbles
    transfer = send(asked, rival)
    assert (transfer.state, transfer.last_error) == ("failed", "digest_differs")
    assert asked.archive.chunks.exists(), "it can still be downloaded"


@pytest.mark.parametrize(("status", "state"), [(403, "failed"), (413, "failed"), (429, "waiting"), (503, "waiting")])
def test_a_refusal_ends_it_and_trouble_does_not(
    asked: RightsRequest, rival: Destination, other: Other, status: int, state: str
) -> None:
    def answers(handler: Any) -> bool:
        handler.say(status, {"Retry-After": "600"})
        return True

    other.misbehave = answers
    transfer = send(asked, rival)
    assert (transfer.state, transfer.last_error) == (state, f"http_{status}")
    if state == "waiting":
        assert transfer.next_at is not None and transfer.next_at > timezone.now() + timedelta(seconds=550)
    else:
        assert "did not work" in told()


def test_a_wrong_key_is_refused_by_the_documented_receiver(
    asked: RightsRequest, rita: Any, ruth: Any, tmp_path: Path
) -> None:
    with receiving(tmp_path / "uploads", key=b"another" * 8) as stranger:
        transfer = send(asked, destination(stranger.url, by=rita, approved_by=ruth))
    assert (transfer.state, transfer.last_error) == ("failed", "http_403") and stranger.uploads() == []


# --- time, leases, ends -----------------------------------------------------------------------------------------------
def test_a_long_sending_lets_others_have_a_turn_and_goes_on(
    asked: RightsRequest, rival: Destination, other: Other, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pushing, "PIECE_BYTES", 10_000)
    monkeypatch.setattr(pushing, "TURN_SECONDS", 0.0)
    grown(asked, 30_000)
    transfer = send(asked, rival)
    assert (transfer.state, transfer.last_error, transfer.attempts) == ("waiting", "", 0)
    monkeypatch.setattr(pushing, "TURN_SECONDS", 20.0)
    assert pushing.push(transfer.id), "due at once"
    transfer.refresh_from_db()
    assert transfer.state == "received"


@pytest.mark.parametrize(("ahead", "taken"), [(timedelta(seconds=20), False), (timedelta(hours=1), True)])
def test_a_lease_from_a_clock_that_ran_ahead_binds_nobody(
    asked: RightsRequest, rival: Destination, other: Other, ahead: timedelta, taken: bool
) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    Transfer.objects.update(state="sending", lease_until=timezone.now() + ahead)
    assert (pushing.claim(transfer.id) is not None) == taken


def test_a_worker_that_lost_its_lease_settles_nothing(asked: RightsRequest, rival: Destination, other: Other) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    slow = pushing.claim(transfer.id)
    assert slow is not None and pushing.claim(transfer.id) is None, "one at a time"
    Transfer.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    quick = pushing.claim(transfer.id)
    assert quick is not None and quick.fence == slow.fence + 1
    reply = pushing._turn(slow)
    assert reply is not None and reply.error == "lease_lost" and other.sent_bytes() == 0
    pushing.settle(slow, Reply(acknowledgement="forged", offset=1))
    transfer.refresh_from_db()
    assert transfer.state == "sending" and transfer.acknowledgement == ""
    pushing.settle(quick, pushing._turn(quick))
    transfer.refresh_from_db()
    assert transfer.state == "received"


def test_a_transfer_whose_workers_keep_dying_is_failed(asked: RightsRequest, rival: Destination) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    for _ in range(pushing.POISON_ATTEMPTS):
        assert pushing.claim(transfer.id) is not None
        Transfer.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert pushing.claim(transfer.id) is None
    transfer.refresh_from_db()
    assert (transfer.state, transfer.last_error) == ("failed", "WorkerLost")


def test_what_is_stopped_is_not_sent(asked: RightsRequest, rival: Destination, other: Other) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    held = pushing.claim(transfer.id)
    assert held is not None
    transfers.stop_transfer(request=asked, actor=actors.SUBJECT)
    pushing.settle(held, pushing._turn(held))
    transfer.refresh_from_db()
    assert transfer.state == "stopped" and other.sent_bytes() == 0
    with pytest.raises(WrongState):
        transfers.stop_transfer(request=asked, actor=actors.SUBJECT)


def test_it_is_given_up_when_the_archive_expires_with_the_last_reason(
    asked: RightsRequest, rival: Destination, other: Other
) -> None:
    other.misbehave = lambda handler: bool(handler.say(503) or True)
    transfer = send(asked, rival)
    assert transfer.state == "waiting"
    Archive.objects.update(expires_at=timezone.now())
    assert archives.expire() == 1
    transfer = turn(transfer)
    assert (transfer.state, transfer.last_error) == ("failed", "http_503")


def test_nothing_goes_to_a_retired_destination(
    asked: RightsRequest, rival: Destination, other: Other, rita: Any
) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    retire(destination_id=rival.id, by=rita.account)
    assert turn(transfer).last_error == "retired" and transfer.state == "failed" and other.calls == []
    with pytest.raises(Missing):
        transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)


def test_an_erasure_ends_what_is_being_sent(
    asked: RightsRequest, rival: Destination, other: Other, alice: Any, settings: Any
) -> None:
    settings.UNDO_WINDOW_SECONDS = 0
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    held = pushing.claim(transfer.id)
    assert held is not None
    run_all(file(alice.subject, "erasure"))
    assert not asked.archive.chunks.exists()
    reply = pushing._turn(held)
    assert reply is not None and reply.error == "expired" and other.sent_bytes() == 0
    pushing.settle(held, reply)
    assert turn(transfer).last_error == "erased"


def test_one_that_cannot_be_sent_holds_up_nobody_elses(
    asked: RightsRequest, rival: Destination, other: Other, bob: Any, shop: Any
) -> None:
    store(shop, bob.subject, "orders", given_name="Bob-Marker")
    fine = run_all(file(bob.subject, "portability"))
    broken = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    good = transfers.ask_transfer(request=fine, destination_id=rival.id, actor=actors.SUBJECT)
    chunk = asked.archive.chunks.get(position=1)
    chunk.sealed = bytes(chunk.sealed)[:-1] + b"x"
    chunk.save()
    assert pushing.push_due() == 2
    broken.refresh_from_db()
    good.refresh_from_db()
    assert (broken.state, broken.last_error, good.state) == ("failed", "Tampered", "received")
    assert AuditEvent.objects.filter(action="crypto.tamper").exists()


def test_a_key_that_cannot_be_opened_sets_the_row_aside(asked: RightsRequest, rival: Destination, other: Other) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    Destination.objects.update(secret_sealed=b"garbage")
    assert pushing.push_due() == 0
    transfer.refresh_from_db()
    assert (transfer.state, transfer.last_error) == ("waiting", "Tampered")
    assert transfer.next_at is not None and transfer.next_at > timezone.now()


def test_not_every_worker_sends(asked: RightsRequest, rival: Destination, monkeypatch: pytest.MonkeyPatch) -> None:
    transfer = transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    monkeypatch.setattr(pushing, "MOST_AT_ONCE", 0)
    assert not pushing.push(transfer.id)
    monkeypatch.setattr(pushing, "MOST_AT_ONCE", 1)
    assert pushing.push(transfer.id)


# --- who may ask, and for what ----------------------------------------------------------------------------------------
def test_one_at_a_time_and_only_what_portability_gives(asked: RightsRequest, rival: Destination, alice: Any) -> None:
    transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    with pytest.raises(WrongState):
        transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)
    with pytest.raises(IntegrityError), transaction.atomic():
        Transfer.objects.create(request=asked, destination=rival, asked_at=timezone.now())
    copy = run_all(file(alice.subject, "access"))
    with pytest.raises(WrongState, match="portability"):
        transfers.ask_transfer(request=copy, destination_id=rival.id, actor=actors.SUBJECT)


def test_a_collected_archive_is_not_sent(asked: RightsRequest, rival: Destination) -> None:
    archives.collect(request=asked, actor=actors.SUBJECT)
    with pytest.raises(Gone):
        transfers.ask_transfer(request=asked, destination_id=rival.id, actor=actors.SUBJECT)


def test_a_destination_takes_two_people_even_for_the_database(rita: Any, ruth: Any, other: Other) -> None:
    row = propose(
        destination=Destination(slug="rival", name="Rival", contact="x@y.example", url=other.url), secret=SECRET,
        by=rita.account,
    )  # fmt: skip
    with pytest.raises(Refused, match="second person"):
        approve(destination_id=row.id, by=rita.account)
    with pytest.raises(IntegrityError), transaction.atomic():
        Destination.objects.update(approved_by=rita.account, approved_at=timezone.now())
    assert approve(destination_id=row.id, by=ruth.account).approved_at is not None
    assert SECRET.encode() not in bytes(row.secret_sealed or b"")


@pytest.mark.parametrize(
    ("url", "secret", "obstacle"),
    [
        ("ftp://rival.example/", SECRET, ""),
        ("", SECRET, ""),
        ("https://user@rival.example/", SECRET, ""),
        ("https://rival.example/", "c2hvcnQ=", ""),
        ("https://rival.example/", "not base64!", ""),
        ("https://rival.example/", "", "no_key"),
        ("", SECRET, "no_interface"),
    ],
)
def test_a_destination_that_does_not_fit_is_refused(rita: Any, url: str, secret: str, obstacle: str) -> None:
    row = Destination(slug="rival", name="Rival", contact="x@y.example", url=url, obstacle=obstacle)
    with pytest.raises(Invalid):
        propose(destination=row, secret=secret, by=rita.account)
    assert not Destination.objects.exists()


# --- pages ------------------------------------------------------------------------------------------------------------
def page(response: Any) -> str:
    return re.sub(r"\s+", " ", response.content.decode())


def test_portability_has_a_second_step_where_sending_is_feasible(
    alice: Any, shop: Any, rival: Destination, other: Other, rita: Any, ruth: Any
) -> None:
    destination("", by=rita, approved_by=ruth, slug="paper-works", obstacle="no_interface")
    store(shop, alice.subject, "orders", given_name="Alice-Marker")
    browser = alice.browser()
    filed = browser.post("/requests/new/portability", {})
    request = RightsRequest.objects.get(right="portability")
    assert filed["Location"] == f"/requests/{request.id}/transfer"
    shown = page(browser.get(filed["Location"]))
    assert "Rival" in shown and "technically feasible" in shown and "checked" not in shown
    assert "Paper-Works: It has no interface that could receive data" in shown
    assert browser.post(filed["Location"], {}).status_code == 422 and not Transfer.objects.exists()
    sent = browser.post(filed["Location"], {"destination": str(rival.id)}, follow=True)
    assert "Waiting to be sent" in page(sent) and "Stop sending" in page(sent)
    run_all(request)
    Transfer.objects.update(offset=1, size_bytes=4)
    assert "Sending, 25 %" in page(browser.get(f"/requests/{request.id}"))
    assert pushing.push_due() == 1
    done = page(browser.get(f"/requests/{request.id}"))
    assert "Received there" in done and "holds exactly the file we sent" in done and "Your copy is ready" in done


def test_a_stale_session_sends_nothing_without_a_code(asked: RightsRequest, rival: Destination, alice: Any) -> None:
    stale = alice.browser(fresh=False)
    address = f"/requests/{asked.id}/transfer"
    assert 'name="otp"' in page(stale.get(address))
    assert stale.post(address, {"destination": str(rival.id)}).status_code == 403
    assert not Transfer.objects.exists()
    assert alice.browser().post(address, {"destination": str(rival.id)}).status_code == 302
    assert Transfer.objects.count() == 1


def test_nobody_sends_or_stops_another_persons_data(
    asked: RightsRequest, rival: Destination, alice: Any, bob: Any
) -> None:
    address = f"/requests/{asked.id}/transfer"
    assert bob.browser().post(address, {"destination": str(rival.id)}).status_code == 404
    alice.browser().post(address, {"destination": str(rival.id)})
    assert bob.browser().post(f"{address}/stop").status_code == 404
    assert Transfer.objects.get().state == "waiting"
    assert "Nothing more is sent" in page(alice.browser().post(f"{address}/stop", follow=True))


def test_where_nothing_is_feasible_the_page_says_why_and_the_download_is_there(
    asked: RightsRequest, alice: Any
) -> None:
    browser = alice.browser()
    assert "no other controller has agreed" in page(browser.get(f"/requests/{asked.id}/transfer"))
    assert "Download my data" in page(browser.get(f"/requests/{asked.id}"))


def test_a_failed_sending_says_so_in_words_and_offers_the_download(
    asked: RightsRequest, rival: Destination, other: Other, alice: Any
) -> None:
    other.misbehave = lambda handler: bool(handler.say(403) or True)
    send(asked, rival)
    shown = page(alice.browser().get(f"/requests/{asked.id}"))
    assert "Could not be sent" in shown and "It refused to take the data. You can download" in shown
    assert "Send it again or elsewhere" in shown and "http_403" not in shown


def test_the_desk_proposes_approves_and_sends_for_somebody_who_wrote(
    asked: RightsRequest, other: Other, rita: Any, ruth: Any, olga: Any
) -> None:
    given = {"slug": "rival", "name": "Rival", "contact": "x@rival.example", "obstacle": "", "url": other.url}
    add = "/admin/erasure/destination/add/"
    assert "Where something is in the way" in page(
        rita.browser().post(add, given | {"secret": SECRET, "obstacle": "no_key"})
    )
    assert rita.browser(fresh=False).post(add, given | {"secret": SECRET}).status_code == 403
    assert rita.browser().post(add, given | {"secret": SECRET}).status_code == 302
    row = Destination.objects.get()
    acting = {"action": "approve", "_selected_action": str(row.id)}
    refused = rita.browser().post("/admin/erasure/destination/", acting, follow=True)
    assert "A second person has to approve." in page(refused)
    ruth.browser().post("/admin/erasure/destination/", acting)
    act = f"/admin/erasure/rightsrequest/{asked.id}/act/"
    olga.browser().post(act, {"act": "send_on", "destination": str(row.id)})
    assert not Transfer.objects.exists(), "an operator does not give data out"
    ruth.browser().post(act, {"act": "send_on", "destination": str(row.id)})
    assert (Transfer.objects.get().state, Transfer.objects.get().asked_by) == ("proposed", ruth.account)
    shown = page(rita.browser().get(f"/admin/erasure/rightsrequest/{asked.id}/change/"))
    assert f"{ruth.account} says that the person wants it sent to Rival" in shown
    rita.browser().post(act, {"act": "agree_sending"})
    assert (Transfer.objects.get().state, Transfer.objects.get().agreed_by) == ("waiting", rita.account)
    shown = page(ruth.browser().get(f"/admin/erasure/rightsrequest/{asked.id}/change/"))
    assert "Stop sending" in shown and SECRET not in shown
