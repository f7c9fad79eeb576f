"""`POST /api/v1/subjects`: somebody nobody here knows yet. Whoever is known goes on to the view."""

import re
from typing import Any

from access.models import Application
from gdpr_portal.quick.bodies import read, said
from gdpr_portal.quick.route import Route
from subjects.api import LONGEST, SubjectsView, described
from subjects.services import register_new

MOST_BYTES = 8_192
_PROFILE = {
    "language": re.compile("[A-Za-z0-9-]{1,35}", re.ASCII),
    "country": re.compile("[A-Za-z]{1,10}", re.ASCII),
    "birth_date": re.compile(r"\d{4}-\d\d-\d\d", re.ASCII),
}

Asked = dict[str, Any]
"""The members of the body: `identifiers` by kind, and of `_PROFILE` what was given."""


def understand(_: re.Match[str], __: str, raw: bytes) -> Asked | None:
    """The person a body tells of; None for one that the view has to look at."""
    given = read(raw)
    if not isinstance(given, dict) or not given.keys() <= {"identifiers", *_PROFILE}:
        return None
    identifiers = given.get("identifiers")
    if not isinstance(identifiers, dict) or not all(map(_is_plain_text, identifiers.values())):
        return None
    profile = (value is None or _fits(_PROFILE[name], value) for name, value in given.items() if name in _PROFILE)
    return given if all(profile) else None


def answer(application: Application, asked: Asked) -> bytes | None:
    """The person registered; None for one who is known."""
    person = register_new(application=application, **asked)
    return None if person is None else said(described(person, application, sorted(asked["identifiers"])))


def _is_plain_text(value: Any) -> bool:
    return isinstance(value, str) and 0 < len(value) <= LONGEST and value.isprintable()


def _fits(pattern: re.Pattern[str], value: Any) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


REGISTER = Route(
    name="api/v1/subjects", example="/api/v1/subjects", method="POST", path=re.compile("/api/v1/subjects"),
    scope=SubjectsView.scopes["POST"], understand=understand, answer=answer, most_bytes=MOST_BYTES, may_pass_on=True,
    status=201, writes=True,
)  # fmt: skip
