#!/usr/bin/env python3
"""Verifies an evidence pack without access to the service. Python 3.9 or later, and the two programs beside it.

    python pack_verifier.py FOLDER --jwks JWKS.json --key VKEY

FOLDER is the unpacked pack; JWKS.json (/.well-known/jwks.json) and VKEY (/.well-known/audit-vkey, or @FILE) are the
keys as you fetched or were given them, not those in the pack. Checked: the signature of manifest.json; that there are
exactly the files it names, with their SHA-256; that every receipt is signed, of the request it stands for, the one the
log says was issued, and says what requests.json says; every proof against the checkpoint signed by the log's key; and
that each proven entry says what the timeline says. That nothing was left out of the log for the pack, only a dump of
the log shows. Exit code 0: all holds. 1: something does not, each told. 2: something cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

if __package__:
    from audit import standalone_verifier
    from erasure import receipt_verifier
else:  # beside each other in the pack
    import receipt_verifier  # type: ignore[import-not-found, no-redef]
    import standalone_verifier  # type: ignore[import-not-found, no-redef]

UNSIGNED = {"manifest.json", "manifest.jws"}
SAID = ("id", "at", "action", "actor", "subject", "purpose", "fields", "details")
"""What the timeline repeats of an entry."""


def names_in(folder: Path) -> set[str]:
    """Every file below the folder, by its path with slashes; modules Python compiled aside."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name for name in files if not ("__pycache__" in name and name.endswith(".pyc"))}


def signed(token: str, keys: dict[str, bytes], typ: str, payload: bytes | None = None) -> bytes:
    """What was signed, as what it is said to be; ValueError says why not."""
    header, said = receipt_verifier.verify(token, keys, payload)
    if header.get("typ") != typ:
        raise ValueError(f"signed as {header.get('typ')}, not as {typ}")
    return said


def manifest_flaws(folder: Path, keys: dict[str, bytes]) -> list[str]:
    """What is wrong with the signature or with the files."""
    gone = [f"{name}: missing" for name in sorted(UNSIGNED) if not (folder / name).is_file()]
    if gone:
        return gone
    told = (folder / "manifest.json").read_bytes()
    try:
        signed((folder / "manifest.jws").read_text("ascii"), keys, "evidence-manifest+jws", told)
    except ValueError as error:
        return [f"manifest.json: FORGED: {error}"]
    listed = {each["path"]: each["sha256"] for each in json.loads(told)["files"]}
    there = names_in(folder) - UNSIGNED
    flaws = [f"{name}: missing" for name in sorted(listed.keys() - there)]
    flaws += [f"{name}: not of the pack" for name in sorted(there - listed.keys())]
    both = sorted(listed.keys() & there)
    changed = [name for name in both if hashlib.sha256((folder / name).read_bytes()).hexdigest() != listed[name]]
    return flaws + [f"{name}: changed" for name in changed]


def receipt_flaws(folder: Path, keys: dict[str, bytes]) -> list[str]:
    """Receipts nobody of the service signed, that are of another request, or say something else than pack and log."""
    requests = {each["id"]: each for each in read(folder / "requests.json")}
    issued = {} if "until" in read(folder / "pack.json") else issued_in(read(folder / "timeline.json"))
    flaws, found = [], set()
    for path in sorted(folder.glob("receipts/*.jws")):
        token = path.read_text("ascii")
        try:
            said = json.loads(signed(token, keys, "rights-receipt+jwt"))
        except ValueError as error:
            flaws.append(f"{path.name}: FORGED: {error}")
            continue
        found.add(path.stem)
        flaws += [f"{path.name}: {flaw}" for flaw in other_story(said, path.stem, requests.get(path.stem, {}))]
        digest = f"sha256:{hashlib.sha256(token.encode()).hexdigest()}"
        if issued.get(path.stem, digest) != digest:
            flaws.append(f"{path.name}: the log says that another receipt was issued last")
    done = {name for name, each in requests.items() if each["state"] == "completed"}
    return flaws + [f"{name}: completed, and its receipt is not here" for name in sorted(done - found)]


