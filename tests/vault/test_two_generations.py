"""A key and the one before it: the new one seals, both open, and many cells at once are sealed as one is."""

from collections.abc import Sequence
from uuid import UUID, uuid4

import pytest

from vault import aead, stream
from vault.aead import NONCE_BYTES
from vault.envelope import Place, SubjectKey, Tampered, new_data_key, seal_cells
from vault.stream import CHUNK_BYTES, HEAD_BYTES, open_range, open_stream, reseal_chunk, reseal_stream, seal_stream

LENGTHS = (0, 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES)


def parts(sealed: bytes) -> tuple[bytes, list[bytes]]:
    """Head and sealed chunks of a stream."""
    size, body = CHUNK_BYTES + aead.TAG_BYTES, sealed[HEAD_BYTES:]
    return sealed[:HEAD_BYTES], [body[at : at + size] for at in range(0, len(body), size)]


def whole(key: SubjectKey, place: Place, pieces: Sequence[bytes]) -> bytes:
    return b"".join(open_stream(key, place, pieces))


# --- cells ------------------------------------------------------------------------------------------------------------
def test_a_successor_seals_itself_and_opens_what_either_sealed(key: SubjectKey, place: Place) -> None:
    old = key.seal(place, b"before")
    fresh = key.successor()
    assert (fresh.owner, fresh.former, fresh == key) == (key.owner, key, False)
    assert fresh.generations() == [fresh, key] and key.generations() == [key]
    new = fresh.seal(place, b"after")
    assert (fresh.open(place, old), fresh.open(place, new)) == (b"before", b"after")
    assert fresh.sealer(place, old) is key and fresh.sealer(place, new) is fresh and key.sealer(place, old) is key
    with pytest.raises(Tampered):
        key.open(place, new)
    with pytest.raises(ValueError, match="once more"):
        fresh.successor()


def test_what_neither_sealed_is_refused_with_its_place(key: SubjectKey, place: Place) -> None:
    fresh, another = key.successor(), Place("subjects_field", "value", "42")
    foreign = SubjectKey(key.owner, new_data_key()).seal(place, b"x")
    for act in (fresh.open, fresh.sealer, fresh.reseal):
        for where, sealed in ((place, foreign), (another, key.seal(place, b"x")), (place, b"")):
            with pytest.raises(Tampered) as refused:
                act(where, sealed)
            assert refused.value.place == where


def test_what_is_sealed_anew_opens_without_the_former_one(key: SubjectKey, place: Place) -> None:
    old, fresh = key.seal(place, b"value"), key.successor()
    again = fresh.reseal(place, old)
    assert again is not None and fresh.reseal(place, again) is None
    alone = SubjectKey(fresh.owner, fresh._data_key)
    assert alone.open(place, again) == b"value"
    assert key.reseal(place, old) is None


def test_the_former_key_lies_sealed_in_the_new_one(key: SubjectKey, place: Place) -> None:
    fresh, sealed = key.successor(), key.seal(place, b"value")
    kept = fresh.sealed_former()
    alone = SubjectKey(fresh.owner, fresh._data_key)
    both = alone.with_former(kept)
    assert both == fresh and both.former == key and both.open(place, sealed) == b"value"
    assert key._data_key not in kept
    with pytest.raises(ValueError, match="no former"):
        alone.sealed_former()
    stranger = SubjectKey(uuid4(), fresh._data_key)
    for opener, bytes_kept in ((stranger, kept), (key, kept), (alone, kept[:-1] + bytes([kept[-1] ^ 1]))):
        with pytest.raises(Tampered):
            opener.with_former(bytes_kept)


def test_marks_are_those_of_the_key_that_sealed(key: SubjectKey, place: Place) -> None:
    sealed, fresh = key.seal(place, b"value"), key.successor()
    mark = key.mark(place, sealed)
    assert fresh.sealer(place, sealed).mark(place, sealed) == mark != fresh.mark(place, sealed)
    assert key.mark(place, sealed) == mark, "also the second time"


