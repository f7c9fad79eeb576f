#!/usr/bin/env python3
"""Verifies the audit log without trusting whoever runs the service. Python 3.9 or later, nothing else: one file.

    python standalone_verifier.py DUMP --key VKEY [--checkpoint HELD]...     verify, also against checkpoints you kept
    python standalone_verifier.py --api URL --token-file F --key VKEY ...    the same, read over the API as it is now
    python standalone_verifier.py --proof FILE --key VKEY                    one entry that you were given a proof of
    python standalone_verifier.py [DUMP] --compare A B [--key VKEY]          two dumps or two checkpoints: one log?

DUMP is JSON lines, {"index": n, "leaf": base64} from 0 on, then one {"checkpoint": note, "vkey": key}; HELD is a
checkpoint (C2SP tlog-checkpoint) you kept from earlier. The key is the one you were given, not the one in the dump.
An entry past retention has {"index": n, "hash": base64} instead of a leaf; that is damage, unless a line {"retired":
{...}} names it and the log itself holds, as an entry, that this month was taken out with exactly these entries.
Exit code 0: everything holds. 1: damage, each told with the entry and its kind. 2: the input cannot be read.

Kinds: changed, missing, inserted, reordered, truncated, rollback, split view, forged. Sources: RFC 6962 section 2
(tree), RFC 9162 section 2.1.3.2 (inclusion), RFC 8032 section 5.1 (Ed25519), RFC 8785 (form of an entry),
c2sp.org/signed-note, c2sp.org/tlog-checkpoint.
"""

from __future__ import annotations

import os.path
import sys

if __name__ == "__main__":  # as a program it lies beside modules of the service that are named like the library's
    _here = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120  nothing may be imported before this
    sys.path = [path for path in sys.path if os.path.abspath(path) != _here]  # noqa: PTH100

import argparse
import base64
import hashlib
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
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


# --- where entries come from ------------------------------------------------------------------------------------------

Row = tuple[str, Any, Any]
"""("leaf" or "hash", index, bytes), ("retired", facts, None), ("head", note, vkey) or ("bad", line, why)."""


def pairs(flat: Sequence[Any]) -> list[tuple[int, int]]:
    """First and last of each range, from a flat list of them."""
    return [(int(flat[at]), int(flat[at + 1])) for at in range(0, len(flat), 2)]


def read_line(number: int, line: str | bytes) -> Row:
    """What one line of a dump says."""
    try:
        row = json.loads(line)
        if "leaf" in row:
            return "leaf", int(row["index"]), base64.b64decode(row["leaf"], validate=True)
        if "hash" in row:
            return "hash", int(row["index"]), base64.b64decode(row["hash"], validate=True)
        if "retired" in row:
            return "retired", dict(row["retired"], ranges=pairs(row["retired"]["ranges"])), None
        return "head", str(row["checkpoint"]), str(row["vkey"])
    except (ValueError, KeyError, TypeError, IndexError) as error:
        return "bad", number, type(error).__name__


