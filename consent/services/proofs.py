"""What is kept after an erasure, and its end (Art. 17(3)): bare answers, periods and notices under a random id."""

from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils import timezone

from audit.actors import system
from audit.services import record
from consent.models import ConsentEvent, ConsentProof, Delivery, HandNotice, Objection
from subjects.models import ApplicationLink, Restriction, Retention


def proofs_since() -> datetime:
    """Of people erased before this moment nothing is told any more but that they are erased."""
    return timezone.now() - timedelta(days=settings.PROOF_RETENTION_DAYS)


def end_proofs() -> int:
    """The proof of what people erased longer ago than it is kept had said is gone; returns the rows.

    Answers and objections; of restrictions and of what a law kept, the periods that are over; who was told, once that
    is as long ago. Who knew them goes when no law keeps anything any more: until then applications are told `erased`,
    from then on the id is one of nobody.
    """
    since = proofs_since()
    over = {"subject__erased_at__lt": since}
    told = over | {"created_at__lt": since}
    kept = Retention.objects.filter(subject=OuterRef("subject"), ended_at=None)
    proofs: list[QuerySet[Any]] = [
        ConsentEvent.objects.filter(**over),
        Objection.objects.filter(**over),
        ConsentProof.objects.filter(**over),
        Restriction.objects.filter(**over, lifted_at__isnull=False),
        Retention.objects.filter(**over, ended_at__isnull=False),
        Delivery.objects.filter(**told).exclude(state__in=["queued", "sending"]),
        HandNotice.objects.filter(**told, state__in=["confirmed", "cancelled"]),
        ApplicationLink.objects.filter(~Exists(kept), **over),
    ]
    with transaction.atomic():
        gone = sum(rows.delete()[0] for rows in proofs)
        if gone:
            record("data.removed", actor=system("worker"), details={"reason": "proof_over", "count": gone})
    return gone
