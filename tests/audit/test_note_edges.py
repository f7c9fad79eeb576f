"""The edges of notes and verifier keys that a mutation of them showed to be unguarded (`make mutants`)."""

import base64
import hashlib

import pytest

from audit import note
from audit.note import BadNote
from tests.audit.tools import NAME, PUBLIC, sign


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_verifier_key_has_32_bytes(length: int) -> None:
    public = bytes(length)
    with pytest.raises(BadNote, match="32 bytes"):
        note.encode_vkey(NAME, public)
    with pytest.raises(BadNote, match="only Ed25519"):
        note.decode_vkey(_vkey(b"\x01" + public))


def _vkey(raw: bytes) -> str:
    hashed = hashlib.sha256(NAME.encode() + b"\n" + raw).hexdigest()[:8]
    return f"{NAME}+{hashed}+{base64.b64encode(raw).decode()}"


def test_a_key_of_another_algorithm_is_refused() -> None:
    assert note.decode_vkey(_vkey(b"\x01" + PUBLIC)).public_key == PUBLIC
    with pytest.raises(BadNote, match="only Ed25519"):
        note.decode_vkey(_vkey(b"\x02" + PUBLIC))


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\u00a0b"])
def test_a_name_has_neither_blanks_nor_plus(name: str) -> None:
    with pytest.raises(BadNote, match="neither blanks"):
        note.encode_vkey(name, PUBLIC)


def test_a_root_has_32_bytes_and_canonical_base64() -> None:
    def checkpoint(root: str) -> str:
        return note.sign(f"{NAME}\n1\n{root}\n", name=NAME, public_key=PUBLIC, sign=sign)

    right = base64.b64encode(PUBLIC).decode()
    assert note.read_checkpoint(checkpoint(right)).origin == NAME
    for wrong in (base64.b64encode(PUBLIC[:31]).decode(), base64.b64encode(PUBLIC + b"x").decode()):
        with pytest.raises(BadNote, match="32 bytes"):
            note.read_checkpoint(checkpoint(wrong))
    assert right.endswith("=") and base64.b64decode(right[:-2] + chr(ord(right[-2]) + 1) + "=") == PUBLIC
    with pytest.raises(BadNote, match="canonical"):
        note.read_checkpoint(checkpoint(right[:-2] + chr(ord(right[-2]) + 1) + "="))


@pytest.mark.parametrize("character", ["\0", "\r", "\t", "\x1f"])
def test_control_characters_are_refused(character: str) -> None:
    with pytest.raises(BadNote, match="control"):
        note.split_note(f"a{character}b\n\n\u2014 {NAME} AAAAAAAA\n")


@pytest.mark.parametrize(("length", "refused"), [(0, True), (4, True), (5, False)])
def test_a_signature_line_has_a_key_id_and_more(length: int, refused: bool) -> None:
    line = f"\u2014 {NAME} {base64.b64encode(bytes(length)).decode()}"
    if refused:
        with pytest.raises(BadNote, match="key id and more"):
            note._signature(line)
    else:
        assert note._signature(line) == (NAME, bytes(length))


@pytest.mark.parametrize("lines", ["", "log\n", "log\n0\n"])
def test_a_checkpoint_has_three_lines(lines: str) -> None:
    with pytest.raises(BadNote):
        note.read_checkpoint(note.sign(lines or "\n", name=NAME, public_key=PUBLIC, sign=sign))
