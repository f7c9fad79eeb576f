"""`python -m tests.journey`: walk a running instance; ends non-zero on any deviation."""

import os
import sys

from tests.journey.walk import Walk


def main() -> int:
    with Walk(os.environ.get("RUN_DIR", ".run")) as walk:
        try:
            walk.all()
        except Exception as error:  # whatever it is, the walk has failed and says why
            print(f"\nDeviation: {type(error).__name__}: {error}", file=sys.stderr)
            return 1
    print("\nThe whole main job, end to end: ok")
    return 0


sys.exit(main())
