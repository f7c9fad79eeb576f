"""What applications and third parties are told: each notice is a row, and the row is the queue."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from access.models import Application
from subjects.models import Subject


class Delivery(models.Model):
    """One signed notice to one application, from queued to acknowledged (`consent.states.DELIVERY`).

    `reference_sealed` is the receiver's own customer number, sealed by the service's key and gone once sent. What
    the receiver answers may name the person: `evidence` keeps its digest, `evidence_sealed` its words (service key),
    `data_sealed` the personal data it holds (the person's own key). It is tried for 30 days, and on `until` then;
    `due_at` is what the receiver was told, the same at every try.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, models.PROTECT, related_name="deliveries")
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="deliveries")
    type = models.CharField(max_length=40)
    sequence = models.PositiveIntegerField()
    request = models.UUIDField(null=True, db_index=True)
    purpose = models.SlugField(null=True)
    recipient = models.SlugField(default="", blank=True)
    fields = ArrayField(models.SlugField(), default=list)
    reference_sealed = models.BinaryField(null=True)
    due_at = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, default="queued")
    outcome = models.CharField(max_length=14, default="", blank=True)
    evidence = models.JSONField(null=True)
    evidence_sealed = models.BinaryField(null=True)
    data_sealed = models.BinaryField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=80, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    sent_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "application", "sequence"], name="delivery_sequence_once")
        ]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state__in=["queued", "sending"]), name="delivery_due"),
            models.Index(
                fields=["application", "next_at"], condition=Q(state__in=["queued", "sending"]), name="delivery_turn"
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(state__in=["queued", "sending", "sent", "abandoned"], outcome=""),
                name="delivery_owed",
            ),
            models.Index(
                fields=["created_at"],
                condition=Q(type__in=["sharing.stopped", "consent.withdrawn"]),
                name="delivery_of_a_stop",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.type} {str(self.id)[:8]}"
