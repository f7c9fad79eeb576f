"""What the vault keeps in the database: wrapped keys, key checks, tombstones. None of it opens anything by itself."""

from django.db import models


class DataKey(models.Model):
    """One person's data key, wrapped by a master key that is not here. Deleting the row is erasure by key (Art. 17)."""

    owner = models.UUIDField(primary_key=True)
    wrapped = models.BinaryField()
    master_version = models.PositiveIntegerField(db_index=True)
    commitment = models.BinaryField()
    created_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"data key under master version {self.master_version}"


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
