"""Sealed streams: files of any length under a person's key in flat memory (STREAM; Hoang, Reyhanitabar, Rogaway,
Vizar 2015; the payload layout of age).

    03 | salt 16 B | chunk 0 | chunk 1 | ... | last chunk
    chunk      = ciphertext of 64 KiB (the last: 0 to 64 KiB) | tag 16 B
    stream key = HKDF(field key of the place, "stream" salt)
    nonce      = counter 11 B, big endian | 01 for the last chunk, else 00

Every chunk is bound to the place and the salt by its associated data; a chunk missing at the end leaves no chunk marked
last, one moved or taken from another stream has another nonce or key. The last chunk is empty only in an empty stream.
Plaintext comes out before the end has been seen: whoever reads must not call it complete until the iterator has ended.
"""

import os
from collections.abc import Iterable, Iterator
from typing import Final

from vault import aead
from vault.aead import Tampered
from vault.envelope import Place, SubjectKey
from vault.kdf import derive

FORMAT: Final = 3
SALT_BYTES: Final = 16
HEAD_BYTES: Final = 1 + SALT_BYTES
CHUNK_BYTES: Final = 64 * 1024
_SEALED_BYTES: Final = CHUNK_BYTES + aead.TAG_BYTES


def seal_stream(key: SubjectKey, place: Place, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The sealed stream, in pieces of at most 64 KiB and 16 bytes, for chunks of any size."""
    head = bytes([FORMAT]) + os.urandom(SALT_BYTES)
    stream_key, associated = _keyed(key, place, head)
    yield head
    for counter, (chunk, last) in enumerate(cut(chunks, CHUNK_BYTES)):
        yield aead.encrypt(stream_key, chunk_nonce(counter, last), chunk, associated)


def open_stream(key: SubjectKey, place: Place, chunks: Iterable[bytes]) -> Iterator[bytes]:
    """The plaintext; Tampered, at the latest at the end, when anything was changed, moved, mixed in or cut off."""
    try:
        yield from _opened(key, place, iter(chunks))
    except Tampered as error:
        error.place = place
        raise


def _opened(key: SubjectKey, place: Place, chunks: Iterator[bytes]) -> Iterator[bytes]:
    head, rest = _head(chunks)
    keys = _opening(key, place, head)
    for counter, (sealed, last) in enumerate(cut(_chained(rest, chunks), _SEALED_BYTES)):
        chunk = _decrypted(keys, chunk_nonce(counter, last), sealed)
        if not chunk and counter:
            raise Tampered
        yield chunk


def open_range(
    key: SubjectKey, place: Place, head: bytes, chunks: Iterable[bytes], *, first: int, last: int
) -> Iterator[bytes]:
    """The plaintext of whole sealed chunks from number `first` on; `last` is the number of the stream's last one.

    For going on in the middle, in flat memory. Every chunk is as bound as in `open_stream`; that none is missing at
    the end is for whoever counts or digests the whole. Tampered when a chunk or the head was changed or moved.
    """
    try:
        if len(head) != HEAD_BYTES or head[0] != FORMAT:
            raise Tampered
        keys = _opening(key, place, head)
        for counter, sealed in enumerate(chunks, first):
            yield _decrypted(keys, chunk_nonce(counter, counter == last), sealed)
    except Tampered as error:
        error.place = place
        raise


def reseal_stream(key: SubjectKey, place: Place, sealed: bytes) -> bytes | None:
    """The whole stream sealed by the key itself, not by its former one; None when it is already. Tampered as opening.

    Under a salt of its own, so that no nonce is used twice.
    """
    own = _keyed(key, place, sealed[:HEAD_BYTES])
    first, last = next(cut(iter([sealed[HEAD_BYTES:]]), _SEALED_BYTES))
    if _opens(own, chunk_nonce(0, last), first):
        return None
    return b"".join(seal_stream(key, place, list(open_stream(key, place, [sealed]))))


def reseal_chunk(
    key: SubjectKey, place: Place, head: bytes, sealed: bytes, *, counter: int, last: bool
) -> bytes | None:
    """One chunk of a stream sealed by the key itself under the head as it stands; None when it is already.

    Salt and number stay while the key is another: no nonce is used twice. Until the last chunk is done some open with
    the key and some with its former one, which whoever opens the stream does not notice. Tampered as opening.
    """
    own, nonce = _keyed(key, place, head), chunk_nonce(counter, last)
    if _opens(own, nonce, sealed):
        return None
    (chunk,) = open_range(key, place, head, [sealed], first=counter, last=counter if last else counter + 1)
    return aead.encrypt(own[0], nonce, chunk, own[1])


def _opening(key: SubjectKey, place: Place, head: bytes) -> list[tuple[bytes, bytes]]:
    return [_keyed(each, place, head) for each in key.generations()]


def _decrypted(keys: list[tuple[bytes, bytes]], nonce: bytes, sealed: bytes) -> bytes:
    for stream_key, associated in keys[:-1]:
        try:
            return aead.decrypt(stream_key, nonce, sealed, associated)
        except Tampered:  # then by the former key
            continue
    stream_key, associated = keys[-1]
    return aead.decrypt(stream_key, nonce, sealed, associated)


def _opens(key: tuple[bytes, bytes], nonce: bytes, sealed: bytes) -> bool:
    try:
        aead.decrypt(key[0], nonce, sealed, key[1])
    except Tampered:
        return False
    return True


def _head(chunks: Iterator[bytes]) -> tuple[bytes, bytes]:
    start = b""
    while len(start) < HEAD_BYTES:
        more = next(chunks, None)
        if more is None:
            raise Tampered
        start += more
    if start[0] != FORMAT:
        raise Tampered
    return start[:HEAD_BYTES], start[HEAD_BYTES:]


def _keyed(key: SubjectKey, place: Place, head: bytes) -> tuple[bytes, bytes]:
    return derive(key.field_key(place), "stream", head[1:]), key.associated(place) + head


def chunk_nonce(counter: int, last: bool) -> bytes:
    """The nonce of a chunk: its number, and whether it is the last."""
    return counter.to_bytes(11, "big") + bytes([last])


def _chained(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def cut(chunks: Iterable[bytes], size: int) -> Iterator[tuple[bytes, bool]]:
    """Pieces of `size` bytes and whether each is the last; one empty last piece when there is nothing."""
    held = bytearray()
    for chunk in chunks:
        held += chunk
        while len(held) > size:
            yield bytes(held[:size]), False
            del held[:size]
    yield bytes(held), True
