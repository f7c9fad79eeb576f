"""Tests marked `browser` run where there is a Chromium, and are skipped with the reason where there is none.

`deploy/local/browser.sh` installs one before `make test` where it may. `BROWSER=required` fails the run instead.
"""

import os
import shutil

import pytest

NAMES = ("chromium", "chromium-browser", "google-chrome")


def chromium() -> str | None:
    """The path of a Chromium of this machine."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if chromium() is not None:
        return
    marked = [item for item in items if item.get_closest_marker("browser")]
    if marked and os.environ.get("BROWSER") == "required":
        raise pytest.UsageError(f"{len(marked)} tests need a Chromium, and there is none.")
    for item in marked:
        item.add_marker(pytest.mark.skip(reason="NO CHROMIUM on this machine"))
