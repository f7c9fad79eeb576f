"""Everything that can stand at the desks, made through the services: for the tests of the pages and for pictures."""

import json
from dataclasses import dataclass
from datetime import timedelta
from secrets import token_urlsafe
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Account, Application
from access.services.accounts import create_account
from access.services.applications import set_endpoint
from audit.actors import SUBJECT
from audit.models import AuditEvent
from consent import conformance
from consent.digests import body_digest
from consent.models import Component, Delivery, Notice, NoticeText, Purpose, Recipient, Revision
from consent.qa.counting import roll_up
from consent.qa.services import draw_sample, mark_entry
from consent.services import comments, delegations, findings, publishing, review
from consent.services.asks import ask_for_share
from consent.services.attestations import take_attestation
from consent.services.data import read_data, store_data
from consent.services.paper import add_proof
from consent.services.revisions import begin_revision
from erasure.models import AccessQuestion, Breach, CheckedText, Destination, EvidencePack, RightsRequest, Transfer
from erasure.services import comments as notes
from erasure.services import conversation, holds, opinions, packs, questions, steps
from erasure.services.destinations import approve, propose
from erasure.services.four_eyes import WAITS
from erasure.services.mandate_words import Representative
from erasure.services.on_behalf import Shown, record_letter, record_on_behalf
from erasure.services.transfers import ask_transfer
from subjects.models import Subject
from tests.consent.people import answer, share
from tests.erasure.people import file
from tests.erasure.people import in_review as in_review_request
from vault import signing
from vault.services import pairwise_id

DAY = timedelta(days=1)
LONG = "A name that somebody gave without a thought for those who read it in a narrow column of a table"


@dataclass
class Cast:
    """Who acts. Staff are accounts; people are subjects; the deputy is a second reviewer."""

    rita: Account
    quentin: Account
    olga: Account
    deputy: Account
    alice: Any
    bob: Any

    @property
    def shop(self) -> Application:
        return Application.objects.get(slug="shop")

    @property
    def acme(self) -> Application:
        return Application.objects.get(slug="acme")


def everything(cast: Cast) -> None:
    """All desks have something of every kind."""
    checked(cast)
    sharing(cast)
    requests(cast)
    governance(cast)
    quality(cast)


def of_the_demo() -> Cast:
    """The people of the demo of this instance; a second reviewer is made where there is none."""
    staff = {role: Account.objects.filter(groups__name=role).order_by("pk") for role in ("qa", "operator")}
    first, *more = Account.objects.filter(groups__name="irm").order_by("created_at")
    deputy = more[0] if more else create_account(
        email="irene@controller.example", password=token_urlsafe(15), is_staff=True, roles=["irm"], desk_name="irene"
    )  # fmt: skip
    alice, bob = Subject.objects.exclude(account=None).order_by("created_at")[:2]
    return Cast(rita=first, quentin=staff["qa"][0], olga=staff["operator"][0], deputy=deputy, alice=alice, bob=bob)


def show() -> None:
    """The demo has everything, once; prints where its pages are, and alice's id at the shop, as JSON."""
    from django.urls import reverse

    from gdpr_portal.templatetags.desks import DESKS

    cast = of_the_demo()
    if not Recipient.objects.filter(slug="post").exists():
        everything(cast)
    fronts = {place.route: reverse(f"admin:{place.route}") for desk in DESKS for place in desk.places}
    person = str(pairwise_id(cast.shop.pk, cast.alice.pk))
    print(json.dumps({"pages": fronts | pages(), "person": person}))


# --- sharing ----------------------------------------------------------------------------------------------------------
def sharing(cast: Cast) -> None:
    """Withdrawals told, confirmed, late and stuck; a recipient told by hand; a question of a third party."""
    set_endpoint(application=cast.acme, url="https://acme.example/hook")
    by_post = recipient(cast, "post", "Post AG, Abteilung für Sendungen an Kundinnen und Kunden im Ausland")
    for person in (cast.alice, cast.bob):
        answer(person, "give")
        share(person, True, recipient=by_post.slug)
        for shared in (True, False):
            share(person, shared)
    stopped(cast, timezone.now())
    findings.find_untold()
    findings.find_overdue()


