"""The edges of the pure modules that a mutation of them showed to be unguarded (`make mutants`)."""

import base64
import hmac
import os
import pickle
from uuid import UUID, uuid4

import pytest

from vault import aead, envelope, indexes, kdf, pairwise
from vault.aead import Tampered
from vault.envelope import Place, SubjectKey


def test_hkdf_gives_from_1_to_8160_bytes():
    key = bytes(32)
    assert len(kdf.hkdf_expand(key, b"", 1)) == 1
    assert len(kdf.hkdf_expand(key, b"", 8160)) == 8160
    for length in (0, -1, 8161):
        with pytest.raises(ValueError, match="8160"):
            kdf.hkdf_expand(key, b"", length)


def test_derivation_is_the_documented_one():
    # docs/vault.md: HKDF-Expand under `gdpr-portal/1/<use>`, NUL, parts behind their length in 4 bytes.
    key = bytes(range(32))
    info = b"gdpr-portal/1/field\0" + b"\0\0\0\5table" + b"\0\0\0\6column"
    assert kdf.derive(key, "field", "table", b"column") == kdf.hkdf_expand(key, info)
    assert kdf.joined(()) == b""


def test_associated_data_is_the_documented_one():
    owner = UUID(int=7)
    place = Place("t", "c", "r", 3)
    expected = kdf.joined(("field", owner.bytes, "t", "c", "r", (3).to_bytes(4, "big")))
    assert SubjectKey(owner, bytes(32)).associated(place) == expected
    wrapped = envelope.wrap(bytes(32), bytes(32), owner=owner, version=9, _nonce=bytes(12))
    key = kdf.derive(bytes(32), "wrap")
    associated = kdf.joined(("wrap", owner.bytes, (9).to_bytes(4, "big")))
    assert wrapped == aead.seal(key, bytes(32), associated, key_version=9, _nonce=bytes(12))
    assert envelope.commitment(bytes(32)) == kdf.derive(bytes(32), "commitment")
    assert SubjectKey(owner, bytes(32)).field_key(place) == kdf.derive(bytes(32), "field", "t", "c")


def test_a_sealing_carries_a_nonce_of_12_bytes_and_a_version_of_4():
    key, owner = os.urandom(32), uuid4()
    sealed = aead.seal(key, b"x", b"place")
    assert len(sealed) == 1 + 12 + 1 + 16
    versioned = aead.seal(key, b"x", b"place", key_version=0xA0B0C0D0)
    assert versioned[:5] == bytes([2, 0xA0, 0xB0, 0xC0, 0xD0]) and len(versioned) == 5 + 12 + 1 + 16
    assert aead.key_version(versioned) == 0xA0B0C0D0
    assert aead.open_sealed(key, versioned, b"place") == b"x"
    assert aead.open_sealed(key, aead.seal(key, b"", b"place"), b"place") == b""
    for short in (b"", b"\x02", b"\x02\0\0\0", b"\x03" + bytes(40), b"\x00" + bytes(40)):
        with pytest.raises(Tampered):
            aead.key_version(short)
        with pytest.raises(Tampered):
            aead.open_sealed(key, short, b"place")
    assert aead.key_version(b"\x02\0\0\0\1") == 1
    for nonce in (b"", bytes(11), bytes(13), bytes(16)):
        with pytest.raises(Tampered):
            aead.decrypt(key, nonce, bytes(16), b"place")
    with pytest.raises(Tampered):
        aead.decrypt(key, bytes(12), bytes(15), b"place")
    assert str(Tampered()) == "unavailable: This information cannot be read at the moment."
    assert len(envelope.new_data_key()) == 32 and envelope.new_data_key() != envelope.new_data_key()
    assert (Place("a", "b", "c").schema, Tampered().place) == (1, None)
    key_object = SubjectKey(owner, key)
    assert repr(key_object) == "<SubjectKey hidden>"
    with pytest.raises(TypeError, match="pickled"):
        pickle.dumps(key_object)


def test_an_index_begins_with_its_version_and_differs_by_all_it_depends_on():
    master = bytes(range(32))
    found = indexes.blind_index(master, 7, "a.email", "x")
    assert found[0] == 7 and len(found) == indexes.INDEX_BYTES == 33
    import hmac

    assert found[1:] == hmac.digest(kdf.derive(master, "index", "a.email"), b"x", "sha256")
    assert not indexes.has_few_values("a.its_title_is_long") and indexes.has_few_values("a.has_title")


def test_pairwise_ids_are_blocks_of_their_own():
    key = pairwise.application_key(bytes(32), UUID(int=5))
    assert key == kdf.derive(bytes(32), "pairwise", UUID(int=5).bytes)
    people = [uuid4() for _ in range(3)]
    assert pairwise.pairwise_ids(key, people) == [pairwise.pairwise_ids(key, [person])[0] for person in people]
    assert pairwise.subjects_of(key, pairwise.pairwise_ids(key, people)) == people
    assert pairwise.pairwise_ids(key, []) == pairwise.subjects_of(key, []) == []


def test_a_mark_is_the_documented_one_and_differs_by_all_it_depends_on():
    owner, place, sealed = UUID(int=7), Place("t", "c", "r", 3), b"\x01sealed"
    key = SubjectKey(owner, bytes(32))
    digest = hmac.digest(kdf.derive(bytes(32), "mark"), key.associated(place) + sealed, "sha256")
    expected = base64.b64encode(digest[:16]).decode()[:22]
    assert key.mark(place, sealed) == key.mark(place, sealed) == expected
    others = [
        key.mark(place._replace(row="s"), sealed), key.mark(place, sealed + b"x"),
        SubjectKey(UUID(int=8), bytes(32)).mark(place, sealed), SubjectKey(owner, b"\1" * 32).mark(place, sealed),
    ]  # fmt: skip
    assert len({expected, *others}) == 5


def test_keys_are_the_same_by_owner_and_bytes():
    key = SubjectKey(UUID(int=7), bytes(32))
    assert key == SubjectKey(UUID(int=7), bytes(32))
    assert key != SubjectKey(UUID(int=8), bytes(32))
    assert key != SubjectKey(UUID(int=7), b"\1" * 32)
    assert key != (UUID(int=7), bytes(32))


def test_the_key_of_a_column_is_made_ready_once_for_all_its_rows():
    key = SubjectKey(UUID(int=7), bytes(32))
    first = key._column(Place("t", "c", "1"))
    assert key._column(Place("t", "c", "2")) is first
    assert key._column(Place("t", "d", "1")) is not first
    assert list(key._columns) == [("t", "c"), ("t", "d")]
