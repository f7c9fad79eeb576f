"""`make messages`: the catalogues know every string of code and templates; and what stands in the source, for a test.

`makemessages` needs gettext. The strings of the source are found with Python alone, so that the test of the catalogues
runs everywhere: templates are turned into calls by Django's own `templatize`, calls are read from the syntax tree.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = sorted(path.parent.name for path in ROOT.glob("*/apps.py"))
LANGUAGES = ("de", "fr")
IGNORED = (".venv/*", ".run/*", ".test/*", "artefacts/*", "bench/*", "clients/*", "deploy/*", "docs/*", "tests/*")
CALLS = {"_", "gettext", "gettext_lazy", "gettext_noop", "ngettext", "ngettext_lazy", "pgettext", "pgettext_lazy"}
WITH_CONTEXT = {"pgettext", "pgettext_lazy"}


def sources() -> Iterator[Path]:
    """Every file whose strings people may read."""
    for app in APPS:
        yield from (path for path in sorted((ROOT / app).rglob("*.py")) if "migrations" not in path.parts)
    yield from (path for path in sorted((ROOT / "templates").rglob("*")) if path.suffix in {".html", ".txt"})


def strings(path: Path) -> set[str]:
    """The strings of one file that are marked for translation; of plurals, the singular."""
    text = path.read_text("utf-8")
    if path.suffix == ".py":
        return set(_called(ast.parse(text)))
    from django.utils.translation.template import templatize

    found = templatize(text, origin=str(path))
    return {words for call in re.finditer(r"\b(?:n?gettext|_)\(", found) if (words := _literal(found[call.end() :]))}


def _called(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and node.args:
            name = getattr(node.func, "id", getattr(node.func, "attr", ""))
            first = node.args[1 if name in WITH_CONTEXT and len(node.args) > 1 else 0]
            if name in CALLS and isinstance(first, ast.Constant) and isinstance(first.value, str):
                yield first.value


def _literal(text: str) -> str:
    """The string literal the text begins with."""
    literal = re.match(
        r"""u?(?:'{3}.*?'{3}|"{3}.*?"{3}|'(?:\\.|[^'\\])*'|"(?:\\.|[^"\\])*")""", text.lstrip(), re.DOTALL
    )
    return str(ast.literal_eval(literal[0].removeprefix("u"))) if literal else ""


@cache
def marked() -> frozenset[str]:
    """Every marked string of the source."""
    return frozenset(words for path in sources() for words in strings(path) if words.strip())


def entries(language: str) -> dict[str, str]:
    """msgid to msgstr of the source catalogue; plurals by their singular; a fuzzy entry counts as empty."""
    text = (ROOT / "locale" / language / "LC_MESSAGES" / "django.po").read_text("utf-8")
    found = {}
    for block in text.split("\n\n"):
        lines = [line for line in block.splitlines() if not line.startswith("#~")]
        source, target = _joined(lines, "msgid"), _joined(lines, "msgstr") or _joined(lines, "msgstr[0]")
        if source:
            found[source] = "" if any(line.startswith("#,") and "fuzzy" in line for line in lines) else target
    return found


def french(text: str) -> str:
    """As French is set: what stands before ? ! ; : » and after « is a space at which no line breaks."""
    text = re.sub(r" (?=[?!;](?:\W|$))", "\N{NARROW NO-BREAK SPACE}", text)
    return re.sub(r" (?=[:»](?:\W|$))|(?<=«) ", "\N{NO-BREAK SPACE}", text)


def _joined(lines: list[str], key: str) -> str:
    taken, inside = [], False
    for line in lines:
        if line.startswith(f"{key} "):
            inside, line = True, line.removeprefix(f"{key} ")
        elif not line.startswith('"'):
            inside = False
        if inside:
            taken.append(ast.literal_eval(line))
    return "".join(taken)


def missing(language: str) -> list[str]:
    """The strings of the source that have no translation, in the order of the alphabet."""
    known = entries(language)
    return sorted(words for words in marked() if not known.get(words))


def fill(language: str, words: dict[str, str | list[str]]) -> None:
    """Entries named here have these words (plurals a list); what gettext merely guessed (fuzzy) is empty again."""
    path = ROOT / "locale" / language / "LC_MESSAGES" / "django.po"
    head, *blocks = path.read_text("utf-8").strip().split("\n\n")
    set_as = french if language == "fr" else str
    path.write_text(
        "\n\n".join([head, *(_filled(block.splitlines(), words, set_as) for block in blocks)]) + "\n", "utf-8"
    )


def _filled(lines: list[str], words: dict[str, str | list[str]], set_as: Callable[[str], str]) -> str:
    given = words.get(_joined(lines, "msgid"))
    guessed = any(line.startswith("#,") and "fuzzy" in line for line in lines)
    if given is None and not guessed:
        begin = next((at for at, line in enumerate(lines) if line.startswith("msgstr")), len(lines))
        return "\n".join([*lines[:begin], *(set_as(line) for line in lines[begin:])])
    kept = [line.replace(", fuzzy", "") for line in lines if not line.startswith("#|")]
    end = next(at for at, line in enumerate(kept) if line.startswith("msgstr"))
    names = [line.split(" ")[0] for line in kept[end:] if line.startswith("msgstr")]
    values = given if isinstance(given, list) else [given or ""] * len(names)
    target = [
        f"{name} {json.dumps(set_as(text), ensure_ascii=False)}" for name, text in zip(names, values, strict=True)
    ]
    return "\n".join([*(line for line in kept[:end] if line != "#"), *target])


def main() -> int:
    """The catalogues are brought up and compiled, with the words of a file if one is named.

    The file is JSON: `{"English": {"de": "Deutsch", "fr": "français"}}`. What still lacks words is printed, and the
    exit code says so.
    """
    manage = [sys.executable, str(ROOT / "manage.py")]
    locales = [part for language in LANGUAGES for part in ("-l", language)]
    ignored = [part for pattern in IGNORED for part in ("-i", pattern)]
    extensions = ["-e", "py,html,txt", "--no-wrap", "--no-obsolete", "--add-location", "never", "-v", "0"]
    subprocess.run([*manage, "makemessages", *locales, *ignored, *extensions], cwd=ROOT, check=True)
    given = json.loads(Path(sys.argv[1]).read_text("utf-8")) if len(sys.argv) > 1 else {}
    for language in LANGUAGES:
        fill(language, {source: words[language] for source, words in given.items()})
    lacking = {language: missing(language) for language in LANGUAGES}
    for language, words in lacking.items():
        print(f"{language}: {len(words)} without translation in locale/{language}/LC_MESSAGES/django.po")
        print("".join(f"  {each}\n" for each in words), end="")
    subprocess.run([*manage, "compilemessages", *locales, "-v", "0"], cwd=ROOT, check=True)
    return 1 if any(lacking.values()) else 0


if __name__ == "__main__":
    import django
    from django.conf import settings

    if not settings.configured:
        settings.configure(USE_I18N=True)
        django.setup()
    sys.exit(main())