# --- many at once -----------------------------------------------------------------------------------------------------
def test_many_cells_open_as_if_sealed_one_by_one(key: SubjectKey) -> None:
    keys = [key, SubjectKey(uuid4(), new_data_key())]
    cells = [
        (keys[number % 2], f"column_{number % 3}", str(UUID(int=number)), str(number).encode()) for number in range(60)
    ]
    sealed = seal_cells("some_table", cells)
    assert len(sealed) == 60 and all(cell[0] == 1 for cell in sealed)
    for (owner, column, row, plaintext), cell in zip(cells, sealed, strict=True):
        assert owner.open(Place("some_table", column, row), cell) == plaintext
        with pytest.raises(Tampered):
            owner.open(Place("some_table", column, row, 2), cell)
        with pytest.raises(Tampered):
            owner.open(Place("another_table", column, row), cell)
    assert len({cell[1 : 1 + NONCE_BYTES] for cell in sealed}) == 60
    assert seal_cells("some_table", []) == []


def test_many_cells_make_one_cipher_a_column(key: SubjectKey) -> None:
    cipher = key._column(Place("t", "c", ""))[0]
    seal_cells("t", [(key, "c", "1", b"x"), (key, "c", "2", b"x")])
    assert key._column(Place("t", "c", "9"))[0] is cipher


def test_associated_data_is_mandatory_for_many_too(key: SubjectKey) -> None:
    with pytest.raises(ValueError, match="mandatory"):
        aead.seal_many([(aead.ready(bytes(32)), b"x", b"")])


# --- streams ----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("length", LENGTHS)
def test_a_stream_sealed_anew_opens_without_the_former_key(key: SubjectKey, place: Place, length: int) -> None:
    data = bytes(range(256)) * (length // 256) + b"x" * (length % 256)
    old, fresh = b"".join(seal_stream(key, place, [data])), key.successor()
    assert whole(fresh, place, [old]) == data
    again = reseal_stream(fresh, place, old)
    assert again is not None and again[:HEAD_BYTES] != old[:HEAD_BYTES] and len(again) == len(old)
    assert whole(SubjectKey(fresh.owner, fresh._data_key), place, [again]) == data
    assert reseal_stream(fresh, place, again) is None and reseal_stream(key, place, old) is None
    with pytest.raises(Tampered):
        whole(key, place, [again])


@pytest.mark.parametrize("length", LENGTHS)
def test_chunks_sealed_anew_one_by_one_are_one_stream_at_every_moment(
    key: SubjectKey, place: Place, length: int
) -> None:
    data = bytes(range(256)) * (length // 256) + b"x" * (length % 256)
    fresh = key.successor()
    head, chunks = parts(b"".join(seal_stream(key, place, [data])))
    end = len(chunks) - 1
    for counter in reversed(range(len(chunks))):
        anew = reseal_chunk(fresh, place, head, chunks[counter], counter=counter, last=counter == end)
        assert anew is not None and len(anew) == len(chunks[counter]) and anew != chunks[counter]
        chunks[counter] = anew
        assert whole(fresh, place, [head, *chunks]) == data
        assert b"".join(open_range(fresh, place, head, chunks, first=0, last=end)) == data
        assert reseal_chunk(fresh, place, head, anew, counter=counter, last=counter == end) is None
    assert whole(SubjectKey(fresh.owner, fresh._data_key), place, [head, *chunks]) == data


def test_a_chunk_in_the_wrong_place_or_of_a_stranger_is_refused(key: SubjectKey, place: Place) -> None:
    fresh = key.successor()
    head, (first, last) = parts(b"".join(seal_stream(key, place, [bytes(CHUNK_BYTES + 1)])))
    for chunk, counter, is_last in ((first, 1, False), (first, 0, True), (last, 1, False), (last, 2, True)):
        with pytest.raises(Tampered):
            reseal_chunk(fresh, place, head, chunk, counter=counter, last=is_last)
    with pytest.raises(Tampered):
        reseal_chunk(SubjectKey(key.owner, new_data_key()).successor(), place, head, first, counter=0, last=False)
    whole_stream = b"".join([head, first, last])
    for broken in (whole_stream[:-1], whole_stream[: HEAD_BYTES + len(first)], b"", head):
        with pytest.raises(Tampered):
            reseal_stream(fresh, place, broken)


def test_streams_of_two_generations_share_no_key(key: SubjectKey, place: Place) -> None:
    fresh, head = key.successor(), bytes([stream.FORMAT]) + bytes(16)
    (own, associated), (former, same) = stream._opening(fresh, place, head)
    assert own != former and associated == same == key.associated(place) + head
