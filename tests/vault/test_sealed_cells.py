"""A sealed cell opens in its own place, for its own person, unchanged, and nowhere else (threats T2, T5, T7 to T10)."""

import os
import random
from uuid import uuid4

import pytest

from vault import aead, envelope
from vault.envelope import Place, SubjectKey, Tampered, commitment, new_data_key, unwrap, wrap

HUNDRED = range(100)
PLAIN = b"alice@example.org"


def same_data_key(key: SubjectKey, owner) -> SubjectKey:
    """A key with the same bytes for another person, so that the associated data alone is tried."""
    return SubjectKey(owner, key._data_key)


# Each class: how the one who swaps asks for the sealed bytes in a place they were not sealed for.
def other_subject(key, place):
    return same_data_key(key, uuid4()), place


def other_table(key, place):
    return key, place._replace(table="consent_event")


def other_column(key, place):
    return key, place._replace(column="label")


def other_row(key, place):
    return key, place._replace(row=str(uuid4()))


def other_schema(key, place):
    return key, place._replace(schema=place.schema + 1)


SWAPS = [other_subject, other_table, other_column, other_row, other_schema]


@pytest.mark.parametrize("swap", SWAPS)
def test_a_swapped_cell_is_refused(swap, place):
    for _ in HUNDRED:
        key = SubjectKey(uuid4(), new_data_key())
        sealed = key.seal(place, PLAIN)
        assert key.open(place, sealed) == PLAIN

        wrong_key, wrong_place = swap(key, place)

        with pytest.raises(Tampered) as refused:
            wrong_key.open(wrong_place, sealed)
        assert refused.value.place == wrong_place


def test_a_swapped_wrapped_key_is_refused():
    for _ in HUNDRED:
        refuses_a_swapped_wrapped_key()


def refuses_a_swapped_wrapped_key():
    master, alice, bob = new_data_key(), uuid4(), uuid4()
    keys = {owner: new_data_key() for owner in (alice, bob)}
    wrapped = {owner: wrap(keys[owner], master, owner=owner, version=1) for owner in keys}
    committed = {owner: commitment(keys[owner]) for owner in keys}
    assert unwrap(wrapped[bob], master, owner=bob, version=1, committed=committed[bob]) == keys[bob]

    with pytest.raises(Tampered):
        unwrap(wrapped[bob], master, owner=alice, version=1, committed=committed[bob])


def test_a_wrapped_key_under_another_version_is_refused():
    master, owner, data_key = new_data_key(), uuid4(), new_data_key()
    wrapped = wrap(data_key, master, owner=owner, version=1)
    renumbered = wrapped[:1] + (2).to_bytes(4, "big") + wrapped[5:]

    for forged, version in ((wrapped, 2), (renumbered, 2), (renumbered, 1)):
        with pytest.raises(Tampered):
            unwrap(forged, master, owner=owner, version=version, committed=commitment(data_key))


def test_teeth_without_associated_data_every_swap_of_place_would_be_accepted(key, place, monkeypatch):
    monkeypatch.setattr(envelope, "_column_place", lambda owner, place: b"the same for all")
    monkeypatch.setattr(envelope, "_row_place", lambda place: b"the same for all")
    sealed = key.seal(place, PLAIN)

    accepted = []
    for swap in SWAPS:
        wrong_key, wrong_place = swap(key, place)
        wrong_place = wrong_place._replace(table=place.table, column=place.column)  # these are in the key as well
        accepted.append(wrong_key.open(wrong_place, sealed))

    assert accepted == [PLAIN] * len(SWAPS)


def test_teeth_without_associated_data_a_swapped_wrapped_key_would_be_accepted(monkeypatch):
    monkeypatch.setattr(envelope, "_wrap_place", lambda owner, version: b"the same for all")
    master, alice, bob, data_key = new_data_key(), uuid4(), uuid4(), new_data_key()
    wrapped = wrap(data_key, master, owner=bob, version=1)

    assert unwrap(wrapped, master, owner=alice, version=1, committed=commitment(data_key)) == data_key


