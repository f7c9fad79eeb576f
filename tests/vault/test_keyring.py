"""The keyring: what is in the document and nothing else, versions that only grow, and no key that shows."""

import base64
import copy
import json
import pickle
from collections.abc import Callable
from typing import Any

import pytest

from vault.keyring import KINDS, MAX_INDEX_VERSION, ROTATING, Keyring, KeyringError, Versions, generate, parse

PUBLIC = bytes(range(32))


@pytest.fixture
def ring() -> Keyring:
    return generate(audit_public=PUBLIC)


def document(ring: Keyring) -> Any:
    return json.loads(ring.dump())


def test_a_fresh_one_has_a_key_of_its_own_for_each_kind(ring: Keyring) -> None:
    keys = [ring.key(kind) for kind in KINDS]
    assert [len(key) for key in keys] == [32] * 7 and len(set(keys)) == 7
    assert all((ring.current(kind), ring.versions(kind), ring.has(kind, 1)) == (1, [1], True) for kind in KINDS)
    assert not ring.has("master", 2) and not ring.has("nothing", 1)
    assert (ring.audit_public, ring.retired_receipts) == (PUBLIC, [])
    assert keys != [generate(audit_public=None).key(kind) for kind in KINDS]


def test_what_is_written_is_read(ring: Keyring) -> None:
    rotated = ring.with_version("receipts").without_version("receipts", 1, public=bytes(32)).with_version("master")
    again = parse(rotated.dump())
    assert again.dump() == rotated.dump() and again.dump().endswith(b"}\n") and b'\n "keys"' in again.dump()
    assert document(again)["format"] == 1 and "=" not in again.dump().decode()
    assert again.audit_public == PUBLIC and again.retired_receipts == [bytes(32)]
    assert [again.key("master", version) for version in (1, 2)] == [rotated.key("master", n) for n in (1, 2)]
    assert parse(generate(audit_public=None).dump()).audit_public is None


@pytest.mark.parametrize("kind", ROTATING)
def test_a_new_version_is_current_and_the_old_one_stays(ring: Keyring, kind: str) -> None:
    third = ring.with_version(kind).with_version(kind)
    assert (third.current(kind), third.versions(kind)) == (3, [3, 2, 1])
    assert third.key(kind) == third.key(kind, 3) != third.key(kind, 2)
    assert third.key(kind, 1) == ring.key(kind) and ring.versions(kind) == [1], "the one before is as it was"
    others = [each for each in KINDS if each != kind]
    assert [third.key(each) for each in others] == [ring.key(each) for each in others]
    assert (third.audit_public, third.retired_receipts) == (PUBLIC, [])


def test_the_current_one_is_first_also_when_it_is_not_the_newest() -> None:
    versions = Versions(2, {1: bytes(32), 2: b"2" * 32, 3: b"3" * 32, 4: b"4" * 32})
    ring = Keyring({"index": versions}, retired_receipts=[], audit_public=None)
    assert ring.versions("index") == [2, 4, 3, 1] and ring.key("index") == b"2" * 32
    assert ring.with_version("index").current("index") == 5
    with pytest.raises(KeyError):
        ring.key("index", 9)


@pytest.mark.parametrize("kind", sorted(set(KINDS) - set(ROTATING)))
def test_what_outside_ids_hang_on_does_not_rotate(ring: Keyring, kind: str) -> None:
    with pytest.raises(ValueError, match=f"{kind} keys do not rotate"):
        ring.with_version(kind)


def test_an_index_names_its_version_in_one_byte(ring: Keyring) -> None:
    def at(version: int, kind: str) -> Keyring:
        return Keyring({kind: Versions(version, {version: bytes(32)})}, retired_receipts=[], audit_public=None)

    assert at(MAX_INDEX_VERSION - 1, "index").with_version("index").current("index") == MAX_INDEX_VERSION == 255
    with pytest.raises(ValueError, match="255 is the last"):
        at(MAX_INDEX_VERSION, "index").with_version("index")
    assert at(255, "master").with_version("master").current("master") == 256


