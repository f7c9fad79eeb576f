"""Automatic holders of checkpoints outside the database: a folder, and a witness reached over HTTP.

Either takes a checkpoint only when it follows from the one it has: the folder is checked here, against its own newest
file; the witness checks for itself (c2sp.org/tlog-witness) and signs. One that refuses is an alarm, because it holds
something this log no longer leads to. The rows of `Witness` are the queue: claim, call without a transaction, settle.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from audit import cosignatures, held, merkle, note, selectors, signing
from audit.models import Checkpoint, Cosignature, HeldCopy, Witness
from gdpr_portal.errors import DomainError

FOLDER, HTTP = "folder", "http"
LEASE = timedelta(seconds=60)
LONGEST_PAUSE_SECONDS = 3600
TIMEOUT_SECONDS = 10.0
READ_CAP_BYTES = 64 * 1024
CONTRADICTION = "contradiction"
"""The holder has a checkpoint that this log does not lead to: rolled back, or shown differently."""


@dataclass(frozen=True)
class Pushed:
    """How an attempt went: the size the holder has now, a cosignature if it gave one, the code of what went wrong."""

    size: int = 0
    cosigned: cosignatures.Cosigned | None = None
    error: str = ""


def push_due() -> int:
    """Every holder of the settings that is due was offered the latest checkpoint; returns how many took it."""
    return sum(_push(name, call) for name, call in _holders().items())


def push_now() -> None:
    """All holders are due at once, whatever went wrong before."""
    Witness.objects.filter(name__in=_holders()).update(next_at=timezone.now())


def configured() -> list[Witness]:
    """The holders of the settings, each with how far it has got."""
    return [_row(name) for name in _holders()]


def _holders() -> dict[str, Callable[[Checkpoint, int], Pushed]]:
    found: dict[str, Callable[[Checkpoint, int], Pushed]] = {}
    if settings.AUDIT_WITNESS_DIR:
        found[FOLDER] = into_folder
    if settings.AUDIT_WITNESS_URL:
        found[HTTP] = to_witness
    return found


def _row(name: str) -> Witness:
    return Witness.objects.get_or_create(name=name, defaults={"next_at": timezone.now()})[0]


def _push(name: str, call: Callable[[Checkpoint, int], Pushed]) -> bool:
    row = _claim(_row(name))
    head = selectors.last_checkpoint() if row else None
    if row is None:
        return False
    if head is None or head.size == row.size:
        outcome = Pushed(size=row.size)
    elif head.size < row.size:
        outcome = Pushed(error=CONTRADICTION)
    else:
        outcome = call(head, row.size)
    return _settle(row, head, outcome)


def _claim(row: Witness) -> Witness | None:
    now = timezone.now()
    free = Q(lease_until__isnull=True) | Q(lease_until__lt=now)
    due = Witness.objects.filter(free, name=row.name, next_at__lte=now)
    if not due.update(lease_until=now + LEASE, fence=F("fence") + 1):
        return None
    return Witness.objects.get(name=row.name)


def _settle(row: Witness, head: Checkpoint | None, outcome: Pushed) -> bool:
    """What came of it stands in the row, unless somebody else has claimed it since."""
    now, taken = timezone.now(), bool(head and not outcome.error and outcome.size > row.size)
    attempts = row.attempts + 1 if outcome.error else 0
    pause = settings.AUDIT_WITNESS_SECONDS if not outcome.error else min(5 * 2**attempts, LONGEST_PAUSE_SECONDS)
    changes: dict[str, Any] = {
        "lease_until": None, "attempts": attempts, "last_error": outcome.error,
        "next_at": now + timedelta(seconds=pause), "size": outcome.size or row.size,
    }  # fmt: skip
    with transaction.atomic():
        if taken:
            changes["at"] = now
        if not Witness.objects.filter(name=row.name, fence=row.fence).update(**changes):
            return False
        if taken and head is not None:
            _keep(row.name, head, outcome)
    return taken


def _keep(name: str, head: Checkpoint, outcome: Pushed) -> None:
    way = HeldCopy.Way.COSIGNED if outcome.cosigned else HeldCopy.Way.PUSHED
    held.remember(head, holder=f"system:{name}", role="witness", way=way)
    if outcome.cosigned is not None:
        values = {"line": outcome.cosigned.line, "signed_at": outcome.cosigned.at}
        Cosignature.objects.get_or_create(size=head.size, name=outcome.cosigned.name, defaults=values)


# --- a folder ---------------------------------------------------------------------------------------------------------
def into_folder(head: Checkpoint, known: int) -> Pushed:
    """`<size>.checkpoint` lies in the folder, whole, unless the newest one there contradicts it."""
    folder = Path(settings.AUDIT_WITNESS_DIR)
    try:
        newest = max(folder.glob("*.checkpoint"), key=_size_in_name, default=None)
        if newest is not None:
            error = _contradicts(newest, head)
            if error:
                return Pushed(error=error)
        _write_whole(folder / f"{head.size}.checkpoint", held.with_cosignatures(head))
    except OSError:
        return Pushed(error="folder_not_writable")
    return Pushed(size=head.size)


def _size_in_name(path: Path) -> int:
    return int(path.stem) if path.stem.isascii() and path.stem.isdigit() else -1


def _contradicts(newest: Path, head: Checkpoint) -> str:
    """The code of what is wrong between the newest file and this log; empty when one follows from the other."""
    try:
        kept = note.open_checkpoint(newest.read_text("utf-8"), signing.vkeys(), verify=signing.verify())
    except (note.BadNote, UnicodeDecodeError):
        return "file_not_ours"
    return "" if leads_to(kept, head) else CONTRADICTION


def leads_to(kept: note.TreeHead, head: Checkpoint) -> bool:
    """The log of `head` begins with the one somebody kept: shown by a consistency proof out of our tree."""
    if kept.size == 0:
        return True
    try:
        proof = selectors.consistency(kept.size, head.size)
    except DomainError:
        return False
    return merkle.consistency_holds(
        first=kept.size, second=head.size, first_root=kept.root, second_root=bytes(head.root), proof=proof
    )


def _write_whole(path: Path, text: str) -> None:
    """The file appears whole or not at all, also when the machine stops here."""
    part = path.with_name(path.name + ".part")
    with part.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    part.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


# --- a witness over HTTP ----------------------------------------------------------------------------------------------
def to_witness(head: Checkpoint, known: int) -> Pushed:
    """The witness cosigned the checkpoint (c2sp.org/tlog-witness, add-checkpoint), or a code says why not.

    A witness that remembers another size than we do says so, and is offered the proof from there.
    """
    try:
        key = cosignatures.witness_key(settings.AUDIT_WITNESS_VKEY)
    except note.BadNote:
        return Pushed(error="witness_key_unreadable")
    status, answer = _offer(head, known)
    if status == httpx.codes.CONFLICT and answer.strip().isascii() and answer.strip().isdigit():
        known = int(answer.strip())
        if known > head.size:
            return Pushed(error=CONTRADICTION)
        status, answer = _offer(head, known)
    if status in {httpx.codes.CONFLICT, httpx.codes.UNPROCESSABLE_ENTITY}:
        return Pushed(error=CONTRADICTION)
    if status != httpx.codes.OK:
        return Pushed(error=answer if status == 0 else f"http_{status}")
    cosigned = cosignatures.find(answer, head.note, key, verify=signing.verify())
    return Pushed(size=head.size, cosigned=cosigned) if cosigned else Pushed(error="no_cosignature")


def _offer(head: Checkpoint, known: int) -> tuple[int, str]:
    """(status, body) of one call; (0, code) when there was none."""
    try:
        proof = selectors.as_text(selectors.consistency(known, head.size))
    except DomainError:
        return 0, "log_damaged"
    body = "".join(f"{line}\n" for line in [f"old {known}", *proof, ""]) + head.note
    url = settings.AUDIT_WITNESS_URL.rstrip("/") + "/add-checkpoint"
    try:
        with (
            httpx.Client(timeout=TIMEOUT_SECONDS, follow_redirects=False, trust_env=False) as client,
            client.stream("POST", url, content=body.encode(), headers={"Content-Type": "text/plain"}) as response,
        ):
            return response.status_code, _capped(response)
    except httpx.TimeoutException:
        return 0, "timeout"
    except (httpx.HTTPError, httpx.InvalidURL):
        return 0, "connect_failed"


def _capped(response: httpx.Response) -> str:
    read = b""
    for chunk in response.iter_bytes():
        read += chunk
        if len(read) > READ_CAP_BYTES:
            break
    return read[:READ_CAP_BYTES].decode("utf-8", "replace")
