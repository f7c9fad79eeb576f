"""Words that are scripts stay words: in the portal, at the desks and in mails, whoever wrote them (threat T39, T52)."""

from pathlib import Path
from typing import Any

import pytest
from django.core import mail
from playwright.sync_api import Page

from access.models import Account, Application
from consent.models import Component, Purpose, Recipient
from consent.services.data import store_data
from erasure.models import AccessQuestion, RightsRequest
from erasure.services import comments, conversation
from tests.audit.tools import behind_the_triggers
from tests.browser import states
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import ASKING, PORTAL
from tests.browser.test_desks import fronts, opened, played, players, staff  # noqa: F401 (fixtures)
from tests.plugins.exhaustive import its_turn

SHORT = '"><img src=x onerror=evil()>'
LONG = (
    SHORT + '<script>evil()</script><svg/onload=evil()>\'--><iframe srcdoc="<script>parent.evil()</script>"></iframe>'
    "</title></textarea><a href=javascript:evil()>x</a>{{ 7*7 }}{% evil %}<body onload=evil()>"
)
KINDS = sorted(path.name.removesuffix(".subject.txt") for path in Path("templates/email").glob("*.subject.txt"))
"""Every mail there is."""
MADE = (
    "[...document.querySelectorAll('img[src=x], svg[onload], iframe, a[href^=javascript], script:not([src])')].length"
)
"""How many elements the words became; pages of ours have no script of their own in them (the policy forbids it)."""


@pytest.fixture
def planted(full: Any, shop: Any, played: Any) -> Any:  # noqa: F811
    """Everybody who can write wrote a script, and everything that has a name has one for it."""
    store_data(
        application=shop, subject=full.subject, purpose="orders", source="third_party", source_name=SHORT,
        values={"given_name": SHORT, "family_name": SHORT, "postal_address": LONG},
    )  # fmt: skip
    with behind_the_triggers():
        Account.objects.filter(is_staff=True).update(desk_name=SHORT)
        Application.objects.update(name=SHORT)
        Recipient.objects.update(name=SHORT, contact=SHORT, contract_reference=SHORT)
        Purpose.objects.filter(slug="newsletter").update(titles=dict.fromkeys(("en", "de", "fr"), SHORT))
        Component.objects.update(titles=dict.fromkeys(("en", "de", "fr"), SHORT))
    request = (
        RightsRequest.objects.filter(subject=full.subject, right="human_review").exclude(state="withdrawn").first()
    )
    assert request is not None
    mail.outbox.clear()
    conversation.write_to_desk(request=request, text=LONG)
    conversation.write_to_person(request_id=request.id, author=played.rita, text=LONG)
    comments.comment_on(request_id=request.id, author=played.rita, text=LONG)
    return full


def harmless(page: Page, paths: Any) -> int:
    """How many of these pages show the words, none of which did anything."""
    said: list[str] = []
    page.on("dialog", lambda dialog: (said.append(page.url), dialog.dismiss()))
    page.add_init_script("window.evil = () => { window.wasEvil = true; alert(1); }")
    shown = 0
    for path in paths:
        page.goto(path)
        shown += "onerror=evil()" in page.content().replace("&quot;", '"')
        assert page.evaluate(MADE) == 0, path
        assert page.evaluate("window.wasEvil === undefined"), path
    assert said == []
    return shown


def test_the_page_that_would_be_taken_in_is_seen(visit: Visit, planted: Any) -> None:
    page = visit()
    page.goto("/login")
    page.evaluate("document.body.insertAdjacentHTML('beforeend', '<div id=bad></div>')")
    page.evaluate(
        "words => { document.getElementById('bad').innerHTML = words.replace(/onerror|onload/g, 'data-x'); }", SHORT
    )
    assert page.evaluate(MADE) == 1


def test_in_the_portal(visit: Visit, planted: Any) -> None:
    own = [f"/requests/{row.id}" for row in RightsRequest.objects.filter(subject=planted.subject)]
    assert harmless(visit(planted), [*PORTAL, *ASKING, *own]) >= 6


@its_turn(0)
def test_at_the_desks(visit: Visit, planted: Any, staff: Any) -> None:  # noqa: F811
    rita = staff["rita"]
    single = opened(rita.browser(), states.pages().values())
    assert harmless(visit(rita), [*fronts("irm"), *single]) >= 10
    assert AccessQuestion.objects.exists()


def test_in_mails(visit: Visit, planted: Any) -> None:
    from access.services.mail import compose

    given = ("reference", "right", "purpose", "recipient", "name", "place", "who", "application", "reason", "text")
    words = dict.fromkeys(given, SHORT) | {"link": "https://portal.example"}
    page, shown = visit(), 0
    for kind in KINDS:
        body = compose(kind, to="a@x.example", language="en", context=words)["html"]
        page.set_content(body)
        shown += "onerror=evil()" in body
        assert page.evaluate(MADE) == 0, kind
    assert len(KINDS) > 40 and shown >= 3
