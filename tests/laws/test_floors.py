"""Imports go down only (docs/house.md), and the check that says so would notice."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

FLOORS = ("gdpr_portal", "erasure", "consent", "subjects", "access", "vault", "audit")


def lint(where: Path) -> subprocess.CompletedProcess[str]:
    """The contracts of `where`, judged as `make imports` does."""
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=where, capture_output=True, text=True, check=False, timeout=600)


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """The floors and their contracts, in a place where a test may break them."""
    for floor in FLOORS:
        shutil.copytree(repository / floor, tmp_path / floor, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(repository / ".importlinter", tmp_path)
    return tmp_path


def test_every_import_goes_down(repository: Path) -> None:
    judged = lint(repository)
    assert judged.returncode == 0, judged.stdout
    assert "0 broken" in judged.stdout


@pytest.mark.parametrize(
    ("module", "line", "broken"),
    [
        ("audit/services.py", "import subjects.models", "audit.services -> subjects.models"),
        ("subjects/cells.py", "from cryptography.hazmat.primitives import hashes", "cryptography"),
        ("gdpr_portal/wake.py", "import erasure.tasks", "gdpr_portal.wake -> erasure.tasks"),
        ("consent/decide.py", "from gdpr_portal import urls", "consent.decide -> gdpr_portal.urls"),
    ],
)
def test_one_import_upwards_is_noticed(copy: Path, module: str, line: str, broken: str) -> None:
    file = copy / module
    file.write_text(f"{file.read_text()}\n{line}\n")
    judged = lint(copy)
    assert judged.returncode == 1
    assert broken in judged.stdout


def test_the_contracts_name_every_app_of_ours(repository: Path) -> None:
    from django.apps import apps

    ours = {config.name for config in apps.get_app_configs() if Path(config.path).parent == repository}
    assert ours == set(FLOORS)
