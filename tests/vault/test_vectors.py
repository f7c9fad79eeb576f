"""The published vectors of the standards, through our own wrappers."""

import base64
import hmac
import json
from uuid import UUID

import pytest

from vault import aead, kdf, pairwise, signing

# McGrew and Viega, "The Galois/Counter Mode of Operation", appendix B, cases 13 to 16 (AES-256), also in NIST's set.
GCM = [
    ("00" * 32, "00" * 12, "", "", "", "530f8afbc74536b9a963b4f1c4cb738b"),
    ("00" * 32, "00" * 12, "00" * 16, "", "cea7403d4d606b6e074ec5d3baf39d18", "d0d1c8a799996bf0265b98b5d48ab919"),
    (
        "feffe9928665731c6d6a8f9467308308" * 2, "cafebabefacedbaddecaf888",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        "b16aedf5aa0de657ba637b391aafd255", "",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
        "c5f61e6393ba7a0abcc9f662898015ad", "b094dac5d93471bdec1a502270e3cc6c",
    ),
    (
        "feffe9928665731c6d6a8f9467308308" * 2, "cafebabefacedbaddecaf888",
        "d9313225f88406e5a55909c5aff5269a86a7a9531534f7da2e4c303d8a318a721c3c0c95956809532fcf0e2449a6b525"
        "b16aedf5aa0de657ba637b39", "feedfacedeadbeeffeedfacedeadbeefabaddad2",
        "522dc1f099567d07f47f37a32a84427d643a8cdcbfe5c0c97598a2bd2555d1aa8cb08e48590dbb3da7b08b1056828838"
        "c5f61e6393ba7a0abcc9f662", "76fc6ece0f4e1768cddf8853bb2d551b",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "nonce", "plaintext", "associated", "ciphertext", "tag"), GCM)
def test_aes_256_gcm(key, nonce, plaintext, associated, ciphertext, tag):
    key, nonce, plaintext, associated = (bytes.fromhex(part) for part in (key, nonce, plaintext, associated))
    expected = bytes.fromhex(ciphertext + tag)

    assert aead.encrypt(key, nonce, plaintext, associated) == expected
    assert aead.decrypt(key, nonce, expected, associated) == plaintext
    if associated:
        sealed = aead.seal(key, plaintext, associated, _nonce=nonce)
        assert sealed == b"\x01" + nonce + expected
        assert aead.open_sealed(key, sealed, associated) == plaintext


# RFC 5869, appendix A, the three cases of SHA-256.
HKDF = [
    (
        "0b" * 22, "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9", 42,
        "077709362c2e32df0ddc3f0dc47bba6390b6c73bb50f9c3122ec844ad7c2b3e5",
        "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865",
    ),
    (
        bytes(range(0x50)).hex(), bytes(range(0x60, 0xB0)).hex(), bytes(range(0xB0, 0x100)).hex(), 82,
        "06a6b88c5853361a06104c9ceb35b45cef760014904671014a193f40c15fc244",
        "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09"
        "da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87",
    ),
    (
        "0b" * 22, "", "", 42, "19ef24a32c717b167f33a91d6f648bdf96596776afdb6377ac434c1c293ccb04",
        "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("material", "salt", "info", "length", "prk", "okm"), HKDF)
def test_hkdf(material, salt, info, length, prk, okm):
    key = kdf.hkdf_extract(bytes.fromhex(salt), bytes.fromhex(material))

    assert key.hex() == prk
    assert kdf.hkdf_expand(key, bytes.fromhex(info), length).hex() == okm


# RFC 4231, cases 1 to 4 and 6: HMAC-SHA-256, as `hkdf_extract` (salt = key, material = data) and as the indexes use it.
HMAC = [
    ("0b" * 20, b"Hi There".hex(), "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
    (
        b"Jefe".hex(), b"what do ya want for nothing?".hex(),
        "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
    ),
    ("aa" * 20, "dd" * 50, "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
    (
        bytes(range(1, 26)).hex(), "cd" * 50,
        "82558a389a443c0ea4cc819899f2083a85f0faa3e578f8077a2e3ff46729665b",
    ),
    (
        "aa" * 131, b"Test Using Larger Than Block-Size Key - Hash Key First".hex(),
        "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("key", "data", "digest"), HMAC)
def test_hmac_sha_256(key, data, digest):
    assert kdf.hkdf_extract(bytes.fromhex(key), bytes.fromhex(data)).hex() == digest
    assert hmac.digest(bytes.fromhex(key), bytes.fromhex(data), "sha256").hex() == digest


# RFC 8032, section 7.1, tests 1 to 3.
ED25519 = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46b"
        "d25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c"
        "387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc659"
        "4a7c15e9716ed28dc027beceea1ec40a",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("seed", "public", "message", "signature"), ED25519)
def test_ed25519(seed, public, message, signature):
    seed, public, message, signature = (bytes.fromhex(part) for part in (seed, public, message, signature))

    assert signing.public_of(seed) == public
    assert signing.sign(seed, message) == signature
    assert signing.verifies(public, message, signature)
    assert not signing.verifies(public, message + b"!", signature)


# RFC 8037, appendix A.1 to A.4.
JWK = {"d": "nWGxne_9WmC6hEr0kuwsxERJxWl7MmkZcDusAxyuf2A", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}
JWS = (
    "eyJhbGciOiJFZERTQSJ9.RXhhbXBsZSBvZiBFZDI1NTE5IHNpZ25pbmc."
    "hgyY0il_MGCjP0JzlnLWG1PPOt7-09PGcvMg3AIbQR6dWbhijcNR4ki4iylGjg5BhVsPt9g7sVvpAr_MuM0KAg"
)


def test_jws_with_eddsa():
    seed = base64.urlsafe_b64decode(JWK["d"] + "=")
    public = signing.public_of(seed)

    assert signing.b64url(public) == JWK["x"]
    assert signing.thumbprint(public) == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"
    assert signing.compact(seed, json.dumps({"alg": "EdDSA"}, separators=(",", ":")).encode(), PAYLOAD) == JWS


PAYLOAD = b"Example of Ed25519 signing"


def test_one_block_of_aes_256():
    # FIPS 197, appendix C.3.
    key = bytes(range(32))
    block = UUID("00112233-4455-6677-8899-aabbccddeeff")

    assert pairwise.pairwise_ids(key, [block]) == [UUID("8ea2b7ca-5167-45bf-eafc-49904b496089")]
    assert pairwise.subjects_of(key, pairwise.pairwise_ids(key, [block])) == [block]
