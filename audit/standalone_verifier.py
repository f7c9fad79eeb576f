#!/usr/bin/env python3
"""Verifies a dump of the audit log without trusting whoever runs the service. Python 3.9 or later, nothing else.

    python standalone_verifier.py DUMP --key VKEY [--checkpoint HELD]...     verify, also against checkpoints you kept
    python standalone_verifier.py [DUMP] --compare A B [--key VKEY]          two dumps or two checkpoints: one log?

DUMP is JSON lines, {"index": n, "leaf": base64} from 0 on, then one {"checkpoint": note, "vkey": key}; HELD is a
checkpoint (C2SP tlog-checkpoint) you kept from earlier. The key is the one you were given, not the one in the dump.
Exit code 0: everything holds. 1: damage, each told with the entry and its kind. 2: the input cannot be read.

Kinds: changed, missing, inserted, reordered, truncated, rollback, split view, forged. Sources: RFC 6962 section 2
(tree), RFC 8032 section 5.1 (Ed25519), RFC 8785 (form of an entry), c2sp.org/signed-note, c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import zip_longest
from typing import Any

Key = tuple[str, bytes, bytes]
"""Name, key id, public key."""
Point = tuple[int, int, int, int]

MEMBERS = {"action", "actor", "at", "details", "fields", "id", "purpose", "request_id", "subject"}
MOST_REPORTED = 100

# --- Ed25519, RFC 8032 section 5.1: points as (X, Y, Z, T), x = X/Z, y = Y/Z, x*y = T/Z ------------------------------

P = 2**255 - 19
L = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
SQRT_MINUS_1 = pow(2, (P - 1) // 4, P)


def _add(p: Point, q: Point) -> Point:
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % P, g * h % P, f * g % P, e * h % P


def _multiply(scalar: int, point: Point) -> Point:
    result = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            result = _add(result, point)
        point, scalar = _add(point, point), scalar >> 1
    return result


def _decompress(raw: bytes) -> Point | None:
    y = int.from_bytes(raw, "little")
    sign, y = y >> 255, y & (1 << 255) - 1
    if y >= P:
        return None
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P) % P
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * SQRT_MINUS_1 % P
    if (x * x - x2) % P or (x == 0 and sign):
        return None
    if x & 1 != sign:
        x = P - x
    return x, y, 1, x * y % P


def _compress(point: Point) -> bytes:
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


BASE = _decompress((4 * pow(5, P - 2, P) % P).to_bytes(32, "little")) or (0, 1, 1, 0)


def ed25519_verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """The signature (64 bytes) over the message is by the key (32 bytes); S must be below the group order."""
    if len(public_key) != 32 or len(signature) != 64:
        return False
    key, s = _decompress(public_key), int.from_bytes(signature[32:], "little")
    if key is None or s >= L:
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    minus_key = (P - key[0], key[1], 1, P - key[3])
    return _compress(_add(_multiply(s, BASE), _multiply(k, minus_key))) == signature[:32]


# --- signed notes ----------------------------------------------------------------------------------------------------


class Unreadable(Exception):
    """What was handed in is not what it should be."""


def read_key(vkey: str) -> Key:
    """(name, key id, public key) of a C2SP verifier key."""
    try:
        name, hashed, encoded = vkey.strip().split("+", 2)
        raw = base64.b64decode(encoded, validate=True)
    except ValueError:
        raise Unreadable("a verifier key is NAME+HASH+KEY") from None
    expected = hashlib.sha256(name.encode() + b"\n" + raw).digest()[:4]
    if raw[:1] != b"\x01" or len(raw) != 33 or hashed != expected.hex():
        raise Unreadable("the verifier key is not an Ed25519 key, or its hash is not its own")
    return name, expected, raw[1:]


def read_checkpoint(note: str, keys: Sequence[Key]) -> tuple[int, bytes, bool]:
    """(size, root, signed): what the checkpoint says and whether one of the keys signed it; `keys` may be empty."""
    text, separator, signatures = note.rpartition("\n\n")
    lines = text.split("\n")
    if not separator or len(lines) < 3 or not lines[1].isdigit():
        raise Unreadable("not a checkpoint: origin, size, root, empty line, signatures")
    try:
        root = base64.b64decode(lines[2], validate=True)
    except ValueError:
        raise Unreadable("the checkpoint's root is not base64") from None
    signed = any(_signed_by(key, lines[0], text + "\n", signatures) for key in keys)
    return int(lines[1]), root, signed


def _signed_by(key: Key, origin: str, text: str, signatures: str) -> bool:
    name, key_id, public_key = key
    for line in signatures.splitlines():
        parts = line.split(" ")
        if len(parts) != 3 or parts[0] != "\u2014" or parts[1] != name or origin != name:
            continue
        try:
            raw = base64.b64decode(parts[2], validate=True)
        except ValueError:
            continue
        if raw[:4] == key_id and ed25519_verify(public_key, text.encode(), raw[4:]):
            return True
    return False


# --- the dump --------------------------------------------------------------------------------------------------------


def read_dump(path: str) -> Iterator[tuple[str, Any, Any]]:
    """Yields ("leaf", index, bytes), ("head", note, vkey) or ("bad", line number, reason), line by line."""
    with open(path, encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            try:
                row = json.loads(line)
                if "leaf" in row:
                    yield "leaf", int(row["index"]), base64.b64decode(row["leaf"], validate=True)
                else:
                    yield "head", str(row["checkpoint"]), str(row["vkey"])
            except (ValueError, KeyError, TypeError) as error:
                yield "bad", number, type(error).__name__


def malformed(leaf: bytes) -> str | None:
    """Why these bytes are not an event in canonical form; None when they are."""
    try:
        event = json.loads(leaf)
    except ValueError:
        return "not JSON"
    if not isinstance(event, dict) or set(event) != MEMBERS:
        return "not the nine members of an event"
    again = json.dumps(event, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return None if again.encode("utf-8", "surrogatepass") == leaf else "not in canonical form"


def grow(peaks: list[bytes], size: int, leaf: bytes) -> None:
    """One more leaf: `peaks` are the hashes of the complete subtrees, largest first."""
    current = hashlib.sha256(b"\x00" + leaf).digest()
    while size & 1:
        current = hashlib.sha256(b"\x01" + peaks.pop() + current).digest()
        size >>= 1
    peaks.append(current)


def root_of(peaks: list[bytes]) -> bytes:
    """The root over the leaves so far."""
    if not peaks:
        return hashlib.sha256(b"").digest()
    current = peaks[-1]
    for left in reversed(peaks[:-1]):
        current = hashlib.sha256(b"\x01" + left + current).digest()
    return current


class Reading:
    """One pass over a dump: the roots at the sizes asked for, and what is wrong by itself."""

    def __init__(self, sizes: Iterable[int] = ()) -> None:
        self.sizes = set(sizes)
        self.roots: dict[int, bytes] = {}
        self.damage: list[str] = []
        self.size = 0
        self.peaks: list[bytes] = []
        self.head: tuple[str, str] | None = None

    def read(self, path: str) -> Reading:
        self._note_root()
        for kind, first, second in read_dump(path):
            if kind == "bad":
                self.damage.append(f"entry {self.size}: changed (line {first + 1} cannot be read: {second})")
            elif kind == "head":
                self._take_head(first, second)
            else:
                self._take_leaf(first, second)
        if self.head is None:
            self.damage.append(f"entry {self.size}: truncated (the dump ends without its checkpoint)")
        return self

    def _take_head(self, note: str, vkey: str) -> None:
        if self.head is not None:
            self.damage.append("inserted: a second checkpoint line")
        self.head = (note, vkey)

    def _take_leaf(self, index: int, leaf: bytes) -> None:
        if self.head is not None:
            self.damage.append(f"entry {index}: inserted (it stands behind the checkpoint)")
        elif index > self.size:
            last = f" to {index - 1}" if index - 1 > self.size else ""
            self.damage.append(f"entry {self.size}{last}: missing")
        elif index < self.size:
            self.damage.append(f"entry {index}: reordered or inserted (it stands where {self.size} should)")
        reason = malformed(leaf)
        if reason:
            self.damage.append(f"entry {index}: changed ({reason})")
        grow(self.peaks, self.size, leaf)
        self.size += 1
        self._note_root()

    def _note_root(self) -> None:
        if self.size in self.sizes:
            self.roots[self.size] = root_of(self.peaks)


def head_of(path: str) -> tuple[str, str] | None:
    """(note, vkey) at the end of a dump, or None; reads only its last lines."""
    with open(path, "rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 65536))
        lines = file.read().decode("utf-8", "replace").strip().split("\n")
    try:
        row = json.loads(lines[-1])
        return (row["checkpoint"], row["vkey"]) if "checkpoint" in row else None
    except (ValueError, TypeError, KeyError):
        return None


def read_text(path: str) -> str:
    """What the file holds; `Unreadable` when it is not text."""
    with open(path, encoding="utf-8") as file:
        try:
            return file.read()
        except UnicodeDecodeError:
            raise Unreadable(f"{path} is not text") from None


# --- what is asked ---------------------------------------------------------------------------------------------------


def verify(dump: str, keys: Sequence[Key], held_paths: Sequence[str]) -> tuple[int, list[str]]:
    """(size, damage): every way in which the dump is not the log that its checkpoint and the held ones commit to."""
    held = [(path, *read_checkpoint(read_text(path), keys)) for path in held_paths]
    head = head_of(dump)
    own = read_checkpoint(head[0], keys) if head else None
    reading = Reading({size for _, size, _, _ in held} | ({own[0]} if own else set())).read(dump)
    damage = list(reading.damage)
    for path, size, root, signed in held:
        damage += _against_held(reading, path, size, root, signed)
    if own:
        damage += _against_own(reading, own, [(size, root, signed) for _, size, root, signed in held])
    return reading.size, damage


def _against_own(
    reading: Reading, own: tuple[int, bytes, bool], held: Sequence[tuple[int, bytes, bool]]
) -> Iterator[str]:
    size, root, signed = own
    if not signed:
        yield "checkpoint: forged (not signed by the key you gave)"
    if reading.size < size:
        yield f"entry {reading.size} to {size - 1}: truncated (the checkpoint commits to {size} entries)"
    elif reading.size > size:
        yield f"entry {size} to {reading.size - 1}: inserted (the checkpoint commits to {size} entries)"
    if size in reading.roots and reading.roots[size] != root:
        good = [at for at, kept, ok in held if ok and at < size and reading.roots.get(at) == kept]
        yield f"entry {max(good, default=0)} to {size - 1}: changed (their root is not the checkpoint's)"


def _against_held(reading: Reading, path: str, size: int, root: bytes, signed: bool) -> Iterator[str]:
    if not signed:
        yield f"{path}: forged (not signed by the key you gave)"
    elif size > reading.size:
        yield f"{path}: rollback (you hold {size} entries, the dump has {reading.size})"
    elif reading.roots[size] != root:
        yield f"{path}: split view or rewritten: among entries 0 to {size - 1} the dump is not what you were shown"


def compare(first: str, second: str, dump: str | None, keys: Sequence[Key]) -> list[str]:
    """Every contradiction between two dumps, two checkpoints, or one of each."""
    heads = [head_of(path) for path in (first, second)]
    if all(heads):
        return _compare_dumps(first, second)
    if any(heads):
        whole, note, head = (first, second, heads[0]) if heads[0] else (second, first, heads[1])
        assert head is not None
        return verify(whole, keys or [read_key(head[1])], [note])[1]
    return _compare_checkpoints(first, second, dump, keys)


def _compare_dumps(first: str, second: str) -> list[str]:
    pairs = zip_longest(_entries(first), _entries(second))
    for number, (left, right) in enumerate(pairs):
        if left is None or right is None:
            return []
        if left != right:
            return [f"entry {number}: split view (the two dumps differ from here on)"]
    return []


def _entries(path: str) -> Iterator[tuple[str, Any, Any]]:
    return (row for row in read_dump(path) if row[0] != "head")


def _compare_checkpoints(first: str, second: str, dump: str | None, keys: Sequence[Key]) -> list[str]:
    (a, a_root, a_signed), (b, b_root, b_signed) = (read_checkpoint(read_text(path), keys) for path in (first, second))
    unsigned = [path for path, signed in ((first, a_signed), (second, b_signed)) if keys and not signed]
    found = [f"{path}: forged (not signed by the key you gave)" for path in unsigned]
    if a == b:
        contradiction = f"CONTRADICTION: split view, two roots for the same {a} entries"
        return found + ([contradiction] if a_root != b_root else [])
    if dump is None:
        raise Unreadable(f"checkpoints of {a} and {b} entries: give a DUMP of at least {max(a, b)} to compare them")
    reading = Reading({a, b}).read(dump)
    for path, size, root in ((first, a, a_root), (second, b, b_root)):
        found += _against_held(reading, path, size, root, True)
    return found + reading.damage


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit code."""
    parser = argparse.ArgumentParser(description="Verify a dump of the audit log.")
    parser.add_argument("dump", nargs="?", help="file written by audit_dump")
    parser.add_argument("--key", action="append", default=[], help="verifier key (vkey) you were given; or @FILE")
    parser.add_argument("--checkpoint", action="append", default=[], help="checkpoint you kept from earlier")
    parser.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two dumps or checkpoints")
    options = parser.parse_args(arguments)
    size: int | None = None
    try:
        keys = [read_key(read_text(key[1:]) if key.startswith("@") else key) for key in options.key]
        if options.compare:
            damage = compare(options.compare[0], options.compare[1], options.dump, keys)
        elif not options.dump or not keys:
            parser.error("DUMP and --key are needed")
        else:
            size, damage = verify(options.dump, keys, options.checkpoint)
    except (Unreadable, OSError) as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 2
    for line in damage[:MOST_REPORTED]:
        print(line)
    if len(damage) > MOST_REPORTED:
        print(f"... and {len(damage) - MOST_REPORTED} more")
    if not damage:
        print("no contradiction" if size is None else f"ok: {size} entries, {len(options.checkpoint)} held checkpoints")
    return 1 if damage else 0


if __name__ == "__main__":
    sys.exit(main())
