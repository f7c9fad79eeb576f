"""What those who were asked for a person's data answered, and in which archive it was handed on (Art. 15(3))."""

import uuid

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

__all__ = ["SourceAnswer"]


class SourceAnswer(models.Model):
    """The answer to one step of a request: that there is one, when, and which archive it went into.

    What an application answered lies in its delivery (`consent.services.deliveries.data_of`); what came otherwise lies
    here, sealed under the person's key, until it was handed on.
    """

    class Outcome(models.TextChoices):
        DONE = "done", _("Answered")
        NOTHING_HELD = "nothing_held", _("Holds nothing")
        REFUSED = "refused", _("Has refused")
        FAILED = "failed", _("Could not answer")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    step = models.OneToOneField("erasure.Step", models.PROTECT, related_name="answer")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    at = models.DateTimeField()
    sealed = models.BinaryField(null=True, editable=False)
    archive = models.ForeignKey("erasure.Archive", models.PROTECT, null=True, related_name="answers")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sealed__isnull=True) | Q(outcome="done"), name="only_an_answer_given_has_words"
            )
        ]

    def __str__(self) -> str:
        return f"answer {str(self.id)[:8]}"
