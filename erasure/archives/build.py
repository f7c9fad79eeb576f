"""Building and opening archives: sealed in chunks under the person's key, kept in the database until collected."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from audit import actors
from audit import services as audit
from erasure.archives.content import Answers, content, supplement
from erasure.archives.files import zipped
from erasure.archives.others import Withheld, candidates
from erasure.models import Archive, ArchiveChunk, RightsRequest, Step
from erasure.services import checking
from erasure.services.sources import Source, handed_on, number_of, sources, words_of
from gdpr_portal.errors import Gone
from vault import services as vault
from vault.stream import CHUNK_BYTES, open_range, seal_stream

BATCH: Final = 64
"""Sealed chunks written by one statement."""
PIECE_BYTES: Final = 1024 * 1024
"""What a download opens at a time."""


def build_archive(step: Step) -> Archive | None:
    """The archive of a request is complete and can be collected; built anew, an unfinished one is replaced.

    With what others answered until now and no archive has handed on. Number 0 has all that is held, a supplement only
    such answers. In the caller's transaction, with the person locked. None when a reviewer has to look first at texts
    in which other people may stand (erasure.services.checking).
    """
    request, number = step.request, number_of(step)
    language = request.subject.language or settings.LANGUAGE_CODE
    told = sources(request)
    answers = {each: words_of(each) for each in told if each.state == "answered" and each.archive is None}
    body = supplement(request, told, answers, number) if number else _whole(request, language, told, answers)
    decided = checking.settle(step, candidates(body["data"], answers))
    if decided is None:
        return None
    withheld = Withheld(decided, checking.article_of(request), language)
    withheld.apply(body["data"], answers)
    archive = Archive.objects.filter(request=request, number=number).first()
    if archive is None:
        archive = Archive(request=request, number=number)  # its chunks may come first: the database looks at the end
    else:
        archive.chunks.all().delete()
    _seal(archive, zipped(body | withheld.told(), language=language, answers=answers, withheld=withheld.files))
    handed_on(archive, list(answers))
    if withheld.rows:
        request.outcome = checking.PARTLY
        request.save(update_fields=["outcome"])
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


def _whole(request: RightsRequest, language: str, told: Sequence[Source], answers: Answers) -> dict[str, Any]:
    body = content(request, language=language, told=told, answers=answers)
    if not body["anything_held"]:
        request.outcome = "nothing_held"
        request.save(update_fields=["outcome"])
    return body


def _seal(archive: Archive, data: Iterator[bytes]) -> None:
    measured = _Measured(data)
    key = vault.subject_key(archive.request.subject_id)
    sealed = seal_stream(key, archive_place(archive), measured)
    rows = (ArchiveChunk(archive=archive, position=at, sealed=chunk) for at, chunk in enumerate(sealed))
    while batch := list(islice(rows, BATCH)):
        ArchiveChunk.objects.bulk_create(batch)
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


def opened(archive: Archive, start: int = 0, end: int | None = None) -> Iterator[bytes]:
    """The bytes of the ZIP from `start` to before `end`, piece by piece in flat memory, no transaction held.

    Tampered if any was changed, moved or cut off; Gone("expired") as soon as there are none (any more).
    """
    last = archive.size_bytes if end is None else end
    for offset in range(start, last, PIECE_BYTES):
        yield opened_range(archive, offset, min(PIECE_BYTES, last - offset))


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
