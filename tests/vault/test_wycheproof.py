"""Project Wycheproof's 612 cases of AES-GCM, HKDF and Ed25519 through our own wrappers (figure G4).

Our wrappers are narrower than the standards: keys of 256 bits and nonces of 96 alone. What is narrower is refused.
Each line of the file is the case's number and, in hexadecimal:

    aes_gcm      key, nonce, associated data, plaintext, ciphertext, tag, result
    hkdf_sha256  input, salt, info, length, output, result
    ed25519      public key, message, signature, result
"""

import json
from pathlib import Path
from typing import Any

import pytest

from audit import note
from vault import aead, kdf, signing

CASES: dict[str, Any] = json.loads((Path(__file__).parents[1] / "vectors" / "wycheproof.json").read_text("utf-8"))


def test_all_of_them_are_there() -> None:
    assert {name: len(CASES[name]) for name in ("aes_gcm", "hkdf_sha256", "ed25519")} == {
        "aes_gcm": 316, "hkdf_sha256": 86, "ed25519": 210,
    }  # fmt: skip


def test_aes_gcm() -> None:
    for case in CASES["aes_gcm"]:
        holds_for_aes_gcm(case)


def holds_for_aes_gcm(case: list[Any]) -> None:
    key, nonce, associated, plaintext, ciphertext, tag = (bytes.fromhex(part) for part in case[1:7])
    if len(key) != aead.KEY_BYTES:
        with pytest.raises(ValueError, match="32 bytes"):
            aead.decrypt(key, nonce, ciphertext + tag, associated)
    elif len(nonce) != aead.NONCE_BYTES or case[7] != "valid":
        with pytest.raises(aead.Tampered):
            aead.decrypt(key, nonce, ciphertext + tag, associated)
    else:
        assert aead.decrypt(key, nonce, ciphertext + tag, associated) == plaintext
        assert aead.encrypt(key, nonce, plaintext, associated) == ciphertext + tag


def test_hkdf_with_sha_256() -> None:
    for case in CASES["hkdf_sha256"]:
        holds_for_hkdf_sha256(case)


def holds_for_hkdf_sha256(case: list[Any]) -> None:
    material, salt, info, output = (bytes.fromhex(case[at]) for at in (1, 2, 3, 5))
    key = kdf.hkdf_extract(salt, material)
    if case[6] == "valid":
        assert kdf.hkdf_expand(key, info, case[4]) == output
    else:
        with pytest.raises(ValueError, match="8160"):
            kdf.hkdf_expand(key, info, case[4])


def test_ed25519() -> None:
    for case in CASES["ed25519"]:
        holds_for_ed25519(case)


def holds_for_ed25519(case: list[Any]) -> None:
    """What RFC 8032 leaves open ("acceptable": keys of small or mixed order) is at least seen alike by both of ours."""
    given = [bytes.fromhex(part) for part in case[1:4]]
    verdicts = {signing.verifies(*given), note.ed25519_verify(*given)}
    assert verdicts == {case[4] == "valid"} if case[4] != "acceptable" else len(verdicts) == 1
