"""Notes, checkpoints and verifier keys are C2SP's, and Ed25519 is RFC 8032's."""

import base64

import pytest

from audit import note, signing
from audit.standalone_verifier import L, ed25519_verify
from gdpr_portal.errors import Unavailable
from tests.audit.tools import NAME, PUBLIC, sign

# RFC 8032 section 7.1: public key, message, signature
RFC8032 = [
    (
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
        "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b",
    ),
    (
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
        "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00",
    ),
    (
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
        "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a",
    ),
]  # fmt: skip

# golang.org/x/mod/sumdb/note, ExampleOpen: the form C2SP signed-note grew from
GO_VKEY = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
GO_NOTE = (
    "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n\n"
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)

ROOT = bytes(range(32))


def signed(text: str) -> str:
    return note.sign(text, name=NAME, public_key=PUBLIC, sign=sign)


@pytest.fixture
def vkey() -> str:
    return note.encode_vkey(NAME, PUBLIC)


@pytest.mark.parametrize(("public", "message", "signature"), RFC8032)
def test_published_ed25519_signatures_hold_and_their_neighbours_do_not(
    public: str, message: str, signature: str
) -> None:
    raw = bytes.fromhex(signature)
    assert ed25519_verify(bytes.fromhex(public), bytes.fromhex(message), raw)
    assert not ed25519_verify(bytes.fromhex(public), bytes.fromhex(message) + b"x", raw)
    for bit in range(0, 512, 37):
        bent = (int.from_bytes(raw) ^ 1 << bit).to_bytes(64)
        assert not ed25519_verify(bytes.fromhex(public), bytes.fromhex(message), bent)


def test_a_signature_with_a_scalar_past_the_order_is_refused() -> None:
    """RFC 8032 section 5.1.7: S below L, else every signature had a twin."""
    public, message, signature = (bytes.fromhex(part) for part in RFC8032[1])
    twin = signature[:32] + (int.from_bytes(signature[32:], "little") + L).to_bytes(32, "little")
    assert ed25519_verify(public, message, signature)
    assert not ed25519_verify(public, message, twin)


def test_wrong_lengths_are_refused() -> None:
    public, message, signature = (bytes.fromhex(part) for part in RFC8032[1])
    assert not ed25519_verify(public[:-1], message, signature)
    assert not ed25519_verify(public, message, signature + b"\0")


def test_a_published_note_opens_under_its_published_key() -> None:
    text, lines = note.split_note(GO_NOTE)
    key = note.decode_vkey(GO_VKEY)
    name, raw = note._signature(lines[0])
    assert (name, raw[:4]) == (key.name, key.key_id)
    assert ed25519_verify(key.public_key, text.encode(), raw[4:])
    assert note.encode_vkey(key.name, key.public_key) == GO_VKEY


def test_a_checkpoint_is_origin_size_root_and_opens_under_its_key(vkey: str) -> None:
    made = signed(note.checkpoint_text(NAME, 42, ROOT))
    lines = made.split("\n")
    assert lines[:4] == [NAME, "42", base64.b64encode(ROOT).decode(), ""]
    assert lines[4].startswith(f"— {NAME} ")
    assert note.open_checkpoint(made, [vkey]) == (NAME, 42, ROOT)


def test_one_changed_character_anywhere_closes_it(vkey: str) -> None:
    made = signed(note.checkpoint_text(NAME, 42, ROOT))
    for at in range(len(made)):
        for other in "\n~A9":
            bent = made[:at] + other + made[at + 1 :]
            if bent != made:
                with pytest.raises(note.BadNote):
                    note.open_checkpoint(bent, [vkey], verify=_quick)


def _quick(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Signing is deterministic (RFC 8032), so comparing with our own signature is verification, and quicker."""
    return signature == _remembered(message)


_known: dict[bytes, bytes] = {}


def _remembered(message: bytes) -> bytes:
    return _known.setdefault(message, sign(message))


def test_a_stranger_s_signature_beside_ours_is_ignored_and_alone_is_refused(vkey: str) -> None:
    text = note.checkpoint_text(NAME, 1, ROOT)
    ours = signed(text)
    stranger = f"— witness.example {base64.b64encode(bytes(68)).decode()}\n"
    assert note.open_checkpoint(ours + stranger, [vkey]).size == 1
    with pytest.raises(note.BadNote, match="none of the known keys"):
        note.open_checkpoint(f"{text}\n{stranger}", [vkey])


def test_a_note_signed_by_us_that_is_no_checkpoint_of_ours_is_refused(vkey: str) -> None:
    with pytest.raises(note.BadNote, match="origin"):
        note.open_checkpoint(signed(note.checkpoint_text("other.example/log", 1, ROOT)), [vkey])
    with pytest.raises(note.BadNote):
        note.open_checkpoint(signed("hello\n"), [vkey])


@pytest.mark.parametrize("size", ["-1", "007", "1e3", "", "٣"])
def test_sizes_are_plain_decimals(vkey: str, size: str) -> None:
    text = f"{NAME}\n{size}\n{base64.b64encode(ROOT).decode()}\n"
    with pytest.raises(note.BadNote):
        note.open_checkpoint(signed(text), [vkey])


@pytest.mark.parametrize(
    "wrong", ["", "a+b", "name+00000000+AAAA", f"with blank+00000000+{'A' * 44}", GO_VKEY.replace("c74f", "c74e")]
)
def test_keys_whose_parts_do_not_belong_together_are_refused(wrong: str) -> None:
    with pytest.raises(note.BadNote):
        note.decode_vkey(wrong)


def test_only_a_process_with_the_key_signs(key: str) -> None:
    assert signing.signer().vkey == key == signing.vkeys()[-1]
    signing.forget()
    assert signing.vkeys() == []
    with pytest.raises(Unavailable, match="no_signer"):
        signing.signer()


def test_an_older_key_stays_trusted_and_the_newer_is_announced(key: str) -> None:
    newer = bytes.fromhex(RFC8032[1][0])
    signing.register_public_key(NAME, newer)
    assert signing.vkeys() == [key, note.encode_vkey(NAME, newer)]
    signing.register_public_key(NAME, PUBLIC)
    assert signing.vkeys()[-1] == key
