"""Questions to the log: what was done, the proof that it is in, and what the log committed itself to."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection
from django.db.models import OuterRef, Q, QuerySet, Subquery

from audit import canonical, merkle, signing, store
from audit.models import AuditEvent, AuditLeaf, Checkpoint
from gdpr_portal.errors import Invalid, Missing, Unavailable, WrongState

_LEAF = f"""
SELECT leaf.seq, {canonical.COLUMNS} FROM audit_event e LEFT JOIN audit_leaf leaf ON leaf.event = e.id WHERE e.id = %s
"""  # noqa: S608  constants only


@dataclass(frozen=True)
class Proof:
    """That an event is in the log: its index and bytes, the hashes up to the root, the checkpoint with that root."""

    index: int
    leaf: bytes
    inclusion: list[bytes]
    checkpoint: str


def events(
    *,
    subject: UUID | None = None,
    action: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    after: tuple[int, int] | None = None,
) -> QuerySet[AuditEvent]:
    """The events asked for, newest first, each with its `seq` (None until sealed); slice it to the page.

    `since` is inclusive, `until` exclusive. `after` is the `(xid, ordinal)` of the last event of the page before: the
    order never changes, so paging neither repeats nor skips what was there when it began.
    """
    wanted: dict[str, Any] = {"subject": subject, "action": action, "at__gte": since, "at__lt": until}
    found = AuditEvent.objects.filter(**{name: value for name, value in wanted.items() if value is not None})
    if after is not None:
        xid, ordinal = after
        found = found.filter(Q(xid__lt=xid) | Q(ordinal__lt=ordinal), xid__lte=xid)
    seq = AuditLeaf.objects.filter(event=OuterRef("pk")).values("seq")[:1]
    return found.annotate(seq=Subquery(seq)).order_by("-xid", "-ordinal")


def proof(event: UUID) -> Proof:
    """The proof of one event against the latest checkpoint.

    Raises `Missing` for an unknown event and `WrongState("not_sequenced")` until a checkpoint covers it (seconds).
    """
    with connection.cursor() as cursor:
        cursor.execute(_LEAF, [event])
        found = cursor.fetchone()
    if found is None:
        raise Missing()
    index, *columns = found
    head = last_checkpoint()
    if index is None or head is None or index >= head.size:
        raise WrongState("not_sequenced", "The event is not under a checkpoint yet; ask again in a few seconds.")
    hashes = _prove(merkle.inclusion_spans(index, head.size))
    return Proof(index, canonical.leaf_bytes(columns), hashes, head.note)


def consistency(first: int, second: int) -> list[bytes]:
    """The hashes proving that the log of `second` entries begins with that of `first` (RFC 9162 section 2.1.4).

    Raises `Invalid("invalid_parameter")` for sizes that cannot be. From the empty log everything follows: no hashes.
    """
    if not 0 <= first <= second <= latest_size():
        raise Invalid("invalid_parameter", "Sizes go from 0 to that of the latest checkpoint, the smaller one first.")
    return _prove(merkle.consistency_spans(first, second)) if first else []


def details_of(columns: Sequence[Any]) -> dict[str, Any]:
    """The details of an event, from the columns `canonical.COLUMNS` selects; empty when they are not an object."""
    found = json.loads(columns[canonical.MEMBERS.index("details")])
    return found if isinstance(found, dict) else {}


def root_at(size: int) -> bytes | None:
    """The root of the first `size` entries as the tree stands now; None when it does not reach so far."""
    if not 0 <= size <= store.watermark().size:
        return None
    try:
        return store.compact_range(size).root()
    except KeyError:
        return None


def latest_size() -> int:
    """How many entries the latest checkpoint commits to; 0 before the first."""
    return Checkpoint.objects.order_by("-size").values_list("size", flat=True).first() or 0


def last_checkpoint() -> Checkpoint | None:
    """What the log committed itself to last; None before the first."""
    return Checkpoint.objects.order_by("-size").first()


def latest_checkpoint() -> Checkpoint:
    """`last_checkpoint`. Raises `Unavailable("no_checkpoint")` before the first."""
    found = last_checkpoint()
    if found is None:
        raise Unavailable("no_checkpoint", "The log has not been signed yet.")
    return found


def vkey() -> str:
    """The key checkpoints are verified with (C2SP vkey): the registered one, else that of the latest checkpoint."""
    known = signing.vkeys()
    return known[-1] if known else latest_checkpoint().vkey


def as_text(hashes: list[bytes]) -> list[str]:
    """Hashes as the API writes them: base64."""
    return [base64.b64encode(value).decode() for value in hashes]


def _prove(spans: list[merkle.Span]) -> list[bytes]:
    try:
        return merkle.prove(spans, store.subtrees)
    except KeyError:
        raise Unavailable("log_damaged", "A hash of the tree is missing: run verify_audit.") from None
