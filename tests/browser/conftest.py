"""A browser before a running server, people signed in, and a watch over what pages must never do."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from playwright.sync_api import Browser, Page

from tests.browser.chromium import Profiles, chromium, executable

HERE = Path(__file__).parent
AXE = (HERE / "vendor" / "axe.min.js").read_text("utf-8")
AXE_RUN = """async () => (await axe.run(document, {resultTypes: ['violations'], preload: false})).violations.map(each =>
    `${each.id}: ${each.nodes.map(node => `${node.target.join(' ')} ${node.any[0]?.message ?? ''}`).join('; ')}`)"""
"""Without preloading style sheets: axe would put copies into the page, which the policy refuses; no rule needs them."""
Visit = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Everything here that opens a page is a browser test, and its database is a real one."""
    for item in items:
        if "visit" in getattr(item, "fixturenames", ()) and HERE in item.path.parents:
            item.add_marker(pytest.mark.browser)
            item.add_marker(pytest.mark.django_db(transaction=True))
            if executable() is None:
                item.add_marker(pytest.mark.skip(reason="*** NO CHROMIUM: install the package chromium ***"))


@pytest.fixture(scope="package")
def chrome() -> Iterator[Browser]:
    """A running Chromium. Its driver keeps an event loop in this thread, which Django takes for asynchronous code."""
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    try:
        with chromium() as browser:
            yield browser
    finally:
        del os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"]


@pytest.fixture(scope="package")
def profiles(chrome: Browser, live_server: Any) -> Profiles:
    """Where pages come from."""
    return Profiles(chrome, live_server.url)


@pytest.fixture
def visit(profiles: Profiles, live_server: Any) -> Iterator[Visit]:
    """`visit(person, width=, dark=, language=, script=)`: an empty page of an empty profile, signed in as the person.

    At the end no page may have broken the Content-Security-Policy, thrown, or asked another host for anything.
    """
    opened: list[Page] = []
    offences: list[str] = []

    def make(person: Any = None, **window: Any) -> Page:
        page = profiles.take(**window).new_page()
        watch(page, live_server.url, offences)
        if person is not None:
            session = person.browser().cookies[settings.SESSION_COOKIE_NAME].value
            page.context.add_cookies([{"name": settings.SESSION_COOKIE_NAME, "value": session, "url": live_server.url}])
        opened.append(page)
        return page

    yield make
    for page in opened:
        profiles.give_back(page.context)
    assert offences == []


def watch(page: Page, base: str, offences: list[str]) -> None:
    """What the page does wrong is written down: reports of the policy, errors, requests to other hosts."""

    def hear(message: Any) -> None:
        if message.type == "error" and "Failed to load resource" not in message.text:
            offences.append(f"{page.url}: {message.text}")

    def see(request: Any) -> None:
        if not request.url.startswith((base, "data:", "blob:")):
            offences.append(f"{page.url} asked for {request.url}")

    page.on("console", hear)
    page.on("request", see)
    page.on("pageerror", lambda error: offences.append(f"{page.url}: {error}"))


@pytest.fixture
def axe() -> Callable[[Page], list[str]]:
    """`axe(page)`: what axe-core finds wrong with the page as it stands."""

    def run(page: Page) -> list[str]:
        page.evaluate(AXE)
        return [f"{page.url}: {each}" for each in page.evaluate(AXE_RUN)]

    return run


@pytest.fixture
def mailed() -> Callable[[str], str]:
    """`mailed(address)`: the six digits of the newest mail to it."""
    import re

    def code(address: str) -> str:
        body = str(next(each for each in reversed(mail.outbox) if address in each.to).body)
        return re.findall(r"\b(\d{6})\b", body)[0]

    return code


@pytest.fixture
def full(catalogue: None, alice: Any, shop: Any) -> Any:
    """Alice with all that can be: data, consent given, sharing on, requests in several states, accesses."""
    from audit.actors import SUBJECT, application
    from consent.selectors import live_notice, live_purpose
    from consent.services.consents import NoticeSeen, record_consent
    from consent.services.data import store_data
    from consent.services.sharing import set_sharing
    from erasure.services.requests import file_request, withdraw_request

    values = {"given_name": "Alice", "family_name": "Wolkenstein-" * 8 + "Trostburg", "postal_address": "Ahornweg 3"}
    store_data(application=shop, subject=alice.subject, purpose="orders", source="subject", values=values)
    text = live_notice(live_purpose("newsletter"), "en")
    seen = NoticeSeen(text.notice.version, text.language, text.digest)
    answer = {"subject": alice.subject, "purpose": "newsletter", "channel": "portal", "actor": SUBJECT}
    record_consent(**answer, action="give", notice=seen, explicit=False)
    set_sharing(**answer, recipient="acme", shared=True)
    asked = {"subject": alice.subject, "verified_by": "account", "by_person": True, "actor": SUBJECT}
    for right, details in (
        ("access", {}),
        ("human_review", {"decision": "c-1"}),
        ("human_review", {"decision": "c-2"}),
    ):
        filed = file_request(**asked, right=right, details=details)
    withdraw_request(request=filed, actor=SUBJECT)
    assert application("shop")
    return alice