def recipient(cast: Cast, slug: str, name: str) -> Recipient:
    """A live recipient without an application."""
    draft = Recipient.objects.create(
        slug=slug, name=name, role="controller", country="DE", purposes=["newsletter"], author=cast.olga,
        contact="datenschutz@post.example", contract_reference="JC 2026/7",
    )  # fmt: skip
    drafted(cast, draft)
    return publishing.publish(item=approved(cast, draft), actor=cast.rita)


def stopped(cast: Cast, now: Any) -> None:
    """Withdrawals of some days ago, each told and confirmed after another time, and two that nobody confirmed."""
    times = ((0.4, 3), (1, 40), (2, 600), (5, 7_200), (30, 90_000), (60, None), (None, None))
    for sequence, (told, done) in enumerate(times, 101):
        at = now - sequence % 7 * DAY - timedelta(hours=74)
        row = Delivery.objects.create(
            application=cast.acme, subject=cast.alice, type="sharing.stopped", purpose="newsletter", recipient="acme",
            sequence=sequence, state="acknowledged" if done else "sent" if told else "queued",
            outcome="done" if done else "", sent_at=at + timedelta(seconds=told) if told else None,
            closed_at=at + timedelta(seconds=done) if done else None, last_error="" if told else "timeout",
        )  # fmt: skip
        Delivery.objects.filter(pk=row.pk).update(created_at=at)


def asked(cast: Cast) -> UUID:
    """ACME asks alice for a share; the ask."""
    Application.objects.filter(slug="acme").update(scopes=[*cast.acme.scopes, "sharing:write"])
    answer(cast.alice, "give")
    ask = ask_for_share(application=cast.acme, subject=cast.alice, recipient="acme", purpose="newsletter")
    return getattr(ask, "pk", None) or ask[0].pk


# --- requests ---------------------------------------------------------------------------------------------------------
def requests(cast: Cast) -> None:
    """Requests in review, overdue, with a question, a hold, a proposal, waiting for a second person; a question about
    an access; a breach."""
    reviewed = in_review_request(cast.alice, "loan-1")
    late = in_review_request(cast.bob, "loan-2", timezone.now() - 40 * DAY)
    opinions.propose(request_id=late.pk, reviewer=cast.deputy, kind="refusal", reason_code="A12ManifestlyExcessive")
    conversation.write_to_person(request_id=reviewed.pk, author=cast.rita, text="We are looking at your decision.")
    conversation.write_to_desk(request=reviewed, text="Thank you. " + LONG)
    notes.comment_on(request_id=reviewed.pk, author=cast.deputy, text="I have asked the shop for the file. " + LONG)
    question(cast)
    breach(cast)
    packs.ask_about_person(pseudonym=cast.alice.pseudonym, reason="authority", by=cast.deputy)
    sent_on(cast)
    file(cast.alice, "access")
    mandate(cast)
    holds.place_hold(subject=cast.bob, reason="legal_claims", by=cast.rita)
    file(cast.bob, "erasure")
    corrected = {"purpose": "orders", "values": {"given_name": "Alicia"}}
    record_letter(subject=cast.alice, wishes=[("rectification", corrected)], reviewer=cast.deputy)


def checked(cast: Cast) -> None:
    """Bob's copy waits until somebody has looked for other people in what he said of his health."""
    revision = begin_revision(thing=Component.objects.get(slug="health_note"), author=cast.olga)
    revision.values, revision.reason = revision.values | {"may_name_others": True}, "People write of others in it."
    revision.save()
    publishing.publish(item=approved(cast, revision), actor=cast.rita)
    answer(cast.bob, "give", purpose="health_programme", explicit=True)
    given: dict[str, Any] = {
        "values": {"health_note": "My neighbour Frida takes me to the doctor."},
        "source": "subject",
    }
    store_data(application=cast.shop, subject=cast.bob, purpose="health_programme", **given)
    file(cast.bob, "access")
    for _round in range(4):
        steps.sweep()


