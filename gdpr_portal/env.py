"""The typed environment: every variable the service reads, once, with its type, default and meaning.

A variable without a default must be set; a wrong value stops the start with the variable's name and never its value.
`docs/settings.md` is generated from `VARIABLES`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

REQUIRED = object()


@dataclass(frozen=True)
class Variable:
    """One variable of the environment, as documented and as read."""

    name: str
    read: Callable[[str], Any]
    default: Any
    meaning: str


VARIABLES: dict[str, Variable] = {}


def boolean(text: str) -> bool:
    """True for 1, true, yes, on; False for 0, false, no, off and nothing."""
    lowered = text.strip().lower()
    if lowered in {"1", "true", "yes", "on"}:
        return True
    if lowered in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("expected true or false")


def words(text: str) -> list[str]:
    """The parts between commas, without blanks."""
    return [part.strip() for part in text.split(",") if part.strip()]


def one_of(*choices: str) -> Callable[[str], str]:
    """A reader that accepts nothing but the choices."""

    def read(text: str) -> str:
        if text not in choices:
            raise ValueError(f"expected one of {', '.join(choices)}")
        return text

    return read


def share(text: str) -> float:
    """A number from 0 to 1."""
    number = float(text)
    if not 0 <= number <= 1:
        raise ValueError("expected a number from 0 to 1")
    return number


def path(text: str) -> Path:
    """An absolute path, `~` resolved."""
    return Path(text).expanduser().absolute()


def env(name: str, read: Callable[[str], Any], default: Any, meaning: str) -> Any:
    """Declare a variable and return its value; an empty string counts as not set."""
    VARIABLES[name] = Variable(name, read, default, meaning)
    text = os.environ.get(name, "")
    if not text:
        if default is REQUIRED:
            raise ImproperlyConfigured(f"{name} must be set: {meaning}")
        return default
    try:
        return read(text)
    except (ValueError, TypeError) as error:
        raise ImproperlyConfigured(f"{name} cannot be read: {error}") from None
