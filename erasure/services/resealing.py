"""What requests keep sealed under a person's data key, or under a file's own, follows its renewal (vault.datakeys)."""

from collections.abc import Callable

from erasure.archives.build import archive_place
from erasure.models import (
    AccessQuestion,
    AnswerFile,
    AnswerPiece,
    ArchiveChunk,
    CheckedText,
    Comment,
    IdentityEvidence,
    Mandate,
    Message,
    RightsRequest,
    SourceAnswer,
)
from erasure.services.checking import text_place
from erasure.services.comments import comment_place
from erasure.services.conversation import message_place
from erasure.services.details import details_place
from erasure.services.identity_files import evidence_place
from erasure.services.mandate_words import document_place, words_place
from erasure.services.pieces import piece_place
from erasure.services.questions import words_place as question_place
from erasure.services.sources import answer_place, file_place
from vault.datakeys import register_cell, register_file
from vault.datakeys import register_sealed as register_chunks
from vault.services import Place, SubjectKey
from vault.stream import CHUNK_BYTES, reseal_chunk

CHUNKS = 64
"""Chunks of archives sealed anew in one transaction: 4 MiB."""


def register_sealed() -> None:
    """`keys rotate data` knows the columns."""
    register_cell(RightsRequest, "details_sealed", owner="subject_id", place=lambda row: details_place(row.pk))
    for column in ("asked_sealed", "answer_sealed"):
        register_cell(AccessQuestion, column, owner="subject_id", place=_question_place(column))
    register_cell(Message, "sealed", owner="request__subject_id", place=message_place)
    register_cell(CheckedText, "sealed", owner="step__request__subject_id", place=text_place)
    register_cell(Comment, "sealed", owner="request__subject_id", place=comment_place)
    register_cell(SourceAnswer, "sealed", owner="step__request__subject_id", place=answer_place)
    register_cell(AnswerPiece, "sealed", owner="step__request__subject_id", place=piece_place)
    register_file(AnswerFile, "sealed", owner="answer__step__request__subject_id", place=file_place)
    register_cell(Mandate, "words_sealed", owner="subject_id", place=words_place)
    register_file(Mandate, "document_sealed", owner="subject_id", place=document_place)
    register_file(IdentityEvidence, "sealed", owner="pk", place=evidence_place)
    register_chunks(ArchiveChunk, "sealed", owner="archive__request__subject_id", reseal=_chunk_anew, rows=CHUNKS)


def _question_place(column: str) -> Callable[[AccessQuestion], Place]:
    return lambda row: question_place(row, column)


def _chunk_anew(key: SubjectKey, row: ArchiveChunk, cell: bytes) -> bytes | None:
    if row.position == 0:  # the head: a salt, nothing is sealed in it
        return None
    archive = row.archive
    head = archive.chunks.values_list("sealed", flat=True).get(position=0)
    counter, last = row.position - 1, (archive.size_bytes - 1) // CHUNK_BYTES
    return reseal_chunk(key, archive_place(archive), bytes(head), cell, counter=counter, last=counter == max(last, 0))
