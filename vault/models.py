"""What the vault keeps in the database: wrapped keys, key checks, tombstones. None of it opens anything by itself."""

from django.db import models
from django.db.models import Q


class DataKey(models.Model):
    """One person's data key, wrapped by a master key that is not here. Deleting the row is erasure by key (Art. 17).

    While it is renewed the row holds two keys: `former` is the one before, sealed by the new one, and goes when
    `former_until` is over and nothing lies under it any more (vault.datakeys).
    """

    owner = models.UUIDField(primary_key=True)
    wrapped = models.BinaryField()
    master_version = models.PositiveIntegerField(db_index=True)
    commitment = models.BinaryField()
    created_at = models.DateTimeField()
    version = models.PositiveIntegerField(default=1, db_default=1)
    former = models.BinaryField(null=True)
    former_until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["former_until"], condition=Q(former__isnull=False), name="vault_former_keys"),
        ]
        constraints = [
            models.CheckConstraint(
                condition=Q(former__isnull=True, former_until__isnull=True)
                | Q(former__isnull=False, former_until__isnull=False),
                name="vault_former_key_with_its_time",
            )
        ]

    def __str__(self) -> str:
        return f"data key under master version {self.master_version}"


class Renewal(models.Model):
    """A renewal of all data keys: those made before `started_at` have a successor when it is over."""

    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                models.Value(1), condition=Q(finished_at__isnull=True), name="vault_one_renewal_at_a_time"
            )
        ]

    def __str__(self) -> str:
        return f"renewal of {self.started_at:%Y-%m-%d}"


class KeyCheck(models.Model):
    """What a key version gave when it was first used here: another keyring is noticed before it writes (fault F26)."""

    kind = models.CharField(max_length=16)
    version = models.PositiveIntegerField()
    commitment = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["kind", "version"], name="vault_one_check_per_key_version")]

    def __str__(self) -> str:
        return f"check of {self.kind} version {self.version}"


class Tombstone(models.Model):
    """One line of the shred ledger as far as this database knows it; a restored backup knows fewer (threat T37)."""

    id = models.UUIDField(primary_key=True)
    mark = models.BinaryField()
    kind = models.CharField(max_length=16)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"tombstone of {self.at:%Y-%m-%d}"


class UnwrittenLine(models.Model):
    """A tombstone whose line is not in the ledger's file yet: there for the blink between commit and flush."""

    id = models.UUIDField(primary_key=True)
    since = models.DateTimeField()

    def __str__(self) -> str:
        return f"unwritten line of {self.since:%Y-%m-%d}"
