"""Purposes and their wording, contracts and recipients; what people answered; what others were told."""

from consent.models.changes import DecisionChange
from consent.models.consents import ConsentEvent, Objection, Standing
from consent.models.deliveries import Delivery
from consent.models.governance import Component, DataContract, Notice, NoticeText, Purpose, Recipient, ReviewState
from consent.models.qa import (
    DecisionCount,
    FieldRead,
    Finding,
    FindingNote,
    ReadMark,
    Sample,
    SampleEntry,
)
from consent.models.sharing import HandNotice, SharingAsk

__all__ = [
    "Component",
    "ConsentEvent",
    "DataContract",
    "DecisionChange",
    "DecisionCount",
    "Delivery",
    "FieldRead",
    "Finding",
    "FindingNote",
    "HandNotice",
    "Notice",
    "NoticeText",
    "Objection",
    "Purpose",
    "ReadMark",
    "Recipient",
    "ReviewState",
    "Sample",
    "SampleEntry",
    "SharingAsk",
    "Standing",
]
