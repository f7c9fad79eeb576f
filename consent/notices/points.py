"""Whether a notice says what Art. 13 asks for, in every language. Pure.

What is lacking is said in the language in force.

A body is plain text in sections: a line `## Heading`, then its words. Each point of Art. 13 has its heading in each
language; a section counts when words stand under it.
"""

import re
from collections.abc import Mapping

from django.conf import settings
from django.utils.translation import get_language
from django.utils.translation import gettext as _

LANGUAGES = ("en", "de", "fr")

HEADINGS: dict[str, dict[str, str]] = {
    "controller": {
        "en": "Who is responsible",
        "de": "Wer verantwortlich ist",
        "fr": "Qui est responsable",
    },
    "officer": {
        "en": "Data protection officer",
        "de": "Datenschutzbeauftragte Person",
        "fr": "Délégué à la protection des données",
    },
    "purpose": {
        "en": "What for, and on what legal ground",
        "de": "Wofür und auf welcher Rechtsgrundlage",
        "fr": "Pour quoi, et sur quelle base légale",
    },
    "interests": {
        "en": "Our legitimate interest",
        "de": "Unser berechtigtes Interesse",
        "fr": "Notre intérêt légitime",
    },
    "recipients": {"en": "Who receives the data", "de": "Wer die Daten erhält", "fr": "Qui reçoit les données"},
    "transfers": {
        "en": "Transfers to third countries",
        "de": "Übermittlung in Drittländer",
        "fr": "Transferts vers des pays tiers",
    },
    "retention": {"en": "How long we keep it", "de": "Wie lange wir speichern", "fr": "Durée de conservation"},
    "rights": {"en": "Your rights", "de": "Ihre Rechte", "fr": "Vos droits"},
    "withdrawal": {
        "en": "Withdrawing your consent",
        "de": "Widerruf Ihrer Einwilligung",
        "fr": "Retrait de votre consentement",
    },
    "objection": {"en": "Your right to object", "de": "Ihr Widerspruchsrecht", "fr": "Votre droit d'opposition"},
    "complaint": {"en": "Complaints", "de": "Beschwerde", "fr": "Réclamation"},
    "obligation": {
        "en": "Whether you must provide the data",
        "de": "Ob Sie die Daten bereitstellen müssen",
        "fr": "Caractère obligatoire ou non",
    },
    "automated": {
        "en": "Automated decisions",
        "de": "Automatisierte Entscheidungen",
        "fr": "Décisions automatisées",
    },
}
ARTICLES = {
    "controller": "Art. 13(1)(a)",
    "officer": "Art. 13(1)(b)",
    "purpose": "Art. 13(1)(c)",
    "interests": "Art. 13(1)(d)",
    "recipients": "Art. 13(1)(e)",
    "transfers": "Art. 13(1)(f)",
    "retention": "Art. 13(2)(a)",
    "rights": "Art. 13(2)(b)",
    "withdrawal": "Art. 13(2)(c)",
    "objection": "Art. 21(4)",
    "complaint": "Art. 13(2)(d)",
    "obligation": "Art. 13(2)(e)",
    "automated": "Art. 13(2)(f)",
}
_OBJECTION_BASES = frozenset({"public_task", "legitimate_interests"})


def points(basis: str, is_marketing: bool = False) -> tuple[str, ...]:
    """The points a notice must contain on this basis, in the order they are written."""
    left_out = set()
    if basis != "legitimate_interests":
        left_out.add("interests")
    if basis != "consent":
        left_out.add("withdrawal")
    if basis not in _OBJECTION_BASES and not is_marketing:
        left_out.add("objection")
    return tuple(point for point in HEADINGS if point not in left_out)


def sections(body: str) -> dict[str, str]:
    """Heading to the words under it."""
    parts = re.split(r"^## +(.+?)\s*$", body, flags=re.MULTILINE)
    return {heading: words.strip() for heading, words in zip(parts[1::2], parts[2::2], strict=True)}


def points_made(body: str, language: str) -> dict[str, str]:
    """The points this body makes, each with its words."""
    found = sections(body)
    words = {point: found.get(headings.get(language, ""), "") for point, headings in HEADINGS.items()}
    return {point: said for point, said in words.items() if said}


def lacking(body: str, language: str, basis: str, is_marketing: bool = False) -> list[str]:
    """The points this body does not make, each with its article and the heading it is looked for under; then the
    headings under which nothing stands."""
    found = sections(body)
    needed = {point: HEADINGS[point].get(language, "") for point in points(basis, is_marketing)}
    missing = [
        _('%(point)s (%(article)s), under "## %(heading)s"')
        % {"point": heading(point), "article": ARTICLES[point], "heading": sought}
        for point, sought in needed.items()
        if not found.get(sought)
    ]
    empty = [each for each, words in found.items() if not words and each not in needed.values()]
    return missing + [_('nothing stands under "## %(heading)s"') % {"heading": each} for each in empty]


def heading(point: str) -> str:
    """What a point is called, in the language in force."""
    return HEADINGS[point].get((get_language() or "en").split("-")[0], HEADINGS[point]["en"])


def skeleton(language: str) -> str:
    """The headings of a notice that rests on consent, for its author to write under."""
    return "\n\n".join(f"## {HEADINGS[point][language]}" for point in points("consent")) + "\n"


def flaws(texts: Mapping[str, str], basis: str, is_marketing: bool = False) -> list[str]:
    """The languages that lack, and the points that a language lacks; empty when the notice is complete."""
    there = {language: name for language, name in settings.LANGUAGES if texts.get(language, "").strip()}
    found = [_("%(language)s: no text") % {"language": name} for code, name in settings.LANGUAGES if code not in there]
    for language, name in there.items():
        found += [f"{name}: {point}" for point in lacking(texts[language], language, basis, is_marketing)]
    return found
