"""A recorded doubt about who asks, what was handed in about it, and links by mail for people without an account."""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from erasure.models.cases import REQUEST, STAFF, Message, Question

__all__ = ["IdentityCheck", "IdentityEvidence", "MailLink"]


class IdentityCheck(models.Model):
    """Why a reviewer doubted who asks, and how that ended; of the evidence itself only fact and method stay (R23)."""

    class Doubt(models.TextChoices):
        DETAILS_DIFFER = "details_differ", _("What was said does not fit what we hold")
        NEW_ADDRESS = "new_address", _("The address was changed shortly before")
        UNUSUAL = "unusual", _("The request is unusual and about sensitive data")
        NO_ADDRESS = "no_address", _("We have no e-mail address to confirm it by")
        TAKEN_OVER = "taken_over", _("Somebody else seems to use the account")

    class Method(models.TextChoices):
        DOCUMENT = "document", _("A document was looked at")
        QUESTIONS = "questions", _("Questions only the person can answer")
        CALL_BACK = "call_back", _("A call to the number we hold")

    class Outcome(models.TextChoices):
        CONFIRMED = "confirmed", _("It is the person")
        FAILED = "failed", _("It could not be shown")
        ENDED = "ended", _("The request ended before")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(REQUEST, models.PROTECT, related_name="identity_checks")
    question = models.OneToOneField(Question, models.PROTECT, related_name="identity_check")
    doubt = models.CharField(max_length=16, choices=Doubt.choices)
    asked_by = models.ForeignKey(STAFF, models.PROTECT, related_name="+")
    method = models.CharField(max_length=10, choices=Method.choices, default="", blank=True)
    outcome = models.CharField(max_length=10, choices=Outcome.choices, default="", blank=True)
    settled_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request"], condition=Q(settled_at=None), name="one_open_identity_check"),
            models.CheckConstraint(
                condition=Q(settled_at__isnull=True, outcome="") | Q(settled_at__isnull=False, outcome__gt=""),
                name="identity_settled_with_outcome",
            ),
        ]

    def __str__(self) -> str:
        return f"identity check {str(self.id)[:8]}"


class IdentityEvidence(models.Model):
    """The file itself, sealed under a key of its own that is destroyed with it: no backup can open it afterwards."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    check_row = models.OneToOneField(IdentityCheck, models.PROTECT, related_name="evidence")
    content_type = models.CharField(max_length=20)
    size_bytes = models.PositiveIntegerField()
    sealed = models.BinaryField(editable=False)
    uploaded_at = models.DateTimeField()
    delete_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"evidence {str(self.id)[:8]}"


class MailLink(models.Model):
    """A link by mail to one question, message or task, for who does not sign in; only a keyed digest of its token is
    kept."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    question = models.OneToOneField(Question, models.CASCADE, null=True, related_name="mail_link")
    message = models.OneToOneField(Message, models.CASCADE, null=True, related_name="mail_link")
    task = models.OneToOneField("erasure.PlaceTask", models.CASCADE, null=True, related_name="mail_link")
    digest = models.BinaryField(editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    made_at = models.DateTimeField()
    expires_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(question__isnull=False, message__isnull=True, task__isnull=True)
                | Q(question__isnull=True, message__isnull=False, task__isnull=True)
                | Q(question__isnull=True, message__isnull=True, task__isnull=False),
                name="link_leads_to_one_thing",
            )
        ]

    def __str__(self) -> str:
        return f"link {str(self.id)[:8]}"

    @property
    def said(self) -> Message | None:
        """What it leads to, if that are words of ours to the person."""
        return self.question.message if self.question is not None else self.message
