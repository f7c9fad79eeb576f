"""A decision in plain words, in the language of who asks: each rule as a question, what it saw, what came out.

The API answers with stable codes and the English sentence (`Looked.input`); pages use these words. Pure but for the
language in force.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from django.utils import formats, timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from consent.decide import Looked, Sentence
from consent.qa import words

QUESTIONS = {
    "unknown_subject": _("Does the application know the person?"),
    "erased": _("Was the person erased?"),
    "unknown_purpose": _("Is there such a purpose?"),
    "purpose_not_approved": _("Is the purpose approved and live?"),
    "not_in_contract": _("Does a data contract cover it?"),
    "restricted": _("Is processing restricted (Art. 18)?"),
    "objected": _("Did the person object (Art. 21)?"),
    "consent_missing": _("Was the person asked for consent?"),
    "consent_refused": _("Did the person refuse?"),
    "consent_withdrawn": _("Did the person withdraw consent?"),
    "consent_expired": _("Has the consent run out?"),
    "consent_pending": _("Does the consent wait for somebody's word?"),
    "notice_outdated": _("Has the wording changed materially since?"),
    "sharing_off": _("Is sharing with the recipient switched on?"),
}
"""Rule -> the question it asks."""

BASES = {
    "consent": _("consent"),
    "contract": _("contract"),
    "legal_obligation": _("legal obligation"),
    "vital_interests": _("vital interests"),
    "public_task": _("public task"),
    "legitimate_interests": _("legitimate interests"),
    "none": _("none"),
}

STANDING = {
    "given": _("given"),
    "refused": _("refused"),
    "withdrawn": _("withdrawn"),
    "expired": _("expired"),
    "pending": _("waiting for a confirmation by mail"),
    "outdated": _("given to an older wording"),
}
"""What a standing consent is."""

Called: TypeAlias = Callable[[str, str], str]
"""Kind and slug -> the name that people know (`consent.names.Names.of`)."""


def _as_it_is(kind: str, slug: str) -> str:
    return slug


@dataclass(frozen=True, slots=True)
class Step:
    """One rule as a person reads it."""

    rule: str
    question: str
    saw: str
    outcome: str
    refused: bool


def explained(trace: Iterable[Looked], called: Called = _as_it_is) -> list[Step]:
    """The rules looked at, in order, in the language in force; fields and recipients are named by `called`."""
    return [
        Step(
            each.rule,
            str(QUESTIONS[each.rule]),
            said(each.saw, called),
            outcome(each.outcome),
            each.outcome == "refused",
        )
        for each in trace
    ]


def said(sentence: Sentence, called: Called = _as_it_is) -> str:
    """What a rule saw, in the language in force."""
    text: str = gettext(sentence.text) % {name: _told(name, value, called) for name, value in sentence.about.items()}
    return text


def outcome(code: str) -> str:
    """`passed` or `refused`."""
    return gettext("stands in the way") if code == "refused" else gettext("does not stand in the way")


def verdict(code: str) -> tuple[Any, str]:
    """What the code means, and the tone of components/state.html."""
    return words.CODES[code], "good" if code == "allowed" else "bad"


def _told(name: str, value: str, called: Called) -> str:
    """A code among the values of a sentence, in words; a moment in the form of the language."""
    if name == "state":
        return str(STANDING.get(value, value))
    if name == "basis":
        return str(BASES.get(value, value))
    if name == "moment":
        return formats.date_format(timezone.localtime(datetime.fromisoformat(value)), "DATETIME_FORMAT")
    return called(name, value) if name in ("field", "recipient") else value
