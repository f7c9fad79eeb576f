"""OpenDSR 2.0: the bodies, read strictly where the specification says MUST. Knows no database.

Source: OpenDSR specification (github.com/opengdpr/OpenDSR), sections 5 to 9. docs/decisions/0030 has what we chose
where it is silent. Members we do not know are passed over, as a controller may speak a later 2.x or to several at once.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from gdpr_portal.errors import Flaw, Invalid
from gdpr_portal.formats.instants import read_instant

VERSION: Final = "2.0"
REGULATION: Final = "gdpr"
TYPES: Final = ("access", "portability", "erasure")
IDENTITIES: Final = {"email": "email", "controller_customer_id": "customer_id"}
"""Identity types we look people up by, and our own kinds of identifier; all of them `raw`."""
FORMAT: Final = "raw"
MOST_IDENTITIES: Final = 10
MOST_CALLBACKS: Final = 5
LONGEST_VALUE: Final = 320
_UUID4 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}", re.ASCII)


@dataclass(frozen=True)
class Asked:
    """A request as it was read: kinds and values are of our own identifiers."""

    id: UUID
    kind: str
    identities: tuple[tuple[str, str], ...]
    submitted_at: datetime
    callback_urls: tuple[str, ...]


def read_request(body: Any) -> Asked:
    """What a controller asks for; Invalid with the member that is wrong, and never its value (section 7.6)."""
    if not isinstance(body, Mapping):
        raise _flawed("", "A request is a JSON object.")
    if body.get("regulation") != REGULATION:
        raise _flawed("regulation", "The regulation is needed; this processor answers for gdpr.")
    if str(body.get("api_version") or VERSION).partition(".")[0] != "2":
        raise _flawed("api_version", "This processor speaks version 2.")
    kind = body.get("subject_request_type")
    if kind not in TYPES:
        raise _flawed("subject_request_type", "Supported types are access, portability and erasure.")
    return Asked(
        id=read_id(body.get("subject_request_id")),
        kind=str(kind),
        identities=_identities(body.get("subject_identities")),
        submitted_at=_instant(body.get("submitted_time")),
        callback_urls=_urls(body.get("status_callback_urls")),
    )


def read_id(value: Any) -> UUID:
    """A `subject_request_id`: UUID version 4 in lower case (sections 1.1, 7.1.1)."""
    if not isinstance(value, str) or not _UUID4.fullmatch(value):
        raise _flawed("subject_request_id", "The id is a UUID of version 4 in lower case.")
    return UUID(value)


def discovery(*, certificate_url: str) -> dict[str, Any]:
    """The discovery document (section 6.3)."""
    return {
        "api_version": VERSION,
        "supported_identities": [{"identity_type": name, "identity_format": FORMAT} for name in IDENTITIES],
        "supported_subject_request_types": list(TYPES),
        "processor_certificate": certificate_url,
    }


def error_object(code: int, message: str, errors: Sequence[Mapping[str, str]]) -> dict[str, Any]:
    """The error object (section 7.6); sentences are ours and name members, no values."""
    return {"error": {"code": code, "message": message, "errors": list(errors)}}


def _identities(given: Any) -> tuple[tuple[str, str], ...]:
    if not isinstance(given, list) or not 1 <= len(given) <= MOST_IDENTITIES:
        raise _flawed("subject_identities", f"Between 1 and {MOST_IDENTITIES} identities are needed.")
    return tuple(_identity(each, at) for at, each in enumerate(given))


def _identity(given: Any, at: int) -> tuple[str, str]:
    where = f"subject_identities/{at}"
    if not isinstance(given, Mapping):
        raise _flawed(where, "An identity is an object.")
    kind, value = given.get("identity_type"), given.get("identity_value")
    if not isinstance(kind, str) or kind not in IDENTITIES or given.get("identity_format") != FORMAT:
        raise _flawed(where, "Supported identities are raw email and raw controller_customer_id.")
    if not isinstance(value, str) or not 0 < len(value) <= LONGEST_VALUE:
        raise _flawed(where, "The value of an identity is a text.")
    return IDENTITIES[kind], value


def _instant(given: Any) -> datetime:
    try:
        return read_instant(given)
    except (TypeError, ValueError):
        raise _flawed("submitted_time", "The time of the request is needed, as RFC 3339 has it.") from None


def _urls(given: Any) -> tuple[str, ...]:
    given = [] if given is None else given
    if not isinstance(given, list) or len(given) > MOST_CALLBACKS or not all(isinstance(each, str) for each in given):
        raise _flawed("status_callback_urls", f"At most {MOST_CALLBACKS} addresses are told.")
    return tuple(dict.fromkeys(given))


def _flawed(member: str, detail: str) -> Invalid:
    pointer = f"/{member}" if member else ""
    return Invalid("invalid_value", detail, errors=[Flaw(pointer, "invalid_value", detail)])
