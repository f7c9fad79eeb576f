"""Each right does at once what the law wants at once, and is refused where its basis does not give it."""

from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core import mail
from django.utils.formats import date_format

from access.services.applications import set_endpoint
from audit import actors
from consent.models import Delivery, HandNotice, NoticeText, Purpose
from consent.services.consents import record_consent
from consent.services.data import store_data
from consent.services.decisions import decide_for
from consent.services.deliveries import acknowledge
from erasure.models import Archive, RightsRequest
from erasure.services import archives, requests, steps
from gdpr_portal.errors import Gone, Invalid, Refused, WrongState
from subjects.models import PersonalValue, ValuePurpose
from subjects.services import read_values
from tests.audit.tools import behind_the_triggers
from tests.conftest import make_application
from tests.consent.people import share
from tests.consent.test_transfers import draft, go_live

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def file(subject: Any, right: str, verified_by: str = "account", **details: Any) -> RightsRequest:
    return requests.file_request(
        subject=subject, right=right, details=details, verified_by=verified_by, actor=actors.SUBJECT, by_person=True
    )


def store(shop: Any, subject: Any, purpose: str, **values: str) -> None:
    store_data(application=shop, subject=subject, purpose=purpose, values=values, source="subject")


def give(subject: Any, purpose: str) -> None:
    text = NoticeText.objects.get(notice__purpose__slug=purpose, notice__state="live", language="en")
    from consent.services.events import NoticeSeen

    seen = NoticeSeen(version=text.notice.version, language="en", digest=text.digest)
    record_consent(subject=subject, purpose=purpose, action="give", notice=seen, channel="web", actor=actors.SUBJECT)


def code(shop: Any, subject: Any, purpose: str) -> str:
    return decide_for(application=shop, subject=subject, purpose=purpose).code


def test_restriction_holds_at_once(alice: Any, shop: Any) -> None:
    assert code(shop, alice.subject, "orders") == "allowed"
    file(alice.subject, "restriction", ground="accuracy_contested")
    assert code(shop, alice.subject, "orders") == "restricted"


def test_an_objection_to_marketing_ends_it_at_once_and_completes(alice: Any, shop: Any) -> None:
    assert code(shop, alice.subject, "direct_marketing") == "allowed"
    request = file(alice.subject, "objection", purpose="direct_marketing")
    assert (request.state, code(shop, alice.subject, "direct_marketing")) == ("completed", "objected")


def test_another_objection_holds_until_a_reviewer_decides(alice: Any, shop: Any, rita: Any) -> None:
    request = file(alice.subject, "objection", purpose="fraud_prevention")
    assert (request.state, code(shop, alice.subject, "fraud_prevention")) == ("in_review", "objected")
    requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A21CompellingGrounds")
    assert code(shop, alice.subject, "fraud_prevention") == "allowed"


def test_an_objection_upheld_stays(alice: Any, shop: Any, rita: Any) -> None:
    request = file(alice.subject, "objection", purpose="fraud_prevention")
    approved = requests.approve_request(request_id=request.id, reviewer=rita.account)
    assert (approved.state, code(shop, alice.subject, "fraud_prevention")) == ("completed", "objected")


@pytest.fixture
def letters(alice: Any, shop: Any, olga: Any, rita: Any) -> Any:
    """Shop holds contracts; letters, and paper without a connection, have had Alice's data for both purposes."""
    made = make_application("letters", ["deliveries:acknowledge"], is_third_party=True)
    purposes = ["direct_marketing", "fraud_prevention"]
    for application in (shop, made):
        set_endpoint(application=application, url=f"https://{application.slug}.example/notices")
    for slug, application in (("letters", made), ("paper", None)):
        go_live(draft(olga, slug=slug, name=slug.title(), purposes=purposes, application=application), olga, rita)
    for purpose in purposes:
        assert code(shop, alice.subject, purpose) == "allowed"
        for slug in ("letters", "paper"):
            share(alice.subject, True, purpose=purpose, recipient=slug)
    Delivery.objects.all().delete()
    HandNotice.objects.all().delete()
    return made


