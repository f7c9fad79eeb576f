"""Masking: what stands in the place of a value after an erasure. Pure, but for the random keys of a run.

The keys of `hash` and `hmac` are drawn for one run and gone with it: equal values stay equal among what one run masks,
so that links by value hold, and nobody can try out values afterwards (Recital 26; EDPB Guidelines 01/2025).
"""

import hashlib
import hmac
import secrets
import string
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

ALPHABET = string.ascii_letters + string.digits
DIGESTS = {"SHA-256": "sha256", "SHA_256": "sha256", "SHA-512": "sha512", "SHA_512": "sha512"}
_LETTERS = bytes(ord(ALPHABET[byte % len(ALPHABET)]) for byte in range(256))
_UNEVEN = bytes(range(256 - 256 % len(ALPHABET), 256))
DEFAULT_LENGTH = 30


class MaskingInvalid(ValueError):
    """A strategy that does not exist, or whose configuration does not fit."""


@dataclass(frozen=True)
class Strategy:
    """How a value is masked. `delete` takes the whole row away."""

    name: str
    value: str = ""
    length: int = DEFAULT_LENGTH
    digest: str = "sha256"
    suffix: str = ""

    @classmethod
    def from_text(cls, text: str) -> "Strategy":
        """Reads `null_rewrite`, `string_rewrite:VALUE`, `random_string_rewrite:LENGTH`, `hash:SHA-256`, `hmac:SHA-256`,
        `delete`."""
        name, _colon, argument = text.partition(":")
        member = {"string_rewrite": "rewrite_value", "random_string_rewrite": "length"}.get(name, "algorithm")
        if name == "string_rewrite" and not argument:
            raise MaskingInvalid("`string_rewrite:VALUE` needs its VALUE.")
        value: Any = int(argument) if member == "length" and argument.isdecimal() else argument
        return cls.from_override({"strategy": name, "configuration": {member: value} if argument else {}})

    @classmethod
    def from_override(cls, body: Any) -> "Strategy":
        """Reads `{"strategy", "configuration"}` of a dataset."""
        if not isinstance(body, Mapping) or not isinstance(body.get("strategy"), str):
            raise MaskingInvalid("An override holds a `strategy` and its `configuration`.")
        settings = body.get("configuration") or {}
        if not isinstance(settings, Mapping):
            raise MaskingInvalid("A `configuration` is an object.")
        if body["strategy"] not in _READERS:
            raise MaskingInvalid(f"One of {', '.join(_READERS)}.")
        preserved = settings.get("format_preservation") or {}
        suffix = str(preserved.get("suffix") or "") if isinstance(preserved, Mapping) else ""
        return cls(name=body["strategy"], suffix=suffix, **_READERS[body["strategy"]](settings))

    @property
    def writes_text(self) -> bool:
        """Whether only a column of text can take it."""
        return self.name not in {"null_rewrite", "delete"}

    @property
    def constant(self) -> bool:
        """Whether every row gets the same."""
        return self.name in {"null_rewrite", "string_rewrite"}


NULL = Strategy("null_rewrite")


def _nothing(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {}


def _rewrite(settings: Mapping[str, Any]) -> dict[str, Any]:
    value = settings.get("rewrite_value", "MASKED")
    if not isinstance(value, str):
        raise MaskingInvalid("`rewrite_value` is a text.")
    return {"value": value}


def _random(settings: Mapping[str, Any]) -> dict[str, Any]:
    length = settings.get("length", DEFAULT_LENGTH)
    if not isinstance(length, int) or isinstance(length, bool) or length < 1:
        raise MaskingInvalid("`length` is a whole number above 0.")
    return {"length": length}


def _digest(settings: Mapping[str, Any]) -> dict[str, Any]:
    algorithm = settings.get("algorithm", "SHA-256")
    if algorithm not in DIGESTS:
        raise MaskingInvalid("`algorithm` is SHA-256 or SHA-512.")
    return {"digest": DIGESTS[algorithm]}


_READERS = {
    "null_rewrite": _nothing,
    "string_rewrite": _rewrite,
    "random_string_rewrite": _random,
    "hash": _digest,
    "hmac": _digest,
    "aes_encrypt": _nothing,
    "delete": _nothing,
}
"""`aes_encrypt` of a dataset is done as `hmac`: under a key that is destroyed the two say the same, namely nothing."""


class Masker:
    """Masks the values of one run; `destroy` ends it, and its keys."""

    def __init__(self) -> None:
        self._key: bytearray | None = bytearray(secrets.token_bytes(32))

    def mask(self, strategy: Strategy, value: Any, limit: int | None) -> str | None:
        """What stands instead, within `limit` characters; what was NULL stays NULL, except under a constant."""
        if strategy.name == "null_rewrite" or (value is None and not strategy.constant):
            return None
        return fitted(self._text(strategy, value), strategy.suffix, limit)

    def _text(self, strategy: Strategy, value: Any) -> str:
        if strategy.name == "string_rewrite":
            return strategy.value
        if strategy.name == "random_string_rewrite":
            return random_text(strategy.length)
        if self._key is None:
            raise RuntimeError("the masking key of this run is destroyed")
        plain = str(value).encode()
        if strategy.name == "hash":
            return hashlib.new(strategy.digest, bytes(self._key) + plain).hexdigest()
        return hmac.new(bytes(self._key), plain, strategy.digest).hexdigest()

    def destroy(self) -> None:
        """No value can be masked, or tried out, under this run's key again."""
        if self._key is not None:
            self._key[:] = bytes(len(self._key))
        self._key = None


def random_text(length: int) -> str:
    """So many letters and digits, each as likely as any other: bytes that would favour some of them are left out."""
    found = b""
    while len(found) < length:
        found += secrets.token_bytes(length + 16).translate(_LETTERS, _UNEVEN)
    return found[:length].decode()


def fitted(text: str, suffix: str, limit: int | None) -> str:
    """The text with its suffix, the text cut first."""
    if limit is None:
        return text + suffix
    return (text[: max(0, limit - len(suffix))] + suffix)[:limit]
