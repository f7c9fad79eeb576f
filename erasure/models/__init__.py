"""Requests and all that hangs on them: steps, archives, receipts, places, mandates, transfers, breaches."""

from erasure.models.breaches import Breach
from erasure.models.cases import (
    Case,
    ClockMark,
    Comment,
    ErasurePause,
    LegalHold,
    Message,
    Question,
    RetentionProposal,
    SecondOpinion,
)
from erasure.models.checked import CheckedText
from erasure.models.connectors import ConnectorCheck, ConnectorCommit, KeptRow, WithheldRows
from erasure.models.copy_links import CopyLink
from erasure.models.identity import IdentityCheck, IdentityEvidence, MailLink
from erasure.models.joint import JointCase
from erasure.models.mandates import Mandate, MandateLink
from erasure.models.opendsr import OpenDsrCall, OpenDsrCallback, OpenDsrProcessor, OpenDsrRequest
from erasure.models.packs import EvidencePack
from erasure.models.places import ManualPlace, PlaceTask
from erasure.models.questions import AccessQuestion
from erasure.models.requests import Archive, ArchiveChunk, Connector, Receipt, RightsRequest, Step
from erasure.models.sources import AnswerFile, AnswerPiece, SourceAnswer
from erasure.models.transfers import Destination, Transfer
from erasure.models.unidentified import Unidentified

__all__ = [
    "AccessQuestion",
    "AnswerFile",
    "AnswerPiece",
    "Archive",
    "ArchiveChunk",
    "Breach",
    "Case",
    "CheckedText",
    "ClockMark",
    "Comment",
    "Connector",
    "ConnectorCheck",
    "ConnectorCommit",
    "CopyLink",
    "Destination",
    "ErasurePause",
    "EvidencePack",
    "IdentityCheck",
    "IdentityEvidence",
    "JointCase",
    "KeptRow",
    "LegalHold",
    "MailLink",
    "Mandate",
    "MandateLink",
    "ManualPlace",
    "Message",
    "OpenDsrCall",
    "OpenDsrCallback",
    "OpenDsrProcessor",
    "OpenDsrRequest",
    "PlaceTask",
    "Question",
    "Receipt",
    "RetentionProposal",
    "RightsRequest",
    "SecondOpinion",
    "SourceAnswer",
    "Step",
    "Transfer",
    "Unidentified",
    "WithheldRows",
]
