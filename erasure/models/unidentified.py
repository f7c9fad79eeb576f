"""What was asked by somebody we could not identify, until they tell us more (Art. 11(2); law.md R24)."""

import uuid

from django.db import models

from erasure.models.requests import RightsRequest


class Unidentified(models.Model):
    """A request from an address we do not know. Neither the address nor a name is kept; a link was sent there.

    `words_sealed` is what the form said about the right, sealed by the service's own key. The row goes with its link.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    right = models.CharField(max_length=20, choices=RightsRequest.Right.choices)
    words_sealed = models.BinaryField(editable=False)
    received_at = models.DateTimeField()
    expires_at = models.DateTimeField(db_index=True)
    digest = models.BinaryField(editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    identified_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.right} {str(self.id)[:8]}"
