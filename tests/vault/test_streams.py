"""Sealed streams come out whole or not at all."""

import os
from uuid import uuid4

import pytest

from vault import aead, kdf, stream
from vault.envelope import SubjectKey, Tampered, new_data_key
from vault.stream import CHUNK_BYTES, HEAD_BYTES, open_stream, seal_stream

SEALED = CHUNK_BYTES + 16
SIZES = [0, 1, 100, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES, 3 * CHUNK_BYTES + 5]


def sealed_bytes(key, place, plain: bytes, piece: int = 10_000) -> bytes:
    return b"".join(seal_stream(key, place, pieces(plain, piece)))


def pieces(content: bytes, size: int):
    return (content[at : at + size] for at in range(0, len(content), size))


def opened_bytes(key, place, sealed: bytes, piece: int = 10_000) -> bytes:
    return b"".join(open_stream(key, place, pieces(sealed, piece)))


def chunks_of(sealed: bytes) -> tuple[bytes, list[bytes]]:
    return sealed[:HEAD_BYTES], list(pieces(sealed[HEAD_BYTES:], SEALED))


@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize("piece", [1000, SEALED, 10_000_000])
def test_what_went_in_comes_out_however_it_is_cut(key, place, size, piece):
    plain = os.urandom(size)

    sealed = sealed_bytes(key, place, plain, piece)

    assert opened_bytes(key, place, sealed, piece) == plain
    assert len(sealed) == HEAD_BYTES + size + 16 * max(1, -(-size // CHUNK_BYTES))
    assert size < 16 or plain[:16] not in sealed


@pytest.mark.parametrize("size", SIZES)
def test_a_stream_cut_off_anywhere_is_refused(key, place, size):
    sealed = sealed_bytes(key, place, os.urandom(size))
    edges = {0, 1, HEAD_BYTES - 1, HEAD_BYTES, HEAD_BYTES + 1, len(sealed) - 1, len(sealed) - 16, len(sealed) - 17}
    edges |= {HEAD_BYTES + SEALED * count for count in range(len(sealed) // SEALED + 1)}

    for length in sorted(edge for edge in edges if 0 <= edge < len(sealed)):
        with pytest.raises(Tampered) as refused:
            opened_bytes(key, place, sealed[:length])
        assert refused.value.place == place


def test_chunks_out_of_order_repeated_left_out_or_added_are_refused(key, place):
    head, parts = chunks_of(sealed_bytes(key, place, os.urandom(3 * CHUNK_BYTES + 5)))
    assert len(parts) == 4
    a, b, c, last = parts
    swapped, repeated, added = [[b, a, c, last], [a, b, last, c]], [[a, a, b, c, last]], [[a, b, c, last, last]]
    left_out = [[a, c, last], [last], [b, c, last]]

    for order in swapped + repeated + added + left_out:
        with pytest.raises(Tampered):
            opened_bytes(key, place, head + b"".join(order))


def test_chunks_of_two_streams_under_one_key_cannot_be_mixed(key, place):
    first_head, first = chunks_of(sealed_bytes(key, place, os.urandom(2 * CHUNK_BYTES)))
    second_head, second = chunks_of(sealed_bytes(key, place, os.urandom(2 * CHUNK_BYTES)))

    for head, parts in ((first_head, [first[0], second[1]]), (second_head, [first[0], first[1]])):
        with pytest.raises(Tampered):
            opened_bytes(key, place, head + b"".join(parts))


def test_a_stream_of_another_person_or_place_is_refused(key, place):
    sealed = sealed_bytes(key, place, b"proof")
    assert opened_bytes(key, place, sealed) == b"proof"
    same_bytes = SubjectKey(uuid4(), key._data_key)

    attempts = [
        (SubjectKey(key.owner, new_data_key()), place),
        (same_bytes, place),
        (key, place._replace(row="42")),
        (key, place._replace(column="other")),
        (key, place._replace(table="other")),
        (key, place._replace(schema=2)),
    ]
    for wrong_key, wrong_place in attempts:
        with pytest.raises(Tampered):
            opened_bytes(wrong_key, wrong_place, sealed)


def test_every_flipped_bit_of_a_small_stream_is_refused(key, place):
    sealed = sealed_bytes(key, place, b"proof")

    for bit in range(len(sealed) * 8):
        changed = bytearray(sealed)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Tampered):
            opened_bytes(key, place, bytes(changed))


def test_an_empty_last_chunk_behind_a_full_one_is_refused(key, place, monkeypatch):
    """One plaintext has one sealed form per salt: the padding of an empty chunk is nobody's."""
    from vault import aead, stream

    head = bytes([stream.FORMAT]) + bytes(16)
    stream_key, associated = stream._keyed(key, place, head)
    full = aead.encrypt(stream_key, stream.chunk_nonce(0, False), bytes(CHUNK_BYTES), associated)
    empty = aead.encrypt(stream_key, stream.chunk_nonce(1, True), b"", associated)

    with pytest.raises(Tampered):
        opened_bytes(key, place, head + full + empty)


def test_teeth_without_the_last_flag_a_truncation_would_be_accepted(key, place, monkeypatch):
    from vault import stream

    monkeypatch.setattr(stream, "chunk_nonce", lambda counter, last: counter.to_bytes(12, "big"))
    sealed = sealed_bytes(key, place, bytes(3 * CHUNK_BYTES))

    assert opened_bytes(key, place, sealed[: HEAD_BYTES + SEALED]) == bytes(CHUNK_BYTES)


def test_teeth_without_the_counter_a_reordering_would_be_accepted(key, place, monkeypatch):
    from vault import stream

    monkeypatch.setattr(stream, "chunk_nonce", lambda counter, last: bytes(11) + bytes([last]))
    head, (a, b, last) = chunks_of(sealed_bytes(key, place, b"a" * CHUNK_BYTES + b"b" * CHUNK_BYTES + b"c"))

    assert opened_bytes(key, place, head + b + a + last)[:1] == b"b"


def test_the_head_is_17_bytes_and_says_format_3(key, place):
    sealed = sealed_bytes(key, place, b"x")
    assert HEAD_BYTES == 17 and sealed[0] == 3

    for form in (0, 1, 2, 4, 255):
        # Made whole again under the wrong format, so that only the check of the format can refuse it.
        head = bytes([form]) + sealed[1:HEAD_BYTES]
        stream_key, associated = stream._keyed(key, place, head)
        forged = head + aead.encrypt(stream_key, stream.chunk_nonce(0, True), b"x", associated)
        with pytest.raises(Tampered):
            opened_bytes(key, place, forged)


def test_the_key_of_a_stream_is_the_documented_one(key, place):
    salt = bytes(range(16))
    head = b"\x03" + salt
    stream_key = kdf.derive(key.field_key(place), "stream", salt)
    last = (0).to_bytes(11, "big") + b"\x01"
    sealed = head + aead.encrypt(stream_key, last, b"kept", key.associated(place) + head)

    assert opened_bytes(key, place, sealed) == b"kept"


def test_a_head_in_a_piece_of_its_own_asks_for_nothing_more(key, place):
    whole = sealed_bytes(key, place, b"kept")
    asked = []

    def given():
        for piece in (whole[:HEAD_BYTES], whole[HEAD_BYTES:]):
            asked.append(len(piece))
            yield piece

    head, rest = stream._head(source := given())
    assert (head, rest, asked) == (whole[:HEAD_BYTES], b"", [HEAD_BYTES])
    assert next(source) == whole[HEAD_BYTES:]
