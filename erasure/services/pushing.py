"""The road of an archive to another controller: claim, send piece by piece, settle. Flat memory, no open transaction.

Claim: a conditional change of the row under a lease, with a fence that rises. Every piece renews the lease first, and
is sent only while it is held. Where to go on is what the other side says it holds, asked at the start of every turn, so
a worker may die at any line: the next one sends no byte twice that arrived. Only the holder of the fence settles.
"""

import time
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from consent import webhook
from consent.services import leases
from consent.services.sending import pause_seconds
from erasure import resumable
from erasure.archives.build import opened_range
from erasure.models import Archive, Transfer
from erasure.resumable import Reply, Upload
from erasure.services.destinations import secret_of
from erasure.services.locking import locked_request
from erasure.services.sweeping import each
from erasure.services.transfers import WORKER, end
from erasure.states import LIVE_TRANSFER, TRANSFER, move
from gdpr_portal import breakers
from gdpr_portal.errors import Gone
from gdpr_portal.failpoints import failpoint
from vault.services import Tampered, report_if_tampered

PIECE_BYTES = 1024 * 1024
MOST_AT_ONCE = 2
"""So many workers send at a time; the others are there for requests."""
TURN_SECONDS = 20.0
"""After this long a worker goes on with something else; the rest is due at once."""
POISON_ATTEMPTS = 10
"""So many tries in a row whose worker died, and it is failed before it takes another with it."""
ENDED_WITHOUT = ("refused", "withdrawn", "expired_unverified")


@dataclass(frozen=True)
class Held:
    """A transfer this worker may go on with, as long as nobody claimed it again."""

    id: UUID
    fence: int
    archive: Archive
    upload: Upload


def push_due(limit: int = 20) -> int:
    """Up to `limit` transfers that are due had a turn, as far as the time of one turn goes; returns how many."""
    ids = list(due().order_by("next_at").values_list("pk", flat=True)[:limit])
    return each(ids, push, aside=Transfer, seconds=TURN_SECONDS)


def push(transfer_id: UUID) -> bool:
    """The transfer had a turn, if it was due, nobody else is at it, and not too many workers send already."""
    held = claim(transfer_id) if _sending_now() < MOST_AT_ONCE else None
    if held is None:
        return False
    failpoint("erasure.transfer.claimed")
    settle(held, _turn(held))
    failpoint("erasure.transfer.settled")
    return True


def due() -> QuerySet[Transfer]:
    """What can be claimed: its time has come, no lease holds it, and its archive is built or will never be."""
    now = timezone.now()
    built = Exists(Archive.objects.filter(request=OuterRef("request"), number=0, complete=True))
    ready = Q(built) | Q(request__state__in=ENDED_WITHOUT)
    over = ready | Q(request__subject__erased_at__isnull=False) | Q(destination__retired_at__isnull=False)
    return Transfer.objects.filter(leases.free(now), over, state__in=LIVE_TRANSFER, next_at__lte=now)


def _sending_now() -> int:
    return Transfer.objects.filter(state="sending").exclude(leases.free(timezone.now())).count()


def claim(transfer_id: UUID) -> Held | None:
    """The transfer is ours for the lease, or None: not due, another's, or at its end because of what happened here."""
    with transaction.atomic():
        rows = due().filter(pk=transfer_id).select_related("destination", "request__subject")
        row = rows.select_for_update(skip_locked=True, of=("self",)).first()
        if row is None:
            return None
        obstacle = _obstacle(row)
        if not obstacle and (pause := webhook.pause_seconds(row.destination.url, row.asked_at)):
            row.next_at, row.last_error = timezone.now() + timedelta(seconds=pause), breakers.OPEN
            row.save(update_fields=["next_at", "last_error"])
            return None
        if not obstacle:
            return _take(row)
    _end(row.id, row.fence, "failed", reason=obstacle)
    return None


def settle(held: Held, reply: Reply | None) -> None:
    """The row says what came of the turn: received, failed, or due again. None: there is more to send, at once."""
    if reply is not None and reply.acknowledgement:
        _end(held.id, held.fence, "received", acknowledgement=reply.acknowledgement)
    elif reply is not None and reply.final:
        _end(held.id, held.fence, "failed", reason=reply.error)
    else:
        _wait(held, reply)


def _obstacle(row: Transfer) -> str:
    """Why this is not sent (any more), empty when nothing is in the way."""
    if row.request.subject.erased_at is not None:
        return "erased"
    if row.destination.retired_at is not None:
        return "retired"
    archive = row.request.archive
    if archive is None or not archive.complete:
        return "withdrawn"
    if archive.expires_at is None or archive.expires_at <= timezone.now() or not archive.chunks.exists():
        return row.last_error or "expired"
    return "WorkerLost" if row.state == "sending" and row.attempts >= POISON_ATTEMPTS else ""


