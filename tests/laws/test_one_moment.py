"""Key and cells of one moment: whoever takes a person's key and opens with it goes through `vault.open_cells`.

A reader with two statements of its own meets an erasure between them and reports tampering where there is none.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
APPS = ("access", "audit", "subjects", "consent", "erasure", "gdpr_portal")
RENEWED = "no erasure keeps anything under it, and a renewed key opens what the row had when it was read before the key"
NEVER_REPLACED = {
    "access/services/accounts.py:account_email": RENEWED,
    "access/services/factors.py:_secret": RENEWED,
    "access/services/passkeys.py:_opened": RENEWED,
    "access/services/passkeys.py:passkeys_of": RENEWED,
    "access/views/enrolment.py:recovery": RENEWED,
    "erasure/services/identity.py:look": RENEWED + "; else it goes with the file",
    "erasure/holdings/cases.py:_identity": RENEWED + "; else it goes with the file",
}
TAKES, OPENS = frozenset({"subject_key"}), frozenset({"open", "open_stream", "opened", "opened_file"})


def offenders(source: str) -> Iterator[str]:
    """The functions that take a key and open something with it themselves."""
    for function in ast.walk(ast.parse(source)):
        if isinstance(function, ast.FunctionDef):
            called = {name for node in ast.walk(function) if isinstance(node, ast.Call) for name in _name(node.func)}
            if called & TAKES and called & OPENS:
                yield function.name


def _name(called: ast.expr) -> Iterator[str]:
    if isinstance(called, ast.Name | ast.Attribute):
        yield called.id if isinstance(called, ast.Name) else called.attr


def test_the_law_sees_who_breaks_it() -> None:
    assert list(offenders("def read(row):\n    return vault.subject_key(row.owner).open(place, row.sealed)")) == [
        "read"
    ]
    assert not list(offenders("def write(row):\n    return vault.subject_key(row.owner).seal(place, words)"))


def test_nobody_opens_with_a_key_of_another_moment_but_those_with_a_reason() -> None:
    found = {
        f"{path.relative_to(ROOT)}:{name}"
        for app in APPS
        for path in (ROOT / app).rglob("*.py")
        for name in offenders(path.read_text(encoding="utf-8"))
    }
    assert found == NEVER_REPLACED.keys()
