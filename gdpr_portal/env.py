"""The typed environment: every variable the service reads, once, with its type, default and meaning.

A variable without a default must be set; a wrong value stops the start with the variable's name and never its value.
`docs/settings.md` is generated from `VARIABLES`.
"""

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import psycopg
from django.core.exceptions import ImproperlyConfigured
from psycopg.conninfo import conninfo_to_dict

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


def natural(text: str) -> int:
    """A whole number, 0 or more."""
    if not (text.strip().isascii() and text.strip().isdigit()):
        raise ValueError("expected a whole number, 0 or more")
    return int(text)


def at_least_zero(text: str) -> float:
    """A number, 0 or more."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 <= number < float("inf"):
        raise ValueError("expected a number, 0 or more")
    return number


def postgresql(text: str) -> str:
    """An address that libpq understands; what it says of another would quote the password in it."""
    try:
        conninfo_to_dict(text)
    except psycopg.ProgrammingError:
        raise ValueError("expected postgresql://user:password@host:port/database") from None
    return text


def address(*schemes: str) -> Callable[[str], str]:
    """A reader that accepts an address with one of these schemes."""

    def read(text: str) -> str:
        if text.partition("://")[0] not in schemes or "://" not in text:
            raise ValueError(f"expected an address that begins with {', '.join(f'{each}://' for each in schemes)}")
        try:
            _port = urlsplit(text).port
        except ValueError:
            raise ValueError("expected an address whose port is a number") from None
        return text

    return read


def time_zone(text: str) -> str:
    """The name of a time zone that this machine knows."""
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ValueError("expected the name of a time zone, such as Europe/Berlin") from None
    return text


def holidays(text: str) -> str:
    """A country, or a country and its subdivision, whose holidays are known."""
    from holidays import country_holidays  # only here: what is left at its default needs no look

    country, _dash, subdivision = text.partition("-")
    try:
        country_holidays(country, subdiv=subdivision or None)
    except NotImplementedError:
        raise ValueError("expected a country or subdivision whose holidays are known, such as DE-BE or FR") from None
    return text


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
