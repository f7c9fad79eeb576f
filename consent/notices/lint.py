"""What in a notice presses, hides or confuses, as far as patterns can tell. Pure.

`patterns.BLOCKING` and `hints.HINTS` say what is looked for and why; here it is read sentence by sentence, so that
every finding has a place and a quote. A negation shortly before the words, in the same clause, turns most of them into
their opposite.
"""

import re
from collections.abc import Iterator
from functools import cache, lru_cache

from django.utils.translation import gettext_noop

from consent.notices.diff import Wording
from consent.notices.findings import BLOCK, WHOLE, Finding, found
from consent.notices.hints import HINTS
from consent.notices.patterns import BLOCKING, NEGATIONS, WITHDRAWAL, Rule
from consent.notices.text import HIDDEN, TITLE, Part, paragraphs, parts, plain, sentences

RULES = (*BLOCKING, *HINTS)
QUOTED = 200
"""The longest quote; a longer sentence is cut around the words."""
_CLOSE = 4
"""How many words before it a negation still belongs to."""
_SHOUTED = re.compile(r"\b[A-ZÄÖÜÀÂÉÈÊÎÔÛÇ]{2,}(?:\s+[A-ZÄÖÜÀÂÉÈÊÎÔÛÇ]{2,})*\b")
_ASSENT = re.compile(r"accept|agree|consent|yes|akzeptier|zustimm|einwillig|\bja\b|\boui\b", re.IGNORECASE)


def lint(wording: Wording, language: str, basis: str) -> list[Finding]:
    """Every finding in one language of a notice, in the order of the text."""
    return list(_linted(wording, language, basis))


@lru_cache(maxsize=128)
def _linted(wording: Wording, language: str, basis: str) -> tuple[Finding, ...]:
    """Kept, because the same wording is read on its page, at submission, at approval and at publication."""
    every = [*_hidden(wording, language), *_withdrawal(wording.body, language, basis)]
    for part in [Part(TITLE, wording.title), *parts(wording.body)]:
        for sentence in _sentences(part):
            every += _in_sentence(sentence, part.where, language, basis)
    return tuple(dict.fromkeys(every))


def _sentences(part: Part) -> Iterator[str]:
    """Normalised; the heading is read as well: it is shown as large as the rest."""
    said = [sentence for piece in paragraphs(part.body) for sentence in sentences(piece)]
    return (plain(sentence) for sentence in [*said, part.heading] if sentence)


def _in_sentence(sentence: str, where: str, language: str, basis: str) -> Iterator[Finding]:
    for rule in RULES:
        if rule.consent_only and basis != "consent":
            continue
        match = _match(rule, sentence, language)
        if match is not None:
            quote = _quote(sentence, match)
            yield found(language, rule.code, where, rule.reason, rule.source, quote=quote, severity=rule.severity)
    for match in _SHOUTED.finditer(sentence):
        if _ASSENT.search(match.group()):
            reason, source = gettext_noop("Saying yes is emphasised."), "EDPB 03/2022, Hidden in plain sight"
            yield found(language, "shouting", where, reason, source, quote=_quote(sentence, match))


def _match(rule: Rule, sentence: str, language: str) -> re.Match[str] | None:
    """The first place where a pattern is meant, not denied."""
    for pattern in rule.patterns[language]:
        for match in _compiled(pattern).finditer(sentence):
            if not (rule.negatable and _denied(sentence[: match.start()], language)):
                return match
    return None


def _denied(before: str, language: str) -> bool:
    clause = re.split(r"[,;:–—()]", before)[-1]
    return _compiled(NEGATIONS[language]).search(" ".join(clause.split()[-_CLOSE:])) is not None


def _withdrawal(body: str, language: str, basis: str) -> Iterator[Finding]:
    """A notice that asks for consent says, anywhere, that it can be withdrawn (R04)."""
    if basis == "consent" and not _compiled(WITHDRAWAL[language]).search(plain(body)):
        reason = gettext_noop("It does not say that consent can be withdrawn.")
        yield found(language, "no_withdrawal", WHOLE, reason, "Art. 7(3), Art. 13(2)(c)", severity=BLOCK)


def _hidden(wording: Wording, language: str) -> Iterator[Finding]:
    """Characters that nobody sees are approved and hashed like any other: none may be there."""
    for part in [Part(TITLE, wording.title), *parts(wording.body)]:
        for match in HIDDEN.finditer(part.heading + part.body):
            reason, seen = gettext_noop("A character that cannot be seen."), f"U+{ord(match.group()):04X}"
            place = plain(part.where)
            yield found(language, "hidden_characters", place, reason, "Art. 5(1)(a)", quote=seen, severity=BLOCK)


def _quote(sentence: str, match: re.Match[str]) -> str:
    """The sentence, or of a long one what stands around the match."""
    if len(sentence) <= QUOTED:
        return sentence
    start = max(0, min(match.start() - 40, len(sentence) - QUOTED))
    cut = sentence[start : start + QUOTED]
    return f"{'… ' if start else ''}{cut.strip()}{' …' if start + QUOTED < len(sentence) else ''}"


@cache
def _compiled(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)
