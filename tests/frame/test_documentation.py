"""The documentation is a site for readers: every page in it, every link right, nobody else asked for anything."""

import importlib.util
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ASKED = re.compile(
    r"<(?:script|link|img|iframe|source|video|audio)\b[^>]*\b(?:src|href)=[\"'](?:https?:)?//", re.IGNORECASE
)
READERS = {"somebody whose data is held", "developer of an application", "IRM reviewer", "QA reviewer", "operator"}


def built(folder: Path, target: Path) -> "subprocess.CompletedProcess[str]":
    """`make docs`, into another place."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(target)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True)


@pytest.fixture
def copy(repository: Path, tmp_path: Path) -> Path:
    """The documentation alone, to be spoiled."""
    there = tmp_path / "copy"
    for name in ("docs", "clients", "deploy"):
        shutil.copytree(repository / name, there / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("mkdocs.yml", "CHANGELOG.md", "SECURITY.md"):
        shutil.copy(repository / name, there / name)
    return there


def test_every_page_is_in_the_navigation_and_every_link_holds(repository: Path, tmp_path: Path) -> None:
    done = built(repository, tmp_path / "site")
    assert done.returncode == 0, done.stderr
    pages = list((tmp_path / "site").rglob("*.html"))
    assert {f"{page.stem}.html" for page in (repository / "docs").rglob("*.md")} <= {page.name for page in pages}
    asked = [page.name for page in pages if ASKED.search(page.read_text("utf-8"))]
    assert asked == [], "a page asks somebody else for something"
    assert ASKED.search('<script src="https://elsewhere.example/x.js">')


def test_the_start_names_every_reader(repository: Path) -> None:
    start = (repository / "docs/index.md").read_text("utf-8")
    assert all(f"**{reader}**" in start for reader in READERS) and "**auditor" in start


@pytest.mark.parametrize(
    "wrong", ["[there](nowhere.md)", "[there](consent.md#nowhere)", "![it](images/none.png)", "[it](../none/README.md)"]
)
def test_a_link_that_leads_nowhere_stops_the_building(copy: Path, tmp_path: Path, wrong: str) -> None:
    (copy / "docs/people.md").write_text(wrong)
    assert built(copy, tmp_path / "site").returncode != 0


def test_a_page_that_is_not_in_the_navigation_stops_the_building(copy: Path, tmp_path: Path) -> None:
    assert built(copy, tmp_path / "site").returncode == 0
    (copy / "docs/forgotten.md").write_text("# Forgotten")
    assert built(copy, tmp_path / "site").returncode != 0


def test_every_cell_of_a_table_is_named_by_its_column() -> None:
    spec = importlib.util.spec_from_file_location("docs_site", Path(__file__).parents[2] / "deploy/docs_site.py")
    assert spec and spec.loader
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    head = '<thead><tr><th>a &amp; "b"</th><th style="text-align: right;"><code>c</code></th></tr></thead>'
    body = '<tbody><tr><td>1</td><td style="text-align: right;">2</td></tr></tbody>'
    shown = hook.on_page_content(f"<p>x</p><table>{head}{body}</table>")
    assert '<td data-label="a &amp; &quot;b&quot;">1</td><td data-label="c" style="text-align: right;">2</td>' in shown
    assert shown.startswith("<p>x</p><table><thead>") and head in shown
