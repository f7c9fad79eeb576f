"""Identifiers in the one form they are compared in. Pure; messages never hold the value.

e-mail        RFC 5321 syntax without DNS, domain in its Unicode form, NFC, all in lower case
phone         E.164 (`+4930123456`); only international numbers, since nothing tells which country a local one is of
customer_id   NFC, outer blanks removed, 1 to 128 characters; its case matters
"""

import unicodedata
from collections.abc import Callable
from functools import lru_cache
from typing import Final

import phonenumbers
from email_validator import EmailNotValidError, validate_email

LONGEST_EMAIL: Final = 254
LONGEST_CUSTOMER_ID: Final = 128
_NOT_IN_TEXT: Final = frozenset({"Cc", "Cs"})


def text(value: str) -> str:
    """The text in NFC; ValueError when it holds control characters or half a surrogate pair."""
    if any(unicodedata.category(character) in _NOT_IN_TEXT for character in value):
        raise ValueError("It holds control characters.")
    return unicodedata.normalize("NFC", value)


def email(value: str) -> str:
    """The address in lower case, to compare; ValueError when no mail could ever reach it."""
    return address(value).lower()


def address(value: str) -> str:
    """The address as its owner writes it, domain in lower case; ValueError when no mail could ever reach it."""
    cleaned = text(value.strip())
    if len(cleaned) > LONGEST_EMAIL:
        raise ValueError("It is no e-mail address.")
    try:
        return _checked(cleaned)
    except EmailNotValidError:
        # `from None`: the library's message quotes the address.
        raise ValueError("It is no e-mail address.") from None


# A person's address comes as identifier and for every purpose, one after the other: the last one only is remembered.
@lru_cache(maxsize=1)
def _checked(cleaned: str) -> str:
    return validate_email(cleaned, check_deliverability=False, test_environment=True).normalized


def phone(value: str) -> str:
    """The number in E.164; ValueError unless it is international and has a possible length."""
    try:
        number = phonenumbers.parse(text(value.strip()), None)
    except phonenumbers.NumberParseException:
        raise ValueError("It is no international phone number, such as +49 30 123456.") from None
    if not phonenumbers.is_possible_number(number) or number.extension:
        raise ValueError("It is no international phone number, such as +49 30 123456.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


def customer_id(value: str) -> str:
    """The customer number without outer blanks; ValueError when empty or too long."""
    cleaned = text(value.strip())
    if not 1 <= len(cleaned) <= LONGEST_CUSTOMER_ID:
        raise ValueError(f"It must have 1 to {LONGEST_CUSTOMER_ID} characters.")
    return cleaned


KINDS: Final[dict[str, Callable[[str], str]]] = {"email": email, "phone": phone, "customer_id": customer_id}


def identifier(kind: str, value: str) -> str:
    """The identifier as it is compared; KeyError for an unknown kind, ValueError for what cannot be one."""
    return KINDS[kind](value)
