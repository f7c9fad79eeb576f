"""How somebody without an account collects their copy: a link by mail, and a code by a second one."""

import uuid

from django.db import models

from erasure.models.requests import Archive


class CopyLink(models.Model):
    """A link to one archive, for whoever cannot sign in; only keyed digests of its token and its last code are kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    archive = models.OneToOneField(Archive, models.CASCADE, related_name="link")
    digest = models.BinaryField(editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    code_digest = models.BinaryField(null=True, editable=False)
    code_until = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"link {str(self.id)[:8]}"
