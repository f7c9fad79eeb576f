"""Passkeys in a real browser with a virtual authenticator: added, signed in with, confirmed with, removed."""

from collections.abc import Callable
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from access.models import AccountSession, PasskeyDevice
from access.sessions import SessionStore
from tests.browser import visitors
from tests.browser.chromium import DESKTOP, PHONE, TABLET
from tests.browser.conftest import Visit
from tests.browser.test_accessibility import Axe, wrong_here
from tests.plugins.exhaustive import in_turn

WIDTHS = pytest.mark.parametrize("width", in_turn(PHONE, TABLET, DESKTOP))
ABLE = {
    "protocol": "ctap2", "transport": "internal", "hasResidentKey": True, "hasUserVerification": True,
    "isUserVerified": True, "automaticPresenceSimulation": True,
}  # fmt: skip
Plug = Callable[..., Any]


@pytest.fixture(autouse=True)
def _origin(live_server: Any, settings: Any) -> None:
    settings.PASSKEY_ORIGINS = [live_server.url]


class Virtual:
    """The browser's own virtual authenticator, over its debugging protocol."""

    def __init__(self, page: Page, **options: Any) -> None:
        self.protocol = page.context.new_cdp_session(page)
        self.protocol.send("WebAuthn.enable", {"enableUI": False})
        made = self.protocol.send("WebAuthn.addVirtualAuthenticator", {"options": {**ABLE, **options}})
        self.id = made["authenticatorId"]

    def credentials(self) -> list[dict[str, Any]]:
        return list(self.protocol.send("WebAuthn.getCredentials", {"authenticatorId": self.id})["credentials"])


def add(page: Page, label: str = "My phone") -> None:
    page.goto("/security")
    page.get_by_role("link", name="Add a passkey").click()
    page.get_by_label("Name").fill(label)
    visitors.press(page, "Create the passkey")


def offer_nothing(page: Page) -> None:
    """The browser does not offer passkeys in the field of the address: the virtual one takes every offer at once."""
    page.add_init_script("PublicKeyCredential.isConditionalMediationAvailable = async () => false")


def grow_old(person: Any) -> None:
    """The person's sessions proved their factor long ago."""
    for row in AccountSession.objects.filter(account_id=person.account.pk):
        row.session_data = SessionStore().encode(row.get_decoded() | {"factor_at": 0.0})
        row.save(update_fields=["session_data"])


def test_added_signed_in_with_confirmed_with_and_removed(visit: Visit, catalogue: None, alice: Any) -> None:
    page = visit(alice)
    virtual = Virtual(page)
    add(page)
    expect(page.get_by_text("The passkey is added.")).to_be_visible()
    expect(page.get_by_text("My phone", exact=False).first).to_be_visible()
    [kept] = virtual.credentials()
    assert kept["isResidentCredential"] and kept["rpId"] == "localhost"
    assert alice.email not in str(kept)

    offer_nothing(page)
    visitors.press(page, "Sign out")
    assert page.url.endswith("/login")
    visitors.press(page, "Sign in with a passkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your data at a glance")
    assert PasskeyDevice.objects.get().last_used_at is not None

    grow_old(alice)
    page.goto("/security/password")
    expect(page.get_by_role("heading", level=1)).to_have_text("Confirm that it is you")
    visitors.press(page, "Confirm with a passkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Change your password")

    page.goto("/security")
    page.get_by_role("link", name="Rename My phone").click()
    page.get_by_label("Name").fill("Blue <b>phone</b>")
    visitors.press(page, "Save the name")
    expect(page.get_by_text("The passkey has its new name.")).to_be_visible()
    expect(page.get_by_text("Blue <b>phone</b>").first).to_be_visible()

    grow_old(alice)
    page.goto("/security")
    visitors.press(page, "Remove Blue <b>phone</b>")
    visitors.press(page, "Confirm with a passkey")
    assert not PasskeyDevice.objects.exists()


