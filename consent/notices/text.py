"""The text of a notice taken apart: parts under headings, paragraphs, sentences, words. Pure."""

import re
import unicodedata
from typing import NamedTuple

from django.utils.translation import gettext_noop

OPENING, TITLE = gettext_noop("the opening"), gettext_noop("the title")
"""Where something stands that stands under no heading."""

HIDDEN = re.compile("[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]")
"""Controls, characters without width, and those that turn the direction: what is read is not what is hashed."""

_HEADING = re.compile(r"^## +(.+?)\s*$", re.MULTILINE)
_WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
_END = re.compile(r"(?<=[.!?…])[\"”»’)]*\s+(?=[\"“„«(]?[^\W\d_a-z])|\n{2,}|\n(?=[-*•] )")
_SHORT = (
    "art abs buchst lit nr no par para sec bzw ggf etc inc ltd dr mr mrs mme st str tel ca vgl cf env max min"
    " z.b z._b d.h d._h u.a u._a e.g i.e p.ex p._ex"
)
_NOT_AN_END = re.compile(
    r"(?:\b(?:"
    + "|".join(re.escape(name).replace("_", " ") for name in _SHORT.split())
    + r")|\b\d{1,2}|\b[a-zA-Z])\.$",
    re.IGNORECASE,
)


class Part(NamedTuple):
    """What stands under one heading; the opening has none."""

    heading: str
    body: str

    @property
    def where(self) -> str:
        return self.heading or OPENING


def parts(body: str) -> list[Part]:
    """The opening, then every part under its heading, in order. A repeated heading is a part of its own."""
    pieces = _HEADING.split(body)
    headed = [Part(heading, words.strip()) for heading, words in zip(pieces[1::2], pieces[2::2], strict=True)]
    opening = pieces[0].strip()
    return [Part("", opening), *headed] if opening else headed


def paragraphs(body: str) -> list[str]:
    """What blank lines keep apart."""
    return [piece.strip() for piece in re.split(r"\n\s*\n", body) if piece.strip()]


def sentences(body: str) -> list[str]:
    """The sentences of a text without headings. `Art. 6`, `1. März` and initials end none."""
    found: list[str] = []
    start = 0
    for end in _END.finditer(body):
        piece = body[start : end.start()].rstrip()
        if "\n" not in end.group() and _NOT_AN_END.search(piece):
            continue
        found.append(body[start : end.end()])
        start = end.end()
    found.append(body[start:])
    return [" ".join(piece.split()) for piece in found if _WORD.search(piece)]


def words(text: str) -> list[str]:
    """The words, without numbers and signs; `don't` and `E-Mail` are one."""
    return _WORD.findall(text)


def plain(text: str) -> str:
    """As the lint reads it: one kind of apostrophe, hyphen and blank, composed letters, nothing invisible."""
    composed = unicodedata.normalize("NFKC", HIDDEN.sub("", text)).replace("\u00ad", "")
    composed = re.sub("[’‘ʼ´`]", "'", composed)
    return " ".join(re.sub("[‐‑]", "-", composed).split())