def other_story(said: dict[str, Any], name: str, request: dict[str, Any]) -> list[str]:
    """What the receipt says otherwise than the pack, of which request it is first of all."""
    if said["request"] != name or not request:
        return [f"the receipt of another request, {said['request']}"]
    other = [each for each in ("right", "outcome") if said[each] != request[each]]
    other += [each for each in ("received_at", "completed_at") if moment(said[each]) != moment(request[each])]
    return [f"requests.json has another {each} than the receipt" for each in other]


def moment(value: str | None) -> datetime | None:
    """The moment, in whichever time zone it is written."""
    return datetime.fromisoformat(value) if value else None


def issued_in(timeline: list[dict[str, Any]]) -> dict[str, str]:
    """The digest of the receipt that was issued last for each request, as the log has it."""
    events = [each["details"] for each in timeline if each["action"] == "receipt.issued"]
    return {each["request"]: each["digest"] for each in events}


def proof_flaws(folder: Path, key: str) -> list[str]:
    """Proofs that do not hold, and events of the timeline that their entry does not say."""
    unproven = set(read(folder / "not_proven.json"))
    told = read(folder / "timeline.json")
    flaws = checkpoint_flaws(folder, key)
    flaws += [flaw for event in told if event["id"] not in unproven for flaw in event_flaws(folder, event, key)]
    events = {event["id"] for event in told}
    more = sorted(path.stem for path in folder.glob("proofs/*.json") if path.stem not in events)
    return flaws + [f"{name}: proven, and left out of the timeline" for name in more]


def checkpoint_flaws(folder: Path, key: str) -> list[str]:
    """The checkpoint of the whole log, when nobody's key signed it; a pack of one request has none."""
    path = folder / "checkpoint.txt"
    if not path.is_file():
        return []
    note = path.read_text("utf-8")
    _size, _root, is_signed = standalone_verifier.read_checkpoint(note, [standalone_verifier.read_key(key)])
    return [] if is_signed else ["checkpoint.txt: forged (not signed by the key you gave)"]


def event_flaws(folder: Path, event: dict[str, Any], key: str) -> list[str]:
    """What is wrong with one event."""
    path = folder / "proofs" / f"{event['id']}.json"
    if not path.exists():
        return [f"{event['id']}: neither proven nor said to be unproven"]
    damage, _fine = standalone_verifier.prove(str(path), [standalone_verifier.read_key(key)])
    leaf = json.loads(base64.b64decode(read(path)["leaf"]))
    if any(leaf[name] != event[name] for name in SAID):
        damage = [*damage, "the timeline says something else than the log"]
    return [f"{event['id']}: {each}" for each in damage]


def read(path: Path) -> Any:
    """What a JSON file holds."""
    return json.loads(path.read_bytes())


def main(arguments: list[str] | None = None) -> int:
    """The exit code."""
    parser = argparse.ArgumentParser(description="Verifies an evidence pack.")
    parser.add_argument("folder", metavar="FOLDER")
    parser.add_argument("--jwks", required=True, help="/.well-known/jwks.json as you have it")
    parser.add_argument("--key", required=True, help="the log's verifier key as you have it, or @FILE")
    given = parser.parse_args(arguments)
    try:
        keys = receipt_verifier.keys_of(receipt_verifier.read(given.jwks).decode("utf-8", "replace"))
        key = receipt_verifier.read(given.key[1:]).decode().strip() if given.key.startswith("@") else given.key
        folder = Path(given.folder)
        flaws = manifest_flaws(folder, keys) or receipt_flaws(folder, keys) + proof_flaws(folder, key)
    except (receipt_verifier.Unreadable, standalone_verifier.Unreadable, KeyError, ValueError, OSError) as error:
        print(f"cannot be read: {error}", file=sys.stderr)  # noqa: T201
        return 2
    for flaw in flaws:
        print(flaw)  # noqa: T201
    if not flaws:
        every, new = len(read(folder / "timeline.json")), len(read(folder / "not_proven.json"))
        print(f"{given.folder}: everything holds, {every - new} of {every} entries proven")  # noqa: T201
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
