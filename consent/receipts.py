"""Receipts of consent, as bytes: the same event gives the same bytes to the same receiver, for ever.

Two forms. `dpv()` is JSON-LD in the DPV profile of ISO/IEC TS 27560:2023 for the GDPR (receipt-eu-gdpr: a receipt that
holds the consent record), with terms of DPV 2.1 (tests/vectors/dpv_terms.json) and every field that the DPV guide to
ISO/IEC TS 27560 calls mandatory for the specification or the GDPR. `kantara()` is a Kantara Consent Receipt 1.1
(KI-CR-v1.1.0), all its mandatory members present. `signed()` is a compact JWS (RFC 7515,
EdDSA) with the Kantara JSON byte for byte as payload.

Everything comes from the event and from approved content, which never changes; the person stands in it under the id the
receiver knows them by. Kantara has no member for the state of a consent and none for the digest of a text: the state
stands in `collectionMethod` and `termination`, version and digest in the fragment of `policyUrl`.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import UTC
from typing import Any

from django.conf import settings

from audit.actors import PARENT
from audit.services import record
from consent.models import Component, ConsentEvent, NoticeText, Purpose, Recipient
from consent.revised import as_of
from consent.selectors import live_recipients
from consent.wording import title_in
from vault.signing import sign_jws

KANTARA_VERSION = "KI-CR-v1.1.0"
TYP = "consent-receipt+jwt"
PROFILE = "https://w3id.org/dpv/schema/dpv-27560#receipt-eu-gdpr"
RECORD_PROFILE = "https://w3id.org/dpv/schema/dpv-27560#record-eu-gdpr"
CONTEXT = {
    "dpv": "https://w3id.org/dpv#",
    "eu-gdpr": "https://w3id.org/dpv/legal/eu/gdpr#",
    "legal-eu": "https://w3id.org/dpv/legal/eu#",
    "loc": "https://w3id.org/dpv/loc#",
    "dct": "http://purl.org/dc/terms/",
    "schema": "https://schema.org/",
    "xsd": "http://www.w3.org/2001/XMLSchema#",
}
STATUS = {
    "given": "dpv:ConsentGiven",
    "refused": "dpv:ConsentRefused",
    "withdrawn": "dpv:ConsentWithdrawn",
    "expired": "dpv:ConsentExpired",
    "pending": "dpv:ConsentRequested",
}
RIGHTS = ("A7-3", "A13", "A15", "A16", "A17", "A18", "A20", "A77")


@dataclass(frozen=True)
class Told:
    """What an event was about, as it stood then: the purpose, its wording, its fields and the third parties."""

    event: ConsentEvent
    person: str
    purpose: Purpose
    text: NoticeText | None
    components: list[Component]
    recipients: list[Recipient]

    @property
    def language(self) -> str:
        return self.event.notice_language or settings.LANGUAGE_CODE

    @property
    def title(self) -> str:
        return title_in(self.purpose.titles, self.language)

    @property
    def policy_url(self) -> str:
        base = f"{settings.BASE_URL}/api/v1/purposes/{self.purpose.slug}/notice?language={self.language}"
        if self.text is None:
            return base
        return f"{base}#version={self.text.notice.version}&digest={self.text.digest}"


def about(event: ConsentEvent, person: str) -> Told:
    """Everything a receipt tells, gathered; `person` is the id under which the receiver knows the person."""
    purpose = as_of(Purpose.objects.get(slug=event.purpose), event.at)
    texts = NoticeText.objects.select_related("notice").filter(
        notice__purpose=purpose, notice__version=event.notice_version or 0, language=event.notice_language
    )
    text = texts.first()
    recipients = live_recipients(purpose, at=event.at)
    if event.recipient:
        recipients = Recipient.objects.filter(slug=event.recipient)
    components = Component.objects.filter(slug__in=purpose.fields).order_by("slug")
    return Told(event, person, purpose, text, list(components), list(recipients))


def kantara(event: ConsentEvent, person: str) -> bytes:
    """The Kantara Consent Receipt 1.1 as UTF-8 JSON."""
    told = about(event, person)
    sensitive = [each.category for each in told.components if each.special_category]
    if told.purpose.special_category:
        sensitive = sensitive or [each.category for each in told.components]
    return _bytes(
        {
            "version": KANTARA_VERSION,
            "jurisdiction": "EU",
            "consentTimestamp": int(event.at.timestamp()),
            "collectionMethod": f"{event.channel}, {event.action}: {event.state}",
            "consentReceiptID": str(event.event),
            "language": told.language,
            "piiPrincipalId": person,
            "piiControllers": [_kantara_controller()],
            "policyUrl": told.policy_url,
            "services": [{"service": settings.CONTROLLER["name"], "purposes": [_kantara_purpose(told)]}],
            "sensitive": bool(sensitive),
            "spiCat": sorted(set(sensitive)),
        }
    )


def signed(event: ConsentEvent, person: str) -> bytes:
    """The Kantara receipt as a compact JWS; keys at `/.well-known/jwks.json`. Ed25519 is deterministic."""
    return sign_jws(kantara(event, person), typ=TYP).encode()


def dpv(event: ConsentEvent, person: str) -> bytes:
    """The receipt holding its record, as JSON-LD."""
    told = about(event, person)
    return _bytes(
        {
            "@context": CONTEXT,
            "@id": f"{settings.BASE_URL}/api/v1/consents/{event.event}/receipt",
            "@type": "dpv:ConsentReceipt",
            "dct:identifier": str(event.event),
            "dct:conformsTo": PROFILE,
            "dct:issued": _instant(event.recorded_at),
            "dct:publisher": _controller(),
            "schema:recipient": "dpv:DataSubject",
            "dpv:hasRecordOfActivity": _record(told),
        }
    )


def record_issue(event: ConsentEvent, receipt: bytes, form: str, *, actor: str) -> None:
    """The log has that this receipt, by its digest, was given out (Art. 7(1))."""
    digest = f"sha256:{hashlib.sha256(receipt).hexdigest()}"
    record(
        "consent.receipt_issued", actor=actor, subject=event.subject.pseudonym, purpose=event.purpose,
        details={"event": str(event.event), "format": form, "digest": digest},
    )  # fmt: skip


def _record(told: Told) -> dict[str, Any]:
    return {
        "@id": f"urn:uuid:{told.event.event}",
        "@type": "dpv:ConsentRecord",
        "dct:identifier": str(told.event.event),
        "dct:conformsTo": RECORD_PROFILE,
        "dpv:hasDataSubject": {"@id": _person(told), "@type": "dpv:DataSubject", "dct:identifier": told.person},
        "dpv:hasDataController": _controller(),
        "dpv:hasJurisdiction": "loc:EU",
        "dpv:hasApplicableLaw": "legal-eu:law-GDPR",
        "dpv:hasLegalBasis": "eu-gdpr:A9-2-a" if told.purpose.special_category else "eu-gdpr:A6-1-a",
        "dpv:hasNotice": _notice(told),
        "dpv:hasProcess": [_process(told)],
        "dpv:hasRight": [_right(name) for name in RIGHTS],
        "dpv:hasAuthority": _authority(),
        "dpv:hasConsentControl": {"@type": "dpv:WithdrawConsent", "dpv:isExercisedAt": f"{settings.BASE_URL}/consent"},
        "dpv:hasConsentStatus": [_status(told)],
    }


def _process(told: Told) -> dict[str, Any]:
    data = [_personal_data(each) for each in told.components]
    return {
        "@type": "dpv:Process",
        "dpv:hasPurpose": {
            "@id": f"{settings.BASE_URL}/api/v1/purposes#{told.purpose.slug}",
            "@type": "dpv:Purpose",
            "dct:title": told.title,
            "dct:description": told.purpose.necessity,
        },
        "dpv:hasPersonalData": data,
        "dpv:hasProcessing": ["dpv:Collect", "dpv:Store", "dpv:Use", *(["dpv:Share"] if told.recipients else [])],
        "dpv:hasDataController": {"@id": settings.BASE_URL},
        "dpv:hasLocation": _location(),
        "dpv:hasJurisdiction": "loc:EU",
        "dpv:hasRecipient": [_recipient(each) for each in told.recipients],
        "dpv:hasStorageCondition": [
            {
                "@type": "dpv:StorageDuration",
                "dpv:hasDuration": {"@value": f"P{told.purpose.retention_days}D", "@type": "xsd:duration"},
            },
            {"@type": "dpv:StorageLocation", "dpv:hasLocation": _location()},
        ],
        "dpv:hasDataSource": "dpv:DataSubject",
    }


def _personal_data(component: Component) -> dict[str, Any]:
    return {
        "@type": "dpv:SpecialCategoryPersonalData" if component.special_category else "dpv:PersonalData",
        "dct:identifier": component.slug,
        "dct:subject": component.category,
        "dct:description": component.necessity,
        "dpv:hasNecessity": "dpv:Required",
    }


def _recipient(recipient: Recipient) -> dict[str, Any]:
    told: dict[str, Any] = {
        "@type": "dpv:ThirdParty",
        "dct:identifier": recipient.slug,
        "dpv:hasName": recipient.name,
        "dpv:hasAddress": recipient.country,
        "dpv:hasContact": recipient.contact or settings.CONTROLLER["contact"],
        "dpv:hasJurisdiction": f"loc:{recipient.country}",
    }
    if recipient.safeguard:
        told["dpv:hasLegalMeasure"] = {"@type": "dpv:LegalMeasure", "dct:description": recipient.safeguard}
    return told


def _notice(told: Told) -> dict[str, Any]:
    return {
        "@id": told.policy_url,
        "@type": "dpv:ConsentNotice",
        "dct:language": told.language,
        "dct:title": told.text.title if told.text else told.title,
        "dct:hasVersion": str(told.event.notice_version or ""),
        "schema:sha256": told.event.notice_digest.removeprefix("sha256:"),
    }


def _right(name: str) -> dict[str, str]:
    where = f"{settings.BASE_URL}/{'consent' if name == 'A7-3' else 'requests'}"
    return {"@id": f"eu-gdpr:{name}", "@type": "dpv:DataSubjectRight", "dpv:isExercisedAt": where}


def _status(told: Told) -> dict[str, Any]:
    event = told.event
    kind = "dpv:ExplicitlyExpressedConsent" if event.explicit else "dpv:ExpressedConsent"
    at = {"@value": _instant(event.at), "@type": "xsd:dateTime"}
    status: dict[str, Any] = {
        "@type": STATUS[event.state],
        "dct:identifier": str(event.event),
        "dct:date": at,
        "dct:valid": _valid(event),
        "dpv:hasLegalBasis": kind,
        "dpv:isImplementedByEntity": {"@id": _person(told)},
        "dpv:isIndicatedAtTime": at,
        "dpv:isIndicatedBy": "dpv:ParentOfDataSubject" if event.actor == PARENT else "dpv:DataSubject",
        "dpv:hasIndicationMethod": f"{event.channel}: {event.action}",
        "dpv:isExercisedAt": f"{settings.BASE_URL}/consent",
    }
    if event.confirms:
        status["dct:isPartOf"] = f"urn:uuid:{event.confirms}"
    return status


def _valid(event: ConsentEvent) -> dict[str, Any]:
    """For how long the event has its effect: until the consent ends by itself, or until the person says otherwise."""
    if not event.expires_at:
        return {"@type": "dpv:UntilEventDuration", "dct:description": "until the person answers otherwise"}
    until = {"@value": _instant(event.expires_at), "@type": "xsd:dateTime"}
    return {"@type": "dpv:UntilTimeDuration", "schema:endDate": until}


def _authority() -> dict[str, Any]:
    controller = settings.CONTROLLER
    return {
        "@type": "dpv:DataProtectionAuthority",
        "dpv:hasName": controller["authority"],
        "dpv:hasContact": controller["authority_url"],
    }


def _location() -> str:
    return f"loc:{settings.CONTROLLER['country']}"


def _person(told: Told) -> str:
    return f"urn:uuid:{told.person}"


def _controller() -> dict[str, Any]:
    controller = settings.CONTROLLER
    return {
        "@id": settings.BASE_URL,
        "@type": "dpv:DataController",
        "dct:identifier": settings.BASE_URL,
        "dpv:hasName": controller["name"],
        "dpv:hasAddress": controller["address"],
        "dpv:hasContact": controller["contact"],
        "dpv:hasDataProtectionOfficer": {"@type": "dpv:DataProtectionOfficer", "dpv:hasContact": controller["officer"]},
    }


def _kantara_controller() -> dict[str, Any]:
    controller = settings.CONTROLLER
    return {
        "piiController": controller["name"],
        "onBehalf": False,
        "contact": controller["officer"],
        "address": {"streetAddress": controller["address"]},
        "email": controller["contact"],
        "phone": controller["phone"],
        "piiControllerUrl": settings.BASE_URL,
    }


def _kantara_purpose(told: Told) -> dict[str, Any]:
    purpose: dict[str, Any] = {
        "purpose": told.title,
        "purposeCategory": [told.purpose.slug],
        "consentType": "EXPLICIT",
        "piiCategory": sorted({each.category for each in told.components}),
        "primaryPurpose": True,
        "termination": _termination(told),
        "thirdPartyDisclosure": bool(told.recipients),
    }
    if told.recipients:
        purpose["thirdPartyName"] = ", ".join(each.name for each in told.recipients)
    return purpose


def _termination(told: Told) -> str:
    event = told.event
    if event.state != "given":
        return f"{event.state} at {_instant(event.at)}"
    until = f"expires at {_instant(event.expires_at)}, " if event.expires_at else ""
    return f"{until}or when withdrawn at {settings.BASE_URL}/consent"


def _instant(moment: Any) -> str:
    return str(moment.astimezone(UTC).isoformat().replace("+00:00", "Z"))


def _bytes(value: dict[str, Any]) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
