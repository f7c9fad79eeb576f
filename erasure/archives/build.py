"""Building and opening archives: sealed in chunks under the person's key, kept in the database until collected."""

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.utils import timezone

from audit import actors
from audit import services as audit
from erasure.archives.content import content
from erasure.archives.files import archive_files, zipped
from erasure.models import Archive, ArchiveChunk, RightsRequest
from gdpr_portal.errors import Gone
from vault import services as vault
from vault.stream import CHUNK_BYTES, open_range, open_stream, seal_stream

BATCH = 64


def build_archive(request: RightsRequest, *, connected: Mapping[str, Any] | None = None) -> Archive:
    """The archive of a request is complete and can be collected; built anew, an unfinished one is replaced.

    Of somebody who is erased meanwhile there is nothing to give: an archive now would be a copy the erasure has passed.
    """
    if request.subject.erased_at is not None:
        return _nothing_left(request)
    language = request.subject.language or settings.LANGUAGE_CODE
    body = content(request, language=language, connected=connected)
    if not body["anything_held"]:
        request.outcome = "nothing_held"
        request.save(update_fields=["outcome"])
    archive, _created = Archive.objects.get_or_create(request=request)
    archive.chunks.all().delete()
    _seal(archive, zipped(archive_files(body, language=language)))
    archive.complete = True
    archive.expires_at = timezone.now() + timedelta(seconds=settings.ARCHIVE_LIFETIME_SECONDS)
    archive.save()
    details = {"request": str(request.id), "archive": str(archive.id), "digest": archive.digest}
    audit.record(
        "archive.built",
        actor=actors.system("worker"),
        subject=request.subject.pseudonym,
        details=details | {"bytes": archive.size_bytes},
    )
    return archive


def _nothing_left(request: RightsRequest) -> Archive:
    """There was an archive to be built, and it is over: no byte of it is held."""
    request.outcome = "nothing_held"
    request.save(update_fields=["outcome"])
    archive, _created = Archive.objects.get_or_create(request=request)
    archive.chunks.all().delete()
    archive.complete, archive.size_bytes, archive.expires_at = True, 0, timezone.now()
    archive.save()
    return archive


def _seal(archive: Archive, data: Iterator[bytes]) -> None:
    measured = _Measured(data)
    key = vault.subject_key(archive.request.subject_id)
    sealed = seal_stream(key, archive_place(archive), measured)
    rows = (ArchiveChunk(archive=archive, position=at, sealed=chunk) for at, chunk in enumerate(sealed))
    ArchiveChunk.objects.bulk_create(rows, batch_size=BATCH)
    archive.size_bytes = measured.size
    archive.digest = f"sha256:{measured.hash.hexdigest()}"


class _Measured:
    """Bytes passing by, counted and hashed."""

    def __init__(self, data: Iterator[bytes]) -> None:
        self.data, self.size, self.hash = data, 0, hashlib.sha256()

    def __iter__(self) -> Iterator[bytes]:
        for chunk in self.data:
            self.size += len(chunk)
            self.hash.update(chunk)
            yield chunk


def archive_place(archive: Archive) -> vault.Place:
    """Where the chunks of an archive lie, for the seal."""
    return vault.Place("erasure_archivechunk", "sealed", str(archive.id))


def opened(archive: Archive) -> list[bytes]:
    """The bytes of the ZIP in pieces; Tampered if any was changed or is missing, Gone("expired") if there is none."""
    rows = archive.chunks.order_by("position").values_list("sealed", flat=True)

    def opening(key: vault.SubjectKey, chunks: Sequence[bytes | memoryview]) -> list[bytes]:
        if not chunks:
            raise Gone("expired", "This archive has expired.")
        return list(open_stream(key, archive_place(archive), (bytes(chunk) for chunk in chunks)))

    return vault.open_cells(archive.request.subject_id, list(rows), lambda: list(rows.all()), opening)


def opened_range(archive: Archive, offset: int, length: int) -> bytes:
    """At most `length` bytes of the ZIP from `offset` on, opening no more than the chunks they lie in.

    Raises Tampered, and Gone("expired") when the chunks are not there any more.
    """
    first, end = offset // CHUNK_BYTES, min(offset + length, archive.size_bytes)
    last = (archive.size_bytes - 1) // CHUNK_BYTES
    wanted = [0, *range(1 + first, 2 + (end - 1) // CHUNK_BYTES)]  # row 0 is the head, row n + 1 is chunk n
    rows = archive.chunks.filter(position__in=wanted).order_by("position").values_list("sealed", flat=True)

    def opening(key: vault.SubjectKey, cells: Sequence[bytes | memoryview]) -> bytes:
        if len(cells) != len(wanted):
            raise Gone("expired", "This archive has expired.")
        head, *chunks = (bytes(cell) for cell in cells)
        plain = open_range(key, archive_place(archive), head, chunks, first=first, last=last)
        return b"".join(plain)[offset - first * CHUNK_BYTES :][: end - offset]

    return vault.open_cells(archive.request.subject_id, list(rows), lambda: list(rows.all()), opening)
