"""Somebody who asks in a person's name, the mandate they show for it, and the links that belong to it (law.md R27)."""

import uuid

from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from erasure.models.cases import REQUEST, STAFF
from subjects.models import Subject

__all__ = ["Mandate", "MandateLink"]


class Mandate(models.Model):
    """Why somebody may act for a person: as shown, as looked at by a reviewer. Requests point to it.

    Who acts, and the document, lie sealed under the person's key; both are null once the person is erased, the document
    also once it was refused.
    """

    class Kind(models.TextChoices):
        POWER_OF_ATTORNEY = "power_of_attorney", _("Power of attorney")
        PARENTAL = "parental", _("Parental responsibility")
        GUARDIANSHIP = "guardianship", _("Guardianship")
        ASSOCIATION = "association", _("Association that represents people (Art. 80 GDPR)")

    class Refusal(models.TextChoices):
        NOT_SIGNED = "not_signed", _("It is not signed by the person, or by whoever could give it")
        NOT_COVERED = "not_covered", _("It does not cover what was asked for")
        EXPIRED = "expired", _("It is not valid any more")
        ILLEGIBLE = "illegible", _("It cannot be read")
        DOUBTFUL = "doubtful", _("There is a doubt whether it is genuine")
        OBJECTED = "objected", _("The person does not want it")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="mandates")
    kind = models.CharField(max_length=20, choices=Kind.choices)
    state = models.CharField(max_length=10, default="waiting")
    valid_until = models.DateField(null=True)
    answers_to_representative = models.BooleanField(default=False)
    words_sealed = models.BinaryField(null=True, editable=False)
    content_type = models.CharField(max_length=20)
    document_sealed = models.BinaryField(null=True, editable=False)
    recorded_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    recorded_at = models.DateTimeField()
    told_at = models.DateTimeField(null=True, help_text="When the person was told; null without an address.")
    decided_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    refusal = models.CharField(max_length=12, choices=Refusal.choices, default="", blank=True)
    objected_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~Q(state__in=["accepted", "refused"]) | Q(decided_by__isnull=False, decided_at__isnull=False),
                name="mandate_decided_by_somebody",
            ),
            models.CheckConstraint(
                condition=Q(answers_to_representative=False) | Q(decided_by__isnull=False), name="mandate_answers_read"
            ),
            models.CheckConstraint(
                condition=~Q(state="accepted") | Q(recorded_by__isnull=True) | ~Q(decided_by=F("recorded_by")),
                name="mandate_four_eyes",
            ),
            models.CheckConstraint(condition=~Q(state="refused") | ~Q(refusal=""), name="mandate_refused_with_reason"),
        ]

    def __str__(self) -> str:
        return f"mandate {str(self.id)[:8]}"


class MandateLink(models.Model):
    """A link by mail: for the person to object, or for the representative to collect. Only a keyed digest is kept."""

    class Use(models.TextChoices):
        OBJECT = "object"
        COLLECT = "collect"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    mandate = models.ForeignKey(Mandate, models.CASCADE, related_name="links")
    request = models.ForeignKey(REQUEST, models.CASCADE, null=True, related_name="+")
    use = models.CharField(max_length=8, choices=Use.choices)
    digest = models.BinaryField(editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["mandate"], condition=Q(use="object"), name="one_objection_link"),
            models.UniqueConstraint(fields=["request"], condition=Q(use="collect"), name="one_collection_link"),
        ]

    def __str__(self) -> str:
        return f"link {str(self.id)[:8]}"
