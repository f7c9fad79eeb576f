"""What a third party asked of a person, and what has to be told to one by hand."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from access.models import Application
from subjects.models import Subject


class SharingAsk(models.Model):
    """A third party asked to be shared with, for one purpose; the person's word on it, or their silence (a no).

    It holds no words of the third party: people read the approved texts of purpose and recipient alone.
    """

    class State(models.TextChoices):
        ASKED = "asked", _("Waiting for your answer")
        ACCEPTED = "accepted", _("You accepted")
        DECLINED = "declined", _("You declined")
        LAPSED = "lapsed", _("Not answered: this means no")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="sharing_asks")
    application = models.ForeignKey(Application, models.PROTECT, related_name="sharing_asks")
    recipient = models.SlugField()
    purpose = models.SlugField()
    state = models.CharField(max_length=8, choices=State.choices, default=State.ASKED)
    asked_at = models.DateTimeField()
    lapses_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "recipient", "purpose"], condition=Q(state="asked"), name="one_open_ask"
            )
        ]
        indexes = [
            models.Index(fields=["lapses_at"], condition=Q(state="asked"), name="ask_to_lapse"),
            models.Index(fields=["application", "asked_at"], name="asks_of_a_day"),
        ]

    def __str__(self) -> str:
        return f"ask {str(self.id)[:8]}"


class HandNotice(models.Model):
    """What a third party without a connection has to be told, until an operator has told it and heard its answer.

    `type` as of a delivery. `waiting` -> `told` -> `confirmed`; `cancelled` when it no longer holds.
    """

    class State(models.TextChoices):
        WAITING = "waiting", _("To be told")
        TOLD = "told", _("Told, not confirmed")
        CONFIRMED = "confirmed", _("Confirmed")
        CANCELLED = "cancelled", _("No longer holds")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="hand_notices")
    recipient = models.SlugField()
    purpose = models.SlugField()
    type = models.CharField(max_length=40)
    state = models.CharField(max_length=9, choices=State.choices, default=State.WAITING)
    created_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True)
    closed_at = models.DateTimeField(null=True)
    by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], condition=Q(state__in=["waiting", "told"]), name="hand_notice_open")
        ]

    def __str__(self) -> str:
        return f"{self.type} by hand {str(self.id)[:8]}"
