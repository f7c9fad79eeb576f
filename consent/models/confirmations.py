"""What stands beside an answer: words by mail that it waits for, reminders sent, browser signals, scans of paper forms.

None of it changes an event: a confirmation leads to an event of its own, bound to the first by `ConsentEvent.confirms`.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F

from subjects.models import Subject


class Confirmation(models.Model):
    """A yes waits for somebody's word by mail: the person's own (double opt-in), or a parent's (Art. 8(2)).

    `digest` is of the token in the link that was mailed last; the token itself is in no row. `holder_sealed` is the
    parent's address and, once they answered, name: another person's data, under the child's key.
    """

    class Kind(models.TextChoices):
        OWN = "own"
        PARENT = "parent"

    class State(models.TextChoices):
        WAITING = "waiting"
        CONFIRMED = "confirmed"
        TAKEN_BACK = "taken_back"
        REPLACED = "replaced"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="confirmations")
    event = models.UUIDField(db_index=True)
    purpose = models.SlugField()
    kind = models.CharField(max_length=6, choices=Kind.choices)
    state = models.CharField(max_length=10, choices=State.choices, default=State.WAITING)
    language = models.CharField(max_length=8)
    holder_sealed = models.BinaryField(null=True, editable=False)
    digest = models.BinaryField(editable=False)
    expires_at = models.DateTimeField()
    tries = models.PositiveSmallIntegerField(default=0)
    mails = models.PositiveSmallIntegerField(default=0)
    mailed_at = models.DateTimeField()
    method = models.CharField(max_length=40, default="", blank=True)
    confirmed_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["event", "kind"], condition=models.Q(state="waiting"), name="one_waiting_confirmation"
            )
        ]
        indexes = [
            models.Index(
                F("looked_at").asc(nulls_first=True),
                condition=models.Q(kind="parent", state="confirmed"),
                name="confirmation_of_parent",
            ),
        ]

    def __str__(self) -> str:
        return f"confirmation {str(self.id)[:8]}"


class Reminder(models.Model):
    """A mail about a standing consent went out, once: it is about to end, or its child has come of age."""

    class Kind(models.TextChoices):
        ENDING = "ending"
        OF_AGE = "of_age"

    subject = models.ForeignKey(Subject, models.PROTECT, related_name="reminders")
    event = models.UUIDField()
    kind = models.CharField(max_length=6, choices=Kind.choices)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "kind"], name="reminded_once")]

    def __str__(self) -> str:
        return f"reminder {self.pk}"


class PrivacySignal(models.Model):
    """The person's browser sent `Sec-GPC: 1` for the first time (Art. 21(5)), and what was switched off for it."""

    subject = models.OneToOneField(Subject, models.PROTECT, primary_key=True, related_name="privacy_signal")
    at = models.DateTimeField()
    switched_off = models.PositiveIntegerField()

    def __str__(self) -> str:
        return f"signal of {str(self.at)[:10]}"


class ConsentProof(models.Model):
    """The scan of a form somebody signed on paper, sealed as a stream under the person's key.

    `digest` is of the scan itself, and stays with the event as long as that does.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="consent_proofs")
    event = models.UUIDField(db_index=True)
    content_type = models.CharField(max_length=40)
    size_bytes = models.PositiveIntegerField()
    digest = models.CharField(max_length=71)
    sealed = models.BinaryField(null=True, editable=False)
    added_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    added_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["event", "digest"], name="proof_once")]

    def __str__(self) -> str:
        return f"proof {str(self.id)[:8]}"
