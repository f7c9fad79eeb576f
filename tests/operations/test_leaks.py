"""A dependency that leaks is named, with its line and version, while the process runs; and no value is told."""

import io
import json
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from gdpr_portal import leaks

CLEAN = "def work(value):\n    return len(value * 2)\n"
LEAKY = "KEPT = []\ndef work(value):\n    KEPT.append(value + 'x' * 1024)\n    return len(value)\n"


@pytest.fixture(autouse=True)
def _stop_following() -> Iterator[None]:
    leaks.owner.cache_clear()
    yield
    tracemalloc.stop()
    leaks.owner.cache_clear()


@pytest.fixture
def dependency(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """`dependency(source, version)`: a package of that version is installed and imported."""

    def install(source: str, version: str) -> ModuleType:
        (tmp_path / "leaky_dependency.py").write_text(source)
        info = tmp_path / f"leaky_dependency-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: leaky-dependency\nVersion: {version}\n")
        (info / "RECORD").write_text("leaky_dependency.py,,\n")
        monkeypatch.syspath_prepend(str(tmp_path))
        import leaky_dependency  # type: ignore[import-not-found]

        return leaky_dependency  # type: ignore[no-any-return]

    yield install
    sys.modules.pop("leaky_dependency", None)


def followed(folder: Path, work: Any) -> dict[str, Any]:
    """The report of a process that did this work while it was followed."""
    follower = leaks.Follower(folder, "web")
    follower.look()
    assert not tracemalloc.is_tracing() and leaks.report(folder, "web") is None
    leaks.start(folder, "web")
    follower.look()
    assert leaks.report(folder, "web")["state"] == "following"  # type: ignore[index]
    for number in range(200):
        work(f"alice-{number}@example.org")
    leaks.stop(folder, "web")
    follower.look()
    assert not tracemalloc.is_tracing()
    found = leaks.report(folder, "web")
    assert found is not None and found["state"] == "done"
    return found


def test_version_2_that_leaks_is_named_and_no_value_is_told(dependency: Any, tmp_path: Path) -> None:
    found = followed(tmp_path / "leaks", dependency(LEAKY, "2.0").work)
    first = found["grown"][0]
    assert (first["distribution"], first["version"]) == ("leaky-dependency", "2.0")
    assert first["place"].endswith("leaky_dependency.py:3") and first["bytes"] > 200 * 1024
    assert "alice" not in json.dumps(found) and "xxxx" not in json.dumps(found)


def test_version_1_that_is_clean_is_not(dependency: Any, tmp_path: Path) -> None:
    found = followed(tmp_path / "leaks", dependency(CLEAN, "1.0").work)
    assert "leaky-dependency" not in {each["distribution"] for each in found["grown"]}


def test_whose_line_it_is() -> None:
    import django.db

    name, version = leaks.owner(str(Path(django.db.__file__)))
    assert (name.lower(), version[0]) == ("django", "5")
    assert leaks.owner(leaks.__file__) == ("gdpr-portal", "this code")
    assert leaks.owner(json.__file__)[0] == "python"


def test_the_command_says_what_grew(settings: Any, tmp_path: Path, dependency: Any) -> None:
    settings.RUN_DIR = tmp_path
    with pytest.raises(CommandError):
        call_command("leak", "report", "web")
    call_command("leak", "start", "web", stdout=io.StringIO())
    assert (tmp_path / "leaks" / "web.follow").exists()
    call_command("leak", "stop", "web", stdout=io.StringIO())
    followed(tmp_path / "leaks", dependency(LEAKY, "2.0").work)
    out = io.StringIO()
    call_command("leak", "report", "web", stdout=out)
    assert "leaky_dependency.py:3  (leaky-dependency 2.0)" in out.getvalue()
