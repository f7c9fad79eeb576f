"""The log as one file that outsiders can verify: JSON lines, the entries in order, then the checkpoint over them.

{"index": 0, "leaf": "<base64 of the exact bytes hashed>"}       more forms: audit.entries
...
{"checkpoint": "<C2SP signed note>", "vkey": "<C2SP verifier key>"}
"""

import json
from collections.abc import Iterator
from typing import TextIO

from audit import entries, selectors
from audit.reading import one_snapshot, stream


def lines() -> Iterator[str]:
    """The lines of the dump, up to the latest checkpoint, from one snapshot. Raises `Unavailable` before the first."""
    with one_snapshot():
        head = selectors.latest_checkpoint()
        yield from entries.retired()
        for seq, leaf_hash, *columns in stream(entries.ALL.format(size=int(head.size))):
            yield entries.line(seq, leaf_hash, columns)
        yield json.dumps({"checkpoint": head.note, "vkey": head.vkey}, ensure_ascii=False) + "\n"


def write(file: TextIO) -> int:
    """The dump is in the file; returns the number of entries."""
    count = 0
    for line in lines():
        file.write(line)
        count += line.startswith('{"index"')
    return count
