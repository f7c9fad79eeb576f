"""Copies of checkpoints that people outside keep: who took one, when, and how. Only such a copy shows a rollback.

The service cannot hold them for anybody; it remembers that they were given out, so that a desk without one is seen.
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audit import note, selectors
from audit.models import Checkpoint, Cosignature, HeldCopy
from audit.services import record
from audit.vocabulary import JSON
from gdpr_portal.errors import Invalid

LARGEST_NOTE = 8192
MOST_AT_ONCE = 20


@dataclass(frozen=True)
class Standing:
    """The last copy a desk took: at which size and when; None where it holds none."""

    role: str
    size: int | None
    at: datetime | None


def take_copy(*, holder: str, role: str, way: str) -> str:
    """The latest checkpoint, with its cosignatures, to be kept outside; that it was given out is recorded.

    Raises `Unavailable("no_checkpoint")` before the first.
    """
    with transaction.atomic():
        head = selectors.latest_checkpoint()
        remember(head, holder=holder, role=role, way=way)
        details: dict[str, JSON] = {"size": head.size, "role": role, "way": way, "digest": digest(head.note)}
        record("checkpoint.held", actor=holder, details=details)
    return with_cosignatures(head)


def remember(head: Checkpoint, *, holder: str, role: str, way: str) -> HeldCopy:
    """A row says that this checkpoint is held outside. The caller's transaction."""
    return HeldCopy.objects.create(
        size=head.size, digest=digest(head.note), holder=holder, role=role, way=way, at=timezone.now()
    )


def digest(text: str) -> str:
    """SHA-256 of the note as the log signed it, in hex."""
    return hashlib.sha256(text.encode()).hexdigest()


def standing(roles: list[str]) -> list[Standing]:
    """For each desk, its last copy."""
    found = HeldCopy.objects.filter(role__in=roles).order_by("role", "-at").distinct("role")
    last = {row.role: Standing(row.role, row.size, row.at) for row in found}
    return [last.get(role, Standing(role, None, None)) for role in roles]


def with_cosignatures(head: Checkpoint) -> str:
    """The note, and under it what witnesses signed (c2sp.org/tlog-cosignature)."""
    lines = Cosignature.objects.filter(size=head.size).order_by("name").values_list("line", flat=True)
    return head.note + "".join(f"{line}\n" for line in lines)


def latest_cosigned() -> Checkpoint | None:
    """The newest checkpoint that a witness signed too."""
    size = Cosignature.objects.order_by("-size").values_list("size", flat=True).first()
    return None if size is None else Checkpoint.objects.filter(size=size).first()


def read_notes(texts: list[str]) -> list[str]:
    """Pasted or uploaded checkpoints, tidied: one note each. Raises `Invalid("not_a_checkpoint")`.

    What a browser or a mail did to line ends is undone; nothing that is not a checkpoint is kept.
    """
    notes = [tidy(text) for text in texts if text.strip()]
    if not notes or len(notes) > MOST_AT_ONCE:
        raise Invalid("not_a_checkpoint", "Paste or choose at least one checkpoint.", status=422)
    for text in notes:
        _require_checkpoint(text)
    return notes


def tidy(text: str) -> str:
    """Unix line ends, exactly one at the end."""
    lines = [line.rstrip() for line in text.replace("\r\n", "\n").replace("\r", "\n").strip().split("\n")]
    return "\n".join(lines) + "\n"


def _require_checkpoint(text: str) -> None:
    body = text.partition("\n\n")[0]
    try:
        note.read_checkpoint(text)
        extended = len(body.split("\n")) != 3  # our log writes no extension lines; anything there is somebody's text
    except note.BadNote:
        extended = True
    if extended or len(text) > LARGEST_NOTE:
        raise Invalid("not_a_checkpoint", "This is not a checkpoint of an audit log.", status=422)
