"""Where the programs are that check deploy/: on the machine, or unpacked by deploy/local/checkers.sh."""

import shutil
import sys
from pathlib import Path

FOLDER = Path(sys.prefix) / "checkers"


def program(name: str) -> Path | None:
    """The program, or None: the test that needs it is skipped, and checkers.sh has said so loudly."""
    unpacked = FOLDER / "usr" / "bin" / name
    found = shutil.which(name)
    return unpacked if unpacked.exists() else Path(found) if found else None