def mandate(cast: Cast) -> list[RightsRequest]:
    """A lawyer asks in alice's name, and waits for somebody to look at the mandate."""
    who = Representative(f"Lena Laubvogel, {LONG}", "lena@lawyers.example")
    shown = Shown(kind="association", who=who, document=b"%PDF-1.7 mandate")
    return record_on_behalf(
        subject=cast.alice, wishes=[("portability", {}), ("erasure", {})], shown=shown, reviewer=cast.rita
    )


def question(cast: Cast) -> AccessQuestion:
    """Alice questions an access of the shop."""
    text = "Why did you read this? " + LONG
    return questions.question_access(subject=cast.alice, event=read_of(cast), text=text)


def read_of(cast: Cast) -> UUID:
    """The shop reads what it stores of alice; the entry of the log."""
    values = {"email": "alice@example.org", "given_name": "Alice"}
    store_data(application=cast.shop, subject=cast.alice, purpose="orders", values=values, source="subject")
    read_data(application=cast.shop, subject=cast.alice, purpose="orders")
    event = AuditEvent.objects.filter(action="data.read", subject=cast.alice.pseudonym).latest("ordinal")
    return event.id


def sent_on(cast: Cast) -> Transfer:
    """What portability gave alice is on its way to another controller, and two others are proposed."""
    secret = "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
    place = Destination(slug="rival", name="Rival", contact="privacy@rival.example", url="https://rival.example/up")
    propose(destination=place, secret=secret, by=cast.rita)
    approve(destination_id=place.id, by=cast.deputy)
    paper = Destination(slug="paper", name="Paper Works " + LONG[:80], contact="x@paper.example", obstacle="no_key")
    propose(destination=paper, secret="", by=cast.rita)
    request = file(cast.alice, "portability")
    return ask_transfer(request=request, destination_id=place.id, actor=SUBJECT)


def breach(cast: Cast) -> Breach:
    """One that nobody has notified yet."""
    now = timezone.now()
    return Breach.objects.create(
        aware_at=now - 2 * DAY, since=now - 4 * DAY, until=now - 3 * DAY, application="shop", risk="high",
        facts="A backup lay open.", recorded_by=cast.rita, recorded_at=now,
    )  # fmt: skip


# --- governance -------------------------------------------------------------------------------------------------------
def governance(cast: Cast) -> None:
    """A notice with warnings and comments, a revision, what is approved and waits, a draft, an absence."""
    notice(cast)
    revision = begin_revision(thing=Purpose.objects.get(slug="newsletter"), author=cast.olga)
    revision.values, revision.reason = revision.values | {"retention_days": 365}, "Kept for less long. " + LONG
    revision.save()
    review.submit(item=Revision.objects.get(pk=revision.pk), actor=cast.olga)
    approved(cast, component(cast, "shoe_size"))
    component(cast, "hat_size")
    delegations.delegate(principal=cast.deputy, deputy=cast.rita, starts_at=None, ends_at=timezone.now() + 7 * DAY)


def notice(cast: Cast) -> Notice:
    """The newsletter's next wording in review, with one thing that the translations do not share."""
    live = Notice.objects.get(purpose__slug="newsletter", state="live")
    draft = Notice.objects.create(purpose=live.purpose, version=live.version + 1, author=cast.olga)
    for text in live.texts.all():
        body = text.body.replace("once a month", "twice a month").replace("einmal im Monat", "zweimal im Monat")
        body = body.replace("une fois par mois", "deux fois par mois").replace("zwei Jahre", "drei Jahre")
        NoticeText.objects.create(
            notice=draft, language=text.language, title=text.title, body=body, digest=body_digest(body)
        )
    drafted(cast, draft)
    sent = review.submit(item=draft, actor=cast.olga)
    comments.comment(item=sent, author=cast.rita, text="Why twice a month?")
    comments.comment(item=sent, author=cast.olga, text="The shop wants it. " + LONG)
    return sent


def component(cast: Cast, slug: str) -> Component:
    """A draft of olga's."""
    return Component.objects.create(
        slug=slug, titles={"en": "Shoe size", "de": "Schuhgröße", "fr": "Pointure"},
        category="user.demographic.profile", necessity="Needed to send shoes that fit.", author=cast.olga,
    )  # fmt: skip


