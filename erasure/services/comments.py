"""What the desk notes on a request for colleagues: sealed under the person's key, added to and never changed.

The portal never shows it. It is data about the person all the same, so their copy holds it (Art. 15(1)), once somebody
has looked whether other people stand in it (Art. 15(4); erasure.archives.others).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone

from access.models import Account
from audit import actors
from erasure.models import Comment, RightsRequest
from erasure.services.locking import locked_open_request
from erasure.services.records import record_request
from gdpr_portal.errors import Gone, Invalid
from subjects.models import Subject
from subjects.selectors import ensure_not_erased
from vault import services as vault

LONGEST = 5000


@dataclass(frozen=True)
class Noted:
    """A comment, opened."""

    row: Comment
    text: str

    @property
    def at(self) -> datetime:
        """When it was written."""
        return self.row.at


def comment_on(*, request_id: UUID, author: Account, text: str) -> Comment:
    """The comment stands on the open request; the log says who wrote one. `invalid_value` for no words or too many."""
    words = text.strip()
    if not words or len(words) > LONGEST:
        raise Invalid(
            "invalid_value", "A comment has 1 to %(longest)s characters.", status=422, params={"longest": LONGEST}
        )
    with transaction.atomic():
        request = locked_open_request(request_id)
        ensure_not_erased(request.subject)
        comment = Comment(request=request, author=author, at=timezone.now())
        comment.sealed = vault.subject_key(request.subject_id).seal(comment_place(comment), words.encode())
        comment.save(force_insert=True)
        record_request(request, "request.commented", actor=actors.staff(author.id), comment=str(comment.id))
    return comment


def comment_place(comment: Comment) -> vault.Place:
    """Where a comment lies, for the seal."""
    return vault.Place("erasure_comment", "sealed", str(comment.id))


def comments_on(request: RightsRequest) -> list[Noted]:
    """The comments on a request, opened, oldest first; without those whose words went with the person."""
    return _opened(request.subject_id, request.comments.all())


def comments_about(subject: Subject) -> list[Noted]:
    """The same of every request of the person."""
    return _opened(subject.pk, Comment.objects.filter(request__subject=subject))


def _opened(owner: UUID, rows: QuerySet[Comment]) -> list[Noted]:
    rows = rows.exclude(sealed=None).select_related("author").order_by("at", "id")
    held = list(rows)
    try:
        return vault.open_cells(owner, held, lambda: list(rows.all()), _all_noted) if held else []
    except Gone:
        return []


def _all_noted(key: vault.SubjectKey, rows: Sequence[Comment]) -> list[Noted]:
    return [Noted(row, key.open(comment_place(row), bytes(row.sealed or b"")).decode()) for row in rows]
