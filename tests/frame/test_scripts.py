"""Our own scripts and pages do nothing that browsers are asked not to (OWASP ASVS 3.2, 3.5, 3.6, 14.3.3, 15.3.6)."""

import re
from pathlib import Path

import pytest

UNSAFE = {
    "words shown as markup": r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|createContextualFragment",
    "words run as a script": r"\beval\b|new Function|setTimeout\(\s*[\"'`]|setInterval\(\s*[\"'`]",
    "messages of other windows": r"postMessage|[\"']message[\"']|onmessage",
    "anything kept in the browser": r"localStorage|sessionStorage|indexedDB|document\.cookie|caches\.",
    "names looked up as members of the page": r"\bdocument\.(?!addEventListener|querySelector|getElementById|hidden"
    r"|body|documentElement|createElement)\w+|\bwindow\[|window\.\w+\s*=[^=]",
    "names looked up by what came from outside": r"__proto__|\.prototype\b|Object\.assign\(|\bfor \(const \w+ in ",
    "a variable of nobody": r"^\s*var\b",
}
ELSEWHERE = re.compile(
    r"<(?:script|link|img|iframe|object|embed)\b[^>]*\b(?:src|href)=[\"'](?:https?:)?//", re.IGNORECASE
)
OLD = re.compile(r"<(?:applet|object|embed|frame|marquee)\b", re.IGNORECASE)


def ours(repository: Path) -> list[Path]:
    return sorted((repository / "static").glob("*.js")) + sorted((repository / "static/docs").glob("*.js"))


def flaws(script: str) -> list[str]:
    return [what for what, pattern in UNSAFE.items() if re.search(pattern, script, re.MULTILINE)]


def test_scripts_of_ours_do_none_of_it(repository: Path) -> None:
    assert len(ours(repository)) >= 2
    for script in ours(repository):
        text = script.read_text()
        assert '"use strict";' in text, script
        assert flaws(text) == [], script


@pytest.mark.parametrize(
    "bad",
    [
        "box.innerHTML = name;", "eval(words);", "window.addEventListener('message', f);", "localStorage.setItem(a, b)",
        "document.cookie", "const form = document.login;", "target[key].__proto__ = 1", "var a = 1;",
    ],
)  # fmt: skip
def test_each_would_be_noticed(bad: str) -> None:
    assert flaws(bad), bad


def test_pages_load_nothing_from_elsewhere_and_nothing_browsers_gave_up(repository: Path) -> None:
    pages = sorted((repository / "templates").rglob("*.html"))
    assert len(pages) > 50
    assert [page for page in pages if ELSEWHERE.search(page.read_text())] == []
    assert [page for page in pages if OLD.search(page.read_text())] == []
    assert ELSEWHERE.search('<script src="https://cdn.example/a.js">')


def test_no_answer_is_made_for_a_script_of_another_site(repository: Path) -> None:
    """No JSONP: nothing of ours takes the name of a function."""
    sources = [
        path
        for floor in ("access", "consent", "erasure", "gdpr_portal", "subjects")
        for path in (repository / floor).rglob("*.py")
    ]
    assert [
        path
        for path in sources
        if re.search(r"\bjsonp\b|[\"'](?:callback|jsoncallback)[\"']", path.read_text(), re.IGNORECASE)
    ] == []
    assert list((repository / "templates").rglob("*.js")) == [], "no script is made with anybody's data"
