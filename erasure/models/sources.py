"""What those who were asked for a person's data answered, and in which archive it was handed on (Art. 15(3))."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

__all__ = ["AnswerFile", "AnswerPiece", "SourceAnswer"]


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
        REMOVED = "removed", _("Was removed, and not asked")

    class Reason(models.TextChoices):
        NOT_FOUND = "not_found", _("It cannot be told who the person is")
        KEPT_BY_LAW = "kept_by_law", _("A law makes us keep it")
        NOT_OURS = "not_ours", _("Somebody else is responsible")
        NOT_POSSIBLE = "not_possible", _("It is not possible technically")
        UNREASONABLE = "unreasonable", _("It would take more effort than is reasonable")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    step = models.OneToOneField("erasure.Step", models.PROTECT, related_name="answer")
    outcome = models.CharField(max_length=12, choices=Outcome.choices)
    reason = models.CharField(max_length=12, choices=Reason.choices, default="", blank=True)
    told = ArrayField(models.CharField(max_length=120), default=list, db_default=[])
    """Of a publication: who of those known to show, link to or copy it was asked to erase that too (Art. 17(2))."""
    at = models.DateTimeField()
    sealed = models.BinaryField(null=True, editable=False)
    archive = models.ForeignKey("erasure.Archive", models.PROTECT, null=True, related_name="answers")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(sealed__isnull=True) | Q(outcome__in=["done", "failed"]), name="answer_with_words"
            )
        ]
        indexes = [models.Index(fields=["at"], condition=Q(sealed__isnull=False), name="answer_sealed")]

    def __str__(self) -> str:
        return f"answer {str(self.id)[:8]}"


class AnswerFile(models.Model):
    """A file that came with an answer, sealed under the person's key; its name is not kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    answer = models.ForeignKey(SourceAnswer, models.CASCADE, related_name="files")
    position = models.PositiveSmallIntegerField()
    content_type = models.CharField(max_length=20)
    size_bytes = models.PositiveIntegerField()
    sealed = models.BinaryField(editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["answer", "position"], name="answer_file_once")]

    def __str__(self) -> str:
        return f"file {str(self.id)[:8]}"


class AnswerPiece(models.Model):
    """Some rows that a connector answered with, sealed under the person's key, until an archive has them.

    `fence` says which try of the step wrote it.
    """

    step = models.ForeignKey("erasure.Step", models.PROTECT, related_name="pieces")
    fence = models.PositiveIntegerField()
    position = models.PositiveIntegerField()
    sealed = models.BinaryField(editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["step", "fence", "position"], name="answer_piece_once")]

    def __str__(self) -> str:
        return f"piece {self.position} of {str(self.step_id)[:8]}"
