"""What people answered: append-only events, and the standing state derived from them in the same transaction."""

import uuid

from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from access.models import Application
from subjects.models import Subject


class ConsentEvent(models.Model):
    """One act on one purpose (and one recipient, for sharing), bound to the exact wording shown. Never changes.

    `recipient` is empty for the purpose itself. `at` is when it holds from, `recorded_at` when it was written here.
    `confirms` is the event that waited for this one: the person's own word by mail, or a parent's (Art. 8(2)).
    """

    class Action(models.TextChoices):
        GIVE = "give"
        REFUSE = "refuse"
        WITHDRAW = "withdraw"
        EXPIRE = "expire"
        CONFIRM = "confirm"
        AUTHORISE = "authorise"

    seq = models.BigAutoField(primary_key=True)
    event = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="consent_events")
    purpose = models.SlugField()
    recipient = models.SlugField(default="", blank=True)
    action = models.CharField(max_length=10, choices=Action.choices)
    state = models.CharField(max_length=12)
    notice_version = models.PositiveIntegerField(null=True)
    notice_language = models.CharField(max_length=8, default="", blank=True)
    notice_digest = models.CharField(max_length=71, default="", blank=True)
    channel = models.CharField(max_length=40)
    explicit = models.BooleanField(default=False)
    actor = models.CharField(max_length=120)
    application = models.ForeignKey(Application, models.PROTECT, null=True)
    at = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    confirms = models.UUIDField(null=True)
    recorded_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "purpose", "recipient", "at"], name="consent_by_person"),
            BrinIndex(fields=["at"], name="consent_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.purpose} ({str(self.event)[:8]})"


class Standing(models.Model):
    """The state that stands for a person, purpose and recipient; rebuilt from the events at any time.

    A purpose never answered has no row. Expiry and a newer major notice are judged when asked (`consent.decide`).
    """

    subject = models.ForeignKey(Subject, models.PROTECT, related_name="standings")
    purpose = models.SlugField()
    recipient = models.SlugField(default="", blank=True)
    state = models.CharField(max_length=12)
    since = models.DateTimeField()
    expires_at = models.DateTimeField(null=True)
    notice_version = models.PositiveIntegerField(null=True)
    notice_language = models.CharField(max_length=8, default="", blank=True)
    notice_digest = models.CharField(max_length=71, default="", blank=True)
    event = models.UUIDField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "purpose", "recipient"], name="one_standing")]
        indexes = [
            # Of columns that never change.
            models.Index(fields=["purpose", "recipient"], name="standing_by_purpose"),
            # What runs out is looked for every minute. A new state of a row costs more for it (it is no HOT update any
            # more), reading all standings sixty times an hour far more (decision 0072).
            models.Index(
                fields=["purpose", "expires_at"], condition=Q(state="given", recipient=""), name="standing_to_end"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.subject_id}"


class Objection(models.Model):
    """A person objects to a purpose (Art. 21) from `since` until a reviewer ends it; to marketing it never ends so."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="objections")
    purpose = models.SlugField()
    request = models.UUIDField(null=True)
    since = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "purpose"], condition=Q(ended_at__isnull=True), name="one_standing_objection"
            )
        ]

    def __str__(self) -> str:
        return f"objection to {self.purpose} of {self.subject_id}"