def drafted(cast: Cast, item: Any) -> None:
    """That olga wrote it stands in the log."""
    with transaction.atomic():
        review.record_draft(item=item, author=cast.olga)


def approved(cast: Cast, item: Any) -> Any:
    """What olga wrote is approved by rita."""
    sent = review.submit(item=item, actor=cast.olga)
    return review.approve(item=sent, approver=cast.rita, digest=review.digest_of(sent))


# --- quality ----------------------------------------------------------------------------------------------------------
def quality(cast: Cast) -> None:
    """Reads that are counted, a sample half signed off, findings open and in work, a scan of a form."""
    while roll_up():
        pass
    now = timezone.now()
    sample = draw_sample(actor=cast.quentin, seed="autumn", size=8, since=now - DAY, until=now)
    first, second = sample.entries.order_by("place")[:2]
    mark_entry(entry=first, actor=cast.quentin, verdict="ok")
    mark_entry(entry=second, actor=cast.quentin, verdict="finding", note="Whose key was this? " + LONG)
    findings.open_finding(kind="uncovered_read", application="shop", purpose="orders", field="vat_number", times=3)
    attested()
    answer(cast.bob, "withdraw")
    paper = answer(cast.bob, "give", channel="paper")
    add_proof(event=paper.event, data=b"%PDF-1.7\nsigned", reviewer=cast.rita)


def attested() -> None:
    """Two runs of the conformance kit against shop: everything passed, and a check failed since."""
    shop, seed = Application.objects.get(slug="shop"), bytes(32)
    public = signing.public_of(seed)
    header = json.dumps({"alg": "EdDSA", "kid": signing.thumbprint(public), "typ": conformance.TYP}).encode()
    for ago, failed in ((DAY, ""), (timedelta(hours=2), "honours_restriction")):
        at = (timezone.now() - ago).isoformat()
        checks = [
            {"name": name, "passed": name != failed, "reason": "still_used" if name == failed else ""}
            for name in conformance.CHECKS
        ]
        said = {
            "format": 1, "kit": "0.1.0", "application": shop.client_id, "release": "4f1d2c7", "started_at": at,
            "portal": "http://127.0.0.1:8000", "finished_at": at, "checks": checks,
        }  # fmt: skip
        document = signing.compact(seed, header, json.dumps(said).encode())
        take_attestation(application=shop, document=document, key=signing.b64url(public))


def pages() -> dict[str, str]:
    """Name -> address of every page of the desks, those of single things included."""
    from django.urls import reverse

    from consent.models import ConsentEvent, Finding, Sample

    single: dict[str, Any] = {
        "erasure_evidencepack_change": EvidencePack, "erasure_accessquestion_change": AccessQuestion,
        "erasure_breach_change": Breach, "qa_finding": Finding, "qa_sample": Sample,
        "consent_component_change": Component, "consent_recipient_change": Recipient,
        "consent_revision_change": Revision, "erasure_checkedtext_change": CheckedText,
    }  # fmt: skip
    found = {
        name: reverse(f"admin:{name}", args=[model.objects.order_by("pk")[0].pk]) for name, model in single.items()
    }
    for at, row in enumerate(RightsRequest.objects.order_by("received_at")):
        found[f"request-{at}"] = reverse("admin:erasure_rightsrequest_change", args=[row.pk])
    vouched = RightsRequest.objects.filter(WAITS).earliest("received_at")
    found["request-second"] = reverse("admin:erasure_rightsrequest_change", args=[vouched.pk])
    for row in Notice.objects.filter(purpose__slug="newsletter"):
        found[f"notice-{row.state}"] = reverse("admin:consent_notice_change", args=[row.pk])
    shop = Application.objects.get(slug="shop")
    found["qa_conformance_of"] = reverse("admin:qa_conformance_of", args=[shop.pk])
    paper = ConsentEvent.objects.get(channel="paper")
    purpose = Purpose.objects.get(slug="newsletter")
    found["purpose"] = reverse("admin:consent_purpose_change", args=[purpose.pk])
    found["proofs_of"] = reverse("admin:proofs_of", args=[paper.event])
    return found
