"""German and French are complete, whoever forgot to run `make messages`: a marked string without words fails (R25)."""

import re
from pathlib import Path

import pytest

from tests.browser.catalogue import LANGUAGES, entries, french, marked, missing, sources, strings

pytestmark = pytest.mark.xdist_group(__name__)  # reading every template takes seconds


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_marked_string_of_code_and_templates_is_translated(language: str) -> None:
    assert len(marked()) > 500
    assert missing(language) == [], "run `make messages`, then give these their words"


def test_french_is_set_with_spaces_at_which_no_line_breaks() -> None:
    assert french("Vraiment ? Oui : « non » ; 10:30, https://x !") == (
        "Vraiment\u202f? Oui\xa0: «\xa0non\xa0»\u202f; 10:30, https://x\u202f!"
    )
    loose = [words for words in entries("fr").values() if french(words) != words]
    assert loose == [], "run `make messages`"


def test_strings_are_found_in_templates_and_code(tmp_path: Path) -> None:
    template, code = tmp_path / "page.html", tmp_path / "code.py"
    template.write_text(
        "{% load i18n %}{% translate 'New' %}{% blocktranslate count n=n %}One{% plural %}Many{% endblocktranslate %}"
        "{% blocktranslate with a=b %}Hello {{ a }}{% endblocktranslate %}{% include 'x.html' with y=_('Named') %}"
    )
    code.write_text("from x import gettext as _\n_('Said'); ngettext('One file', 'Files', 2); other('Not')")
    assert {"One", "Hello %(a)s", "Named"} < strings(template) and len(strings(template)) == 4
    assert strings(code) == {"Said", "One file"}


def test_templates_speak_no_unmarked_words() -> None:
    """Words between tags of a page that nobody marked; pages for developers and the desk's own codes aside."""
    found = []
    for path in sources():
        if path.suffix != ".html" or {"docs"} & set(path.parts) or path.name == "500.html":
            continue
        text = re.sub(
            r"{% comment %}.*?{% endcomment %}|<style>.*?</style>|<script.*?</script>",
            "",
            path.read_text("utf-8"),
            flags=re.DOTALL,
        )
        text = re.sub(r"{% blocktranslate.*?{% endblocktranslate %}", "", text, flags=re.DOTALL)
        text = re.sub(r"{[%{].*?[%}]}", "", text, flags=re.DOTALL)
        found += [f"{path.name}: {words}" for words in re.findall(r">\s*([A-Za-z][A-Za-z ]{3,}[^<>]*)<", text)]
    assert found == []
