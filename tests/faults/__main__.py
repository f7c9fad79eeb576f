"""`python -m tests.faults [F7 F10 ...] [--seed N] [--full] [--short]`: the fault matrix, one table row a fault.

Exit 1 when a promise was not kept. The seed decides order and moments; without one a new one is drawn and printed.
`--full` takes the numbers of the matrix (hours), without it a few of each (minutes).
"""

import argparse
import sys
import tempfile
import time
from pathlib import Path
from random import Random, SystemRandom

from tests.faults.ground import Ground, forget_connections, ground
from tests.faults.matrix import FAULTS, SHORT, Fault, NotHereError


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("names", nargs="*")
    asked.add_argument("--seed", type=int, default=SystemRandom().randrange(2**32))
    asked.add_argument("--full", action="store_true")
    asked.add_argument("--short", action="store_true")
    given = asked.parse_args()
    names = given.names or (list(SHORT) if given.short else [fault.name for fault in FAULTS])
    chosen = [fault for fault in FAULTS if fault.name in names]
    Random(given.seed).shuffle(chosen)
    print(f"seed {given.seed}\n\n| # | fault | seen | seconds | kept |\n| --- | --- | --- | --- | --- |", flush=True)
    with (
        tempfile.TemporaryDirectory(prefix="faults-", ignore_cleanup_errors=True) as name,
        ground(Path(name), given.seed, full=given.full, is_alone=not given.short) as stands,
    ):
        Path(name).chmod(0o755)
        kept = [_row(stands, fault) for fault in chosen]
    return 0 if all(kept) else 1


def _row(stands: Ground, fault: Fault) -> bool:
    """The fault was done and its row printed; whether the promise was kept."""
    began = time.monotonic()
    forget_connections()
    stands.proxy.set("pass")
    try:
        seen, word = fault.act(stands), "yes"
    except NotHereError as error:
        seen, word = str(error), "not here"
    except Exception as error:  # whatever it is: the promise was not kept, and the next fault goes on
        seen, word = f"{type(error).__name__}: {error}", "**no**"
    words = " ".join(seen.split()).replace("|", "/")[:300]
    print(f"| {fault.name} | {fault.what} | {words} | {time.monotonic() - began:.1f} | {word} |", flush=True)
    return word != "**no**"


if __name__ == "__main__":
    sys.exit(main())
