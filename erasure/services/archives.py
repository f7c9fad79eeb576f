"""Collecting archives: the person once, after a fresh second factor; the application that asked, until they expire."""

from collections.abc import Iterator

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit import actors
from audit import services as audit
from erasure.archives.build import opened
from erasure.models import Archive, Mandate, RightsRequest
from erasure.states import LIVE_TRANSFER
from gdpr_portal.errors import Gone, Missing, WrongState
from gdpr_portal.wake import wake

ARCHIVED_RIGHTS = frozenset({"access", "portability"})


def collect(
    *,
    request: RightsRequest,
    actor: str,
    application: Application | None = None,
    mandate: Mandate | None = None,
    number: int = 0,
) -> tuple[Archive, Iterator[bytes]]:
    """The archive of this number (0 the copy, higher ones supplements), and its bytes; recorded.

    By the person or who acts for them it is collected once, and gone then.
    Raises `not_found` for a right without archive, `not_ready` before it is built, `expired` after its time.
    """
    with transaction.atomic():
        archive = ready(request, number)
        data = opened(archive)
        if application is None:
            archive.collected_at = timezone.now()
            archive.save(update_fields=["collected_at"])
            if not request.transfers.filter(state__in=LIVE_TRANSFER).exists():  # else they go with its end
                archive.chunks.all().delete()
            if request.joint_id is not None:
                wake("erasure.tasks.sweep")
        by = {"application": application.slug} if application else {"mandate": str(mandate.id)} if mandate else {}
        _record(archive, "archive.downloaded", actor, **by)
    return archive, iter(data)


def ready(request: RightsRequest, number: int = 0) -> Archive:
    """The archive of this number that can be collected, locked in the caller's transaction; raises as `collect`."""
    if request.right not in ARCHIVED_RIGHTS:
        raise Missing
    archive = Archive.objects.select_for_update().filter(request=request, number=number, complete=True).first()
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
    """The chunks of archives past their time are gone; returns how many archives."""
    past = Archive.objects.filter(expires_at__lte=timezone.now(), chunks__isnull=False).distinct()
    expired = list(past.select_related("request__subject")[:100])
    for archive in expired:
        with transaction.atomic():
            if archive.chunks.all().delete()[0]:
                _record(archive, "archive.expired", actors.system("worker"))
    return len(expired)
