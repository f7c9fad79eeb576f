"""docs/security-rules.md is true: its figures are the code's, every module that touches cryptography stands in it."""

import ast
import re
from pathlib import Path

import pytest
from django.conf import settings

from access import oauth, passwords
from access.rest import parsers
from access.services import factors, limits, mail_links, mailcodes
from erasure.connectors import pool
from erasure.services import files, place_tasks
from vault import keyring

CRYPTOGRAPHY = {"hashlib", "hmac", "secrets", "ssl", "cryptography", "fido2", "jwt"}
PACKED_IN_MEMORY = {"erasure/connectors/keys.py": {"pickle"}}
"""What a process packs for itself and opens again; nothing from a file, a row or the outside."""
FLOORS = ("access", "audit", "consent", "deploy", "erasure", "gdpr_portal", "subjects", "vault")


@pytest.fixture
def page(repository: Path) -> str:
    return (repository / "docs/security-rules.md").read_text()


def imports(source: str) -> set[str]:
    """The first words of what a module imports, wherever it does."""
    found = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            found.add((node.module or "").partition(".")[0])
    return found


def touching(repository: Path) -> set[str]:
    """The modules of ours that import anything of cryptography."""
    modules = [path for floor in FLOORS for path in (repository / floor).rglob("*.py")]
    return {str(path.relative_to(repository)) for path in modules if imports(path.read_text()) & CRYPTOGRAPHY}


def test_every_module_that_touches_cryptography_is_in_the_inventory(page: str, repository: Path) -> None:
    section = page.partition("## Cryptography")[2].partition("## Secrets")[0]
    named = set(re.findall(r"`([a-z_/0-9]+\.py)`", section))
    assert sorted(touching(repository) - named) == []
    assert [name for name in sorted(named) if not (repository / name).is_file()] == []


def test_a_new_one_is_noticed() -> None:
    assert imports("def f():\n    from hashlib import sha256") & CRYPTOGRAPHY
    assert not imports("from consent.digests import digest") & CRYPTOGRAPHY


def test_nothing_is_unpickled_evaluated_or_given_to_a_shell(repository: Path) -> None:
    """By name, in our own modules; ruff's security rules say the same of what is less plain."""
    for path in (path for floor in FLOORS for path in (repository / floor).rglob("*.py")):
        tree = ast.parse(path.read_text())
        unsafe = imports(path.read_text()) & {"pickle", "marshal", "shelve", "dill", "lxml"}
        assert unsafe <= PACKED_IN_MEMORY.get(str(path.relative_to(repository)), set()), path
        calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call)]
        assert not [c for c in calls if isinstance(c.func, ast.Name) and c.func.id in {"eval", "exec"}], path
        assert not [c for c in calls for k in c.keywords if k.arg == "shell" and ast.unparse(k.value) == "True"], path


def test_the_figures_are_the_codes(page: str) -> None:
    said = {
        "8 hours from the sign-in": settings.SESSION_COOKIE_AGE == 8 * 3600,
        "60 minutes": settings.SESSION_IDLE_SECONDS == 3600,
        "within 5 minutes": settings.STEP_UP_SECONDS == 300,
        "Twelve signs at least": settings.AUTH_PASSWORD_VALIDATORS[0]["OPTIONS"]["min_length"] == 12,
        "fewer than 8 letters and digits left": passwords.LEFT_OVER == 8,
        "passwords 5 free from one": limits.PASSWORD.free == 5,
        "and 50 from all": limits.PASSWORD_OF_ACCOUNT.free == 50,
        "codes 5 free": limits.FACTOR.free == 5,
        "60 tries an address, one given back every 5 s": (limits.ADDRESS.free, limits.ADDRESS.refill) == (60, 5),
        "Links die after ten guesses, mailed codes after five": (mail_links.TRIES, mailcodes.TRIES) == (10, 5),
        "refused after 20": settings.STAFF_REVEALS_AN_HOUR == 20,
        "a token of ten minutes": oauth.TOKEN_SECONDS == 600,
        "5 MiB a file": files.MOST_BYTES == 5 * 1024 * 1024,
        "3 an answer": place_tasks.MOST_FILES == 3,
        "1 MiB a body, 20 levels": (parsers.MOST_BYTES, parsers.MOST_LEVELS) == (1024 * 1024, 20),
        "8 kept, 30 s idle": (pool.MOST, pool.IDLE_SECONDS) == (8, 30),
        "HMAC-SHA-1 of RFC 6238": factors.STEP_SECONDS == 30,
    }
    assert [words for words in said if words not in page] == []
    assert [words for words, holds in said.items() if not holds] == []


PUBLIC = {"file.readline()[:len(digest)].upper() == digest", "error.code == 'bad_signature'"}
"""Compared letter by letter because everybody may know both sides."""


def test_no_secret_is_compared_letter_by_letter(repository: Path) -> None:
    """In the two rooms that hold secrets: `hmac.compare_digest` takes the same time wherever they differ."""
    words = re.compile(r"digest|\bmac\b|signature|\btag\b|token|secret|password", re.IGNORECASE)
    found = set()
    for path in (path for floor in ("access", "vault") for path in (repository / floor).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Compare) and isinstance(node.ops[0], ast.Eq | ast.NotEq):
                names = {ast.unparse(side) for side in (node.left, *node.comparators) if not is_plain(side)}
                if len(names) == 2 and any(words.search(name) for name in names):
                    found.add(ast.unparse(node))
    assert found - PUBLIC <= {"aead.key_version(bytes(sealed)) == providers.keyring().current('secrets')"}


def is_plain(side: ast.expr) -> bool:
    """Whether it is written there, or a length."""
    return isinstance(side, ast.Constant) or ast.unparse(side).startswith("len(")


def test_the_pipeline_lists_scans_and_signs_and_every_package_has_its_hash(repository: Path) -> None:
    deliver = (repository / ".github/workflows/deliver.yml").read_text()
    for step in ("sbom: true", "provenance: mode=max", "severity: HIGH,CRITICAL", 'exit-code: "1"', "cosign sign"):
        assert step in deliver, step
    assert "--require-hashes" in (repository / "Dockerfile").read_text()
    for name in ("requirements.txt", "requirements-dev.txt"):
        lock = (repository / name).read_text()
        packages = re.findall(r"^([a-z0-9-]+)==", lock, re.MULTILINE)
        assert packages and len(re.findall(r"^[a-z0-9-]+==[^\n]*\\\n    --hash=sha256:", lock, re.MULTILINE)) == len(
            packages
        )
        assert "index-url" not in lock and "git+" not in lock and "://" not in lock, "one index, the usual one"


def test_what_is_to_be_watched_is_in_the_lock_and_has_its_time_frames(page: str, repository: Path) -> None:
    section = page.partition("## Components of others")[2]
    lock = (repository / "requirements.txt").read_text()
    watched = re.findall(r"`([a-z0-9-]+)`", section.partition("| to be watched")[2].partition("**Dangerous")[0])
    assert len(watched) >= 10
    assert [name for name in watched if f"\n{name}==" not in f"\n{lock}"] == []
    assert "within 2 days if critical, 7 if high, 30" in section and "every month" in section


def test_every_kind_of_key_and_secret_has_its_date(page: str, repository: Path) -> None:
    section = page.partition("## Secrets and when they change")[2].partition("\n## ")[0]
    for kind in ("master", "index", "secrets", "receipts", "checkpoint", "`SECRET_KEY`", "database", "broker", "mail"):
        assert kind in section, kind
    for kind in keyring.KINDS:
        assert kind in section.lower(), kind
