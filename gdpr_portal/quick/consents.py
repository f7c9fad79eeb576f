"""`POST /api/v1/subjects/{id}/consents`: an answer of a person, recorded by `consent.services` as the view does."""

import re
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from access.models import Application
from access.rest.converters import IdConverter
from audit import actors
from consent.api.consents import ConsentsView, recorded
from consent.services.consents import ACTIONS, record_consent_within
from consent.services.events import NoticeSeen
from gdpr_portal.quick.bodies import read, said
from gdpr_portal.quick.route import Route

MOST_BYTES = 4_096
MEMBERS = frozenset({"purpose", "action", "notice", "channel", "explicit", "recipient"})
OF_NOTICE = frozenset({"version", "language", "digest"})
MOST_VERSION = 2**31 - 1

_SLUG = re.compile("[A-Za-z0-9_-]{1,50}", re.ASCII)
_CHANNEL = re.compile("[A-Za-z0-9._-]{1,40}", re.ASCII)
_LANGUAGE = re.compile("[A-Za-z0-9-]{1,35}", re.ASCII)
_DIGEST = re.compile("sha256:[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Asked:
    """Whose answer, by the application's own id, to what, on which words."""

    subject: UUID
    purpose: str
    action: str
    notice: NoticeSeen | None
    channel: str
    explicit: bool
    recipient: str


def understand(path: re.Match[str], _: str, raw: bytes) -> Asked | None:
    """The answer a body tells; None for one that the view has to look at."""
    given = read(raw)
    if not isinstance(given, dict) or not given.keys() <= MEMBERS:
        return None
    purpose, channel = _fitting(_SLUG, given.get("purpose")), _fitting(_CHANNEL, given.get("channel", "api"))
    action, explicit = given.get("action"), given.get("explicit", False)
    if purpose is None or channel is None or not isinstance(action, str) or action not in ACTIONS:
        return None
    recipient, notice = given.get("recipient"), given.get("notice")
    named = "" if recipient is None else _fitting(_SLUG, recipient)
    seen = None if notice is None else _seen(notice)
    if named is None or (seen is None) != (notice is None) or not isinstance(explicit, bool):
        return None
    return Asked(UUID(path[1]), purpose, action, seen, channel, explicit, named)


def answer(application: Application, asked: Asked) -> bytes:
    """The event that stands now."""
    event = record_consent_within(
        pairwise=asked.subject, application=application, purpose=asked.purpose, action=asked.action,
        notice=asked.notice, channel=asked.channel, explicit=asked.explicit, recipient=asked.recipient,
        actor=actors.application(application.slug),
    )  # fmt: skip
    return said(recorded(event))


def _seen(notice: Any) -> NoticeSeen | None:
    if not isinstance(notice, dict) or notice.keys() != OF_NOTICE:
        return None
    version = notice["version"]
    language, digest = _fitting(_LANGUAGE, notice["language"]), _fitting(_DIGEST, notice["digest"])
    if type(version) is not int or not 0 < version <= MOST_VERSION or language is None or digest is None:
        return None
    return NoticeSeen(version, language, digest)


def _fitting(pattern: re.Pattern[str], value: Any) -> str | None:
    return value if isinstance(value, str) and pattern.fullmatch(value) else None


RECORD = Route(
    name="api/v1/subjects/<id:subject>/consents", example=f"/api/v1/subjects/{UUID(int=0)}/consents", method="POST",
    path=re.compile(f"/api/v1/subjects/({IdConverter.regex})/consents", re.ASCII), scope=ConsentsView.scopes["POST"],
    understand=understand, answer=answer, most_bytes=MOST_BYTES, may_pass_on=True, status=201, writes=True,
)  # fmt: skip
