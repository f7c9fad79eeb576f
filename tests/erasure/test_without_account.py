"""Who has no account gets as much as who has one (Art. 12(2)): every right, the copy, our words, what came of it."""

import re
from datetime import timedelta
from typing import Any

import pytest
from django.conf import settings
from django.core import mail
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import override

from access.services import mail_links
from consent.models import Objection
from erasure.models import Archive, CopyLink, RightsRequest
from erasure.services import conversation, requests
from erasure.services.copy_links import require_code
from gdpr_portal.errors import Refused
from subjects.models import Subject
from subjects.services import values
from subjects.services.people import register_subject
from tests.access.conftest import code_for
from tests.erasure.people import code_in_mail, file, run_all, store, sweep_all, text_of
from tests.erasure.test_rights import unzipped

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]

HANNA = "hanna@example.org"
COPY = re.compile(r"https?://[^/\s]+(/request/copy/\S+)")
CODE = re.compile(r"\b(\d{6})\b")


@pytest.fixture
def hanna(shop: Any, settings: Any) -> Subject:
    """Known to shop, writes German, has no account; nobody waits before an erasure."""
    settings.UNDO_WINDOW_SECONDS = 0
    identifiers = {"email": HANNA, "customer_id": "c-hanna"}
    subject, _new = register_subject(application=shop, identifiers=identifiers, language="de", country="DE")
    store(shop, subject, "orders", given_name="Hanna", family_name="Huber")
    return subject


def ask(right: str, after_commit: Any, **words: str) -> RightsRequest:
    """The request, asked for by the public form and confirmed by the code."""
    with after_commit():
        Client().post("/request", {"email": HANNA, "right": right, **words})
    with after_commit():
        Client().post("/request/verify", dict(zip(("reference", "code"), code_of_request(), strict=True)))
        sweep_all()
    return RightsRequest.objects.latest("created_at")


def code_of_request() -> tuple[str, str]:
    mail.outbox[-1].body = str(mail.outbox[-1].body).replace("Aktenzeichen:", "Reference:")
    return code_in_mail()


def collected(where: str, code: str, browser: Client) -> Any:
    return browser.post(where, {"code": code}, follow=True)


def sent_code(where: str, browser: Client, after_commit: Any) -> str:
    with after_commit():
        browser.post(where)
    found = CODE.search(str(mail.outbox[-1].body))
    assert found is not None and mail.outbox[-1].to == [HANNA]
    return found.group(1)


def link_in(message: Any) -> str:
    found = COPY.search(str(message.body))
    assert found is not None, message.body
    return found.group(1)


def test_the_copy_opens_by_link_and_a_fresh_code_once(hanna: Subject, after_commit: Any, audit_log: Any) -> None:
    request = ask("access", after_commit)
    assert request.state == "completed"
    where, mine, other = link_in(mail.outbox[-1]), Client(), Client()
    page = mine.get(where)
    assert page.status_code == 200 and HANNA not in page.content.decode() and "Huber" not in page.content.decode()
    assert mine.post(where, {"code": "000000"}).status_code == 422, "no code was sent yet"
    code = sent_code(where, mine, after_commit)
    assert collected(where, f"{(int(code) + 1) % 10**6:06d}", mine).status_code == 422
    given = collected(where, code, mine)
    files = unzipped(b"".join(given.streaming_content))
    assert b"Huber" in files["data.json"]
    assert collected(where, code, other).status_code == 422
    with pytest.raises(Refused) as refused:  # the archive alone would refuse a second browser, too
        require_code(link=CopyLink.objects.get(), code=code)
    assert refused.value.code == "code_wrong", "a code works once"
    assert other.get(f"{where}?file=1")["Content-Type"].startswith("text/html"), "the download is of one browser"
    assert mine.get(f"{where}?file=1")["Content-Type"] == "application/zip", "and goes on there"
    Archive.objects.update(window_until=None)
    assert mine.get(where).status_code == 410
    assert [len(audit_log(f"archive.{what}")) for what in ("code_sent", "downloaded")] == [1, 1]


def test_a_session_planted_beforehand_gets_no_byte(hanna: Subject, after_commit: Any) -> None:
    """Whoever put their own cookie into the person's browser does not go on with their download (T42)."""
    ask("access", after_commit)
    where, mine, planted = link_in(mail.outbox[-1]), Client(), Client()
    session = mine.session
    session["planted"] = True
    session.save()
    planted.cookies["session"] = mine.cookies["session"].value
    assert collected(where, sent_code(where, mine, after_commit), mine).status_code == 200
    assert planted.get(f"{where}?file=1")["Content-Type"].startswith("text/html")
    assert mine.get(f"{where}?file=1")["Content-Type"] == "application/zip"