def test_the_browser_offers_it_at_the_address(visit: Visit, catalogue: None, alice: Any) -> None:
    page = visit(alice)
    Virtual(page)
    add(page)
    page.context.clear_cookies()
    page.goto("/login", wait_until="commit")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your data at a glance")


def test_after_the_password_it_stands_for_the_code(visit: Visit, catalogue: None, alice: Any) -> None:
    page = visit(alice)
    virtual = Virtual(page, hasResidentKey=False, hasUserVerification=False, isUserVerified=False, transport="usb")
    add(page)
    [kept] = virtual.credentials()
    assert not kept["isResidentCredential"]
    offer_nothing(page)
    page.context.clear_cookies()
    page.goto("/login")
    page.get_by_label("E-mail address").fill(alice.email)
    page.get_by_label("Password", exact=True).fill(alice.password)
    visitors.press(page, "Sign in")
    visitors.press(page, "Use a passkey")
    expect(page.get_by_role("heading", level=1)).to_have_text("Your data at a glance")


def test_what_the_device_cannot_do_is_said(visit: Visit, catalogue: None, alice: Any) -> None:
    page = visit(alice)
    Virtual(page)
    add(page)
    page.goto("/signup/passkey")
    page.get_by_label("Name").fill("Twice")
    visitors.button(page, "Create the passkey").click()
    expect(page.get_by_text("This device holds a passkey of your account already.")).to_be_visible()
    assert PasskeyDevice.objects.count() == 1


def test_without_script_the_other_ways_are_there(visit: Visit, alice: Any) -> None:
    page = visit(script=False)
    page.goto("/login")
    expect(visitors.button(page, "Sign in with a passkey")).to_be_hidden()
    expect(page.get_by_label("Password", exact=True)).to_be_visible()
    page = visit(alice, script=False)
    page.goto("/signup/passkey")
    expect(visitors.button(page, "Create the passkey")).to_be_hidden()
    expect(page.get_by_text("Passkeys need JavaScript")).to_be_visible()


def test_at_another_address_it_is_not_offered(visit: Visit, settings: Any) -> None:
    settings.PASSKEY_RP_ID = "portal.example"
    page = visit()
    page.goto("/login")
    expect(visitors.button(page, "Sign in with a passkey")).to_be_hidden()


@WIDTHS
def test_nothing_is_wrong_with_its_pages(visit: Visit, axe: Axe, catalogue: None, alice: Any, width: int) -> None:
    page = visit(alice, width=width)
    Virtual(page)
    offer_nothing(page)
    wrong: list[str] = []

    def look(path: str) -> None:
        page.goto(path)
        page.wait_for_load_state("networkidle")
        wrong.extend(wrong_here(page, axe))

    look("/signup/passkey")
    add(page, "Schlüsselbund-" * 4)
    wrong += wrong_here(page, axe)
    add_copied(alice)
    look("/security")
    look(f"/security/passkeys/{PasskeyDevice.objects.order_by('pk')[0].pk}/name")
    grow_old(alice)
    look("/confirm")
    page.context.clear_cookies()
    look("/login")
    page.get_by_label("E-mail address").fill(alice.email)
    page.get_by_label("Password", exact=True).fill(alice.password)
    visitors.press(page, "Sign in")
    look("/login/factor")
    assert wrong == []


def add_copied(person: Any) -> None:
    """A second passkey, that counts no more."""
    from django.conf import settings

    from access.services import passkeys
    from tests.access.authenticator import Authenticator

    challenge = passkeys.new_challenge(ceremony=passkeys.REGISTER, where="here")
    options = passkeys.registration_options(person.account, challenge)
    answer = passkeys.Answer(Authenticator(origin=settings.PASSKEY_ORIGINS[0]).create(options), (challenge,))
    device = passkeys.add_passkey(account=person.account, answer=answer, label="Old key")
    PasskeyDevice.objects.filter(pk=device.pk).update(confirmed=False)
