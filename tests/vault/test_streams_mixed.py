"""Whatever is done to the chunks of sealed streams, what comes out is the whole or an error (threats T5, T9)."""

import os
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.plugins.exhaustive import drawn
from vault import stream
from vault.envelope import Place, SubjectKey, Tampered
from vault.stream import HEAD_BYTES, open_stream, seal_stream

CHUNK = 64
SEALED = CHUNK + 16
ALICE, BOB = UUID(int=1), UUID(int=2)
KEY, OTHER_KEY = bytes(range(32)), bytes(range(1, 33))
HERE, THERE = Place("erasure_proof", "content", "1"), Place("erasure_proof", "content", "2")


@pytest.fixture(autouse=True)
def _small_chunks(monkeypatch: Any) -> None:
    """Chunks of 64 bytes, so that a stream has many of them."""
    monkeypatch.setattr(stream, "CHUNK_BYTES", CHUNK)
    monkeypatch.setattr(stream, "_SEALED_BYTES", SEALED)


def sealed(key: SubjectKey, place: Place, plain: bytes) -> tuple[bytes, list[bytes]]:
    whole = b"".join(seal_stream(key, place, [plain]))
    rest = whole[HEAD_BYTES:]
    return whole[:HEAD_BYTES], [rest[at : at + SEALED] for at in range(0, len(rest), SEALED)]


def opened(key: SubjectKey, place: Place, whole: bytes, piece: int = 50) -> bytes:
    return b"".join(open_stream(key, place, (whole[at : at + piece] for at in range(0, len(whole), piece))))


plains = st.binary(min_size=0, max_size=5 * CHUNK)


@drawn(200)
@given(plain=plains, cut=st.integers(1, 300), piece=st.integers(1, 300))
def test_what_went_in_comes_out_however_it_is_cut(plain: bytes, cut: int, piece: int) -> None:
    key = SubjectKey(ALICE, KEY)
    whole = b"".join(seal_stream(key, HERE, (plain[at : at + cut] for at in range(0, len(plain), cut))))
    assert opened(key, HERE, whole, piece) == plain


@drawn(300)
@given(plain=plains, data=st.data())
def test_every_cut_is_refused(plain: bytes, data: st.DataObject) -> None:
    key = SubjectKey(ALICE, KEY)
    head, chunks = sealed(key, HERE, plain)
    whole = head + b"".join(chunks)
    length = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(Tampered):
        opened(key, HERE, whole[:length])


@drawn(300)
@given(plain=st.binary(min_size=CHUNK + 1, max_size=6 * CHUNK), data=st.data())
def test_every_other_order_repetition_or_omission_of_chunks_is_refused(plain: bytes, data: st.DataObject) -> None:
    key = SubjectKey(ALICE, KEY)
    head, chunks = sealed(key, HERE, plain)
    order = data.draw(st.lists(st.integers(0, len(chunks) - 1), min_size=0, max_size=len(chunks) + 2))
    mixed = head + b"".join(chunks[number] for number in order)
    if order == list(range(len(chunks))):
        assert opened(key, HERE, mixed) == plain
        return
    with pytest.raises(Tampered):
        opened(key, HERE, mixed)


def strangers(plain: bytes) -> list[tuple[bytes, list[bytes]]]:
    """Streams of the same content: the first another file of this place, the others of another place, person, key."""
    return [
        sealed(SubjectKey(ALICE, KEY), HERE, plain), sealed(SubjectKey(ALICE, KEY), THERE, plain),
        sealed(SubjectKey(BOB, KEY), HERE, plain), sealed(SubjectKey(ALICE, OTHER_KEY), HERE, plain),
    ]  # fmt: skip


@drawn(200)
@given(plain=st.binary(min_size=CHUNK + 1, max_size=5 * CHUNK), data=st.data())
def test_a_chunk_or_head_spliced_in_from_another_stream_is_refused(plain: bytes, data: st.DataObject) -> None:
    key = SubjectKey(ALICE, KEY)
    head, chunks = sealed(key, HERE, plain)
    other_head, others = data.draw(st.sampled_from(strangers(plain)))
    spliced = data.draw(st.sets(st.integers(0, len(chunks) - 1), min_size=1))
    mixed = [others[number] if number in spliced else chunk for number, chunk in enumerate(chunks)]
    for first in (head, other_head):
        if first == other_head and len(spliced) == len(chunks):
            continue  # that is the other stream itself
        with pytest.raises(Tampered):
            opened(key, HERE, first + b"".join(mixed))


@drawn(50)
@given(plain=plains)
def test_a_whole_stream_of_another_person_place_or_key_is_refused(plain: bytes) -> None:
    for head, chunks in strangers(plain)[1:]:
        with pytest.raises(Tampered):
            opened(SubjectKey(ALICE, KEY), HERE, head + b"".join(chunks))


@drawn(300)
@given(plain=plains, data=st.data())
def test_every_flipped_bit_and_every_byte_too_many_is_refused(plain: bytes, data: st.DataObject) -> None:
    key = SubjectKey(ALICE, KEY)
    head, chunks = sealed(key, HERE, plain)
    whole = bytearray(head + b"".join(chunks))
    at = data.draw(st.integers(0, len(whole) * 8))
    if at == len(whole) * 8:
        whole += os.urandom(data.draw(st.integers(1, 100)))
    else:
        whole[at // 8] ^= 1 << at % 8
    with pytest.raises(Tampered):
        opened(key, HERE, bytes(whole))


def test_teeth_without_the_counter_a_reordered_stream_would_pass(monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "chunk_nonce", lambda counter, last: bytes(12))
    key = SubjectKey(ALICE, KEY)
    head, chunks = sealed(key, HERE, bytes(3 * CHUNK))
    assert len(opened(key, HERE, head + b"".join(reversed(chunks)))) == 3 * CHUNK


def test_teeth_without_the_salt_in_the_key_a_spliced_chunk_would_pass(monkeypatch: Any) -> None:
    monkeypatch.setattr(stream, "_keyed", lambda key, place, head: (KEY, b"the same for all"))
    key = SubjectKey(ALICE, KEY)
    head, chunks = sealed(key, HERE, bytes(2 * CHUNK))
    _, others = sealed(SubjectKey(BOB, OTHER_KEY), THERE, b"\x01" * (2 * CHUNK))
    assert opened(key, HERE, head + chunks[0] + others[1]) == bytes(CHUNK) + b"\x01" * CHUNK
