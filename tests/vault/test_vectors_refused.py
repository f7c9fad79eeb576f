"""What the standards and those who attack them say must be refused, through our own wrappers."""

import json
from pathlib import Path

import pytest

from tests.vault.test_vectors import ED25519, GCM
from vault import aead, signing

GIVEN = json.loads((Path(__file__).parents[1] / "vectors" / "aes_256_gcm_refusals.json").read_text(encoding="utf-8"))
UNCHANGED = GIVEN["valid"][-1]
ORDER = 2**252 + 27742317777372353535851937790883648493
"""L, the order of the base point (RFC 8032, section 5.1)."""
# Points of small order in their encodings (RFC 8032, section 5.1.3; y = 1, -1, 0, and 1 written as p + 1).
SMALL_ORDER = [
    (1).to_bytes(32, "little"), (2**255 - 20).to_bytes(32, "little"), bytes(32), (2**255 - 18).to_bytes(32, "little"),
]  # fmt: skip


def bytes_of(case: dict[str, str]) -> list[bytes]:
    return [bytes.fromhex(case[name]) for name in ("key", "iv", "msg", "ct", "tag")]


def flipped(tag: bytes, bits: list[int]) -> bytes:
    changed = bytearray(tag)
    for bit in bits:
        changed[bit // 8] ^= 1 << (bit % 8)
    return bytes(changed)


@pytest.mark.parametrize("case", GIVEN["valid"], ids=lambda case: str(case["tcId"]))
def test_extreme_nonces_and_tags_are_as_published(case):
    key, nonce, plaintext, ciphertext, tag = bytes_of(case)

    assert aead.encrypt(key, nonce, plaintext, b"") == ciphertext + tag
    assert aead.decrypt(key, nonce, ciphertext + tag, b"") == plaintext


@pytest.mark.parametrize("bits", GIVEN["flipped_bits"], ids=str)
def test_a_tag_with_flipped_bits_is_refused(bits):
    key, nonce, _, ciphertext, tag = bytes_of(UNCHANGED)

    with pytest.raises(aead.Tampered):
        aead.decrypt(key, nonce, ciphertext + flipped(tag, bits), b"")


@pytest.mark.parametrize("tag", GIVEN["other_tags"])
def test_another_tag_is_refused(tag):
    key, nonce, _, ciphertext, right = bytes_of(UNCHANGED)
    assert bytes.fromhex(tag) != right

    with pytest.raises(aead.Tampered):
        aead.decrypt(key, nonce, ciphertext + bytes.fromhex(tag), b"")


@pytest.mark.parametrize("length", range(16))
def test_a_shortened_tag_is_refused(length):
    # SP 800-38D, 5.2.1.2, knows tags of 4 to 15 bytes; here 16 and nothing else is taken.
    key, nonce, _, _, _ = bytes_of(UNCHANGED)
    empty = aead.encrypt(key, nonce, b"", b"place")

    assert aead.decrypt(key, nonce, empty, b"place") == b""
    with pytest.raises(aead.Tampered):
        aead.decrypt(key, nonce, empty[:length], b"place")


@pytest.mark.parametrize("length", [0, 1, 8, 11, 13, 16, 32])
def test_a_nonce_of_another_length_opens_nothing(length):
    key, _, _, ciphertext, tag = bytes_of(UNCHANGED)

    with pytest.raises(aead.Tampered):
        aead.decrypt(key, bytes(length), ciphertext + tag, b"")


@pytest.mark.parametrize("vector", GCM[1:], ids=["case 14", "case 15", "case 16"])
def test_every_changed_byte_of_the_published_ciphertexts_is_refused(vector):
    key, nonce, _, associated, ciphertext, tag = (bytes.fromhex(part) for part in vector)
    whole = ciphertext + tag

    for at in range(len(whole)):
        with pytest.raises(aead.Tampered):
            aead.decrypt(key, nonce, whole[:at] + bytes([whole[at] ^ 0x80]) + whole[at + 1 :], associated)
    with pytest.raises(aead.Tampered):
        aead.decrypt(key, nonce, whole, associated + b"\0")


@pytest.mark.parametrize(("seed", "public", "message", "signature"), ED25519)
def test_a_signature_has_one_form(seed, public, message, signature):
    # RFC 8032, section 5.1.7: S is below L; S + L would verify otherwise (malleability).
    public, message, signature = (bytes.fromhex(part) for part in (public, message, signature))
    number = int.from_bytes(signature[32:], "little")
    assert signing.verifies(public, message, signature)

    for other in (number + ORDER, ORDER, ORDER - number, 2**256 - 1):
        assert not signing.verifies(public, message, signature[:32] + other.to_bytes(32, "little"))
    for at in range(64):
        assert not signing.verifies(public, message, signature[:at] + bytes([signature[at] ^ 1]) + signature[at + 1 :])


@pytest.mark.parametrize("length", [0, 1, 32, 63, 65, 128])
def test_a_signature_of_another_length_is_refused(length):
    public, message = (bytes.fromhex(part) for part in ED25519[0][1:3])

    assert not signing.verifies(public, message, bytes(length))


@pytest.mark.parametrize("point", SMALL_ORDER, ids=lambda point: point.hex()[:8])
def test_a_signature_of_nothing_does_not_verify_under_our_keys(point):
    for _, public, message, _ in ED25519:
        assert not signing.verifies(bytes.fromhex(public), bytes.fromhex(message), point + bytes(32))
