"""A third party asks for a share: by approved words only, answered with one click, silence and a no remembered."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.conf import settings as django_settings
from django.template.loader import render_to_string
from django.utils import translation

from consent.models import Delivery, SharingAsk, Standing
from consent.services import asks
from consent.services.asks import answer_ask, lapse_due
from gdpr_portal.errors import Missing, WrongState
from subjects.services import link_application
from tests.conftest import make_application
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def asking(acme: Any, client_for: Any, alice: Any) -> Any:
    """acme's client; acme has known alice since it served her, and may ask."""
    acme.scopes = [*acme.scopes, "sharing:write"]
    acme.save()
    link_application(subject=alice.subject, application=acme)
    return client_for(acme)


@pytest.fixture
def path(alice: Any, acme: Any) -> str:
    return f"/api/v1/subjects/{alice.id_for(acme)}/sharing/acme/ask"


NEWSLETTER = {"purpose": "newsletter"}


def word(alice: Any, word: str, ask: SharingAsk | None = None) -> str:
    """The person's click."""
    ask = ask or SharingAsk.objects.latest("asked_at")
    answer = alice.browser(fresh=False).post(f"/sharing/asks/{ask.pk}", {"answer": word}, follow=True)
    assert answer.status_code == 200
    return str(answer.content.decode())


def test_the_question_waits_in_the_portal_and_nothing_is_shared_by_it(
    alice: Any, asking: Any, path: str, audit_log: Any
) -> None:
    answer(alice.subject, "give")
    asked = asking.post(path, NEWSLETTER)
    assert (asked.status_code, asked.body["state"]) == (201, "asked")
    assert set(asked.body) == {"recipient", "purpose", "state", "asked_at", "lapses_at"}
    assert asking.post(path, NEWSLETTER).status_code == 200
    assert SharingAsk.objects.count() == 1
    assert not Standing.objects.exclude(recipient="").exists() and not Delivery.objects.exists()
    assert audit_log("ask.made")[-1].details["recipient"] == "acme"
    assert asking.get(path, NEWSLETTER).body == asked.body

    browser = alice.browser(fresh=False)
    home, sharing = (browser.get(where).content.decode() for where in ("/", "/sharing"))
    assert "Waiting for you" in home and "Acme Mailings GmbH asks for a share" in home
    assert sharing.count('name="answer"') == 2
    for button in ("accept", "decline"):  # one form, the same look: neither is easier than the other
        assert f'<button class="button button-secondary" type="submit" name="answer" value="{button}">' in sharing


def test_one_click_accepts_and_the_recipient_is_told(alice: Any, asking: Any, path: str, audit_log: Any) -> None:
    answer(alice.subject, "give")
    asking.post(path, NEWSLETTER)
    assert "Sharing is on" in word(alice, "accept")
    assert asking.get(path, NEWSLETTER).body["state"] == "accepted"
    assert Delivery.objects.get().type == "sharing.started"
    assert [event.actor for event in audit_log("ask.accepted")] == ["subject"]
    assert "Waiting for you" not in alice.browser().get("/").content.decode()
    again = asking.post(path, NEWSLETTER)
    assert (again.status_code, again.body["code"]) == (409, "already_shared")


def test_a_no_is_one_click_and_remembered(alice: Any, asking: Any, path: str, audit_log: Any, settings: Any) -> None:
    answer(alice.subject, "give")
    asking.post(path, NEWSLETTER)
    assert "You declined" in word(alice, "decline")
    assert asking.get(path, NEWSLETTER).body["state"] == "declined"
    again = asking.post(path, NEWSLETTER)
    assert (again.status_code, again.body["code"]) == (409, "asked_before")
    assert len(audit_log("ask.declined")) == 1 and not Delivery.objects.exists()
    assert "not open any more" in word(alice, "accept")
    assert not Delivery.objects.exists()

    before = timedelta(days=settings.ASK_AGAIN_DAYS)
    SharingAsk.objects.update(answered_at=SharingAsk.objects.get().answered_at - before)
    SharingAsk.objects.update(asked_at=SharingAsk.objects.get().asked_at - before)
    assert asking.post(path, NEWSLETTER).status_code == 201


