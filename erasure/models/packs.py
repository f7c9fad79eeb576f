"""Evidence packs about a person or a period: asked for with a reason, agreed to by somebody else, made on demand."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subjects.models import Subject

__all__ = ["EvidencePack"]


class EvidencePack(models.Model):
    """That a pack was asked for, why, and who agreed. The pack itself is made when it is fetched and kept nowhere."""

    class Reason(models.TextChoices):
        AUTHORITY = "authority", _("An authority asks (Art. 58(1)(e))")
        COURT = "court", _("A court asks")
        LEGAL_CLAIMS = "legal_claims", _("Legal claims")
        AUDIT = "audit", _("An audit (Art. 5(2), 24(1))")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, null=True, related_name="evidence_packs")
    since = models.DateTimeField(null=True)
    until = models.DateTimeField(null=True)
    reason = models.CharField(max_length=12, choices=Reason.choices)
    asked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    asked_at = models.DateTimeField()
    agreed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    agreed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(subject__isnull=False, since__isnull=True, until__isnull=True)
                | Q(subject__isnull=True, since__isnull=False, until__gt=F("since")),
                name="pack_of_person_or_period",
            ),
            models.CheckConstraint(
                condition=Q(agreed_by__isnull=True) | ~Q(agreed_by=F("asked_by")), name="pack_four_eyes"
            ),
        ]

    def __str__(self) -> str:
        return gettext("evidence pack %(number)s") % {"number": str(self.id)[:8]}

    @property
    def may_be_fetched(self) -> bool:
        """About a period there is nothing personal in it; about a person a second one has to agree."""
        return self.subject_id is None or self.agreed_by_id is not None
