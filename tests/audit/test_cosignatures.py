"""Cosignatures of witnesses: c2sp.org/tlog-cosignature byte for byte, and nothing else counts."""

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest

from audit import cosignatures
from audit.note import BadNote
from audit.standalone_verifier import ed25519_verify
from tests.audit.tools import PUBLIC, sign

NAME = "witness.example/w1"
NOTE = (
    "gdpr-portal.example/audit\n3\nEVZWinhQ2eZ4dlFsYFankBGr6Y820y914EtOrfErEic=\n\n— gdpr-portal.example/audit AAAA\n"
)
TEXT = NOTE.partition("\n\n")[0] + "\n"
KEY_ID = hashlib.sha256(NAME.encode() + b"\n\x04" + PUBLIC).digest()[:4]
AT = 1_700_000_000


def vkey(name: str = NAME, kind: bytes = b"\x04", public: bytes = PUBLIC, key_id: bytes = KEY_ID) -> str:
    return f"{name}+{key_id.hex()}+{base64.b64encode(kind + public).decode()}"


def line(at: int = AT, text: str = TEXT, name: str = NAME, key_id: bytes = KEY_ID, tail: bytes = b"") -> str:
    signature = sign(f"cosignature/v1\ntime {at}\n{text}".encode())
    return f"— {name} {base64.b64encode(key_id + at.to_bytes(8, 'big') + signature + tail).decode()}"


def find(lines: str, verify: Any = ed25519_verify) -> cosignatures.Cosigned | None:
    return cosignatures.find(lines, NOTE, cosignatures.witness_key(vkey()), verify=verify)


def test_the_message_and_the_key_id_are_the_documented_ones() -> None:
    assert cosignatures.message(NOTE, AT) == f"cosignature/v1\ntime {AT}\n{TEXT}".encode()
    assert cosignatures.key_id(NAME, PUBLIC) == KEY_ID
    key = cosignatures.witness_key(f"  {vkey()}\n")
    assert (key.name, key.key_id, key.public_key) == (NAME, KEY_ID, PUBLIC)
    plus = base64.b64encode(b"\x04" + b"\xef\xbe\xfb" * 10 + b"\xef\xbe").decode()
    assert "+" in plus, "the key itself may hold the sign that parts are told by"
    public = base64.b64decode(plus)[1:]
    assert cosignatures.witness_key(f"w+{cosignatures.key_id('w', public).hex()}+{plus}").public_key == public


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "NAME"), ("w1", "NAME"), ("w1+00000000", "NAME"), (vkey(name=""), "NAME"),
        (f"{NAME}+{KEY_ID.hex()}+BD?{'A' * 40}", "base64"), (vkey(kind=b"\x01"), "type 4"),
        (vkey(public=PUBLIC[:31]), "type 4"), (vkey(public=PUBLIC + b"\0"), "type 4"), (vkey(kind=b""), "type 4"),
        (vkey(key_id=bytes(4)), "hash"), (vkey(name="w2"), "hash"),
    ],
)  # fmt: skip
def test_a_key_whose_parts_do_not_belong_together_is_refused(text: str, says: str) -> None:
    with pytest.raises(BadNote, match=says):
        cosignatures.witness_key(text)


def test_the_first_line_that_holds_is_found_among_others() -> None:
    good = line()
    others = [
        "", "— ", "no signature at all", f"- {NAME} {good.split(' ')[2]}", f"— other {good.split(' ')[2]}",
        f"— {NAME} ???", f"— {NAME} AAAA", line(key_id=b"none"), line(tail=b"\0"), line(text="another\n1\nx\n"),
        f"{good} more",
    ]  # fmt: skip
    assert find("\n".join(others)) is None
    found = find("\n".join([*others, good, line(AT + 1)]) + "\n")
    assert found == cosignatures.Cosigned(NAME, good, datetime.fromtimestamp(AT, UTC))
    assert found.at == datetime(2023, 11, 14, 22, 13, 20, tzinfo=UTC)


def test_time_and_signature_are_read_where_they_stand() -> None:
    seen: list[tuple[bytes, bytes, bytes]] = []

    def verify(public: bytes, message: bytes, signature: bytes) -> bool:
        seen.append((public, message, signature))
        return True

    raw = KEY_ID + (7).to_bytes(8, "big") + bytes(range(64))
    found = find(f"— {NAME} {base64.b64encode(raw).decode()}", verify)
    assert found is not None and found.at == datetime(1970, 1, 1, 0, 0, 7, tzinfo=UTC)
    assert seen == [(PUBLIC, cosignatures.message(NOTE, 7), bytes(range(64)))]


def test_a_clock_beyond_all_years_is_the_last_moment_and_no_error() -> None:
    def at(timestamp: int) -> Any:
        raw = KEY_ID + timestamp.to_bytes(8, "big") + bytes(64)
        return find(f"— {NAME} {base64.b64encode(raw).decode()}", lambda *anything: True)

    assert at(2**63 - 1).at == datetime.max.replace(tzinfo=UTC)
    assert at(2**63) is None and at(2**64 - 1) is None
