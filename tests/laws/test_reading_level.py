"""The portal's own words are as plain as a notice has to be (Art. 12(1)): pages, mails and forms, in each language.

Read by the formula of the language (`consent/notices/readability.py`). A page as a whole has to be plain, which is 60
and more: Flesch's "standard" English, read with ease by people of 13 to 15; Amstad's and Kandel and Moles' formulas
were made so that the same numbers say the same of German and French. Terms a reader cannot be spared (recovery codes,
Authentifizierung) are paid for by short sentences around them. None has more words than a notice's may have.

Under 20 words the score tells more of a single long word than of the page: such pages are read together, as one text.
Labels and buttons are no sentences, and values put into a sentence are left out of it.
"""

import re
from collections import defaultdict
from functools import cache

import pytest

from consent.notices.readability import LONG_SENTENCE_WORDS, reading
from consent.notices.text import sentences, words
from tests.browser.catalogue import LANGUAGES, ROOT, entries, sources, strings

PLAIN = 60
ENOUGH_WORDS = 20
FOR_STAFF = {"admin", "docs", "desk", "qa", "audit_desk"}
"""Folders of templates and code that only staff and developers read."""
WORDS = re.compile(r"(?<!desk_)words\.py|forms\.py")
"""Code whose strings stand on pages of the portal; other code raises errors and speaks to staff."""
VALUE = re.compile(r"%(?:\(\w+\))?[sd]")
SENTENCE = re.compile(r"[.!?:…]$")


@cache
def pages() -> dict[str, frozenset[str]]:
    """The strings of each page, mail (subject, text and HTML together) or module."""
    found: dict[str, set[str]] = defaultdict(set)
    for path in sources():
        name = path.relative_to(ROOT)
        if not FOR_STAFF & set(name.parts) and (path.suffix != ".py" or WORDS.search(path.name)):
            found[str(name.with_suffix("")).removesuffix(".subject")] |= strings(path)
    return {name: frozenset(said) for name, said in found.items()}


def texts(language: str) -> dict[str, str]:
    """The sentences of each page, those of short pages under one name."""
    known = entries(language) if language in LANGUAGES else {}
    found: dict[str, str] = defaultdict(str)
    for name, said in pages().items():
        text = "\n\n".join(filter(None, (_prose(known.get(each, "") if known else each) for each in sorted(said))))
        found[name if len(words(text)) >= ENOUGH_WORDS else "short pages"] += f"\n\n{text}"
    return found


def _prose(said: str) -> str:
    """The string without its values; nothing where it is no sentence."""
    text = " ".join(VALUE.sub("", said).split())
    return text if SENTENCE.search(text) and len(words(text)) > 3 else ""


def hard(read: dict[str, str], language: str) -> list[str]:
    """What has to be written anew: pages below the level with their score, and sentences that are too long."""
    scores = {name: reading(text, language).score for name, text in read.items()}
    below = [f"{name}: {score:.0f}" for name, score in sorted(scores.items()) if score is not None and score < PLAIN]
    every = [(name, each) for name, text in read.items() for each in sentences(text)]
    return below + [f"{name}: {each}" for name, each in every if len(words(each)) > LONG_SENTENCE_WORDS]


@pytest.mark.parametrize("language", ["en", *LANGUAGES])
def test_every_page_is_plain(language: str) -> None:
    read = texts(language)
    assert len(read) > 60 and {"templates/home", "templates/email/factor_added", "erasure/forms"} <= set(read)
    assert hard(read, language) == []


OFFICIALESE = {
    "en": "Notwithstanding the foregoing, individuals may exercise applicable entitlements regarding information.",
    "de": "Unbeschadet vorstehender Bestimmungen können Betroffene datenschutzrechtliche Ansprüche geltend machen.",
    "fr": "Nonobstant les dispositions précédentes, les personnes concernées exercent leurs prérogatives applicables.",
}


@pytest.mark.parametrize("language", sorted(OFFICIALESE))
def test_officialese_and_endless_sentences_are_found(language: str) -> None:
    assert hard({"a page": OFFICIALESE[language]}, language)[0].startswith("a page: ")
    endless = "Go in " + "and go on " * 10 + "out."
    assert hard({"a page": endless}, "en") == [f"a page: {endless}"]


def test_labels_and_values_are_no_prose() -> None:
    assert _prose("Look again how far it is") == _prose("Done.") == ""
    assert _prose("%(name)s asks you by %(due)s to answer.") == "asks you by to answer."