def test_silence_is_a_no_with_and_without_the_sweep(alice: Any, asking: Any, path: str, audit_log: Any) -> None:
    asking.post(path, NEWSLETTER)
    assert lapse_due() == 0
    ask = SharingAsk.objects.get()
    SharingAsk.objects.update(asked_at=ask.asked_at - timedelta(days=31), lapses_at=ask.lapses_at - timedelta(days=31))
    assert asking.get(path, NEWSLETTER).body["state"] == "lapsed"
    assert "Waiting for you" not in alice.browser().get("/").content.decode()
    assert asking.post(path, NEWSLETTER).body["code"] == "asked_before"
    with pytest.raises(WrongState):
        answer_ask(subject=alice.subject, ask_id=ask.pk, accept=True, channel="portal", actor="subject")
    assert (lapse_due(), lapse_due()) == (1, 0)
    assert SharingAsk.objects.get().state == "lapsed" and len(audit_log("ask.lapsed")) == 1


def test_switching_off_is_a_no_too(alice: Any, asking: Any, path: str) -> None:
    answer(alice.subject, "give")
    share(alice.subject, True)
    share(alice.subject, False)
    assert asking.post(path, NEWSLETTER).body["code"] == "asked_before"
    share(alice.subject, True)
    assert asking.post(path, NEWSLETTER).body["code"] == "already_shared"


def test_the_switch_answers_the_question_that_waits(alice: Any, asking: Any, path: str) -> None:
    answer(alice.subject, "give")
    asking.post(path, NEWSLETTER)
    share(alice.subject, True)
    assert asking.get(path, NEWSLETTER).body["state"] == "accepted"


def test_accepting_needs_the_purpose_to_be_allowed_and_the_question_goes_on_waiting(
    alice: Any, asking: Any, path: str
) -> None:
    asking.post(path, NEWSLETTER)
    assert "needs your consent first" in word(alice, "accept")
    assert asking.get(path, NEWSLETTER).body["state"] == "asked"
    answer(alice.subject, "give")
    word(alice, "accept")
    assert asking.get(path, NEWSLETTER).body["state"] == "accepted"


# --- who may ask, and for what ----------------------------------------------------------------------------------------
def test_only_for_its_own_recipient_of_a_live_purpose(
    alice: Any, asking: Any, path: str, acme: Any, shop: Any, client_for: Any
) -> None:
    for purpose, code in (
        ("orders", "not_found"),
        ("nowhere", "unknown_purpose"),
        ("profiling", "purpose_not_approved"),
    ):
        assert asking.post(path, {"purpose": purpose}).body["code"] == code
    assert asking.post(path.replace("acme", "other"), NEWSLETTER).status_code == 404
    assert asking.post(path.replace(str(alice.id_for(acme)), str(uuid4())), NEWSLETTER).status_code == 404
    assert asking.post(path, NEWSLETTER | {"reason": "Click here"}).body["code"] == "unknown_member"
    assert asking.get(path, NEWSLETTER).status_code == 404
    own = client_for(shop).post(f"/api/v1/subjects/{alice.id_for(shop)}/sharing/acme/ask", NEWSLETTER)
    assert own.status_code == 404
    other = make_application("other", ["sharing:write"], is_third_party=True)
    link_application(subject=alice.subject, application=other)
    foreign = client_for(other).post(f"/api/v1/subjects/{alice.id_for(other)}/sharing/acme/ask", NEWSLETTER)
    assert foreign.status_code == 404
    assert client_for(acme, "sharing:read").post(path, NEWSLETTER).body["code"] == "scope_missing"
    assert not SharingAsk.objects.exists()
    assert asking.post(path, NEWSLETTER).status_code == 201