def test_teeth_column_and_table_are_bound_twice_by_associated_data_and_by_key(key, place, monkeypatch):
    monkeypatch.setattr(SubjectKey, "field_key", lambda self, place: self._data_key)
    sealed = key.seal(place, PLAIN)

    for swap in (other_table, other_column):
        with pytest.raises(Tampered):
            key.open(swap(key, place)[1], sealed)


def test_parts_cannot_slide_into_one_another(key):
    sealed = key.seal(Place("a", "bc", "d"), PLAIN)

    with pytest.raises(Tampered):
        key.open(Place("ab", "c", "d"), sealed)


# --- commitment ----------------------------------------------------------------------------------------------------
def gf_multiply(left: int, right: int) -> int:
    """The product in GF(2^128) with GCM's bit order (NIST SP 800-38D, 6.3)."""
    product = 0
    for bit in range(127, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (0xE1 << 120 if right & 1 else 0)
    return product


def gf_inverse(value: int) -> int:
    result, power = 1 << 127, value
    for bit in range(128):
        if (2**128 - 2) >> bit & 1:
            result = gf_multiply(result, power)
        power = gf_multiply(power, power)
    return result


def blocks(text: bytes) -> list[int]:
    padded = text + bytes(-len(text) % 16)
    return [int.from_bytes(padded[at : at + 16], "big") for at in range(0, len(padded), 16)]


def ghash_parts(key: bytes, nonce: bytes) -> tuple[int, int]:
    """H and E(key, J0), found through GCM itself: the tag of nothing is E(key, J0), that of one known block gives H."""
    mask = int.from_bytes(aead.encrypt(key, nonce, b"", b""), "big")
    # GHASH of associated data A (one block) and nothing else: A*H^2 + L*H. Two choices of A give H^2, its root is H.
    tags = [int.from_bytes(aead.encrypt(key, nonce, b"", bytes([first]) + bytes(15)), "big") for first in (0x80, 0)]
    square = tags[0] ^ tags[1]
    root = square
    for _ in range(127):
        root = gf_multiply(root, root)
    return root, mask


def salamander(one: bytes, two: bytes, nonce: bytes, associated: bytes) -> bytes:
    """A ciphertext with tag of three blocks that opens under both keys (Dodis et al. 2018, section 3).

    The middle block is solved for: tag_one(C) = tag_two(C) is linear in it.
    """
    ends = [new_data_key()[:16], new_data_key()[:16]]
    lengths = (len(associated) * 8 << 64) | 48 * 8
    constant, factor, masks = 0, 0, []
    for key in (one, two):
        point, mask = ghash_parts(key, nonce)
        sequence = [*blocks(associated), *blocks(ends[0]), None, *blocks(ends[1]), lengths]
        total = mask
        for index, block in enumerate(sequence):
            power = 1 << 127
            for _ in range(len(sequence) - index):
                power = gf_multiply(power, point)
            if block is None:
                factor ^= power
            else:
                total ^= gf_multiply(block, power)
        masks.append((point, total))
        constant ^= total
    middle = gf_multiply(constant, gf_inverse(factor)).to_bytes(16, "big")
    ciphertext = ends[0] + middle + ends[1]
    # The tag follows from either key: decrypt without checking is GCM's counter mode, so encrypt what it gives.
    stream = aead.encrypt(one, nonce, bytes(48), associated)[:48]
    plain = bytes(a ^ b for a, b in zip(ciphertext, stream, strict=True))
    return aead.encrypt(one, nonce, plain, associated)


def test_gcm_alone_opens_one_ciphertext_under_two_keys():
    one, two, nonce, associated = new_data_key(), new_data_key(), new_data_key()[:12], b"place"

    crafted = salamander(one, two, nonce, associated)

    assert aead.decrypt(one, nonce, crafted, associated) != aead.decrypt(two, nonce, crafted, associated)


def test_a_wrapped_key_that_opens_to_two_keys_fits_one_commitment_only(monkeypatch):
    """The attack on the place where it would matter: two master keys, one wrapped blob, two data keys."""
    from vault.kdf import derive

    masters, owner, nonce = [new_data_key(), new_data_key()], uuid4(), new_data_key()[:12]
    place = envelope._wrap_place(owner, 1)
    crafted = salamander(*(derive(master, "wrap") for master in masters), nonce, place)
    wrapped = b"\x02" + (1).to_bytes(4, "big") + nonce + crafted
    opened = [aead.decrypt(derive(master, "wrap"), nonce, crafted, place) for master in masters]
    committed = commitment(opened[0])

    assert unwrap(wrapped, masters[0], owner=owner, version=1, committed=committed) == opened[0]
    with pytest.raises(Tampered):
        unwrap(wrapped, masters[1], owner=owner, version=1, committed=committed)

    # Teeth: with the commitment switched off the same blob opens to another key.
    monkeypatch.setattr(envelope, "commitment", lambda data_key: committed)
    assert unwrap(wrapped, masters[1], owner=owner, version=1, committed=committed) == opened[1] != opened[0]


# --- changes ----------------------------------------------------------------------------------------------------
def mutations(sealed: bytes, seed: int):
    """1,000 bit flips, then every truncation, and some growth."""
    chance = random.Random(seed)
    for _ in range(1000):
        at = chance.randrange(len(sealed) * 8)
        yield sealed[: at // 8] + bytes([sealed[at // 8] ^ 1 << at % 8]) + sealed[at // 8 + 1 :]
    yield from (sealed[:length] for length in range(len(sealed)))
    yield from (sealed + b"\0", b"\0" + sealed, sealed + sealed)


def test_every_change_is_refused_with_one_and_the_same_error(key, place):
    sealed = key.seal(place, PLAIN)

    said = set()
    for changed in mutations(sealed, seed=20261124):
        with pytest.raises(Tampered) as refused:
            key.open(place, changed)
        said.add((refused.type, str(refused.value), refused.value.status, refused.value.__cause__))

    assert len(said) == 1
    assert "tag" not in str(said)


def test_every_change_of_a_wrapped_key_is_refused():
    master, owner, data_key = new_data_key(), uuid4(), new_data_key()
    wrapped = wrap(data_key, master, owner=owner, version=1)

    for changed in mutations(wrapped, seed=7):
        with pytest.raises(Tampered):
            unwrap(changed, master, owner=owner, version=1, committed=commitment(data_key))


def test_100_000_seals_of_one_value_share_no_nonce_and_no_ciphertext(key, place):
    count = 1_000_000 if os.environ.get("ATTACKS") == "full" else 100_000
    seals = [key.seal(place, PLAIN) for _ in range(count)]

    assert len({sealed[1:13] for sealed in seals}) == count
    assert len({sealed[13:] for sealed in seals}) == count


def test_associated_data_is_mandatory_and_keys_are_256_bits():
    with pytest.raises(ValueError, match="mandatory"):
        aead.seal(new_data_key(), PLAIN, b"")
    with pytest.raises(ValueError, match="mandatory"):
        aead.open_sealed(new_data_key(), PLAIN, b"")
    for length in (0, 16, 24, 31, 33):
        with pytest.raises(ValueError, match="32 bytes"):
            aead.encrypt(bytes(length), bytes(12), PLAIN, b"place")


def test_the_layout_is_the_documented_one(key, place):
    sealed = key.seal(place, PLAIN)
    assert (sealed[0], len(sealed)) == (1, 1 + 12 + len(PLAIN) + 16)

    wrapped = wrap(new_data_key(), new_data_key(), owner=uuid4(), version=0x01020304)
    assert (wrapped[:5], len(wrapped)) == (b"\x02\x01\x02\x03\x04", 65)
    assert aead.key_version(wrapped) == 0x01020304
    with pytest.raises(Tampered):
        aead.key_version(sealed)
