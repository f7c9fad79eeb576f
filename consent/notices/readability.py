"""How easy a text is to read, by the formula made for its language, and its longest sentences. Pure.

0 is very hard, 100 very easy; w is words a sentence, s is syllables a word.
* en: 206.835 - 1.015 w - 84.6 s. R. Flesch, A new readability yardstick, Journal of Applied Psychology 32 (1948).
* de: 180 - w - 58.5 s. T. Amstad, Wie verständlich sind unsere Zeitungen?, Zurich (1978).
* fr: 207 - 1.015 w - 73.6 s. L. Kandel and A. Moles, Application de l'indice de Flesch à la langue française (1958).
The bands are Flesch's. Syllables are counted by rules of spelling, right for some nine words in ten (see the tests);
no word list and no library is needed. A score says nothing of what a text says: it is a hint (Art. 12(1)).
"""

import re
from dataclasses import dataclass

from django.utils.translation import gettext, gettext_noop

from consent.notices.findings import WHOLE, Finding, found
from consent.notices.text import paragraphs, parts, sentences, words

SOURCE = "Art. 12(1); WP260 rev.01, Clear and plain language"
LONG_SENTENCE_WORDS = 30
_SHOWN = 3
_FORMULAS = {"en": (206.835, 1.015, 84.6), "de": (180.0, 1.0, 58.5), "fr": (207.0, 1.015, 73.6)}
NAMES = {"en": "Flesch", "de": "Amstad", "fr": "Kandel-Moles"}
BANDS = (
    (80.0, gettext_noop("easy")),
    (60.0, gettext_noop("plain")),
    (50.0, gettext_noop("fairly difficult")),
    (30.0, gettext_noop("difficult")),
    (float("-inf"), gettext_noop("very difficult")),
)
"""From this score on, what it is called."""

_VOWELS = re.compile(r"[aeiouyàâäáåãæéèêëíîïìóôöòõøœúûüùÿ]+")
_DE = re.compile(r"äu|eu|ei|ai|au|ie(?!n\b)|ey|ay|oo|aa|ee|oe(?=h)|[aeiouyäöüéè]")
_FR = re.compile(r"eau|ou|[aeou]i|au|eu|œu|[aeiouyàâæéèêëîïôœùûüÿ]")
_EN_HIATUS = re.compile(
    r"(?<![ctsg])ia|(?<![ctgsx])iou|(?<![ct])ien[ct]|^scien|ie(?=t\b)|(?<![ctsgx])io(?!u)|(?:ar|id|rop)ea|(?<=cr)ea(?=t)"
    r"|iu|ua(?=[lt])|[eoy]ing\b|(?<=pp)ier\b"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """How one language reads. `score` is None for a text without sentences."""

    language: str
    words: int
    sentences: int
    score: float | None
    longest: tuple[str, ...] = ()

    @property
    def formula(self) -> str:
        return NAMES[self.language]

    @property
    def band(self) -> str:
        """The score in a word or two."""
        if self.score is None:
            return ""
        return gettext(next(name for least, name in BANDS if self.score >= least))


def reading(body: str, language: str) -> Reading:
    """The score of a body without its headings, and its longest sentences."""
    said = [sentence for part in parts(body) for piece in paragraphs(part.body) for sentence in sentences(piece)]
    spoken = [word for sentence in said for word in words(sentence)]
    longest = sorted(said, key=lambda sentence: -len(words(sentence)))[:_SHOWN]
    return Reading(
        language=language, words=len(spoken), sentences=len(said), longest=tuple(longest),
        score=_score(len(said), spoken, language) if spoken else None,
    )  # fmt: skip


def warnings(read: Reading, threshold: int) -> list[Finding]:
    """What a reviewer should read again: a score under the threshold, and sentences of more than 30 words."""
    every = []
    if read.score is not None and read.score < threshold:
        reason = gettext_noop("The score is %(score)s, below %(threshold)s.")
        about: dict[str, str | int] = {"score": round(read.score), "threshold": threshold}
        every.append(found(read.language, "reading.hard", WHOLE, reason, SOURCE, about=about))
    for sentence in read.longest:
        if (count := len(words(sentence))) > LONG_SENTENCE_WORDS:
            reason = gettext_noop("A sentence of %(count)s words.")
            every.append(
                found(read.language, "reading.long", WHOLE, reason, SOURCE, quote=sentence, about={"count": count})
            )
    return every


def syllables(word: str, language: str) -> int:
    """The syllables of one word, by its spelling; at least one."""
    count = {"en": _english, "de": _german, "fr": _french}[language]
    return sum(max(1, count(piece)) for piece in re.split(r"['’-]", word.lower()) if _VOWELS.search(piece)) or 1


def _score(sentence_count: int, spoken: list[str], language: str) -> float:
    base, by_words, by_syllables = _FORMULAS[language]
    spelt = sum(syllables(word, language) for word in spoken)
    return base - by_words * len(spoken) / sentence_count - by_syllables * spelt / len(spoken)


def _english(word: str) -> int:
    """Groups of vowels, and those that are spoken apart, without the silent e at the end."""
    word = word.replace("qu", "q")
    count = len(_VOWELS.findall(word)) + len(_EN_HIATUS.findall(word))
    if re.search(r"[^aeiouyl]e$|[^aeiouycgsxz]es$|[aeiouy]le$|[^aeiouytd]ed$|[aeiouy]ed$", word) and count > 1:
        count -= 1
    return count


def _german(word: str) -> int:
    """Single vowels and diphthongs; other vowels side by side are spoken apart (`Situation` has five)."""
    return len(_DE.findall(re.sub(r"qu", "q", word)))


def _french(word: str) -> int:
    """Vowels and their digraphs; i, u, y glide into the vowel after them; the e at the end is silent."""
    spelt = re.sub(r"(?<=[aeou])y(?=[aeoéè])", "j", re.sub(r"qu|gu(?=[eiéè])", "q", word))
    spoken = re.sub(r"(?<=[^aeiouy])es?$|(?<=[^aeiouym])ent$|(?<=[iuyéè])es?$", "", spelt)
    spoken = re.sub(r"(?<=[^aeou])[iy](?=[aeoéèê])", "", spoken) or word
    return len(_FR.findall(spoken))
