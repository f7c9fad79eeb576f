"""What an erasure left in other people's databases, for a reviewer: which collection and how many, no value."""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

__all__ = ["ConnectorCheck", "ConnectorCommit", "KeptRow", "WithheldRows"]

STEP = "erasure.Step"


class WithheldRows(models.Model):
    """Rows of one collection that an erasure left as they are, for one reason.

    `decidable` of them are the person's and somebody else's: a reviewer decides, and to change them takes two. Their
    keys lie sealed until the decision is carried out and looked at; rows that are only somebody else's are counted, and
    nobody decides.
    """

    class Decision(models.TextChoices):
        KEEP = "keep"
        CHANGE = "change"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    step = models.ForeignKey(STEP, models.PROTECT, related_name="withheld")
    collection = models.CharField(max_length=200)
    reason = models.CharField(max_length=20)
    rows = models.PositiveIntegerField()
    decidable = models.PositiveIntegerField(default=0)
    keys_sealed = models.BinaryField(null=True, editable=False)
    decision = models.CharField(max_length=6, choices=Decision.choices, default="", blank=True)
    article = models.CharField(max_length=40, default="", blank=True)
    until = models.DateTimeField(null=True)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    """Who wants them changed, which is another's to decide."""
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    changed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["step", "collection", "reason"], name="withheld_once"),
            models.CheckConstraint(
                condition=Q(decision="", decided_by__isnull=True, decided_at__isnull=True)
                | (~Q(decision="") & Q(decided_by__isnull=False, decided_at__isnull=False)),
                name="withheld_decided_by_somebody",
            ),
            models.CheckConstraint(condition=~Q(decision="keep", article=""), name="withheld_kept_under_an_article"),
            models.CheckConstraint(
                condition=~Q(decision="change")
                | (Q(proposed_by__isnull=False) & ~Q(proposed_by=F("decided_by")))
                | Q(proposed_by__isnull=True, changed_at__isnull=False),  # changed before it took two
                name="withheld_four_eyes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.rows} rows of {self.collection}"


class KeptRow(models.Model):
    """A row that a reviewer decided to keep: later erasures leave it, as `retained`. Known by a digest of its key."""

    withheld = models.ForeignKey(WithheldRows, models.PROTECT, related_name="kept")
    digest = models.BinaryField(db_index=True, editable=False)

    def __str__(self) -> str:
        return f"kept row of {self.withheld_id}"


class ConnectorCheck(models.Model):
    """What was found when the connectors were looked at again after an erasure."""

    step = models.OneToOneField(STEP, models.PROTECT, related_name="check_of_connector")
    looked_at = models.DateTimeField()
    found = models.PositiveIntegerField(help_text="Rows that were to be gone and are there.")
    collections = ArrayField(models.CharField(max_length=200), default=list)

    def __str__(self) -> str:
        return f"check of {self.step_id}"


class ConnectorCommit(models.Model):
    """Every database has promised this run's changes: from here on they are committed, whoever dies (presumed abort).

    Prepared transactions of a run without such a row are rolled back by the next try.
    """

    run = models.CharField(max_length=80, primary_key=True)
    step = models.ForeignKey(STEP, models.PROTECT, related_name="commits")
    decided_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"commit of {self.step_id}"
