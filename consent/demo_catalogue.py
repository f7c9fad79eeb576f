"""The demonstration catalogue, written and approved by two people through the services everybody uses."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from django.conf import settings
from django.db import transaction

from access.models import Account, Application
from consent import demo_texts
from consent.digests import body_digest
from consent.models import Component, DataContract, Notice, NoticeText, Purpose, Recipient
from consent.services import review

COMPONENTS: dict[str, tuple[str, int, str]] = {
    "email": ("email", 254, "user.contact.email"),
    "given_name": ("string", 200, "user.name.first"),
    "family_name": ("string", 200, "user.name.last"),
    "phone": ("phone", 20, "user.contact.phone_number"),
    "postal_address": ("string", 1000, "user.contact.address"),
    "vat_number": ("vat_number", 20, "user.government_id"),
    "health_note": ("string", 2000, "user.health_and_medical"),
}
NECESSITY = {
    "email": "Needed to write to the person.",
    "given_name": "Needed to address the person.",
    "family_name": "Needed on parcels and invoices.",
    "phone": "Needed to reach the person about a delivery or in an emergency.",
    "postal_address": "Needed to deliver, and on invoices.",
    "vat_number": "Needed on invoices to businesses.",
    "health_note": "Needed for advice that suits the person's health.",
}


class Plan(NamedTuple):
    """A purpose of the demonstration."""

    basis: str
    fields: tuple[str, ...]
    retention_days: int
    more: Mapping[str, Any] = {}


PURPOSES: dict[str, Plan] = {
    "newsletter": Plan("consent", ("email", "given_name"), 730),
    "orders": Plan(
        "contract",
        ("email", "given_name", "family_name", "phone", "postal_address"),
        1095,
        {"necessary_for_service": True},
    ),
    "fraud_prevention": Plan("legitimate_interests", ("email", "phone"), 365),
    "direct_marketing": Plan("legitimate_interests", ("email",), 730, {"is_marketing": True}),
    "tax_records": Plan(
        "legal_obligation",
        ("family_name", "postal_address", "vat_number"),
        3653,
        {"retention_law": "§ 147 AO (Art. 17(3)(b) GDPR)"},
    ),
    "health_programme": Plan("consent", ("health_note",), 365, {"special_category": True, "validity_days": 365}),
    "statistics": Plan("public_task", ("postal_address",), 365),
    "emergency_contact": Plan("vital_interests", ("phone",), 365),
    "profiling": Plan("consent", ("email",), 365),
}
IN_REVIEW = "profiling"
WITHOUT_CONTRACT = frozenset({"statistics", IN_REVIEW})
APPLICATION = "shop"


@transaction.atomic
def build(*, author: Account, approver: Account) -> None:
    """The catalogue of the demonstration is live: components, purposes, notices, the recipient acme, shop's contracts.

    `profiling` waits in review. Contracts are made when the application *shop* is there, acme's link to its application
    when *acme* is. Idempotent: what is there stays as it is.
    """
    for slug in COMPONENTS:
        _component(slug, author, approver)
    for slug in PURPOSES:
        _purpose(slug, author, approver)
    _recipient(author, approver)
    shop = Application.objects.filter(slug=APPLICATION).first()
    if shop is not None:
        for slug in PURPOSES.keys() - WITHOUT_CONTRACT:
            _contract(shop, slug, author, approver)


def _component(slug: str, author: Account, approver: Account) -> None:
    value_type, max_length, category = COMPONENTS[slug]
    item, made = Component.objects.get_or_create(
        slug=slug,
        defaults={
            "titles": demo_texts.titles("COMPONENTS", slug),
            "value_type": value_type,
            "max_length": max_length,
            "category": category,
            "necessity": NECESSITY[slug],
            "special_category": slug == "health_note",
            "author": author,
        },
    )
    if made:
        _publish(_approve(_submit(item, author), approver), approver)


def _purpose(slug: str, author: Account, approver: Account) -> None:
    plan = PURPOSES[slug]
    purpose, made = Purpose.objects.get_or_create(
        slug=slug,
        defaults={
            "titles": demo_texts.titles("TITLES", slug),
            "lawful_basis": plan.basis,
            "necessity": demo_texts.en.PURPOSES[slug]["summary"],
            "fields": list(plan.fields),
            "retention_days": plan.retention_days,
            "author": author,
            **plan.more,
        },
    )
    if not made:
        return
    notice = _submit(_notice(purpose, author), author)
    purpose = _submit(purpose, author)
    if slug == IN_REVIEW:
        return
    purpose = _approve(purpose, approver)
    _publish(_approve(notice, approver), approver)
    _publish(purpose, approver)


def _notice(purpose: Purpose, author: Account) -> Notice:
    notice = Notice.objects.create(purpose=purpose, version=1, is_major=True, author=author)
    for language, _ in settings.LANGUAGES:
        body = demo_texts.body(language, purpose.slug, purpose.lawful_basis, purpose.is_marketing, settings.CONTROLLER)
        title = demo_texts.LANGUAGES[language].TITLES[purpose.slug]
        NoticeText.objects.create(notice=notice, language=language, title=title, body=body, digest=body_digest(body))
    return notice


def _recipient(author: Account, approver: Account) -> None:
    item, made = Recipient.objects.get_or_create(
        slug="acme",
        defaults={
            "name": "Acme Mailings GmbH",
            "role": "controller",
            "country": "DE",
            "contact": "privacy@acme.example",
            "purposes": ["newsletter"],
            "application": Application.objects.filter(slug="acme").first(),
            "author": author,
        },
    )
    if made:
        _publish(_approve(_submit(item, author), approver), approver)


def _contract(application: Application, slug: str, author: Account, approver: Account) -> None:
    if DataContract.objects.filter(application=application, purpose__slug=slug).exists():
        return
    contract = DataContract.objects.create(
        application=application,
        purpose=Purpose.objects.get(slug=slug),
        fields=list(PURPOSES[slug].fields),
        reason=demo_texts.en.PURPOSES[slug]["summary"],
        owner="head of sales",
        author=author,
    )
    _publish(_approve(_submit(contract, author), approver), approver)


def _submit(item: Any, author: Account) -> Any:
    review.record_draft(item=item, author=author)
    return review.submit(item=item, actor=author)


def _approve(item: Any, approver: Account) -> Any:
    return review.approve(item=item, approver=approver, digest=review.digest_of(item))


def _publish(item: Any, approver: Account) -> None:
    review.publish(item=item, actor=approver)
