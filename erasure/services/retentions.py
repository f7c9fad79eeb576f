"""What a law kept after an erasure goes when its time is over (Art. 5(1)(e), 17(3))."""

from typing import Any

from django.db.models import QuerySet
from django.utils import timezone

from audit import actors
from erasure.models import LegalHold
from subjects.models import Retention
from subjects.services import end_retention


def _held() -> QuerySet[LegalHold, Any]:
    return LegalHold.objects.filter(lifted_at=None).values("subject")


def end_due(limit: int = 100) -> int:
    """Everything kept past its date is gone; returns how many retentions ended."""
    over = Retention.objects.filter(until__lte=timezone.now(), ended_at=None)
    due = over.exclude(subject__in=_held()).order_by("until")[:limit]
    return len([end_retention(retention=row, actor=actors.system("worker")) for row in due])
