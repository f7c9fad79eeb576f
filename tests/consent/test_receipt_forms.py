"""Receipts hold what their standards ask: Kantara 1.1 by schema, DPV 2.1 by its terms, ISO/IEC TS 27560 by field."""

import json
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from consent import receipts
from consent.models import Confirmation, ConsentEvent, Recipient
from consent.receipts import CONTEXT
from tests.audit.tools import behind_the_triggers
from tests.consent.people import answer, share

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]
VECTORS = Path(__file__).resolve().parents[1] / "vectors"
SCHEMA = json.loads((VECTORS / "kantara_receipt_1_1.schema.json").read_text())
TERMS = json.loads((VECTORS / "dpv_terms.json").read_text())
PERSON = "6f2b7a52-3c1d-4d52-9a51-2f8f0c9d7f10"

RECORD = (
    "dct:conformsTo", "dct:identifier", "dpv:hasDataSubject", "dpv:hasNotice", "dpv:hasLegalBasis",
    "dpv:hasJurisdiction", "dpv:hasApplicableLaw", "dpv:hasDataController", "dpv:hasConsentControl",
    "dpv:hasRight", "dpv:hasAuthority", "dpv:hasProcess", "dpv:hasConsentStatus",
)  # fmt: skip
PROCESS = (
    "dpv:hasPurpose", "dpv:hasPersonalData", "dpv:hasProcessing", "dpv:hasDataController", "dpv:hasStorageCondition",
    "dpv:hasLocation", "dpv:hasJurisdiction", "dpv:hasRecipient", "dpv:hasDataSource",
)  # fmt: skip
EVENT = ("dct:date", "dct:valid", "dpv:isImplementedByEntity", "dpv:hasLegalBasis", "@type")
PARTY = ("dct:identifier", "dpv:hasName", "dpv:hasAddress", "dpv:hasContact", "@type")
"""What the DPV guide to ISO/IEC TS 27560 (guides/consent-27560) marks mandatory for the specification or the GDPR."""


def every_event(alice: Any, bob: Any) -> list[ConsentEvent]:
    """An event of every act and state there is."""
    with behind_the_triggers():
        Recipient.objects.update(safeguard="Standard contractual clauses")
    answer(alice.subject, "give")
    share(alice.subject, True)
    share(alice.subject, False)
    answer(alice.subject, "withdraw")
    answer(bob.subject, "refuse")
    answer(bob.subject, "give", "health_programme", explicit=True)
    first = ConsentEvent.objects.latest("seq")
    for action, state in (("give", "pending"), ("confirm", "given"), ("authorise", "given"), ("expire", "expired")):
        ConsentEvent.objects.create(
            subject=bob.subject, purpose="newsletter", action=action, state=state, notice_version=1,
            notice_language="en", notice_digest=first.notice_digest, channel="parent", at=first.at,
            actor="parent" if action == "authorise" else "subject", confirms=first.event if action != "give" else None,
        )  # fmt: skip
    return list(ConsentEvent.objects.select_related("subject"))


def test_every_kantara_receipt_fits_the_schema(alice: Any, bob: Any) -> None:
    validator = jsonschema.Draft202012Validator(SCHEMA, format_checker=jsonschema.FormatChecker())
    for event in every_event(alice, bob):
        assert [error.message for error in validator.iter_errors(json.loads(receipts.kantara(event, PERSON)))] == []


@pytest.mark.parametrize("member", SCHEMA["required"])
def test_the_schema_misses_what_is_missing(alice: Any, member: str) -> None:
    told = json.loads(receipts.kantara(answer(alice.subject, "give"), PERSON))
    del told[member]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(told, SCHEMA)


def terms(value: Any) -> Iterator[str]:
    """Every name of a vocabulary in the document: members, types, and references in values."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield name
            yield from terms(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from terms(inner)
    elif isinstance(value, str):
        yield value


def test_the_dpv_receipts_use_terms_that_exist(alice: Any, bob: Any) -> None:
    used = set()
    for event in every_event(alice, bob):
        told = json.loads(receipts.dpv(event, PERSON))
        told.pop("@context")
        used |= {term for term in terms(told) if term.partition(":")[0] in {*TERMS, "loc"} and " " not in term}
    by_prefix = {prefix: {term.partition(":")[2] for term in used if term.startswith(f"{prefix}:")} for prefix in TERMS}
    assert by_prefix["dpv"] - set(TERMS["dpv"]) == set()
    assert by_prefix["eu-gdpr"] - set(TERMS["eu-gdpr"]) == set()
    assert by_prefix["legal-eu"] - set(TERMS["legal-eu"]) == set()
    assert set(TERMS["dpv"]) - by_prefix["dpv"] == set(), "the list holds a term that no receipt uses"
    assert TERMS.keys() - {"source"} | {"loc", "dct", "schema", "xsd"} == CONTEXT.keys()


def test_the_dpv_receipts_hold_every_mandatory_field(alice: Any, bob: Any) -> None:
    for event in every_event(alice, bob):
        receipt = json.loads(receipts.dpv(event, PERSON))
        record = receipt["dpv:hasRecordOfActivity"]
        process, status = record["dpv:hasProcess"][0], record["dpv:hasConsentStatus"][0]
        assert {"dct:identifier", "dct:conformsTo", "dct:issued"} <= receipt.keys()
        assert [name for name in RECORD if not record.get(name)] == []
        nobody = event.purpose == "health_programme"  # which is shared with nobody; the empty list says so
        assert [name for name in PROCESS if not process.get(name)] == (["dpv:hasRecipient"] if nobody else [])
        assert isinstance(process["dpv:hasRecipient"], list)
        assert [name for name in EVENT if not status.get(name)] == []
        for party in (record["dpv:hasDataController"], *process["dpv:hasRecipient"]):
            assert [name for name in PARTY if not party.get(name)] == []
        assert {"dct:language", "dct:title"} <= record["dpv:hasNotice"].keys()
        kinds = {each["@type"] for each in process["dpv:hasStorageCondition"]}
        assert kinds == {"dpv:StorageDuration", "dpv:StorageLocation"}
        assert process["dpv:hasPersonalData"] and all(each["dct:subject"] for each in process["dpv:hasPersonalData"])


def test_a_word_of_a_parent_says_so(alice: Any, bob: Any) -> None:
    every_event(alice, bob)
    event = ConsentEvent.objects.get(action="authorise")
    status = json.loads(receipts.dpv(event, PERSON))["dpv:hasRecordOfActivity"]["dpv:hasConsentStatus"][0]
    assert status["dpv:isIndicatedBy"] == "dpv:ParentOfDataSubject"
    assert status["dct:isPartOf"] == f"urn:uuid:{event.confirms}"
    assert not Confirmation.objects.exists() and date.fromisoformat(status["dct:date"]["@value"][:10])
