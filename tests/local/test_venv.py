"""`deploy/local/venv.sh` makes the environment by the quickest Python there is: half of them take twice as long."""

import os
import subprocess
from pathlib import Path

FAKE = """#!/bin/sh
case "$1" in
-c) {paces} ;;
-m) {makes} ;;
esac
"""
MAKES = """mkdir -p "$4/bin"; echo {name} > "$4/made-by"
    for each in python pip; do printf '#!/bin/sh\\nexit 0\\n' > "$4/bin/$each"; chmod +x "$4/bin/$each"; done"""


def python(folder: Path, name: str, seconds: float | None, *, makes: bool = True) -> None:
    """A Python of this name that takes so long, None: of another version; not each can make an environment."""
    folder.mkdir(exist_ok=True)
    paces = "exit 1" if seconds is None else f"echo {seconds}"
    program = folder / name
    program.write_text(FAKE.format(paces=paces, makes=MAKES.format(name=name) if makes else "exit 1"))
    program.chmod(0o755)


def made(repository: Path, tmp_path: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [repository / "deploy" / "local" / "venv.sh", "requirements.txt"], capture_output=True, text=True, check=False,
        env={"PATH": f"{tmp_path / 'bin'}{os.pathsep}/usr/bin:/bin", "VENV": str(tmp_path / "venv")} | more,
    )  # fmt: skip


def by(tmp_path: Path) -> str:
    return (tmp_path / "venv" / "made-by").read_text().strip()


def test_the_quickest_makes_the_environment(repository: Path, tmp_path: Path) -> None:
    for name, seconds in (("python3", 0.02), ("python3.13", None), ("python3.12", 0.001), ("python3.11", 0.002)):
        python(tmp_path / "bin", name, seconds)
    done = made(repository, tmp_path)
    assert done.returncode == 0, done.stderr
    assert by(tmp_path) == "python3.12"


def test_one_name_that_leads_nowhere_ends_nothing(repository: Path, tmp_path: Path) -> None:
    python(tmp_path / "bin", "python3.12", 0.001)
    python(tmp_path / "bin", "python3.11", None)  # the last that is tried
    assert made(repository, tmp_path).returncode == 0
    assert by(tmp_path) == "python3.12"


def test_one_that_makes_none_is_passed_over(repository: Path, tmp_path: Path) -> None:
    python(tmp_path / "bin", "python3.12", 0.001, makes=False)
    python(tmp_path / "bin", "python3.11", 0.002)
    assert made(repository, tmp_path).returncode == 0
    assert by(tmp_path) == "python3.11"


def test_one_that_was_asked_for_is_taken_however_slow(repository: Path, tmp_path: Path) -> None:
    python(tmp_path / "bin", "python3.12", 0.001)
    python(tmp_path / "bin", "mine", 99)
    assert made(repository, tmp_path, PYTHON="mine").returncode == 0
    assert by(tmp_path) == "mine"


def test_without_any_it_says_what_is_needed(repository: Path, tmp_path: Path) -> None:
    python(tmp_path / "bin", "old", None)
    done = made(repository, tmp_path, PYTHON="old")
    assert done.returncode == 1
    assert "Python 3.11, 3.12 or 3.13 with its module venv is needed" in done.stderr
