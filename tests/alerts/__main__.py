"""`python -m tests.alerts [ALERT ...]`: ends non-zero when an alert does not fire, or one fires without a reason."""

import argparse
import subprocess
import sys
import tempfile
import time
import traceback
from contextlib import closing
from pathlib import Path

from tests.alerts.faults import FAULTS, GOES_ON, Fault
from tests.alerts.ground import Ground, Use, Watch
from tests.operations.checkers import program

HEALTHY_SECONDS = 60
WITHIN_SECONDS = 150


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("alerts", nargs="*", metavar="ALERT")
    known = {name for fault in FAULTS for name in fault.fires}
    given = asked.parse_args()
    if unknown := set(given.alerts) - known:
        asked.error(f"no fault fires {', '.join(sorted(unknown))}; there are {', '.join(sorted(known))}")
    prometheus = _prometheus()
    chosen = [fault for fault in FAULTS if not given.alerts or fault.fires & set(given.alerts)]
    with tempfile.TemporaryDirectory(prefix="alerts-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        with closing(Ground(folder)) as ground, closing(Use(ground)), closing(Watch(prometheus, ground)) as watch:
            wrong = run(ground, watch, chosen)
    print(
        f"{len(wrong)} deviations" if wrong else f"{len(chosen)} faults: every alert fired, and none without a reason"
    )
    return 1 if wrong else 0


def _prometheus() -> Path:
    subprocess.run(["deploy/local/checkers.sh", "prometheus"], check=True)
    found = program("prometheus")
    if found is None:
        raise SystemExit("Prometheus is not here, and apt-get does not bring it.")
    return found


def run(ground: Ground, watch: Watch, chosen: list[Fault]) -> list[str]:
    """What went otherwise than it should, in words."""
    wrong = healthy(watch)
    lingering: set[str] = set()
    for fault in chosen:
        if "PortalDiskLow" in fault.fires and not ground.volume:
            print(f"*** LEFT OUT (no volume can be mounted here): {fault.what} ***", flush=True)
            continue
        try:
            found = tried(ground, watch, fault, lingering)
        except Exception as error:  # the faults after it are tried all the same
            traceback.print_exc()
            found = [f"{fault.what}: {type(error).__name__}"]
        print(*found, sep="\n", end="\n" if found else "", flush=True)
        wrong += found
        lingering |= (fault.fires | fault.may) & GOES_ON
    return wrong


def healthy(watch: Watch) -> list[str]:
    """Nothing fires while the service is well; the first seconds, in which Prometheus knows nothing yet, apart."""
    time.sleep(20)
    until, seen = time.monotonic() + HEALTHY_SECONDS, set()
    while time.monotonic() < until:
        seen |= watch.firing()
        time.sleep(1)
    print(f"well for {HEALTHY_SECONDS} s: {sorted(seen) or 'silence'}", flush=True)
    return [f"{name} fired in health" for name in sorted(seen)]


def tried(ground: Ground, watch: Watch, fault: Fault, lingering: set[str]) -> list[str]:
    """The fault was done: what did not fire, what fired besides, and what did not end."""
    began, seen = time.monotonic(), set[str]()
    with fault.happens(ground):
        while time.monotonic() < began + WITHIN_SECONDS and not fault.fires <= (seen := seen | watch.firing()):
            time.sleep(0.5)
        taken = time.monotonic() - began
    wrong = [f"{fault.what}: {name} did not fire" for name in sorted(fault.fires - seen)]
    allowed = fault.fires | fault.may | lingering
    until = time.monotonic() + WITHIN_SECONDS
    while time.monotonic() < until and (firing := watch.firing()) - lingering - GOES_ON:
        seen |= firing
        time.sleep(0.5)
    wrong += [f"{fault.what}: {name} fired without a reason" for name in sorted(seen - allowed)]
    wrong += [f"{fault.what}: {name} did not end" for name in sorted(watch.firing() - lingering - GOES_ON)]
    fired = ", ".join(sorted(fault.fires & seen)) or "nothing"
    print(f"{'ok ' if not wrong else 'NOT'} {taken:5.0f} s  {fault.what}: {fired}", flush=True)
    return wrong


sys.exit(main())
