"""Purposes and their wording, contracts and recipients; what people answered; what others were told."""

from consent.models.changes import DecisionChange
from consent.models.confirmations import Confirmation, ConsentProof, PrivacySignal, Reminder
from consent.models.consents import ConsentEvent, Objection, Standing
from consent.models.deliveries import Delivery
from consent.models.governance import Component, DataContract, Notice, NoticeText, Purpose, Recipient, ReviewState
from consent.models.qa import (
    Attestation,
    DecisionCount,
    FieldRead,
    Finding,
    FindingNote,
    ReadMark,
    Sample,
    SampleEntry,
)
from consent.models.revisions import Delegation, ReviewComment, Revision
from consent.models.sharing import HandNotice, SharingAsk

__all__ = [
    "Attestation",
    "Component",
    "Confirmation",
    "ConsentEvent",
    "ConsentProof",
    "DataContract",
    "DecisionChange",
    "DecisionCount",
    "Delegation",
    "Delivery",
    "FieldRead",
    "Finding",
    "FindingNote",
    "HandNotice",
    "Notice",
    "NoticeText",
    "Objection",
    "PrivacySignal",
    "Purpose",
    "ReadMark",
    "Recipient",
    "Reminder",
    "ReviewComment",
    "ReviewState",
    "Revision",
    "Sample",
    "SampleEntry",
    "SharingAsk",
    "Standing",
]