def told(subject: Any) -> list[tuple[Any, ...]]:
    """What everybody was told since: by notice, then by hand."""
    heard = Delivery.objects.order_by("application__slug", "sequence")
    by_hand = HandNotice.objects.order_by("created_at", "pk")
    return [
        *heard.values_list("application__slug", "type", "purpose"),
        *by_hand.values_list("recipient", "type", "purpose"),
    ]


def test_everybody_with_data_for_the_purpose_learns_of_an_objection_to_marketing(
    alice: Any, shop: Any, letters: Any
) -> None:
    """Art. 21(3): once each, and the request waits for their word; another purpose's holders hear nothing."""
    request = file(alice.subject, "objection", purpose="direct_marketing")
    stop = ("sharing.stopped", "direct_marketing")
    assert told(alice.subject) == [("letters", *stop), ("shop", *stop), ("paper", *stop)]
    assert request.state == "in_progress" and code(shop, alice.subject, "direct_marketing") == "objected"
    assert [(step.kind, step.target, step.state) for step in request.steps.order_by("target")] == [
        ("notify", "letters", "waiting"), ("notify", "shop", "waiting")
    ]  # fmt: skip
    assert "Letters" in alice.browser().get(f"/requests/{request.id}").content.decode()
    for application in (shop, letters):
        delivery = Delivery.objects.get(application=application)
        assert (delivery.request, delivery.due_at) == (request.id, request.due_at)
        acknowledge(application=application, delivery_id=delivery.id, outcome="done", evidence={}, data={})
    steps.sweep()
    request.refresh_from_db()
    assert request.state == "completed"


@pytest.mark.parametrize("end", ["upheld", "overruled", "taken back"])
def test_a_disputed_objection_restricts_at_those_who_hold_the_data_until_it_is_decided(
    alice: Any, shop: Any, rita: Any, letters: Any, end: str
) -> None:
    request = file(alice.subject, "objection", purpose="fraud_prevention")
    everybody = ("letters", "shop", "paper")
    assert told(alice.subject) == [(who, "restriction.set", "fraud_prevention") for who in everybody]
    Delivery.objects.all().delete()
    HandNotice.objects.all().delete()
    if end == "upheld":
        requests.approve_request(request_id=request.id, reviewer=rita.account)
        waiting = {(step.kind, step.target) for step in request.steps.filter(state="waiting")}
        assert waiting == {("notify", "letters"), ("notify", "shop"), ("manual", "recipient:paper")}
        assert told(alice.subject) == [(who, "sharing.stopped", "fraud_prevention") for who in everybody[:2]]
        return
    if end == "overruled":
        requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A21CompellingGrounds")
    else:
        requests.withdraw_request(request=request, actor=actors.SUBJECT)
    assert told(alice.subject) == [(who, "restriction.lifted", "fraud_prevention") for who in everybody]


def test_an_objection_taken_back_is_over(alice: Any, shop: Any, audit_log: Any) -> None:
    request = file(alice.subject, "objection", purpose="fraud_prevention")
    assert code(shop, alice.subject, "fraud_prevention") == "objected"
    requests.withdraw_request(request=request, actor=actors.SUBJECT)
    assert code(shop, alice.subject, "fraud_prevention") == "allowed"
    assert audit_log("objection.decided")[0].action == "objection.decided"


