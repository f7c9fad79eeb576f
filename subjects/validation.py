"""Whether a value fits the type of its field. Pure; messages say what is wrong and never hold the value."""

import re
import unicodedata
from collections.abc import Callable
from datetime import date
from typing import Final

import phonenumbers

from subjects import normalise

LONGEST_VALUE: Final = 10_000
_VAT_NUMBER: Final = re.compile(r"[A-Z]{2}[0-9A-Z+*]{2,13}", re.ASCII)
_LANGUAGE: Final = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}"  # the language and its extensions
    r"(-[a-z]{4})?(-([a-z]{2}|[0-9]{3}))?"  # script, region
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3}))*"  # variants
    r"(-[0-9a-wyz](-[a-z0-9]{2,8})+)*(-x(-[a-z0-9]{1,8})+)?",  # extensions, private use
    re.ASCII | re.IGNORECASE,
)
LONGEST_LANGUAGE: Final = 35
_FORMATTING: Final = str.maketrans("", "", " .-")
_LINES: Final = str.maketrans("", "", "\n\r\t")
# Regions of ISO 3166-1 without phone numbers of their own, which is why the phone library does not list them.
_WITHOUT_PHONES: Final = frozenset({"AQ", "BV", "GS", "HM", "PN", "TF", "UM"})
COUNTRIES: Final = frozenset(phonenumbers.SUPPORTED_REGIONS) | _WITHOUT_PHONES
EARLIEST_BIRTH: Final = date(1890, 1, 1)


def string(value: str) -> str:
    """The text in NFC; line breaks and tabs may stand in it (postal addresses), other control characters not."""
    normalise.text(value.translate(_LINES))
    return unicodedata.normalize("NFC", value)


def vat_number(value: str) -> str:
    """Two letters of the country and 2 to 13 of the number, without blanks, in upper case; judged by shape alone."""
    cleaned = normalise.text(value.strip()).translate(_FORMATTING).upper()
    if not _VAT_NUMBER.fullmatch(cleaned):
        raise ValueError("It is no VAT number, such as DE123456789.")
    return cleaned


TYPES: Final[dict[str, Callable[[str], str]]] = {
    "string": string,
    "email": normalise.address,
    "phone": normalise.phone,
    "vat_number": vat_number,
}


def value_of_type(value: object, value_type: str, max_length: int = 2000) -> str:
    """The value as it is stored; ValueError when it does not fit its type, is empty or longer than `max_length`."""
    if not isinstance(value, str):
        raise ValueError("It must be text.")
    limit = min(max_length, LONGEST_VALUE)
    if not value.strip() or len(value) > limit:
        raise ValueError(f"It must have 1 to {limit} characters.")
    return TYPES[value_type](value)


def language(value: str) -> str:
    """A language tag such as `de`, `de-AT` or `zh-Hant-TW` (RFC 5646 section 2.1, at most 35 characters)."""
    if len(value) > LONGEST_LANGUAGE or not _LANGUAGE.fullmatch(value):
        raise ValueError("It is no language tag, such as de or de-AT.")
    return value


def country(value: str) -> str:
    """A country of ISO 3166-1, two letters, in upper case."""
    if value.upper() not in COUNTRIES or not value.isascii():
        raise ValueError("It is no country code of ISO 3166-1, such as DE.")
    return value.upper()


def birth_date(value: date | str, *, today: date) -> date:
    """A day between 1890 and today, given as such or as `YYYY-MM-DD`."""
    try:
        day = date.fromisoformat(value) if isinstance(value, str) else value
    except ValueError:
        raise ValueError("It is no date, such as 1990-01-31.") from None
    if not EARLIEST_BIRTH <= day <= today:
        raise ValueError("It is no date of birth of somebody living.")
    return day
