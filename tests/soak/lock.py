"""Which dependencies changed since the gate last passed: the lock (requirements.txt) against `passed.txt`.

`passed.txt` stands in the repository beside this file, a pin a line. So nothing is asked of git, whose history a CI
machine may not have, and a lock that changed some commits ago is not forgotten.
"""

import re
from pathlib import Path

LOCK = "requirements.txt"
PASSED = Path(__file__).with_name("passed.txt")
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """Distribution -> version."""
    return dict(_PINNED.findall(lock))


def changed(before: str, after: str) -> list[str]:
    """One line a distribution that came, went or has another version: `celery 5.6.0 -> 5.7.0`."""
    old, new = pinned(before), pinned(after)
    names = sorted(name for name in old | new if old.get(name) != new.get(name))
    return [f"{name} {old.get(name, '(none)')} -> {new.get(name, '(none)')}" for name in names]


def passed() -> str:
    """The pins with which the gate last passed; empty when it never did."""
    return PASSED.read_text() if PASSED.exists() else ""


def has_passed(lock: str) -> bool:
    """The pins of this lock are written down as passed; False when they stand there already."""
    pins = "".join(f"{name}=={version}\n" for name, version in sorted(pinned(lock).items()))
    if pins == passed():
        return False
    PASSED.write_text(pins)
    return True
