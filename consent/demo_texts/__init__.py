"""The wording of the demonstration catalogue, a module a language, and how a notice is put together from it."""

from collections.abc import Mapping
from types import ModuleType

from consent.demo_texts import de, en, fr
from consent.notices import points

LANGUAGES: dict[str, ModuleType] = {"en": en, "de": de, "fr": fr}


def titles(kind: str, slug: str) -> dict[str, str]:
    """The plain name of a component or purpose in every language; `kind` is `COMPONENTS` or `TITLES`."""
    return {language: getattr(words, kind)[slug] for language, words in LANGUAGES.items()}


def body(language: str, slug: str, basis: str, is_marketing: bool, controller: Mapping[str, str]) -> str:
    """The notice of a purpose: what it is in a sentence, then every point of Art. 13 that its basis asks for."""
    words = LANGUAGES[language]
    own: Mapping[str, str] = words.PURPOSES[slug]
    said: dict[str, str] = {**words.POINTS, **words.BY_BASIS[basis], **own}
    parts = [own["summary"]]
    for point in points.points(basis, is_marketing):
        heading = points.HEADINGS[point][language]
        text = said[point] if point != "purpose" else f"{own['summary']} {said['ground']}"
        if point == "rights":
            text = f"{said['rights']} {said['more_rights']}".strip()
        parts.append(f"## {heading}\n\n{text}")
    return "\n\n".join(parts).format_map(controller) + "\n"
