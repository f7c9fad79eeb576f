"""German and French are complete: every string has a translation with the same placeholders."""

import gettext
import re
from pathlib import Path

import pytest
from django.conf import settings

LANGUAGES = ("de", "fr")
PLACEHOLDER = re.compile(r"%\(\w+\)[sd]")


def catalogue(language: str) -> dict[str, str]:
    """Message to translation; plurals by their singular."""
    path = Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.mo"
    with path.open("rb") as file:
        found = gettext.GNUTranslations(file)._catalog  # type: ignore[attr-defined]
    return {key if isinstance(key, str) else key[0]: text for key, text in found.items() if key}


def messages(language: str) -> list[str]:
    """Every message of the source catalogue."""
    text = (Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po").read_text("utf-8")
    blocks = re.findall(r'^msgid ((?:".*"\n)+)', text, re.MULTILINE)
    found = ["".join(re.findall(r'"(.*)"', block)) for block in blocks]
    return [each.replace('\\"', '"').replace("\\n", "\n") for each in found if each]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_string_is_translated_and_none_is_fuzzy(language: str) -> None:
    translated, wanted = catalogue(language), messages(language)
    assert len(wanted) > 400
    assert [each for each in wanted if not translated.get(each)] == []
    assert "fuzzy" not in (Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po").read_text()


@pytest.mark.parametrize("language", LANGUAGES)
def test_placeholders_survive_translation(language: str) -> None:
    differing = [
        message
        for message, text in catalogue(language).items()
        if set(PLACEHOLDER.findall(message)) != set(PLACEHOLDER.findall(text))
    ]
    assert differing == []


@pytest.mark.parametrize("language", LANGUAGES)
def test_several_are_not_spoken_of_as_one(language: str) -> None:
    text = (Path(settings.BASE_DIR) / "locale" / language / "LC_MESSAGES" / "django.po").read_text("utf-8")
    pairs = re.findall(r'^msgstr\[0\] (".*")\nmsgstr\[1\] (".*")', text, re.MULTILINE)
    assert len(pairs) > 20
    assert [one for one, several in pairs if one == several] == []


def test_every_string_of_the_account_pages_is_in_the_catalogue() -> None:
    folders = [Path(settings.BASE_DIR) / "templates" / name for name in ("access", "components", "errors", "email")]
    used = set()
    for folder in folders:
        for path in folder.rglob("*.*"):
            used |= set(re.findall(r'{% translate "([^"]+)"', path.read_text("utf-8")))
    assert len(used) > 150
    assert sorted(used - set(messages("de"))) == []
