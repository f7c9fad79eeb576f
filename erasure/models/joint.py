"""Requests that were made together: each keeps its own right, state, clock and outcome."""

import uuid

from django.db import models
from django.db.models import Q

from erasure.models.cases import STAFF
from subjects.models import Subject

__all__ = ["JointCase"]


class JointCase(models.Model):
    """Several rights asked for at once. What is handed out is handed out before an erasure of the case destroys it.

    `copy_waived_at`: the erasure goes ahead without the copy, because the person said so, or a reviewer after the copy
    was refused.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="joint_cases")
    made_at = models.DateTimeField()
    copy_waived_at = models.DateTimeField(null=True)
    copy_waived_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(copy_waived_by__isnull=True) | Q(copy_waived_at__isnull=False), name="copy_waived_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"case {str(self.id)[:8]}"
