#!/usr/bin/env python3
"""Verifies an evidence pack without access to the service. Python 3.9 or later, and the two programs beside it.

    python pack_verifier.py FOLDER --jwks JWKS.json --key VKEY

FOLDER is the unpacked pack; JWKS.json (/.well-known/jwks.json) and VKEY (/.well-known/audit-vkey, or @FILE) are the
keys as you fetched or were given them, not those in the pack. Checked: the signature of manifest.json; that there are
exactly the files it names, with their SHA-256; every receipt; every proof against the checkpoint signed by the log's
key; and that each proven entry says what the timeline says. Exit code 0: all holds. 1: something does not, each told.
2: something cannot be read.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import json
import sys
from pathlib import Path
from typing import Any

if __package__:
    from audit import standalone_verifier
    from erasure import receipt_verifier
else:  # beside each other in the pack
    import receipt_verifier  # type: ignore[import-not-found, no-redef]
    import standalone_verifier  # type: ignore[import-not-found, no-redef]

UNSIGNED = {"manifest.json", "manifest.jws"}


def names_in(folder: Path) -> set[str]:
    """Every file below the folder, by its path with slashes; compiled modules aside."""
    files = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    return {name for name in files if "__pycache__" not in name}


def manifest_flaws(folder: Path, keys: dict[str, bytes]) -> list[str]:
    """What is wrong with the signature or with the files."""
    told = (folder / "manifest.json").read_bytes()
    try:
        receipt_verifier.verify((folder / "manifest.jws").read_text("ascii"), keys, told)
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
    """Receipts nobody of the service signed."""
    flaws = []
    for path in sorted(folder.glob("receipts/*.jws")):
        try:
            receipt_verifier.verify(path.read_text("ascii"), keys)
        except ValueError as error:
            flaws.append(f"{path.name}: FORGED: {error}")
    return flaws


def proof_flaws(folder: Path, key: str) -> list[str]:
    """Proofs that do not hold, and events of the timeline that their entry does not say."""
    unproven = set(json.loads((folder / "not_proven.json").read_bytes()))
    told = json.loads((folder / "timeline.json").read_bytes())
    return [flaw for event in told if event["id"] not in unproven for flaw in event_flaws(folder, event, key)]


def event_flaws(folder: Path, event: dict[str, Any], key: str) -> list[str]:
    """What is wrong with one event."""
    path = folder / "proofs" / f"{event['id']}.json"
    if not path.exists():
        return [f"{event['id']}: neither proven nor said to be unproven"]
    damage, _fine = standalone_verifier.prove(str(path), [standalone_verifier.read_key(key)])
    leaf = json.loads(base64.b64decode(json.loads(path.read_bytes())["leaf"]))
    said = {name: leaf[name] for name in ("id", "action", "actor", "subject", "purpose", "details")}
    if said != {name: event[name] for name in said}:
        damage = [*damage, "the timeline says something else than the log"]
    return [f"{event['id']}: {each}" for each in damage]


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
        print(f"{given.folder}: everything holds")  # noqa: T201
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
