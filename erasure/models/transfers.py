"""Sending an archive to another controller (Art. 20(2)): where to, and how far it is. The rows are the queue."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

__all__ = ["Destination", "Transfer"]

STAFF = settings.AUTH_USER_MODEL


class Destination(models.Model):
    """Another controller as a place to send to: approved by two people, or with the reason why it is not feasible."""

    class Obstacle(models.TextChoices):
        NONE = "", _("None: it can be sent to")
        NO_INTERFACE = "no_interface", _("It has no interface that could receive data")
        NO_KEY = "no_key", _("It has not agreed a key with us")
        NOT_SECURE = "not_secure", _("Its interface is not secure enough")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    contact = models.EmailField(help_text=_("The other controller's own contact, not a person's address."))
    obstacle = models.CharField(
        _("what is in the way"), max_length=14, choices=Obstacle.choices, default="", blank=True
    )
    url = models.CharField(
        _("address"), max_length=500, default="", blank=True, help_text=_("Where uploads are created, https only.")
    )
    secret_sealed = models.BinaryField(null=True, editable=False)
    proposed_by = models.ForeignKey(STAFF, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    approved_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, approved_at__isnull=True)
                | (Q(approved_by__isnull=False, approved_at__isnull=False) & ~Q(approved_by=F("proposed_by"))),
                name="destination_four_eyes",
            ),
            models.CheckConstraint(
                condition=(Q(obstacle="", secret_sealed__isnull=False) & ~Q(url=""))
                | (~Q(obstacle="") & Q(url="", secret_sealed__isnull=True)),
                name="destination_feasible_or_why_not",
            ),
        ]

    def __str__(self) -> str:
        return self.slug


class Transfer(models.Model):
    """One sending of one archive to one destination (`erasure.states.TRANSFER`).

    What the desk asks for in the person's name is proposed, and waits once another member of staff agreed.
    Claimed by lease and fencing token, called without a transaction, settled. `offset` is how many bytes the
    destination has said it holds; where to go on is asked anew at every turn.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey("erasure.RightsRequest", models.PROTECT, related_name="transfers")
    destination = models.ForeignKey(Destination, models.PROTECT, related_name="transfers")
    state = models.CharField(max_length=8, default="waiting")
    asked_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    agreed_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    """The second person, where the first was one of the desk."""
    asked_at = models.DateTimeField()
    upload_url = models.CharField(max_length=500, default="", blank=True)
    size_bytes = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=71, default="", blank=True)
    offset = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=80, default="", blank=True)
    acknowledgement = models.CharField(max_length=500, default="", blank=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["request"], condition=Q(state__in=["waiting", "sending"]), name="one_live_transfer"
            ),
            models.UniqueConstraint(fields=["request"], condition=Q(state="proposed"), name="one_proposed_transfer"),
            models.CheckConstraint(
                condition=Q(asked_by__isnull=True)
                | ~Q(state__in=["waiting", "sending"])
                | (Q(agreed_by__isnull=False) & ~Q(agreed_by=F("asked_by"))),
                name="transfer_four_eyes",
            ),
            models.CheckConstraint(
                condition=~Q(state="received") | ~Q(acknowledgement=""), name="transfer_received_is_acknowledged"
            ),
        ]
        indexes = [models.Index(fields=["next_at"], condition=Q(state__in=["waiting", "sending"]), name="transfer_due")]

    def __str__(self) -> str:
        return f"transfer {str(self.id)[:8]}"
