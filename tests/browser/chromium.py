"""Debian's Chromium, driven by Playwright: one process for a run, a fresh profile for everybody who browses."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, Page, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PHONE, TABLET, DESKTOP = 360, 768, 1440
ZOOMED = 320
"""A window of 1280 pixels at 400 % has this many left (WCAG 1.4.10)."""
HEIGHT = 900


def executable() -> str | None:
    """Where Chromium is, or None."""
    return next((found for name in NAMES if (found := shutil.which(name))), None)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A running browser; RuntimeError when none is installed."""
    found = executable()
    if found is None:
        raise RuntimeError("there is no Chromium on this machine: install the package chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def open_page(
    browser: Browser, base: str, *, width: int = DESKTOP, dark: bool = False, language: str = "en", script: bool = True
) -> Page:
    """An empty page of a fresh profile, as a person with this window, theme and language has it."""
    context = browser.new_context(
        base_url=base,
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if dark else "light",
        locale=language,
        java_script_enabled=script,
        ignore_https_errors=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(15_000)
    return context.new_page()
