"""Whether the languages of a notice say the same, as far as a program can see. Pure.

Each language is held against the first that has a text (English, when there is one). None of it stops a notice: a
translation may say in two sentences what another says in one. The reviewer looks where it points.
"""

from collections import Counter
from collections.abc import Iterator, Mapping

from django.utils.translation import gettext_noop

from consent.notices.amounts import KINDS, amounts
from consent.notices.diff import Wording
from consent.notices.findings import WHOLE, Finding, found
from consent.notices.points import HEADINGS, LANGUAGES
from consent.notices.text import TITLE, Part, paragraphs, parts, sentences, words

SOURCE = "Art. 12(1); EDPB 03/2022, Language discontinuity"
_RATIO, _SENTENCES_APART, _WORDS_APART = 1.6, 4, 2.0
_FEW_WORDS = 12
"""A part of fewer words is not compared by length: one word more would already count."""
_DIFFERENT = {
    "link": gettext_noop("Links or addresses: %(here)s here, %(there)s in %(reference)s."),
    "placeholder": gettext_noop("Placeholders: %(here)s here, %(there)s in %(reference)s."),
    "date": gettext_noop("Dates: %(here)s here, %(there)s in %(reference)s."),
    "period": gettext_noop("Periods: %(here)s here, %(there)s in %(reference)s."),
    "number": gettext_noop("Numbers: %(here)s here, %(there)s in %(reference)s."),
}


def parity(texts: Mapping[str, Wording]) -> list[Finding]:
    """Every place where a language differs from the reference; empty when they match."""
    present = [language for language in LANGUAGES if texts.get(language, Wording("", "")).body.strip()]
    absent = [language for language in LANGUAGES if language not in present]
    every = [
        _found(language, "missing", WHOLE, gettext_noop("There is no text in this language.")) for language in absent
    ]
    for language in present[1:]:
        every += _compared(present[0], texts[present[0]], language, texts[language])
    return every


def _compared(reference: str, one: Wording, language: str, other: Wording) -> Iterator[Finding]:
    if one.body.strip() == other.body.strip():
        reason = gettext_noop("The text is the one of %(reference)s, word for word.")
        yield _found(language, "not_translated", WHOLE, reason, reference=reference)
        return
    yield from _amounts(reference, Part(TITLE, one.title), language, Part(TITLE, other.title))
    left, right = parts(one.body), parts(other.body)
    yield from _headings(reference, left, language, right)
    before = dict(zip(_keys(reference, left), left, strict=True))
    for key, part in zip(_keys(language, right), right, strict=True):
        if (match := before.get(key)) is not None:
            yield from _amounts(reference, match, language, part)
            yield from _lengths(reference, match, language, part)
    yield from _sentences(reference, left, language, right)


def _headings(reference: str, left: list[Part], language: str, right: list[Part]) -> Iterator[Finding]:
    keys, others = _keys(reference, left), _keys(language, right)
    for part, key in zip(left, keys, strict=True):
        if key not in others:
            reason = gettext_noop("It stands in %(reference)s and not here.")
            yield _found(language, "heading_missing", part.where, reason, reference=reference)
    for part, key in zip(right, others, strict=True):
        if key not in keys:
            reason = gettext_noop("It stands here and not in %(reference)s.")
            yield _found(language, "heading_more", part.where, reason, reference=reference)
    if sorted(keys) == sorted(others) and keys != others:
        at = next(place for place, pair in enumerate(zip(keys, others, strict=True)) if pair[0] != pair[1])
        reason = gettext_noop("In %(reference)s, “%(other)s” stands at this place.")
        yield _found(language, "heading_order", right[at].where, reason, reference=reference, other=left[at].where)


def _amounts(reference: str, one: Part, language: str, other: Part) -> Iterator[Finding]:
    left, right = amounts(one.body), amounts(other.body)
    for kind in KINDS:
        here, there = _names(right[kind] - left[kind]), _names(left[kind] - right[kind])
        if here or there:
            reason = _DIFFERENT[kind]
            yield _found(language, kind, other.where, reason, reference=reference, here=here or "–", there=there or "–")


def _lengths(reference: str, one: Part, language: str, other: Part) -> Iterator[Finding]:
    many, few = len(paragraphs(one.body)), len(paragraphs(other.body))
    if many != few:
        reason = gettext_noop("Paragraphs: %(here)s here, %(there)s in %(reference)s.")
        yield _found(language, "paragraphs", other.where, reason, reference=reference, here=few, there=many)
    long, short = len(words(one.body)), len(words(other.body))
    if max(long, short) > _FEW_WORDS and max(long, short) > _WORDS_APART * min(long, short):
        reason = gettext_noop("Words: %(here)s here, %(there)s in %(reference)s.")
        yield _found(language, "length", other.where, reason, reference=reference, here=short, there=long)


def _sentences(reference: str, left: list[Part], language: str, right: list[Part]) -> Iterator[Finding]:
    many, few = (sum(len(sentences(part.body)) for part in side) for side in (left, right))
    if abs(many - few) >= _SENTENCES_APART and max(many, few) > _RATIO * min(many, few):
        reason = gettext_noop("Sentences: %(here)s here, %(there)s in %(reference)s.")
        yield _found(language, "sentences", WHOLE, reason, reference=reference, here=few, there=many)


def _keys(language: str, side: list[Part]) -> list[str]:
    """The points that the headings stand for; other headings by their order, for they have names of their own."""
    known = {names[language]: point for point, names in HEADINGS.items() if language in names}
    bases = [known.get(part.heading, "own") if part.heading else "" for part in side]
    return [f"{base}#{bases[: place + 1].count(base)}" for place, base in enumerate(bases)]


def _names(counted: Counter[str]) -> str:
    return ", ".join(sorted(counted.elements()))


def _found(language: str, code: str, where: str, reason: str, **about: str | int) -> Finding:
    return found(language, f"parity.{code}", where, reason, SOURCE, about=about)
