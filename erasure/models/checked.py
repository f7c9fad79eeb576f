"""Texts in which other people may stand, for a reviewer to look at before an archive hands them out (Art. 15(4))."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

__all__ = ["CheckedText"]


class CheckedText(models.Model):
    """One text or file of one archive, and what a reviewer decided about it; the original is never changed.

    The text lies sealed under the person's key until the archive was built. `source` and `field` are codes of the
    catalogue, a dataset or a place: what led to the text in somebody's answer is sealed with it.
    """

    class Decision(models.TextChoices):
        KEEP = "keep", _("Hand out whole")
        REDACT = "redact", _("Withhold")

    class Reason(models.TextChoices):
        NOBODY_ELSE = "nobody_else", _("Nobody else stands in it")
        KNOWN = "known", _("The person knows it already, or the others agreed")
        ANOTHER_PERSON = "another_person", _("It is about somebody else")
        CONFIDENCE = "confidence", _("It shows who told us in confidence")
        SECRET = "secret", _("It is a business secret")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    step = models.ForeignKey("erasure.Step", models.PROTECT, related_name="checked")
    source = models.CharField(max_length=120)
    field = models.CharField(max_length=200)
    asked_at = models.DateTimeField(auto_now_add=True)
    sealed = models.BinaryField(null=True, editable=False)
    decision = models.CharField(max_length=6, choices=Decision.choices, default="", blank=True)
    reason = models.CharField(max_length=14, choices=Reason.choices, default="", blank=True)
    places = models.PositiveIntegerField(default=0, help_text=_("How many passages are withheld."))
    decided_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True, db_index=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(decision="", reason="", places=0, decided_by__isnull=True, decided_at__isnull=True)
                | Q(decision="keep", reason__in=["nobody_else", "known"], places=0, decided_by__isnull=False)
                | Q(
                    decision="redact",
                    reason__in=["another_person", "confidence", "secret"],
                    places__gt=0,
                    decided_by__isnull=False,
                ),
                name="checked_by_somebody",
            )
        ]
        indexes = [models.Index(F("decided_at").asc(nulls_first=True), name="checked_listed")]

    def __str__(self) -> str:
        return gettext("text %(number)s") % {"number": str(self.id)[:8]}
