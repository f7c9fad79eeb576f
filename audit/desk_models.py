"""What stands around the log and is no part of it: copies others hold, witnesses, verifications.

No row here is about a data subject, and none is needed to verify: lose them all, and the log proves as much as before.
"""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

__all__ = ["Cosignature", "HeldCopy", "Verification", "Witness"]


class HeldCopy(models.Model):
    """A copy of a checkpoint that left the service: who holds it and how it got there. Never changed.

    `holder` is a reference as in `audit.actors`; `role` the desk that held it on that day, or `witness`.
    """

    class Way(models.TextChoices):
        DOWNLOADED = "downloaded", _("downloaded")
        MAILED = "mailed", _("mailed")
        PUSHED = "pushed", _("written to a folder")
        COSIGNED = "cosigned", _("cosigned by a witness")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    size = models.BigIntegerField()
    digest = models.CharField(max_length=64, help_text="SHA-256 of the note, in hex.")
    holder = models.CharField(max_length=110)
    role = models.SlugField(max_length=20)
    way = models.CharField(max_length=10, choices=Way.choices)
    at = models.DateTimeField()

    class Meta:
        db_table = "audit_held_copy"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["role", "at"], name="audit_held_by_role"),
            models.Index(fields=["size"], name="audit_held_size"),
        ]

    def __str__(self) -> str:
        return f"copy of checkpoint {self.size}"


class Witness(models.Model):
    """How far an automatic holder has got; the row is the queue. Claimed under a lease, called, settled."""

    name = models.SlugField(primary_key=True, max_length=20)
    size = models.BigIntegerField(default=0)
    at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField()
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    last_error = models.SlugField(max_length=40, default="", blank=True)

    class Meta:
        db_table = "audit_witness"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return self.name


class Cosignature(models.Model):
    """A witness saw this checkpoint follow from the one before (c2sp.org/tlog-cosignature). Never changed."""

    size = models.BigIntegerField()
    name = models.CharField(max_length=200)
    line = models.TextField(help_text="The signature line as it stands under the note.")
    signed_at = models.DateTimeField()

    class Meta:
        db_table = "audit_cosignature"
        default_permissions = ("view",)
        constraints = [models.UniqueConstraint(fields=["size", "name"], name="audit_cosigned_once")]

    def __str__(self) -> str:
        return f"{self.name} on {self.size}"


class Verification(models.Model):
    """One run over the whole log: asked for, under way with its progress, and what it found.

    `held` are checkpoints somebody else kept; `checked` of `expected` entries are behind it while it runs.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("under way")
        DONE = "done", _("finished")
        FAILED = "failed", _("broken off")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    asked_by = models.CharField(max_length=110)
    asked_at = models.DateTimeField()
    held = ArrayField(models.TextField(), default=list)
    state = models.CharField(max_length=8, choices=State.choices, default=State.QUEUED)
    expected = models.BigIntegerField(default=0)
    checked = models.BigIntegerField(default=0)
    attempts = models.PositiveIntegerField(default=0)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveBigIntegerField(default=0)
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    damages = models.BigIntegerField(null=True)
    report = models.JSONField(null=True)

    class Meta:
        db_table = "audit_verification"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["asked_at"], condition=Q(state__in=["queued", "running"]), name="audit_to_verify"),
            models.Index(fields=["finished_at"], name="audit_verified_at"),
        ]

    def __str__(self) -> str:
        return gettext("verification %(number)s") % {"number": str(self.id)[:8]}

    @property
    def is_open(self) -> bool:
        """Whether it still waits or runs."""
        return self.state in {self.State.QUEUED, self.State.RUNNING}

    @property
    def holds(self) -> bool:
        """Whether it came to its end and found nothing."""
        return self.state == self.State.DONE and self.damages == 0
