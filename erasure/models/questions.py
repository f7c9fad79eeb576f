"""What people ask about an access to their data that the log shows them, and the answer (Art. 15(1)(c))."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from subjects.models import Subject

__all__ = ["AccessQuestion"]


class AccessQuestion(models.Model):
    """One question about one entry of the log; both texts are sealed under the person's key."""

    class State(models.TextChoices):
        OPEN = "open", _("Waits for us")
        IN_WORK = "in_work", _("We are looking into it")
        ANSWERED = "answered", _("Answered")

    class Outcome(models.TextChoices):
        LAWFUL = "lawful", _("The access was in order")
        UNLAWFUL = "unlawful", _("The access was not in order")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="access_questions")
    event = models.UUIDField()
    application = models.SlugField(default="", blank=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    outcome = models.CharField(max_length=8, choices=Outcome.choices, default="", blank=True)
    asked_sealed = models.BinaryField(null=True, editable=False)
    answer_sealed = models.BinaryField(null=True, editable=False)
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    mark = models.PositiveSmallIntegerField(default=0, help_text=_("Percent of the period the desk was told of."))

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["subject", "event"], name="one_question_an_access"),
            models.CheckConstraint(
                condition=Q(state="answered", answered_at__isnull=False, outcome__gt="")
                | (~Q(state="answered") & Q(answered_at__isnull=True, outcome="")),
                name="answered_with_outcome",
            ),
        ]
        indexes = [
            models.Index(fields=["due_at"], condition=~Q(state="answered"), name="question_due"),
            models.Index(F("answered_at").asc(nulls_first=True), "due_at", name="question_listed"),
        ]

    def __str__(self) -> str:
        return gettext("question %(number)s") % {"number": str(self.id)[:8]}

    @property
    def is_open(self) -> bool:
        """Whether the answer is still owed."""
        return self.state != self.State.ANSWERED
