"""Building and opening archives: sealed in chunks under the person's key, kept in the database until collected."""

import hashlib
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import chain, islice
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.utils import timezone

from audit import actors
from audit import services as audit
from erasure.archives.answers import Answers
from erasure.archives.content import content, supplement
from erasure.archives.files import zipped
from erasure.archives.others import Withheld, candidates, marked_fields
from erasure.archives.readable import Reader
from erasure.models import Archive, ArchiveChunk, RightsRequest, Step
from erasure.services import checking
from erasure.services.sources import Source, handed_on, number_of, sources_of
from gdpr_portal.errors import Gone
from subjects.holdings import Together, TooLongTogether
from vault import services as vault
from vault.stream import CHUNK_BYTES, open_range, seal_stream

BATCH: Final = 64
"""Sealed chunks written by one statement."""
PIECE_BYTES: Final = 1024 * 1024
"""What a download opens at a time."""


class _Copies:
    """Copies that are put together in one transaction, and what is read for all of them at once."""

    def __init__(self, steps: Sequence[Step]) -> None:
        requests = [step.request for step in steps]
        self.together = Together([request.subject for request in requests])
        self.told = sources_of(requests)
        rows = Archive.objects.filter(request__in=requests)
        self.before = {(row.request_id, row.number): row for row in rows}
        self.built: dict[UUID, Archive] = {}
        if len(steps) > 1 and any(source.kind == "connector" for told in self.told.values() for source in told):
            raise TooLongTogether  # what a connector read has no bound

    def reader(self, language: str) -> Reader:
        """What turns values into words of the language."""
        return self.together.known((Reader, language), lambda: Reader(language))

    def marked(self) -> frozenset[str]:
        """The fields in which other people may stand."""
        return self.together.known(marked_fields, marked_fields)


def build_archives(steps: Sequence[Step]) -> list[Archive | None]:
    """The archive of each step's request is complete and can be collected, in order; the steps are of different
    requests. Built anew, an unfinished one is replaced.

    With what others answered until now and no archive has handed on. Number 0 has all that is held, a supplement only
    such answers. In the caller's transaction, with the people locked. None where a reviewer has to look first at texts
    in which other people may stand (erasure.services.checking). Raises TooLongTogether where one should be built alone.
    """
    if not steps:
        return []
    copies = _Copies(steps)
    with vault.keys_at_hand(copies.together.keys):
        store(chain.from_iterable(_chunks(step, copies) for step in steps))
    new = [archive for archive in copies.built.values() if archive._state.adding]
    Archive.objects.bulk_create(new)  # after its chunks: the database looks at the end
    audit.record_many([_built(archive) for archive in copies.built.values()])
    return [copies.built.get(step.request_id) for step in steps]


def _chunks(step: Step, copies: _Copies) -> Iterator[ArchiveChunk]:
    """The chunks of the step's archive, unsaved, one after the other; it is built when they are gone through."""
    request, number = step.request, number_of(step)
    language = request.subject.language or settings.LANGUAGE_CODE
    told = copies.told[request.id]
    answers = Answers(each for each in told if each.state == "answered" and each.archive is None)
    if number:
        body = supplement(request, told, answers, number)
    else:
        body = _whole(request, language, told, answers, copies.together)
    decided = checking.settle(step, candidates(body["data"], answers, copies.marked()))
    if decided is None:
        return
    withheld = Withheld(decided, checking.article_of(request), language)
    withheld.apply(body["data"], answers)
    archive = copies.before.get((request.id, number)) or Archive(request=request, number=number)
    archive.request = request
    if not archive._state.adding:
        archive.chunks.all().delete()
    data = zipped(
        body | withheld.told(), language=language, answers=answers, withheld=withheld.files,
        reader=copies.reader(language),
    )  # fmt: skip
    yield from sealed(archive, data)
    handed_on(archive, list(answers))
    if withheld.rows:
        request.outcome = checking.PARTLY
        request.save(update_fields=["outcome"])
    archive.complete = True
    archive.expires_at = timezone.now() + timedelta(seconds=settings.ARCHIVE_LIFETIME_SECONDS)
    if not archive._state.adding:
        archive.save()
    copies.built[request.id] = archive


def _built(archive: Archive) -> audit.Entry:
    request = archive.request
    details = {"request": str(request.id), "archive": str(archive.id), "digest": archive.digest}
    return audit.Entry(
        action="archive.built",
        actor=actors.system("worker"),
        subject=request.subject.pseudonym,
        details=details | {"bytes": archive.size_bytes},
    )


def _whole(
    request: RightsRequest, language: str, told: Sequence[Source], answers: Answers, together: Together
) -> dict[str, Any]:
    body = content(request, language=language, told=told, answers=answers, together=together)
    if not body["anything_held"]:
        request.outcome = "nothing_held"
        request.save(update_fields=["outcome"])
    return body


def store(chunks: Iterator[ArchiveChunk]) -> None:
    """The chunks are in the database, of however many archives; a few of them at a time are in memory."""
    while batch := list(islice(chunks, BATCH)):
        ArchiveChunk.objects.bulk_create(batch)


def sealed(archive: Archive, data: Iterator[bytes]) -> Iterator[ArchiveChunk]:
    """These bytes as chunks of the archive, unsaved; size and digest are in its row when they are gone through."""
    measured = _Measured(data)
    key = vault.subject_key(archive.request.subject_id)
    for at, chunk in enumerate(seal_stream(key, archive_place(archive), measured)):
        yield ArchiveChunk(archive=archive, position=at, sealed=chunk)
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