def test_codes_tried_at_once_are_counted_before_they_are_looked_at(hanna: Subject, after_commit: Any) -> None:
    """Whoever opened the link before the last try was counted is past its check already."""
    ask("access", after_commit)
    where, browser = link_in(mail.outbox[-1]), Client()
    code = sent_code(where, browser, after_commit)
    opened = CopyLink.objects.get()
    for _try in range(mail_links.TRIES):
        with pytest.raises(Refused):
            require_code(link=opened, code="000000" if code != "000000" else "111111")
    with pytest.raises(Refused):
        require_code(link=opened, code=code)
    assert CopyLink.objects.get().tries == mail_links.TRIES


def test_the_right_code_is_no_guess(hanna: Subject, after_commit: Any) -> None:
    ask("access", after_commit)
    where, browser = link_in(mail.outbox[-1]), Client()
    code = sent_code(where, browser, after_commit)
    require_code(link=CopyLink.objects.get(), code=code)
    assert CopyLink.objects.get().tries == 0


@pytest.mark.parametrize("way", ["late", "guessed", "newer", "account", "erased"])
def test_a_link_to_a_copy_ends(hanna: Subject, alice: Any, after_commit: Any, frozen: Any, way: str) -> None:
    request = ask("access", after_commit)
    where, browser = link_in(mail.outbox[-1]), Client()
    code = sent_code(where, browser, after_commit)
    if way == "late":
        frozen.shift(timedelta(minutes=15, seconds=1))
        assert collected(where, code, browser).status_code == 422
        frozen.move_to(Archive.objects.get().expires_at)
    elif way == "guessed":
        for _try in range(mail_links.TRIES):
            browser.post(where, {"code": "000000" if code != "000000" else "111111"})
    elif way == "newer":
        from erasure.services.copy_links import link_to

        link_to(Archive.objects.get())
    elif way == "account":  # with a second factor nothing less will do
        Subject.objects.filter(account=alice.account).update(account=None)
        Subject.objects.filter(pk=hanna.pk).update(account=alice.account)
    else:
        run_all(file(hanna, "erasure"))
    assert collected(where, code, browser).status_code == 410
    request.refresh_from_db()
    assert request.archive is None or request.archive.collected_at is None


def test_who_signs_in_gets_no_link(alice: Any, shop: Any, after_commit: Any) -> None:
    store(shop, alice.subject, "orders", family_name="Ahlberg")
    with after_commit():
        run_all(file(alice.subject, "access"))
    assert CopyLink.objects.count() == 0 and COPY.search(str(mail.outbox[-1].body)) is None


@pytest.mark.parametrize(
    ("right", "words"),
    [
        ("rectification", {"field": "family_name", "value": "Maier"}),
        ("restriction", {"ground": "accuracy_contested"}),
        ("objection", {"purpose": "direct_marketing"}),
        ("withdraw_consent", {"purpose": "newsletter"}),
        ("human_review", {"decision": "D-7"}),
    ],
)
def test_every_right_is_asked_for_by_the_public_form(
    hanna: Subject, shop: Any, after_commit: Any, right: str, words: dict[str, str]
) -> None:
    bare = Client().post("/request", {"email": HANNA, "right": right})
    assert not RightsRequest.objects.exists(), "what it is about has to be said"
    assert bare.status_code == 200
    with after_commit():
        known = Client().post("/request", {"email": HANNA, "right": right, **words})
        unknown = Client().post("/request", {"email": "nobody@example.org", "right": right, **words})
    assert text_of(known) == text_of(unknown)
    mail.outbox.pop()
    with after_commit():
        Client().post("/request/verify", dict(zip(("reference", "code"), code_of_request(), strict=True)))
        sweep_all()
    request = RightsRequest.objects.get()
    assert request.right == right and request.state in {"completed", "in_progress", "in_review"}
    if right == "rectification":
        assert values.read_values(subject=hanna, fields=["family_name"]) == {"family_name": "Maier"}
    if right == "objection":
        assert Objection.objects.get().ended_at is None, "at once (Art. 21(3))"


