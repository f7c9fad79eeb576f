"""Everything that can be said of a notice by reading it, in one value. Pure.

`blocks` keep it from review; `warnings` are what the reviewer acknowledges, bound by `acknowledgement`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from django.utils.translation import gettext_noop

from consent.notices import diff
from consent.notices.contents import thin
from consent.notices.diff import LanguageDiff, Wording
from consent.notices.findings import WHOLE, Finding, blocking, digest_of, found, warning
from consent.notices.lint import lint
from consent.notices.parity import SOURCE, parity
from consent.notices.points import ARTICLES, HEADINGS, LANGUAGES, heading, points, sections
from consent.notices.readability import Reading, reading, warnings
from consent.notices.text import OPENING, parts

MADE, THIN, MISSING = "made", "thin", "missing"
MATERIAL = frozenset({"controller", "purpose", "interests", "recipients", "transfers"})
"""Points whose change is one of substance: consent to the old wording does not cover the new (R12)."""


@dataclass(frozen=True, slots=True)
class Point:
    """One point of Art. 13 in every language: `made`, `thin` (its words are lacking) or `missing`."""

    name: str
    article: str
    state: dict[str, str]

    @property
    def heading(self) -> str:
        """What it is called, in the language in force."""
        return heading(self.name)


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """What is read: the wording in each language, what it is for, and the live wording it would replace."""

    texts: Mapping[str, Wording]
    basis: str
    is_marketing: bool = False
    is_major: bool = True
    live: Mapping[str, Wording] | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Report:
    """What the reviewer is shown. `diff` is None when no version is live."""

    points: list[Point]
    findings: list[Finding]
    readings: list[Reading]
    diff: list[LanguageDiff] | None

    @property
    def blocks(self) -> list[Finding]:
        return blocking(self.findings)

    @property
    def warnings(self) -> list[Finding]:
        return warning(self.findings)

    @property
    def acknowledgement(self) -> str:
        """What acknowledging these warnings is bound to; empty when there are none."""
        return digest_of(self.warnings)

    @property
    def labels(self) -> list[str]:
        """The warnings as the audit log keeps them, each once."""
        return sorted({finding.label for finding in self.warnings})


def report(notice: Notice, *, threshold: int) -> Report:
    """Everything the checks say; `threshold` is the readability score from which on none is warned of."""
    written = {language: notice.texts[language] for language in LANGUAGES if language in notice.texts}
    readings = [reading(wording.body, language) for language, wording in written.items()]
    every = [*parity(notice.texts), *unannounced(notice), *left_behind(notice)]
    for language, wording in written.items():
        every += lint(wording, language, notice.basis)
        every += thin(wording.body, language, notice.basis, notice.is_marketing)
    for each in readings:
        every += warnings(each, threshold)
    return Report(
        points=_points(notice, every), findings=sorted(every, key=_place), readings=readings,
        diff=None if notice.live is None else diff.languages(notice.live, notice.texts),
    )  # fmt: skip


def unannounced(notice: Notice) -> list[Finding]:
    """A version that is called minor and yet changes what consent was given to, in any language."""
    if notice.is_major or notice.live is None:
        return []
    reason = gettext_noop(
        "A minor version changes this: nobody would be asked again. A change of substance is a major version."
    )
    source = "Art. 5(1)(b); EDPB 05/2020, 5.1"
    return [
        found(language, "minor_but_material", where, reason, source)
        for language, wording in notice.texts.items()
        if language in notice.live and language in LANGUAGES
        for where in _changed(notice.live[language].body, wording.body, language)
    ]


def left_behind(notice: Notice) -> list[Finding]:
    """Languages whose text is the live one to the letter, while that of another changed."""
    known = [language for language in LANGUAGES if language in notice.texts and language in (notice.live or {})]
    same = [language for language in known if notice.live and notice.texts[language] == notice.live[language]]
    changed = ", ".join(language for language in known if language not in same)
    reason = gettext_noop("Nothing changed here, but something did in: %(changed)s.")
    return [
        found(language, "left_behind", WHOLE, reason, SOURCE, about={"changed": changed})
        for language in (same if changed else [])
    ]


def _changed(old: str, new: str, language: str) -> list[str]:
    headings = [HEADINGS[point][language] for point in HEADINGS if point in MATERIAL]
    before, after = ({part.where: part.body for part in parts(body)} for body in (old, new))
    return [where for where in (OPENING, *headings) if before.get(where) != after.get(where)]


def _points(notice: Notice, findings: list[Finding]) -> list[Point]:
    thinly = {(finding.language, finding.code) for finding in findings}
    said = {language: sections(wording.body) for language, wording in notice.texts.items()}

    def state(point: str, language: str) -> str:
        if not said.get(language, {}).get(HEADINGS[point][language]):
            return MISSING
        return THIN if (language, f"thin.{point}") in thinly else MADE

    needed = points(notice.basis, notice.is_marketing)
    return [
        Point(point, ARTICLES[point], {language: state(point, language) for language in LANGUAGES}) for point in needed
    ]


def _place(finding: Finding) -> tuple[str, int]:
    """Blocks first, then by language; within one, as found."""
    return finding.severity, (*LANGUAGES, finding.language).index(finding.language)