def _take(row: Transfer) -> Held:
    archive = Archive.objects.select_related("request__subject").get(request=row.request_id, number=0)
    if row.state == "waiting":
        move(row, "sending", TRANSFER)
    row.attempts += 1
    row.fence += 1
    row.lease_until = leases.ends(timezone.now())
    row.size_bytes, row.digest = archive.size_bytes, archive.digest
    row.save()
    upload = Upload(
        endpoint=row.destination.url, secret=secret_of(row.destination), keyid=row.destination.slug,
        transfer=str(row.id), size=archive.size_bytes, sha256=archive.digest.removeprefix("sha256:"),
        location=row.upload_url, allow_loopback=bool(settings.WEBHOOK_LOOPBACK_ALLOWED),
        timeout_seconds=float(settings.WEBHOOK_TIMEOUT_SECONDS),
    )  # fmt: skip
    return Held(row.id, row.fence, archive, upload)


# --- a turn: no transaction is open ---------------------------------------------------------------------------------
def _turn(held: Held) -> Reply | None:
    """Pieces were sent until all is there, something went wrong, or the turn was over (None)."""
    ends = time.monotonic() + TURN_SECONDS
    upload, reply = _begun(held)
    while not reply.error and reply.offset < upload.size:
        if time.monotonic() >= ends:
            return None
        if not _renewed(held, reply.offset):
            return Reply(error="lease_lost")
        try:
            piece = opened_range(held.archive, reply.offset, PIECE_BYTES)
        except Gone:  # collected, expired or erased meanwhile: the next claim finds out which
            return Reply(error="expired")
        except Tampered as error:
            report_if_tampered(error)
            return Reply(error="Tampered", final=True)
        reply = resumable.send(upload, reply.offset, piece)
        failpoint("erasure.transfer.sent")
    if reply.gone:
        _remember(held, "")
    return reply


def _begun(held: Held) -> tuple[Upload, Reply]:
    """The upload over there, made if there is none, and how much of it is there."""
    upload = held.upload
    if not upload.location:
        made = resumable.create(upload)
        if made.error:
            return upload, made
        failpoint("erasure.transfer.created")
        upload = Upload(**vars(upload) | {"location": made.location})
        if not _remember(held, made.location):
            return upload, Reply(error="lease_lost")
    return upload, resumable.look(upload)


def _remember(held: Held, location: str) -> bool:
    return bool(_ours(held).update(upload_url=location))


def _renewed(held: Held, offset: int) -> bool:
    """Whether the transfer is still ours, for another lease. Tries count anew whenever it got further than ever."""
    until = leases.ends(timezone.now())
    further = _ours(held).filter(offset__lt=offset).update(offset=offset, attempts=1, lease_until=until)
    return bool(further or _ours(held).update(lease_until=until))


def _ours(held: Held) -> QuerySet[Transfer]:
    return Transfer.objects.filter(pk=held.id, fence=held.fence, state="sending")


# --- settling -------------------------------------------------------------------------------------------------------
def _wait(held: Held, reply: Reply | None) -> None:
    """Due again: at once when there was no trouble, otherwise after a pause that grows."""
    with transaction.atomic():
        row = _ours(held).select_for_update().first()
        if row is None:
            return
        move(row, "waiting", TRANSFER)
        row.lease_until, row.last_error = None, reply.error if reply else ""
        pause = pause_seconds(row.attempts, reply.retry_after) if reply else 0.0
        row.next_at = timezone.now() + timedelta(seconds=pause)
        if reply is None:
            row.attempts = 0
        elif not reply.error or reply.offset > row.offset:
            row.offset = max(row.offset, reply.offset)
        row.save()


def _end(transfer_id: UUID, fence: int, to: str, *, reason: str = "", acknowledgement: str = "") -> None:
    """Ended, unless somebody else claimed or ended it meanwhile; person, request and row locked in that order."""
    with transaction.atomic():
        request = locked_request(Transfer.objects.values_list("request_id", flat=True).get(pk=transfer_id))
        row = Transfer.objects.select_for_update(of=("self",)).select_related("destination").get(pk=transfer_id)
        if row.fence != fence or row.state not in LIVE_TRANSFER:
            return
        row.request, row.acknowledgement = request, acknowledgement
        if to == "received":
            row.offset = row.size_bytes
        end(row, request, to, actor=WORKER, reason=reason)
