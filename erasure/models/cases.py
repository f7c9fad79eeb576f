"""What the desk keeps beside a request: case, conversation, comments, marks of the clock, opinions, holds, pauses."""

import uuid
from decimal import Decimal

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q

from subjects.models import Subject

__all__ = [
    "Case",
    "ClockMark",
    "Comment",
    "ErasurePause",
    "LegalHold",
    "Message",
    "Question",
    "RetentionProposal",
    "SecondOpinion",
]

REQUEST = "erasure.RightsRequest"
STAFF = settings.AUTH_USER_MODEL


def _by_others(one: str, other: str) -> Q:
    """Nobody seconds what they did themselves: four eyes, also under races and from a shell."""
    return Q(**{f"{other}__isnull": True}) | ~Q(**{other: F(one)})


class Case(models.Model):
    """Who looks after a request, and as what it was filed before a reviewer re-typed it."""

    request = models.OneToOneField(REQUEST, models.PROTECT, related_name="case", primary_key=True)
    assignee = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    filed_as = models.CharField(max_length=20, default="", blank=True)

    def __str__(self) -> str:
        return f"case {str(self.request_id)[:8]}"


class Message(models.Model):
    """One message between the desk and the person, sealed under the person's key."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(REQUEST, models.PROTECT, related_name="messages")
    author = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    by_person = models.BooleanField()
    sealed = models.BinaryField(null=True, editable=False)
    at = models.DateTimeField()

    class Meta:
        constraints = [models.CheckConstraint(condition=Q(by_person=True) ^ Q(author__isnull=False), name="one_author")]
        indexes = [models.Index(fields=["request", "at"], name="message_order")]

    def __str__(self) -> str:
        return f"message {str(self.id)[:8]}"


class Comment(models.Model):
    """What somebody at the desk noted on a request for colleagues, sealed under the person's key; never changed.

    The database refuses another author, time or request, words where there were none, and its deletion.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(REQUEST, models.PROTECT, related_name="comments")
    author = models.ForeignKey(STAFF, models.PROTECT, related_name="+")
    sealed = models.BinaryField(null=True, editable=False)
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["request", "at"], name="comment_order")]

    def __str__(self) -> str:
        return f"comment {str(self.id)[:8]}"


class Question(models.Model):
    """A question to the person; the clock stands from the question to its answer (Art. 12(6))."""

    class Kind(models.TextChoices):
        IDENTITY = "identity"
        CLARIFICATION = "clarification"

    request = models.ForeignKey(REQUEST, models.PROTECT, related_name="questions")
    kind = models.CharField(max_length=14, choices=Kind.choices)
    message = models.OneToOneField(Message, models.PROTECT, related_name="question")
    asked_at = models.DateTimeField()
    answered_at = models.DateTimeField(null=True)
    stops_clock = models.BooleanField(help_text="False for one asked after the due date: nothing stops what is over.")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["request"], condition=Q(answered_at=None), name="one_open_question"),
            models.CheckConstraint(
                condition=Q(answered_at__isnull=True) | Q(answered_at__gte=F("asked_at")), name="answer_after_question"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class ClockMark(models.Model):
    """Something the clock of a request did, once: an escalation, or the notice of Art. 12(4)."""

    class Mark(models.TextChoices):
        HALF = "50"
        MOST = "80"
        DUE = "100"
        NOTICE = "notice"

    request = models.ForeignKey(REQUEST, models.PROTECT, related_name="marks")
    mark = models.CharField(max_length=6, choices=Mark.choices)
    extended = models.BooleanField(help_text="Whether it belongs to the extended period.")
    at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "mark", "extended"], name="mark_once")]

    def __str__(self) -> str:
        return f"{self.mark} of {str(self.request_id)[:8]}"


class SecondOpinion(models.Model):
    """A refusal or fee under Art. 12(5) that one reviewer proposes and another decides."""

    class Kind(models.TextChoices):
        REFUSAL = "refusal"
        FEE = "fee"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(REQUEST, models.PROTECT, related_name="opinions")
    kind = models.CharField(max_length=8, choices=Kind.choices)
    reason_code = models.CharField(max_length=60)
    fee_cents = models.PositiveIntegerField(null=True)
    proposed_by = models.ForeignKey(STAFF, models.PROTECT, related_name="+")
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    agreed = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_by_others("proposed_by", "decided_by"), name="opinion_four_eyes"),
            models.CheckConstraint(
                condition=Q(decided_by__isnull=True, agreed__isnull=True)
                | Q(decided_by__isnull=False, agreed__isnull=False),
                name="opinion_decided_by_somebody",
            ),
            models.UniqueConstraint(fields=["request"], condition=Q(agreed=None), name="one_open_opinion"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {str(self.request_id)[:8]}"

    @property
    def fee_in_euros(self) -> Decimal:
        """The fee with two places; templates write it as the language does."""
        return Decimal(self.fee_cents or 0).scaleb(-2)


class LegalHold(models.Model):
    """Nothing of this person is destroyed until two people lifted it (Art. 17(3)(e), 18(1)(c))."""

    class Reason(models.TextChoices):
        LEGAL_CLAIMS = "legal_claims"
        COURT_ORDER = "court_order"
        AUTHORITY = "authority"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="holds")
    reason = models.CharField(max_length=14, choices=Reason.choices)
    placed_by = models.ForeignKey(STAFF, models.PROTECT, related_name="+")
    placed_at = models.DateTimeField()
    lift_proposed_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    lifted_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(lifted_by__isnull=True, lifted_at__isnull=True)
                | Q(lifted_by__isnull=False, lifted_at__isnull=False, lift_proposed_by__isnull=False),
                name="hold_lift_was_proposed",
            ),
            models.CheckConstraint(condition=_by_others("lift_proposed_by", "lifted_by"), name="hold_four_eyes"),
            models.UniqueConstraint(fields=["subject"], condition=Q(lifted_at=None), name="one_standing_hold"),
        ]

    def __str__(self) -> str:
        return f"hold {str(self.id)[:8]}"


class ErasurePause(models.Model):
    """Far more erasures than usual: no further one begins until two people said that it is right."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    since = models.DateTimeField()
    begun = models.PositiveIntegerField(help_text="Erasures begun in the hour before.")
    limit = models.PositiveIntegerField()
    first_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    second_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    lifted_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_by_others("first_by", "second_by"), name="pause_four_eyes"),
            models.CheckConstraint(
                condition=Q(lifted_at__isnull=True) | Q(first_by__isnull=False, second_by__isnull=False),
                name="pause_lifted_by_two",
            ),
            models.UniqueConstraint(
                models.ExpressionWrapper(Q(lifted_at__isnull=True), output_field=models.BooleanField()),
                condition=Q(lifted_at=None),
                name="one_standing_pause",
            ),
        ]

    def __str__(self) -> str:
        return f"pause {str(self.id)[:8]}"


class RetentionProposal(models.Model):
    """Values whose every reason to be held has ended, erased once a reviewer agrees or at once (Art. 5(1)(e))."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="retention_proposals")
    fields = ArrayField(models.SlugField())
    reason = models.CharField(max_length=20)
    proposed_at = models.DateTimeField()
    decided_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    decided_at = models.DateTimeField(null=True)
    erased = models.BooleanField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject"], condition=Q(decided_at=None), name="one_open_retention_proposal"
            )
        ]
        indexes = [models.Index(F("decided_at").asc(nulls_first=True), "proposed_at", name="proposal_listed")]

    def __str__(self) -> str:
        return f"proposal {str(self.id)[:8]}"