def test_a_third_party_switches_nothing_on_by_itself(
    alice: Any, asking: Any, path: str, acme: Any, client_for: Any
) -> None:
    answer(alice.subject, "give")
    switch, body = path.removesuffix("/ask"), NEWSLETTER | {"channel": "web"}
    assert asking.put(switch, body | {"shared": True}).body["code"] == "must_ask"
    assert not Delivery.objects.exists()
    share(alice.subject, True)
    assert asking.put(switch, body | {"shared": False}).body["shared"] is False  # it may pass on a no
    acme.scopes = [*acme.scopes, "consent:write"]
    acme.save()
    consents = path.split("/sharing")[0] + "/consents"
    digest = {"version": 1, "language": "en", "digest": "sha256:" + "0" * 64}
    given = {"purpose": "newsletter", "action": "give", "recipient": "acme", "channel": "web", "notice": digest}
    assert client_for(acme, "consent:write").post(consents, given).status_code in {403, 409}
    assert Standing.objects.get(recipient="acme").state == "withdrawn"


def test_asks_are_bounded(alice: Any, bob: Any, asking: Any, path: str, acme: Any, settings: Any) -> None:
    settings.ASKS_PER_DAY = 1
    link_application(subject=bob.subject, application=acme)
    assert asking.post(path, NEWSLETTER).status_code == 201
    refused = asking.post(f"/api/v1/subjects/{bob.id_for(acme)}/sharing/acme/ask", NEWSLETTER)
    assert (refused.status_code, refused.body["code"], refused["Retry-After"]) == (429, "throttled", "3600")
    SharingAsk.objects.update(asked_at=SharingAsk.objects.get().asked_at - timedelta(days=1))
    assert asking.post(f"/api/v1/subjects/{bob.id_for(acme)}/sharing/acme/ask", NEWSLETTER).status_code == 201


# --- what the asker and the mail tell ---------------------------------------------------------------------------------
@pytest.mark.parametrize("said", ["nothing", "refuse"])
def test_the_asker_cannot_tell_that_the_person_refused_the_purpose(
    alice: Any, asking: Any, path: str, said: str, audit_log: Any
) -> None:
    if said == "refuse":
        answer(alice.subject, "refuse")
    asked = asking.post(path, NEWSLETTER)
    assert (asked.status_code, asked.body["state"]) == (201, "asked")
    assert audit_log("ask.made")[-1].details["told"] is (said == "nothing")


def test_the_mail_names_nobody_and_holds_no_link() -> None:
    for language in ("en", "de", "fr"):
        values = {"days": 30, "controller": django_settings.CONTROLLER, "language": language}
        with translation.override(language):
            text = "".join(
                render_to_string(f"email/share_asked.{end}", values) for end in ("subject.txt", "txt", "html")
            )
        assert "30" in text
        assert not any(part in text for part in ("alice", "Acme", "http://", "https://", "newsletter"))


def test_somebody_elses_question_is_not_ones_own(alice: Any, bob: Any, asking: Any, path: str) -> None:
    asking.post(path, NEWSLETTER)
    ask = SharingAsk.objects.get()
    with pytest.raises(Missing):
        answer_ask(subject=bob.subject, ask_id=ask.pk, accept=False, channel="portal", actor="subject")
    bob.browser().post(f"/sharing/asks/{ask.pk}", {"answer": "decline"})
    ask.refresh_from_db()
    assert ask.state == "asked"
    assert alice.browser().post(f"/sharing/asks/{ask.pk}", {"answer": "perhaps"}).status_code == 400


def test_asks_are_exported_and_go_with_the_person(alice: Any, asking: Any, path: str) -> None:
    from consent.holdings import AsksHolding
    from subjects.holdings import ExportScope

    asking.post(path, NEWSLETTER)
    holding = AsksHolding()
    assert holding.export(alice.subject, ExportScope())["asked"][0]["recipient"] == "acme"
    assert holding.export(alice.subject, ExportScope(portability=True)) == {}
    assert holding.plan(alice.subject, {})[0].fate == "goes"
    assert (holding.residue(alice.subject, {}), holding.erase(alice.subject, {})) == (1, 1)
    assert holding.residue(alice.subject, {}) == 0


def test_teeth_without_its_memory_it_would_ask_again(
    alice: Any, asking: Any, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asking.post(path, NEWSLETTER)
    word(alice, "decline")
    monkeypatch.setattr(asks, "_require_unanswered", lambda *args: None)
    assert asking.post(path, NEWSLETTER).status_code == 201
