"""Files that people hand in: bounded, known by their first bytes, sealed as streams. Names are not kept."""

from collections.abc import Iterator
from typing import Final

from django.utils.translation import gettext_noop

from consent.services.paper import PIECE, SUFFIXES, TYPES
from gdpr_portal.errors import Invalid
from vault.services import Place, SubjectKey, open_stream, seal_stream

MOST_BYTES: Final = 5 * 1024 * 1024
__all__ = ["MOST_BYTES", "SUFFIXES", "kind_of", "opened_file", "sealed_file"]


def kind_of(data: bytes) -> str:
    """The media type of a file that may be handed in. Raises Invalid: `too_large` (413), `invalid_value` (422)."""
    if len(data) > MOST_BYTES:
        raise Invalid("too_large", gettext_noop("A file has at most 5 MiB."), status=413)
    kind = next((kind for start, kind in TYPES.items() if data.startswith(start)), None)
    if kind is None:
        raise Invalid("invalid_value", gettext_noop("A file is a PDF, PNG or JPEG."), status=422)
    return kind


def sealed_file(key: SubjectKey, place: Place, data: bytes) -> bytes:
    """The file as one sealed stream."""
    return b"".join(seal_stream(key, place, _pieces(data)))


def opened_file(key: SubjectKey, place: Place, sealed: bytes) -> bytes:
    """The file again; Tampered when any byte of it was changed."""
    return b"".join(open_stream(key, place, iter([sealed])))


def _pieces(data: bytes) -> Iterator[bytes]:
    return (data[start : start + PIECE] for start in range(0, len(data), PIECE))