def test_a_version_goes_but_not_the_current_one_and_not_twice(ring: Keyring) -> None:
    two = ring.with_version("master").with_version("master")
    left = two.without_version("master", 2)
    assert (left.versions("master"), left.retired_receipts, two.versions("master")) == ([3, 1], [], [3, 2, 1])
    with pytest.raises(ValueError, match="rotate first"):
        left.without_version("master", 3)
    with pytest.raises(ValueError, match="no such version"):
        left.without_version("master", 2)
    gone = ring.with_version("receipts").without_version("receipts", 1, public=b"p" * 32)
    assert gone.with_version("receipts").without_version("receipts", 2, public=b"q" * 32).retired_receipts == [
        b"p" * 32, b"q" * 32,
    ]  # fmt: skip


def test_the_checkpoint_key_is_announced_and_all_else_stays(ring: Keyring) -> None:
    retired = ring.with_version("receipts").without_version("receipts", 1, public=b"p" * 32)
    announced = retired.with_audit_public(b"a" * 32)
    assert (announced.audit_public, announced.retired_receipts) == (b"a" * 32, [b"p" * 32])
    assert [announced.key(kind) for kind in KINDS] == [retired.key(kind) for kind in KINDS]


def test_no_key_shows_or_travels(ring: Keyring) -> None:
    versions = Versions(1, {1: b"secret-secret-secret-secret-secr", 2: bytes(32)})
    assert repr(ring) == "<Keyring hidden>" and repr(versions) == "<Versions [1, 2] hidden>"
    for each in (ring, versions):
        for travel in (pickle.dumps, copy.copy, copy.deepcopy):
            with pytest.raises(TypeError):
                travel(each)


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


KEY, ANOTHER = _text(b"1" * 32), _text(b"0" * 32)
FLAWS: dict[str, tuple[str, Callable[[Any], Any]]] = {
    "another format": ("unknown format", lambda read: read | {"format": 2}),
    "no format": ("not a keyring", lambda read: {name: part for name, part in read.items() if name != "format"}),
    "a kind is missing": ("not a keyring", lambda read: read["keys"].pop("ledger") and read),
    "keys are a list": ("not a keyring", lambda read: read | {"keys": []}),
    "a list": ("not a keyring", lambda read: [read]),
    "no current key": ("current master key is missing", lambda read: _master(read, current=2)),
    "number 0": (
        "numbered or repeated",
        lambda read: _master(read, versions={"1": KEY, "0": ANOTHER}),
    ),
    "one key twice": (
        "numbered or repeated",
        lambda read: _master(read, versions={"1": KEY, "2": KEY}),
    ),
    "short": ("wrong length", lambda read: _master(read, versions={"1": _text(bytes(31))})),
    "long": ("wrong length", lambda read: _master(read, versions={"1": _text(bytes(33))})),
    "not base64": ("not a keyring", lambda read: _master(read, versions={"1": "?" * 43})),
    "not text": ("not a keyring", lambda read: _master(read, versions={"1": 5})),
    "not a number": ("not a keyring", lambda read: _master(read, versions={"one": _text(bytes(32))})),
    "a retired key cut": ("wrong length", lambda read: read | {"retired_receipts": [_text(bytes(8))]}),
    "a public key cut": ("wrong length", lambda read: read | {"audit_public": _text(bytes(8))}),
}


def _master(read: Any, **changed: Any) -> Any:
    read["keys"]["master"] |= changed
    return read


@pytest.mark.parametrize("flaw", FLAWS)
def test_a_flawed_document_is_refused_and_not_quoted(ring: Keyring, flaw: str) -> None:
    says, bend = FLAWS[flaw]
    with pytest.raises(KeyringError, match=says) as refused:
        parse(json.dumps(bend(document(ring))).encode())
    assert refused.value.__suppress_context__ or refused.value.__context__ is None


def test_what_is_no_json_is_refused() -> None:
    for raw in (b"", b"\xff", b"{", b"null"):
        with pytest.raises(KeyringError):
            parse(raw)
