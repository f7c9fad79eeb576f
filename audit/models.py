"""What was done, and the tree that seals it. Every table takes INSERT only; a trigger and the grants refuse the rest.

No column holds anything of a person but `subject`, a random pseudonym that leads nowhere once the person is erased.
No foreign keys: an event outlives everything it speaks of, and the tree outlives the events (retention).
"""

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.functions import RandomUUID
from django.contrib.postgres.indexes import BrinIndex
from django.db import models
from django.db.models import Q

from audit.fields import CurrentTransactionId, IdentityField, TransactionIdField


class AuditEvent(models.Model):
    """One act, written in the act's own transaction by `audit.services.record` and never changed.

    `(xid, ordinal)` is the order the sequencer seals in: the transaction, then the place within all inserts. Both and
    the id are the database's alone: the app role may not name these columns. The table is partitioned by months of
    `at` (`audit.partitions`); its primary key in the database is `(id, at)`.
    """

    id = models.UUIDField(primary_key=True, db_default=RandomUUID(), editable=False)
    xid = TransactionIdField(db_default=CurrentTransactionId())
    ordinal = IdentityField()
    at = models.DateTimeField()
    action = models.TextField()
    actor = models.TextField()
    subject = models.UUIDField(null=True)
    request_id = models.TextField()
    purpose = models.TextField(null=True)
    fields = ArrayField(models.TextField(), default=list)
    details = models.JSONField(default=dict)

    class Meta:
        db_table = "audit_event"
        default_permissions = ("view",)
        indexes = [
            models.Index(fields=["xid", "ordinal"], name="audit_event_order"),
            models.Index(
                fields=["subject", "xid", "ordinal"], name="audit_event_person", condition=Q(subject__isnull=False)
            ),
            models.Index(fields=["action", "xid", "ordinal"], name="audit_event_action"),
            BrinIndex(fields=["at"], name="audit_event_time"),
        ]

    def __str__(self) -> str:
        return f"{self.action} {self.id}"


class AuditLeaf(models.Model):
    """The place of one event in the tree: gapless `seq` from 0, and the RFC 6962 hash of its bytes.

    `xid` and `ordinal` repeat the event's, so that the sequencer's watermark does not depend on the event row.
    """

    seq = models.BigIntegerField(primary_key=True)
    event = models.UUIDField(unique=True)
    xid = TransactionIdField()
    ordinal = models.BigIntegerField()
    leaf_hash = models.BinaryField()

    class Meta:
        db_table = "audit_leaf"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"leaf {self.seq}"


class AuditNode(models.Model):
    """The hash over the complete subtree of leaves `[index * 2**level, (index + 1) * 2**level)`, levels from 1."""

    pk = models.CompositePrimaryKey("level", "index")
    level = models.SmallIntegerField()
    index = models.BigIntegerField()
    hash = models.BinaryField()

    class Meta:
        db_table = "audit_node"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"node {self.level}/{self.index}"


class Checkpoint(models.Model):
    """What the log committed itself to at one moment: a C2SP signed note over origin, size and root."""

    size = models.BigIntegerField(unique=True)
    root = models.BinaryField()
    note = models.TextField()
    vkey = models.TextField()
    at = models.DateTimeField()

    class Meta:
        db_table = "audit_checkpoint"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"checkpoint {self.size}"


class Retirement(models.Model):
    """A month whose events were taken out with their partition; their leaf hashes stand. Never changed.

    `ranges` are first and last index of each run of entries, flat; `event` is the `audit.retired` that seals `digest`.
    """

    month = models.CharField(max_length=7, unique=True)
    ranges = ArrayField(models.BigIntegerField())
    digest = models.CharField(max_length=71)
    event = models.UUIDField()
    size = models.BigIntegerField(help_text="Entries of the checkpoint that others held over all of them.")
    at = models.DateTimeField()

    class Meta:
        db_table = "audit_retirement"
        default_permissions = ("view",)

    def __str__(self) -> str:
        return f"retirement of {self.month}"


from audit.desk_models import *  # noqa: E402, F403  what stands around the log
