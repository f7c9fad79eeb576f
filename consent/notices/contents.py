"""Whether a point that has its heading says what the point is about. Pure.

Words are looked for, in the three languages; what is not found is for the reviewer to look at, and stops nothing.
"""

import re
from collections.abc import Iterator
from typing import TypeAlias

from django.utils.translation import gettext_noop

from consent.notices.findings import Finding, found
from consent.notices.points import ARTICLES, HEADINGS, LANGUAGES, points, sections
from consent.rights import rights_offered

_REACHED = r"@|https?://|\+?\d[\d ./-]{3,}"
_SAID: dict[str, tuple[str, dict[str, str]]] = {
    "controller": (
        gettext_noop("It names no address, number or page at which the controller is reached."),
        dict.fromkeys(LANGUAGES, _REACHED),
    ),
    "officer": (
        gettext_noop("It names no way to reach the officer, nor says that there is none."),
        {
            "en": _REACHED + r"|\bno\b|\bnot\b",
            "de": _REACHED + r"|\bkeine?n?\b|\bnicht\b",
            "fr": _REACHED + r"|\bpas\b|\baucun",
        },
    ),
    "retention": (
        gettext_noop("It names neither a time nor what decides on it."),
        {
            "en": r"\d|\buntil\b|\bas long as\b|\b(?:day|week|month|year)s?\b",
            "de": r"\d|\bbis\b|\bsolange\b|\b(?:tag|woche|monat|jahr)\w*",
            "fr": r"\d|\bjusqu|\btant qu|\b(?:jours?|semaines?|mois|ans?|années?)\b",
        },
    ),
    "withdrawal": (
        gettext_noop("It does not say that consent can be withdrawn at any time."),
        {
            "en": r"\bany ?time\b|\bwhenever\b",
            "de": r"\bjederzeit\b|\bjeder zeit\b",
            "fr": r"\bà tout moment\b|\bà tout instant\b|\bquand vous",
        },
    ),
    "objection": (
        gettext_noop("It does not speak of objecting."),
        {"en": r"\bobject", "de": r"\bwidersp", "fr": r"\boppos"},
    ),
    "complaint": (
        gettext_noop("It names no authority."),
        {
            "en": r"authorit|commissioner|https?://",
            "de": r"behörde|beauftragt|https?://",
            "fr": r"autorité|\bcnil\b|https?://",
        },
    ),
}
"""Point -> what is lacking when none of these words stands under its heading."""

_RIGHTS: dict[str, dict[str, str]] = {
    "access": {"en": r"\baccess", "de": r"\bauskunft|\bzugang", "fr": r"\baccès|\baccéder"},
    "rectification": {"en": r"\bcorrect|\brectif", "de": r"\bberichtig|\bkorrigier", "fr": r"\brectifi|\bcorrig"},
    "erasure": {"en": r"\beras|\bdelet", "de": r"lösch", "fr": r"effac|\bsuppr"},
    "restriction": {"en": r"\brestrict", "de": r"\beinschränk", "fr": r"\blimit"},
    "portability": {"en": r"\bportab|\bmachine", "de": r"übertragbar|maschinenlesbar", "fr": r"portab|\bmachine"},
}
_UNSAID = {
    "access": gettext_noop("It does not speak of access (Art. 15)."),
    "rectification": gettext_noop("It does not speak of rectification (Art. 16)."),
    "erasure": gettext_noop("It does not speak of erasure (Art. 17)."),
    "restriction": gettext_noop("It does not speak of restriction (Art. 18)."),
    "portability": gettext_noop("It does not speak of portability (Art. 20)."),
}
_LETTERS = {
    "consent": "a",
    "contract": "b",
    "legal_obligation": "c",
    "vital_interests": "d",
    "public_task": "e",
    "legitimate_interests": "f",
}
_GROUND = re.compile(
    r"\bart(?:icle|ikel|\.)?\s*6\b[\s,;]*(?:\(1\)|abs(?:\.|atz)?\s*1|par(?:\.|agraphe)?\s*1|§\s*1)"
    r"[\s,;]*(?:satz\s*1[\s,;]*)?(?:buchst(?:\.|abe)?|lit\.?|point|let(?:\.|tre)?)?\s*\(?([a-f])\b",
    re.IGNORECASE,
)
_SPECIAL = re.compile(r"\bart(?:icle|ikel|\.)?\s*9\b", re.IGNORECASE)


_Why: TypeAlias = tuple[str, dict[str, str | int]]


def thin(body: str, language: str, basis: str, is_marketing: bool = False) -> list[Finding]:
    """The points that stand in this body and yet do not say what they should."""
    said = sections(body)
    return [
        found(language, f"thin.{point}", HEADINGS[point][language], reason, ARTICLES[point], about=about)
        for point in points(basis, is_marketing)
        if (words := said.get(HEADINGS[point].get(language, "")))
        for reason, about in _whys(point, words, language, basis, is_marketing)
    ]


def _whys(point: str, words: str, language: str, basis: str, is_marketing: bool) -> Iterator[_Why]:
    if point == "purpose":
        yield from _ground(words, basis)
    if point == "rights":
        yield from _rights(words, language, basis, is_marketing)
    if point in _SAID and not _says(_SAID[point][1][language], words):
        yield _SAID[point][0], {}


def _ground(words: str, basis: str) -> Iterator[_Why]:
    """The legal ground that is named is the one of the purpose (Art. 6(1), one letter; Art. 9 for consent)."""
    cited = {letter.lower() for letter in _GROUND.findall(words)}
    right = _LETTERS[basis]
    if wrong := sorted(cited - {right}):
        reason = gettext_noop("It names Art. 6(1)(%(wrong)s), but the purpose rests on Art. 6(1)(%(right)s).")
        yield reason, {"wrong": wrong[0], "right": right}
    elif not cited and not (basis == "consent" and _SPECIAL.search(words)):
        yield gettext_noop("It does not name the legal ground, Art. 6(1)(%(right)s)."), {"right": right}


def _rights(words: str, language: str, basis: str, is_marketing: bool) -> Iterator[_Why]:
    for right in rights_offered(basis, is_marketing):
        if right in _RIGHTS and not _says(_RIGHTS[right][language], words):
            yield _UNSAID[right], {}


def _says(pattern: str, words: str) -> bool:
    return re.search(pattern, words, re.IGNORECASE) is not None