@pytest.mark.parametrize("end", ["withdrawn", "refused"])
def test_a_second_objection_that_ends_leaves_the_upheld_one(alice: Any, shop: Any, rita: Any, end: str) -> None:
    first = file(alice.subject, "objection", purpose="fraud_prevention")
    requests.approve_request(request_id=first.id, reviewer=rita.account)
    second = file(alice.subject, "objection", purpose="fraud_prevention")
    if end == "withdrawn":
        requests.withdraw_request(request=second, actor=actors.SUBJECT)
    else:
        requests.refuse_request(request_id=second.id, reviewer=rita.account, reason_code="A21CompellingGrounds")
    second.refresh_from_db()
    assert (second.state, code(shop, alice.subject, "fraud_prevention")) == (end, "objected")


def test_withdrawing_consent_completes_at_once(alice: Any, shop: Any) -> None:
    give(alice.subject, "newsletter")
    assert code(shop, alice.subject, "newsletter") == "allowed"
    request = file(alice.subject, "withdraw_consent", purpose="newsletter")
    assert (request.state, code(shop, alice.subject, "newsletter")) == ("completed", "consent_withdrawn")


def test_rectification_puts_the_right_value_in_place(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alise")
    request = file(alice.subject, "rectification", purpose="orders", values={"given_name": "Alice"})
    steps.sweep()
    assert read_values(subject=alice.subject, fields=["given_name"]) == {"given_name": "Alice"}
    assert request.details_sealed and b"Alice" not in bytes(request.details_sealed)


@pytest.mark.parametrize(
    ("field", "needed", "told"),
    [
        ("family_name", ["email", "given_name"], {"shop"}),
        ("given_name", ["email", "given_name"], {"shop", "acme"}),
        ("postal_address", ["email"], {"shop", "acme"}),
    ],
    ids=["theirs alone", "shared", "needed no more, and had"],
)
@pytest.mark.parametrize("is_connected", [True, False], ids=["connected", "by hand"])
def test_a_correction_is_told_to_those_who_have_what_was_corrected(
    alice: Any, shop: Any, acme: Any, field: str, needed: list[str], told: set[str], is_connected: bool
) -> None:
    """Acme got the fields of the newsletter: that there is a family name is none of its business (Art. 5(1)(c))."""
    give(alice.subject, "newsletter")
    share(alice.subject, True)
    store(shop, alice.subject, "orders", given_name="Alise", family_name="Arlberg", postal_address="Ahornweg 2")
    value = PersonalValue.objects.get(subject=alice.subject, field="postal_address")
    ValuePurpose.objects.create(value=value, purpose="newsletter", since=value.updated_at)
    with behind_the_triggers():
        Purpose.objects.filter(slug="newsletter").update(fields=needed)
    for application in (shop, acme) if is_connected else ():
        set_endpoint(application=application, url=f"https://{application.slug}.example/notices")
    request = file(alice.subject, "rectification", purpose="orders", values={field: "Ahlberg"})
    steps.sweep()
    asked = request.steps.filter(kind__in=["notify", "manual"])
    assert set(asked.values_list("target", flat=True)) == told


@pytest.mark.parametrize(
    ("purpose", "field"),
    [("statistics", "postal_address"), ("newsletter", "given_name"), ("health_programme", "health_note")],
)
def test_nothing_comes_to_be_held_by_rectification_that_could_not_be_stored(
    alice: Any, purpose: str, field: str
) -> None:
    """No contract takes the first, and nobody has consented to the others."""
    with pytest.raises(Invalid) as refused:
        file(alice.subject, "rectification", purpose=purpose, values={field: "x"})
    assert refused.value.status == 422
    assert [flaw.pointer for flaw in refused.value.errors] == [f"/details/values/{field}"]
    assert not RightsRequest.objects.exists()


def test_what_is_held_is_put_right_whatever_became_of_its_ground(alice: Any, shop: Any) -> None:
    give(alice.subject, "newsletter")
    store(shop, alice.subject, "newsletter", given_name="Alise")
    file(alice.subject, "withdraw_consent", purpose="newsletter")
    file(alice.subject, "rectification", purpose="newsletter", values={"given_name": "Alice"})
    steps.sweep()
    assert read_values(subject=alice.subject, fields=["given_name"]) == {"given_name": "Alice"}


def test_a_ground_that_ended_on_the_way_lets_nothing_in(alice: Any, shop: Any, settings: Any) -> None:
    give(alice.subject, "newsletter")
    request = file(alice.subject, "rectification", purpose="newsletter", values={"given_name": "Alice"})
    file(alice.subject, "withdraw_consent", purpose="newsletter")
    steps.sweep()
    request.refresh_from_db()
    assert request.state == "completed"
    assert read_values(subject=alice.subject, fields=["given_name"]) == {}


def test_what_a_law_keeps_is_not_taken_away_as_a_correction(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "tax_records", vat_number="DE123456789")
    with pytest.raises(WrongState) as refused:
        file(alice.subject, "rectification", purpose="tax_records", values={"vat_number": None})
    assert refused.value.code == "right_not_available"


@pytest.mark.parametrize(
    ("right", "details"),
    [
        ("objection", {"purpose": "orders"}),
        ("withdraw_consent", {"purpose": "orders"}),
    ],
)
def test_a_right_the_basis_does_not_give_is_refused(alice: Any, right: str, details: dict[str, Any]) -> None:
    with pytest.raises(WrongState) as refused:
        file(alice.subject, right, **details)
    assert refused.value.code == "right_not_available"


def test_erasure_is_not_given_when_all_is_held_by_law(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "tax_records", vat_number="DE123456789")
    with pytest.raises(WrongState) as refused:
        file(alice.subject, "erasure")
    assert refused.value.code == "right_not_available"


@pytest.mark.parametrize(
    ("right", "details", "status"),
    [
        ("access", {"anything": 1}, 400),
        ("objection", {}, 400),
        ("objection", {"purpose": 7}, 400),
        ("restriction", {"ground": "because"}, 422),
        ("rectification", {"purpose": "orders", "values": {"no_such_field": "x"}}, 422),
        ("rectification", {"purpose": "orders", "values": {"email": "not an address"}}, 422),
    ],
)
def test_details_that_do_not_fit_leave_nothing(alice: Any, right: str, details: dict[str, Any], status: int) -> None:
    with pytest.raises(Invalid) as refused:
        file(alice.subject, right, **details)
    assert refused.value.status == status
    assert not RightsRequest.objects.exists()


def test_an_archive_holds_the_data_and_is_collected_once(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Alice", family_name="=cmd()")
    request = file(alice.subject, "access")
    with pytest.raises(WrongState):
        archives.collect(request=request, actor=actors.SUBJECT)
    steps.sweep()
    _archive, data = archives.collect(request=request, actor=actors.SUBJECT)
    files = unzipped(b"".join(data))
    assert {"data.json", "index.html", "manifest.json", "manifest.jws"} <= set(files)
    assert b"Alice" in files["data.json"] and b"Alice" in files["index.html"]
    cells = next(content for path, content in files.items() if path.startswith("csv/") and b"cmd" in content)
    assert b'"\'=cmd()"' in cells
    with pytest.raises(Gone):
        archives.collect(request=request, actor=actors.SUBJECT)


def test_the_manifest_binds_every_file(alice: Any, shop: Any) -> None:
    import hashlib
    import json

    from vault.signing import verify_jws

    store(shop, alice.subject, "orders", given_name="Alice")
    request = file(alice.subject, "access")
    steps.sweep()
    files = unzipped(b"".join(archives.collect(request=request, actor=actors.SUBJECT)[1]))
    verify_jws(files["manifest.jws"].decode(), files["manifest.json"])
    listed = {each["path"]: each["sha256"] for each in json.loads(files["manifest.json"])["files"]}
    assert listed == {
        path: hashlib.sha256(content).hexdigest()
        for path, content in files.items()
        if path not in {"data/", "manifest.json", "manifest.jws"} and not path.startswith("tagmanifest")
    }


def test_archives_lie_sealed(alice: Any, shop: Any) -> None:
    store(shop, alice.subject, "orders", given_name="Canary-Kestrel")
    file(alice.subject, "access")
    steps.sweep()
    chunks = b"".join(bytes(chunk.sealed) for chunk in Archive.objects.get().chunks.order_by("position"))
    assert chunks and b"Canary" not in chunks and b"PK" not in chunks[:64]


def test_portability_holds_only_what_the_person_gave_on_consent_or_contract(alice: Any, shop: Any) -> None:
    import json

    store(shop, alice.subject, "orders", given_name="Alice")
    store_data(
        application=shop, subject=alice.subject, purpose="orders", values={"family_name": "Derived"}, source="derived"
    )
    store(shop, alice.subject, "tax_records", vat_number="DE123456789")
    request = file(alice.subject, "portability")
    steps.sweep()
    data = unzipped(b"".join(archives.collect(request=request, actor=actors.SUBJECT)[1]))["data.json"].decode()
    assert "Alice" in data
    assert "Derived" not in data and "DE123456789" not in data
    assert "information" not in json.loads(data)


def test_an_unverified_request_waits_for_the_code_from_the_mail(
    alice: Any, django_capture_on_commit_callbacks: Any
) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        request = file(alice.subject, "access", verified_by="none")
    assert request.state == "verifying"
    code_sent = next(word for word in mail.outbox[-1].body.split() if word.isdigit() and len(word) == 6)
    wrong = f"{(int(code_sent) + 1) % 10**6:06d}"
    with pytest.raises(Refused):
        requests.verify_request(request_id=request.id, code=wrong)
    assert requests.verify_request(request_id=request.id, code=code_sent).state == "in_progress"


def test_five_wrong_codes_end_the_chances(alice: Any, django_capture_on_commit_callbacks: Any) -> None:
    with django_capture_on_commit_callbacks(execute=True):
        request = file(alice.subject, "access", verified_by="none")
    code_sent = next(word for word in mail.outbox[-1].body.split() if word.isdigit() and len(word) == 6)
    for at in range(1, 6):
        with pytest.raises(Refused):
            requests.verify_request(request_id=request.id, code=f"{(int(code_sent) + at) % 10**6:06d}")
    with pytest.raises(Refused):
        requests.verify_request(request_id=request.id, code=code_sent)


def test_an_extension_is_given_once_and_told(
    alice: Any, rita: Any, settings: Any, django_capture_on_commit_callbacks: Any
) -> None:
    request = file(alice.subject, "human_review", decision="D-1")
    before = request.due_at
    with django_capture_on_commit_callbacks(execute=True):
        later = requests.extend_request(request_id=request.id, reviewer=rita.account, reason_code="A12Complexity")
    told = mail.outbox[-1].body
    assert later.due_at > before and "The request is complex" in told
    assert date_format(later.due_at.astimezone(ZoneInfo(settings.CONTROLLER_TIME_ZONE))) in told
    with pytest.raises(WrongState):
        requests.extend_request(request_id=request.id, reviewer=rita.account, reason_code="A12Complexity")


def test_a_refusal_needs_a_reason_and_tells_the_remedies(
    alice: Any, rita: Any, django_capture_on_commit_callbacks: Any, settings: Any
) -> None:
    request = file(alice.subject, "human_review", decision="D-1")
    with pytest.raises(Invalid):
        requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="BecauseISaySo")
    with pytest.raises(Invalid):  # a reason against erasure, and this is none
        requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A17LegalClaims")
    with django_capture_on_commit_callbacks(execute=True):
        requests.refuse_request(request_id=request.id, reviewer=rita.account, reason_code="A12IdentityFailure")
    text = mail.outbox[-1].body
    assert settings.CONTROLLER["authority"] in text and "court" in text


def unzipped(data: bytes) -> dict[str, bytes]:
    import io
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}
