"""The log as one file that outsiders can verify: JSON lines, the entries in order, then the checkpoint over them.

{"index": 0, "leaf": "<base64 of the exact bytes hashed>"}
...
{"checkpoint": "<C2SP signed note>", "vkey": "<C2SP verifier key>"}
"""

import base64
import json
from collections.abc import Iterator
from typing import TextIO

from audit import canonical, selectors
from audit.verify import one_snapshot, stream

_ENTRIES = f"""
SELECT leaf.seq, {canonical.COLUMNS} FROM audit_leaf leaf JOIN audit_event e ON e.id = leaf.event
WHERE leaf.seq < {{size}} ORDER BY leaf.seq
"""  # noqa: S608  constants only


def lines() -> Iterator[str]:
    """The lines of the dump, up to the latest checkpoint, from one snapshot. Raises `Unavailable` before the first."""
    with one_snapshot():
        head = selectors.latest_checkpoint()
        for seq, *columns in stream(_ENTRIES.format(size=int(head.size))):
            leaf = base64.b64encode(canonical.leaf_bytes(columns)).decode()
            yield f'{{"index": {seq}, "leaf": "{leaf}"}}\n'
        yield json.dumps({"checkpoint": head.note, "vkey": head.vkey}, ensure_ascii=False) + "\n"


def write(file: TextIO) -> int:
    """The dump is in the file; returns the number of entries."""
    count = -1
    for line in lines():
        file.write(line)
        count += 1
    return count
