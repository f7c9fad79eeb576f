"""What a law asks to keep after an erasure (Art. 17(3)(b)), and its end (Art. 5(1)(e))."""

from collections.abc import Sequence
from datetime import datetime

from django.db import transaction
from django.utils import timezone

from audit import services as audit
from subjects import selectors
from subjects.models import PersonalValue, Retention, Subject
from subjects.services.keys import shred_key
from subjects.services.people import lock_subject
from subjects.services.values import drop_purpose


def retain(
    *, subject: Subject, purpose: str, fields: Sequence[str], article: str, until: datetime, citation: str = ""
) -> Retention:
    """These fields stay for this purpose until then, whatever is erased. Other terms end the first and begin anew."""
    terms = {"fields": sorted(fields), "article": article, "until": until, "citation": citation}
    standing = Retention.objects.filter(subject=subject, purpose=purpose, ended_at=None)
    same = standing.filter(**terms).first()
    if same is not None:
        return same
    now = timezone.now()
    standing.update(ended_at=now)
    return Retention.objects.create(subject=subject, purpose=purpose, since=now, **terms)


def end_retention(*, retention: Retention, actor: str) -> int:
    """The time a law gave is over: what was kept for it alone is gone, with the key when nothing else is kept.

    Returns how many values are gone. Only what an erasure left behind is touched: of a person who was never erased
    the purposes go on, and their own storage periods rule. Idempotent.
    """
    with transaction.atomic():
        subject = lock_subject(retention.subject_id)
        gone = _let_go(subject, retention) if subject.erased_at else 0
        Retention.objects.filter(pk=retention.pk, ended_at=None).update(ended_at=timezone.now())
        if subject.erased_at:
            shred_key(subject=subject, kept=selectors.retained(subject))
        if gone:
            audit.record(
                "data.removed", actor=actor, subject=subject.pseudonym, purpose=retention.purpose,
                fields=sorted(retention.fields), details={"reason": "retention_ended", "count": gone},
            )  # fmt: skip
    return gone


def _let_go(subject: Subject, retention: Retention) -> int:
    before = PersonalValue.objects.filter(subject=subject).count()
    drop_purpose(subject=subject, purpose=retention.purpose)
    return before - PersonalValue.objects.filter(subject=subject).count()