class Dump:
    """A dump on disk, read line by line."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.head = head_of(path)

    def rows(self) -> Iterator[Row]:
        with open(self.path, encoding="utf-8") as lines:
            for number, line in enumerate(lines):
                yield read_line(number, line)


class Api:
    """The log as the API gives it, up to the checkpoint it has now; the next page is fetched while one is checked."""

    def __init__(self, url: str, token: str) -> None:
        parts = urllib.parse.urlsplit(url)
        here = parts.scheme == "http" and parts.hostname in {"127.0.0.1", "localhost"}
        if parts.scheme != "https" and not here:
            raise Unreadable("the address of the API begins with https://")
        self.url, self.token = url.rstrip("/") + "/api/v1/audit", token.strip()
        note = self.get("/checkpoint").decode("utf-8", "replace")
        self.head: tuple[str, str] | None = (note, "")
        self.size = read_checkpoint(note, [])[0]

    def rows(self) -> Iterator[Row]:
        assert self.head is not None
        with ThreadPoolExecutor(1) as ahead:
            at, page = 0, ahead.submit(self.page, 0)
            while at < self.size:
                lines = page.result()
                if not lines:
                    break
                rows = [read_line(number, line) for number, line in enumerate(lines)]
                at = max([at] + [index + 1 for kind, index, _ in rows if kind in {"leaf", "hash"}])
                page = ahead.submit(self.page, at if rows[-1][0] != "bad" else self.size)
                yield from rows
        yield ("head", *self.head)

    def page(self, start: int) -> list[bytes]:
        return self.get(f"/entries?from={start}&to={self.size}").splitlines() if start < self.size else []

    def get(self, path: str) -> bytes:
        """The body of the answer; asked too often, it waits as long as it is told to."""
        headers = {"Authorization": f"Bearer {self.token}"}
        request = urllib.request.Request(self.url + path, headers=headers)  # noqa: S310  __init__ looked at the scheme
        while True:
            try:
                with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
                    return bytes(answer.read())
            except urllib.error.HTTPError as error:
                if error.code != 429:
                    raise Unreadable(f"the API answers {error.code} to {path.partition('?')[0]}") from None
                time.sleep(min(60.0, float(error.headers.get("Retry-After") or 1)))


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


def grow(peaks: list[bytes], size: int, leaf_hash: bytes) -> None:
    """One more leaf, by its hash: `peaks` are the hashes of the complete subtrees, largest first."""
    current = leaf_hash
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


def includes(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """The leaf stands at this index under the root (RFC 9162 section 2.1.3.2)."""
    place, last, current = index, size - 1, hashlib.sha256(b"\x00" + leaf).digest()
    if not 0 <= index < size:
        return False
    for sibling in proof:
        if last == 0 or len(sibling) != 32:
            return False
        if place & 1 or place == last:
            current = hashlib.sha256(b"\x01" + sibling + current).digest()
            while not place & 1 and place:
                place, last = place >> 1, last >> 1
        else:
            current = hashlib.sha256(b"\x01" + current + sibling).digest()
        place, last = place >> 1, last >> 1
    return last == 0 and current == root


class Retention:
    """Which entries the log says were taken out, against which are missing, and the entries that say so."""

    def __init__(self) -> None:
        self.said: list[dict[str, Any]] = []
        self.starts: list[tuple[int, int]] = []
        self.sealed: set[tuple[Any, ...]] = set()
        self.shown = 0
        self.first = self.last = -1

    def take(self, facts: dict[str, Any]) -> None:
        self.said.append(facts)
        self.starts = sorted(self.starts + facts["ranges"])

    def covers(self, index: int) -> bool:
        at = bisect_right(self.starts, (index, 2**63)) - 1
        return at >= 0 and self.starts[at][0] <= index <= self.starts[at][1]

    def hash_alone(self, index: int) -> bool:
        """Counted; False when no month that was taken out has this entry."""
        self.shown += 1
        self.first, self.last = (index if self.first < 0 else self.first), index
        return self.covers(index)

    def leaf(self, index: int, leaf: bytes) -> None:
        if b'"audit.retired"' not in leaf:
            return
        try:
            event = json.loads(leaf)
            if event["action"] == "audit.retired":
                self.sealed.add((index, *(event["details"].get(name) for name in ("month", "count", "digest"))))
        except (ValueError, KeyError, TypeError, AttributeError):
            return  # a malformed leaf is told elsewhere

    def unfounded(self) -> Iterator[str]:
        """Months that are said to be taken out, and no entry of the log says so in the same words."""
        for facts in self.said:
            ranges = facts["ranges"]
            count = sum(last - first + 1 for first, last in ranges)
            text = ",".join(f"{first},{last}" for first, last in ranges)
            digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
            index = facts.get("index")
            if (index, facts.get("month"), count, digest) not in self.sealed and not (
                isinstance(index, int) and self.covers(index)
            ):
                first, last = (ranges[0][0], ranges[-1][1]) if ranges else (0, 0)
                yield f"entry {first} to {last}: missing (said to be past retention; no entry of the log says so)"


class Reading:
    """One pass over the entries: the roots at the sizes asked for, and what is wrong by itself."""

    def __init__(self, sizes: Iterable[int] = ()) -> None:
        self.sizes = set(sizes)
        self.roots: dict[int, bytes] = {}
        self.damage: list[str] = []
        self.size = 0
        self.peaks: list[bytes] = []
        self.head: tuple[str, str] | None = None
        self.retention = Retention()

    def read(self, source: Dump | Api) -> Reading:
        self._note_root()
        for kind, first, second in source.rows():
            if kind == "leaf":
                self._take_leaf(first, second)
            elif kind == "hash":
                self._take_hash(first, second)
            elif kind == "retired":
                self.retention.take(first)
            elif kind == "head":
                self._take_head(first, second)
            else:
                self.damage.append(f"entry {self.size}: changed (line {first + 1} cannot be read: {second})")
        if self.head is None:
            self.damage.append(f"entry {self.size}: truncated (the dump ends without its checkpoint)")
        self.damage += self.retention.unfounded()
        return self

    def _take_head(self, note: str, vkey: str) -> None:
        if self.head is not None:
            self.damage.append("inserted: a second checkpoint line")
        self.head = (note, vkey)

    def _take_leaf(self, index: int, leaf: bytes) -> None:
        reason = malformed(leaf)
        if reason:
            self.damage.append(f"entry {index}: changed ({reason})")
        self.retention.leaf(index, leaf)
        self._grow(index, hashlib.sha256(b"\x00" + leaf).digest())

    def _take_hash(self, index: int, value: bytes) -> None:
        if not self.retention.hash_alone(index):
            self.damage.append(f"entry {index}: missing (only its hash is shown, and nothing says it was taken out)")
        self._grow(index, value)

    def _grow(self, index: int, value: bytes) -> None:
        if self.head is not None:
            self.damage.append(f"entry {index}: inserted (it stands behind the checkpoint)")
        elif index > self.size:
            last = f" to {index - 1}" if index - 1 > self.size else ""
            self.damage.append(f"entry {self.size}{last}: missing")
        elif index < self.size:
            self.damage.append(f"entry {index}: reordered or inserted (it stands where {self.size} should)")
        grow(self.peaks, self.size, value)
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


def verify(source: Dump | Api, keys: Sequence[Key], held_paths: Sequence[str]) -> tuple[Reading, list[str]]:
    """What was read, and every way in which it is not the log that its checkpoint and the held ones commit to."""
    held = [(path, *read_checkpoint(read_text(path), keys)) for path in held_paths]
    own = read_checkpoint(source.head[0], keys) if source.head else None
    reading = Reading({size for _, size, _, _ in held} | ({own[0]} if own else set())).read(source)
    damage = list(reading.damage)
    for path, size, root, signed in held:
        damage += _against_held(reading, path, size, root, signed)
    if own:
        damage += _against_own(reading, own, [(size, root, signed) for _, size, root, signed in held])
    return reading, damage


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
        return verify(Dump(whole), keys or [read_key(head[1])], [note])[1]
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
    return (row for row in Dump(path).rows() if row[0] != "head")


def _compare_checkpoints(first: str, second: str, dump: str | None, keys: Sequence[Key]) -> list[str]:
    (a, a_root, a_signed), (b, b_root, b_signed) = (read_checkpoint(read_text(path), keys) for path in (first, second))
    unsigned = [path for path, signed in ((first, a_signed), (second, b_signed)) if keys and not signed]
    found = [f"{path}: forged (not signed by the key you gave)" for path in unsigned]
    if a == b:
        contradiction = f"CONTRADICTION: split view, two roots for the same {a} entries"
        return found + ([contradiction] if a_root != b_root else [])
    if dump is None:
        raise Unreadable(f"checkpoints of {a} and {b} entries: give a DUMP of at least {max(a, b)} to compare them")
    reading = Reading({a, b}).read(Dump(dump))
    for path, size, root in ((first, a, a_root), (second, b, b_root)):
        found += _against_held(reading, path, size, root, True)
    return found + reading.damage


def prove(path: str, keys: Sequence[Key]) -> tuple[list[str], str]:
    """(damage, the entry in words): whether the file proves that its entry is in the log the key signed."""
    try:
        given = json.loads(read_text(path))
        leaf, note = base64.b64decode(given["leaf"], validate=True), str(given["checkpoint"])
        proof = [base64.b64decode(value, validate=True) for value in given["inclusion"]]
        index = int(given["index"])
    except (ValueError, KeyError, TypeError) as error:
        raise Unreadable(f"{path} is not a proof ({type(error).__name__})") from None
    size, root, signed = read_checkpoint(note, keys)
    damage = [] if signed else ["checkpoint: forged (not signed by the key you gave)"]
    reason = malformed(leaf)
    if reason:
        damage.append(f"entry {index}: changed ({reason})")
    if not includes(leaf, index, size, proof, root):
        damage.append(f"entry {index}: changed or not in the log (the hashes do not lead to the checkpoint's root)")
    return damage, f"ok: entry {index} of {size}: {leaf.decode('utf-8', 'replace')}"


def told(reading: Reading, held: int) -> str:
    """What was verified, in a line; what is past retention in a line before."""
    said, gone = f"ok: {reading.size} entries, {held} held checkpoints", reading.retention
    if not gone.shown:
        return said
    return f"entries {gone.first} to {gone.last} are past retention ({gone.shown} in all); their hashes stand\n{said}"


def parser() -> argparse.ArgumentParser:
    """What can be asked on the command line."""
    made = argparse.ArgumentParser(description="Verify the audit log.")
    made.add_argument("dump", nargs="?", help="file written by audit_dump")
    made.add_argument("--key", action="append", default=[], help="verifier key (vkey) you were given; or @FILE")
    made.add_argument("--checkpoint", action="append", default=[], help="checkpoint you kept from earlier")
    made.add_argument("--compare", nargs=2, metavar=("A", "B"), help="two dumps or checkpoints")
    made.add_argument("--proof", metavar="FILE", help="proof of one entry, as the portal and the API give it")
    made.add_argument("--api", metavar="URL", help="read the log from here instead of a dump")
    made.add_argument("--token-file", metavar="F", help="file with an access token of scope audit:read")
    return made


def run(options: argparse.Namespace) -> tuple[list[str], str]:
    """(damage, what to say when there is none)."""
    keys = [read_key(read_text(key[1:]) if key.startswith("@") else key) for key in options.key]
    if options.compare:
        return compare(options.compare[0], options.compare[1], options.dump, keys), "no contradiction"
    if not keys:
        raise Unreadable("--key is needed: the verifier key you were given")
    if options.proof:
        return prove(options.proof, keys)
    if not options.dump and not (options.api and options.token_file):
        raise Unreadable("a DUMP, or --api and --token-file, or --proof is needed")
    source = Api(options.api, read_text(options.token_file)) if options.api else Dump(options.dump)
    reading, damage = verify(source, keys, options.checkpoint)
    return damage, told(reading, len(options.checkpoint))


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the program; returns its exit code."""
    try:
        damage, fine = run(parser().parse_args(arguments))
    except (Unreadable, OSError) as error:
        print(f"cannot be read: {error}", file=sys.stderr)
        return 2
    for line in damage[:MOST_REPORTED]:
        print(line)
    if len(damage) > MOST_REPORTED:
        print(f"... and {len(damage) - MOST_REPORTED} more")
    if not damage:
        print(fine)
    return 1 if damage else 0


if __name__ == "__main__":
    sys.exit(main())
