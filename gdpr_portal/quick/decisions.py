"""`POST /api/v1/decisions` and its batch: decided by `consent.services`, said by the view's own `rendered`."""

import re
import uuid
from typing import Any, NamedTuple, TypeGuard

import orjson

from access.models import Application
from access.rest.converters import IdConverter
from access.rest.parsers import MOST_BYTES
from consent.api.decisions import MOST_FIELDS, MOST_ITEMS, BatchView, DecisionsView, rendered
from consent.services.batches import Items, decide_alike
from consent.services.counting import gathered
from consent.services.decisions import decide_one
from consent.services.facts import Question
from gdpr_portal.quick import remembered
from gdpr_portal.quick.bodies import read, said
from gdpr_portal.quick.route import Route

MOST_BYTES_OF_ONE = 65_536
MOST_LETTERS = 200
ID_LETTERS = len(f"{uuid.UUID(int=0)},")
MEMBERS = frozenset({"subject", "purpose", "recipient", "fields"})

_ID = re.compile(IdConverter.regex, re.ASCII)
_PLAINEST = re.compile(
    f'{{"subject": ?"({IdConverter.regex})", ?"purpose": ?"([A-Za-z0-9_-]{{1,50}})"}}'.encode(), re.ASCII
)
"""What nearly everybody sends, as programs write it."""
_IDS = re.compile(f"(?:{IdConverter.regex},)*", re.ASCII)


class Asked(NamedTuple):
    """A question, the person by the 16 bytes of the application's own id."""

    who: bytes
    purpose: str
    recipient: str | None
    fields: tuple[str, ...]

    def question(self) -> Question:
        """The same for `consent.services`."""
        return Question(uuid.UUID(bytes=self.who), self.purpose, self.recipient, self.fields)


def understand(_: re.Match[str], __: str, raw: bytes) -> Asked | None:
    """The question a body asks; None for one that the view has to look at."""
    plainest = _PLAINEST.fullmatch(raw)
    if plainest is not None:
        subject, purpose = plainest.groups()
        return Asked(bytes.fromhex(subject.decode().replace("-", "")), purpose.decode(), None, ())
    asked = read(raw)
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
    return Asked(bytes.fromhex(subject.replace("-", "")), purpose, recipient, tuple(fields))


def answer(application: Application, asked: Asked) -> bytes:
    """The decision, counted."""
    if remembered.is_on():
        kept = remembered.answer(application, asked.who, asked[1:])
        return remembered.ask(application, asked.question()) if kept is None else kept
    question = asked.question()
    decision = decide_one(application=application.id, question=question)
    purpose = question.purpose if decision.verdict.facts.purpose else ""
    gathered.add(application=application.slug, purpose=purpose, code=decision.code, at=decision.evaluated_at)
    return said(rendered(decision))


def understand_batch(_: re.Match[str], __: str, raw: bytes) -> Items | None:
    """The items of a body; None for one that the view has to look at, and for any with a backslash in it.

    A member name that stands twice, or is not known, shows in the number of members or of quotation marks.
    """
    try:
        asked = orjson.loads(raw)
        items = asked["items"]
        subjects, purposes = [item["subject"] for item in items], [item["purpose"] for item in items]
        recipients = [item.get("recipient") for item in items]
        named = sum("recipient" in item for item in items)
        members = sum(map(len, items))
        names, given = set(purposes), set(recipients) - {None}
        ids = ",".join(subjects) + ","
    except (ValueError, TypeError, KeyError, AttributeError):
        return None
    number = len(subjects)
    marks = 2 + 8 * number + 2 * named + 2 * (number - recipients.count(None))
    if not 0 < number <= MOST_ITEMS or b"\\" in raw or raw.count(b'"') != marks or members != 2 * number + named:
        return None
    if not isinstance(items, list) or len(asked) != 1 or not all(map(_is_name, names | given)):
        return None
    if len(ids) != ID_LETTERS * number or not _IDS.fullmatch(ids):  # no text holds two
        return None
    return Items(bytes.fromhex(ids.replace("-", "").replace(",", "")), purposes, recipients)


def answer_batch(application: Application, items: Items) -> bytes:
    """The decisions in the order of the items, counted; what is decided alike is said alike."""
    if remembered.is_on():
        return remembered.answer_batch(application, items)
    results = [b""] * len(items.purposes)
    for alike in decide_alike(application=application.id, items=items):
        text, decision = said(rendered(alike.decision)), alike.decision
        for place in alike.places:
            results[place - 1] = text
        gathered.add(
            application=application.slug, purpose=alike.purpose, code=decision.code, at=decision.evaluated_at,
            number=len(alike.places),
        )  # fmt: skip
    return b'{"results":[' + b",".join(results) + b"]}"


def _is_name(value: Any) -> TypeGuard[str]:
    return isinstance(value, str) and 0 < len(value) <= MOST_LETTERS


SINGLE = Route(
    name="api/v1/decisions", example="/api/v1/decisions", method="POST", path=re.compile("/api/v1/decisions"),
    scope=DecisionsView.scopes["POST"], understand=understand, answer=answer, most_bytes=MOST_BYTES_OF_ONE,
)  # fmt: skip
BATCH = Route(
    name="api/v1/decisions/batch", example="/api/v1/decisions/batch", method="POST",
    path=re.compile("/api/v1/decisions/batch"), scope=BatchView.scopes["POST"], understand=understand_batch,
    answer=answer_batch, most_bytes=MOST_BYTES,
)  # fmt: skip
