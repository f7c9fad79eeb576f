"""Debian's Chromium, driven by Playwright: one process for a run, a fresh profile for everybody who browses."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--process-per-site",
)
MOST_FREE = 4
"""Profiles kept open for the next test: each is a process of some 60 MB."""
PATIENCE_MS = 60_000
"""A busy machine is slow; it is not wrong."""
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
    expect.set_options(timeout=PATIENCE_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=found, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def open_profile(
    browser: Browser, base: str, *, width: int = DESKTOP, dark: bool = False, language: str = "en", script: bool = True
) -> BrowserContext:
    """A fresh profile, as a person with this window, theme and language has it."""
    context = browser.new_context(
        base_url=base,
        viewport={"width": width, "height": HEIGHT},
        color_scheme="dark" if dark else "light",
        locale=language,
        java_script_enabled=script,
        ignore_https_errors=True,
        reduced_motion="reduce",
    )
    context.set_default_timeout(PATIENCE_MS)
    return context


def open_page(browser: Browser, base: str, **window: Any) -> Page:
    """An empty page of a fresh profile."""
    return open_profile(browser, base, **window).new_page()


class Profiles:
    """Profiles of one browser that are emptied and used again.

    A process that has drawn a page of ours before, and is kept by a page left open, draws the next in half the time.
    """

    def __init__(self, browser: Browser, base: str) -> None:
        self.browser, self.base = browser, base
        self._free: list[BrowserContext] = []
        self._kept: dict[BrowserContext, tuple[str, Page]] = {}

    def take(self, **window: Any) -> BrowserContext:
        """A profile nobody uses, without cookies or anything stored."""
        kind = repr(sorted(window.items()))
        for free in self._free:
            if self._kept[free][0] == kind:
                self._free.remove(free)
                return free
        context = open_profile(self.browser, self.base, **window)
        left_open = context.new_page()
        left_open.goto("/livez")
        self._kept[context] = kind, left_open
        return context

    def give_back(self, context: BrowserContext) -> None:
        """Its pages are closed, and what they left in the browser is gone."""
        left_open = self._kept[context][1]
        if left_open.evaluate("'__pwClock' in window"):  # a clock that was taken over is the whole profile's
            self._close(context)
            return
        for page in context.pages:
            if page is not left_open:
                page.close()
        context.clear_cookies()
        protocol = context.new_cdp_session(left_open)
        protocol.send("Storage.clearDataForOrigin", {"origin": self.base, "storageTypes": "all"})
        protocol.send("Network.clearBrowserCache")
        protocol.detach()
        self._free.append(context)
        if len(self._free) > MOST_FREE:
            self._close(self._free.pop(0))

    def _close(self, context: BrowserContext) -> None:
        del self._kept[context]
        context.close()
