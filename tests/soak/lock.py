"""Which dependencies changed between two locks (requirements.txt)."""

import re
import subprocess
from pathlib import Path

LOCK = "requirements.txt"
_PINNED = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)", re.MULTILINE)


def pinned(lock: str) -> dict[str, str]:
    """Distribution -> version."""
    return dict(_PINNED.findall(lock))


def changed(before: str, after: str) -> list[str]:
    """One line a distribution that came, went or has another version: `celery 5.6.0 -> 5.7.0`."""
    old, new = pinned(before), pinned(after)
    names = sorted(name for name in old | new if old.get(name) != new.get(name))
    return [f"{name} {old.get(name, '(none)')} -> {new.get(name, '(none)')}" for name in names]


def of_base(base: str, repository: Path) -> str | None:
    """The lock as it is in that commit; None when git does not know it there."""
    command = ["git", "-C", str(repository), "show", f"{base}:{LOCK}"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout if done.returncode == 0 else None
