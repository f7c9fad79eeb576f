"""`POST /api/v1/decisions`: decided by `consent.services.decisions`, said by the view's own `rendered`."""

import re
import uuid
from typing import Any, TypeGuard

from access.models import Application
from access.rest.converters import IdConverter
from access.rest.parsers import parse
from access.rest.renderers import JSONRenderer
from consent.api.decisions import MOST_FIELDS, DecisionsView, rendered
from consent.services.counting import gathered
from consent.services.decisions import decide_one
from consent.services.facts import Question
from gdpr_portal.quick.route import Route

MOST_BYTES = 65_536
MOST_LETTERS = 200
MEMBERS = frozenset({"subject", "purpose", "recipient", "fields"})

_ID = re.compile(IdConverter.regex, re.ASCII)


def understand(_: re.Match[str], __: str, raw: bytes) -> Question | None:
    """The question a body asks; None for one that the view has to look at."""
    asked = parse(raw)
    if not isinstance(asked, dict) or not asked.keys() <= MEMBERS:
        return None
    subject, purpose = asked.get("subject"), asked.get("purpose")
    recipient, fields = asked.get("recipient"), asked.get("fields", [])
    if not isinstance(subject, str) or not _ID.fullmatch(subject) or not _is_name(purpose):
        return None
    if not (recipient is None or _is_name(recipient)) or not isinstance(fields, list) or len(fields) > MOST_FIELDS:
        return None
    if not all(map(_is_name, fields)):
        return None
    return Question(uuid.UUID(subject), purpose, recipient, tuple(fields))


def answer(application: Application, question: Question) -> bytes:
    """The decision, counted."""
    decision = decide_one(application=application.id, question=question)
    purpose = question.purpose if decision.verdict.facts.purpose else ""
    gathered.add(application=application.slug, purpose=purpose, code=decision.code, at=decision.evaluated_at)
    return JSONRenderer().render(rendered(decision))


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MOST_LETTERS


SINGLE = Route(
    name="api/v1/decisions", example="/api/v1/decisions", method="POST", path=re.compile("/api/v1/decisions"),
    scope=DecisionsView.scopes["POST"], understand=understand, answer=answer, most_bytes=MOST_BYTES,
)  # fmt: skip