def test_the_last_mail_of_an_erasure_says_in_their_language_what_stays(
    hanna: Subject, shop: Any, after_commit: Any
) -> None:
    store(shop, hanna, "tax_records", vat_number="DE811907980")
    with after_commit():
        request = run_all(file(hanna, "erasure"))
        for step in request.steps.filter(state="waiting"):
            step.state = "done"
            step.save()
        run_all(request)
    told = mail.outbox[-1]
    assert told.to == [HANNA] and "Ihr Antrag" in told.subject, "not in English, though nothing of them is left here"
    assert "Art. 17 Abs. 3 Buchst. b DSGVO" in told.body and "Steuerunterlagen" in told.body
    assert "Art. 17 Abs. 3 Buchst. e DSGVO" in told.body, "and what is kept as proof, with its end"


def test_it_says_until_when_the_proof_is_kept_and_no_other_mail_does(
    hanna: Subject, shop: Any, after_commit: Any, frozen: Any
) -> None:
    store(shop, hanna, "orders", given_name="Hanna")
    with after_commit():
        run_all(file(hanna, "withdraw_consent", purpose="newsletter"))
    [other] = [each.body for each in mail.outbox if "receipt.jws" in each.body]
    assert "Buchst. e DSGVO" not in other
    with after_commit():
        request = run_all(file(hanna, "erasure"))
        request.steps.filter(state="waiting").update(state="done")
        run_all(request)
    last = localtime(timezone.now() + timedelta(days=settings.PROOF_RETENTION_DAYS))
    with override("de"):
        assert f"spätestens am {date_format(last, 'DATE_FORMAT')}" in mail.outbox[-1].body


def test_our_words_are_read_and_answered_by_link(hanna: Subject, rita: Any, after_commit: Any) -> None:
    request = ask("human_review", after_commit, decision="D-7")
    with after_commit():
        conversation.write_to_person(request_id=request.id, author=rita.account, text="We looked at it: canary-words.")
    body = str(mail.outbox[-1].body)
    assert "canary-words" not in body
    where = re.search(r"https?://[^/\s]+(/request/answer/\S+)", body)
    assert where is not None
    page = Client().get(where.group(1)).content.decode()
    assert "canary-words" in page
    assert Client().post(where.group(1), {"text": "Thank you."}).status_code == 200
    assert [each.text for each in conversation.conversation(request)][-1] == "Thank you."


def test_a_reviewer_says_what_they_came_to(hanna: Subject, rita: Any, after_commit: Any) -> None:
    request = ask("human_review", after_commit, decision="D-7")
    act = f"/admin/erasure/rightsrequest/{request.id}/act/"
    page = rita.browser().get(f"/admin/erasure/rightsrequest/{request.id}/change/").content.decode()
    assert "D-7" in page
    rita.browser().post(act, {"act": "reviewed", "outcome": "decision_stands", "text": " "})
    request.refresh_from_db()
    assert request.state == "in_review", "not without a word to the person"
    with after_commit():
        rita.browser().post(act, {"act": "reviewed", "outcome": "decision_stands", "text": "Because of X."})
    request.refresh_from_db()
    assert (request.state, request.outcome) == ("completed", "decision_stands")
    assert requests.refusals_of("rectification") == ["A12IdentityFailure", "A16DataAccurate"]


def test_a_reviewer_sees_what_is_contested_once_with_a_fresh_factor(
    alice: Any, rita: Any, olga: Any, shop: Any, settings: Any, audit_log: Any
) -> None:
    settings.REVIEW_EVERY_REQUEST = True
    store(shop, alice.subject, "orders", family_name="Held-canary")
    request = file(alice.subject, "rectification", purpose="orders", values={"family_name": "Wanted-canary"})
    page = f"/admin/erasure/rightsrequest/{request.id}/"
    first = rita.browser().get(f"{page}change/").content.decode()
    assert "Held-canary" not in first and "Wanted-canary" not in first
    assert "canary" not in olga.browser().post(f"{page}wish/", follow=True).content.decode()
    assert "canary" not in rita.browser(fresh=False).post(f"{page}wish/").content.decode()
    assert audit_log("data.revealed") == []
    shown = rita.browser().post(f"{page}wish/").content.decode()
    assert "Held-canary" in shown and "Wanted-canary" in shown
    assert audit_log("data.revealed")[0].fields == ["family_name"]
    mine = alice.browser().get("/activity").content.decode()
    assert "A member of our staff" in mine and str(rita.account.id) not in mine and "rita" not in mine
    asked = rita.browser(fresh=False).post(f"{page}wish/", {"otp": code_for(rita.totp_secret)}).content.decode()
    assert "Wanted-canary" in asked
