"""Collecting archives: the person once, after a fresh second factor; the application that asked, until they expire.

Once means: by one session, within ARCHIVE_RESUME_SECONDS of the second factor. For so long an interrupted download goes
on where it ended (RFC 9110, section 14), and the chunks stay; nobody else, and no other session, gets a byte.
"""

import secrets
from collections.abc import Iterator
from datetime import timedelta
from itertools import chain
from typing import Final

from django.conf import settings
from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account, Application
from audit import actors
from audit import services as audit
from erasure.archives.build import opened
from erasure.models import Archive, Mandate, RightsRequest
from erasure.states import LIVE_TRANSFER, OPEN_REQUEST
from gdpr_portal.errors import Gone, Invalid, Missing, WrongState
from gdpr_portal.wake import wake
from vault import services as vault
from vault.age import Lock, lock_by_passphrase, lock_for_recipient

ARCHIVED_RIGHTS = frozenset({"access", "portability"})
MOST_READS: Final = 200
"""So often one download may go on; a broken line needs a few."""
LEAST_LETTERS: Final = 12
MOST_LETTERS: Final = 200
DIGEST = "erasure_archive.window_digest"


class Download:
    """The bytes of an archive, all when gone through. `once`: they are forgotten at the end, however it ends."""

    def __init__(self, archive: Archive, *, once: bool = False) -> None:
        self.archive, self._once = archive, once

    def __iter__(self) -> Iterator[bytes]:
        return self.part(0, self.archive.size_bytes)

    def part(self, start: int, end: int) -> Iterator[bytes]:
        """Those from `start` to before `end`. Raises Gone and Tampered at once when already the first do not open."""
        pieces = opened(self.archive, start, end)
        return self._told(chain([next(pieces, b"")], pieces))

    def _told(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        try:
            yield from pieces
        except vault.Tampered as error:  # the answer is under way: nobody above can tell it any more
            vault.report_if_tampered(error)
            raise
        finally:
            if self._once:
                forget(self.archive)


def collect(
    *,
    request: RightsRequest,
    actor: str,
    application: Application | None = None,
    mandate: Mandate | None = None,
    number: int = 0,
) -> tuple[Archive, Download]:
    """The archive of this number (0 the copy, higher ones supplements), and its bytes; recorded.

    By whoever acts for the person it is collected once, and gone when its bytes were gone through.
    Raises `not_found` for a right without archive and for a third party, `not_ready` before it is built, `expired`
    after its time, and of a request that ended without one: whoever asks again and again would wait for ever.
    """
    if application is not None and application.is_third_party:
        raise Missing
    with transaction.atomic():
        archive = ready(request, number)
        if application is None:
            archive.collected_at = timezone.now()
            archive.save(update_fields=["collected_at"])
            _go_on(request)
        by = {"application": application.slug} if application else {"mandate": str(mandate.id)} if mandate else {}
        _record(archive, "archive.downloaded", actor, **by)
    return archive, Download(archive, once=application is None)


def open_download(*, request: RightsRequest, number: int = 0) -> str:
    """The person collects the archive now; returns what their session shows to have it, and to go on. Raises as
    `collect`."""
    token = secrets.token_urlsafe(32)
    with transaction.atomic():
        archive = ready(request, number)
        archive.collected_at = now = timezone.now()
        archive.window_digest = vault.keyed_digest(DIGEST, token.encode())
        archive.window_until = now + timedelta(seconds=settings.ARCHIVE_RESUME_SECONDS)
        archive.save(update_fields=["collected_at", "window_digest", "window_until"])
        _record(archive, "archive.downloaded", actors.SUBJECT)
    return token


def continue_download(*, request: RightsRequest, token: str, number: int = 0) -> Download:
    """The bytes, for the session that opened this download; every time but the first is recorded.

    Raises Gone(`expired`) for any other session, after the window, when it was revoked, or was used too often.
    """
    with transaction.atomic():
        rows = Archive.objects.select_for_update().filter(
            request=request, number=number, window_until__gt=timezone.now()
        )
        archive = rows.filter(window_reads__lt=MOST_READS, expires_at__gt=timezone.now()).first()
        if archive is None or not _opened_by(archive, token):
            raise Gone("expired", gettext_noop("This archive has been collected already."))
        archive.window_reads += 1
        archive.save(update_fields=["window_reads"])
        if archive.window_reads > 1:
            _record(archive, "archive.resumed", actors.SUBJECT)
    return Download(archive)


def _opened_by(archive: Archive, token: str) -> bool:
    return bytes(archive.window_digest or b"") in vault.keyed_digests(DIGEST, token.encode())


def lock_of(*, passphrase: str, recipient: str) -> Lock | None:
    """What the person wants the download encrypted with, if anything; kept nowhere (age). Raises Invalid."""
    if recipient.strip():
        try:
            return lock_for_recipient(recipient)
        except ValueError:
            raise Invalid(
                "invalid_value", gettext_noop("This is not an age recipient: those begin with age1.")
            ) from None
    if not passphrase:
        return None
    if not LEAST_LETTERS <= len(passphrase) <= MOST_LETTERS:
        raise Invalid("invalid_value", gettext_noop("A passphrase has at least 12 letters and at most 200."))
    return lock_by_passphrase(passphrase)


def revoke_archive(*, request: RightsRequest, number: int = 0, reviewer: Account | None = None) -> None:
    """Nobody gets this archive any more, in no download either; without a reviewer, by the person.

    A sending to another controller is stopped by its own act. Raises Gone(`expired`) when it is gone already.
    """
    with transaction.atomic():
        archive = Archive.objects.select_for_update().filter(request=request, number=number, complete=True).first()
        if archive is None:
            raise Missing
        if (archive.window_until is None and archive.collected_at is not None) or not archive.chunks.exists():
            raise Gone("expired", gettext_noop("This archive has expired."))
        archive.collected_at = archive.collected_at or timezone.now()
        archive.window_digest = archive.window_until = None
        archive.save(update_fields=["collected_at", "window_digest", "window_until"])
        _record(archive, "archive.revoked", actors.staff(reviewer.id) if reviewer else actors.SUBJECT)
        forget(archive)
        _go_on(request)


def forget(archive: Archive) -> int:
    """The chunks of a collected archive are gone, unless a sending to another controller still needs them, with whose
    end they go, or a download may still go on. Returns how many."""
    is_kept = Q(window_until__gt=timezone.now()) | Q(number=0, request__transfers__state__in=LIVE_TRANSFER)
    if Archive.objects.filter(is_kept, pk=archive.pk).exists():
        return 0
    return archive.chunks.all().delete()[0]


def _go_on(request: RightsRequest) -> None:
    if request.joint_id is not None:
        wake("erasure.tasks.sweep")


def ready(request: RightsRequest, number: int = 0) -> Archive:
    """The archive of this number that can be collected, locked in the caller's transaction; raises as `collect`."""
    if request.right not in ARCHIVED_RIGHTS:
        raise Missing
    archive = Archive.objects.select_for_update().filter(request=request, number=number, complete=True).first()
    if archive is None and number == 0 and request.state not in OPEN_REQUEST:
        raise Gone("expired", gettext_noop("The request has ended, and there is no archive of it."))
    if archive is None:
        raise WrongState("not_ready", "The archive is still being built.")
    _require_collectable(archive)
    return archive


def _require_collectable(archive: Archive) -> None:
    if archive.collected_at is not None:
        raise Gone("expired", "This archive has been collected already.")
    if archive.expires_at is None or archive.expires_at <= timezone.now() or not archive.chunks.exists():
        raise Gone("expired", "This archive has expired.")


def _record(archive: Archive, action: str, actor: str, **details: str | None) -> None:
    known: dict[str, str | None] = {"request": str(archive.request_id), "archive": str(archive.id)}
    audit.record(action, actor=actor, subject=archive.request.subject.pseudonym, details=known | details)


def expire() -> int:
    """The chunks of archives past their time, and of downloads that are over, are gone; returns how many archives.

    What is being sent on keeps them until it has ended, but never past the archive's own time.
    """
    now = timezone.now()
    sending = Q(number=0, request__transfers__state__in=LIVE_TRANSFER)
    past = Q(expires_at__lte=now) | Q(window_until__lte=now) & ~sending
    rows = Archive.objects.filter(past, chunks__isnull=False).distinct()
    expired = list(rows.select_related("request__subject")[:100])
    for archive in expired:
        with transaction.atomic():
            if archive.chunks.all().delete()[0]:
                _record(archive, "archive.expired", actors.system("worker"))
    return len(expired)
