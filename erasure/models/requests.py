"""Rights requests: what a person asked for, the steps it takes, what came out. The rows are the queue."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Case, F, Q, When
from django.utils.translation import gettext_lazy as _

from access.models import Application
from erasure.states import OPEN_REQUEST, TRIES, UNFINISHED_STEP
from subjects.models import Subject

IS_OVER = Case(When(state__in=OPEN_REQUEST, then=0), default=1)
"""Those under way before the others: in this order, then by due date, the desk's list is read from an index."""


class RightsRequest(models.Model):
    """One right exercised by one person (Art. 15 to 22), with its statutory clock (`erasure.deadlines`)."""

    class Right(models.TextChoices):
        ACCESS = "access", _("Access")
        PORTABILITY = "portability", _("Portability")
        ERASURE = "erasure", _("Erasure")
        RECTIFICATION = "rectification", _("Rectification")
        RESTRICTION = "restriction", _("Restriction")
        OBJECTION = "objection", _("Objection")
        WITHDRAW_CONSENT = "withdraw_consent", _("Withdrawal of consent")
        HUMAN_REVIEW = "human_review", _("Human review")

    class VerifiedBy(models.TextChoices):
        ACCOUNT = "account"
        DOCUMENT = "document"
        NONE = "none"

    DESTROYS = (Right.ERASURE.value, Right.RECTIFICATION.value)
    """Rights by which what is held goes: all of it, or the value before."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="requests")
    right = models.CharField(max_length=20, choices=Right.choices)
    state = models.CharField(max_length=20, default="received", db_index=True)
    details_sealed = models.BinaryField(null=True, editable=False)
    purpose = models.SlugField(null=True)
    verified_by = models.CharField(max_length=10, choices=VerifiedBy.choices)
    application = models.ForeignKey(Application, models.PROTECT, null=True, related_name="requests")
    also_asked_by = models.ManyToManyField(Application, related_name="+")
    """Applications that asked for it again, after somebody else had: they follow it too."""
    by_person = models.BooleanField(default=False)
    by_controller = models.BooleanField(default=False, db_default=False)
    """Asked for by the application as a controller whose processor we are (OpenDSR), which is not told of it."""
    received_at = models.DateTimeField()
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(db_index=True)
    extended = models.BooleanField(default=False)
    extension_reason = models.CharField(max_length=60, default="", blank=True)
    starts_at = models.DateTimeField(null=True, help_text=_("The end of the undo window; nothing is destroyed before."))
    needs_review = models.BooleanField(default=False)
    mandate = models.ForeignKey("erasure.Mandate", models.PROTECT, null=True, related_name="requests")
    joint = models.ForeignKey("erasure.JointCase", models.PROTECT, null=True, related_name="requests")
    reviewer = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    vouched_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+", db_index=False
    )
    """On whose word at the desk it rests (`erasure.services.four_eyes`); null where the person, or an application that
    speaks for them, asked."""
    reason_code = models.CharField(max_length=60, default="", blank=True)
    outcome = models.CharField(max_length=40, default="", blank=True)
    notice_to_sealed = models.BinaryField(null=True, editable=False)
    verification_tries = models.PositiveSmallIntegerField(default=0)
    verification_digest = models.BinaryField(null=True, editable=False)
    verification_expires_at = models.DateTimeField(null=True)
    completed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject"],
                condition=Q(
                    right="erasure", mandate=None, state__in=["received", "verifying", "in_review", "in_progress"]
                ),
                name="one_open_erasure",
            ),
            models.CheckConstraint(
                condition=~Q(right__in=["erasure", "rectification"], state__in=["in_progress", "completed"])
                | Q(vouched_by__isnull=True)
                | Q(outcome="nothing_held")
                | (Q(reviewer__isnull=False) & ~Q(reviewer=F("vouched_by"))),
                name="request_four_eyes",
            ),
        ]
        indexes = [
            models.Index(fields=["application", "created_at", "id"], name="request_listed"),
            models.Index(IS_OVER, "due_at", name="request_in_turn"),
            models.Index("right", IS_OVER, "due_at", name="request_of_right"),
            models.Index(IS_OVER, "due_at", condition=Q(extended=True), name="request_extended"),
            models.Index(fields=["received_at"], name="request_received"),
        ]

    def __str__(self) -> str:
        return f"{self.right} {str(self.id)[:8]}"

    @property
    def right_label(self) -> Any:
        """The right in words, in the language of the page or mail that shows it at last, whoever asks for it before."""
        return self.Right(self.right).label

    @property
    def archive(self) -> "Archive | None":
        """The first archive of the request; what came after it stands in supplements."""
        return self.archives.filter(number=0).first()


class Step(models.Model):
    """One thing a request needs done in one place (`erasure.states.STEP`).

    Claimed by lease and fencing token, called without a transaction, settled; a step given up blocks completion.
    """

    class Kind(models.TextChoices):
        HOLDING = "holding"
        NOTIFY = "notify"
        MANUAL = "manual"
        RETENTION = "retention"
        ARCHIVE = "archive"
        KEY = "key"
        ACCOUNT = "account"
        VERIFY = "verify"
        CONNECTOR = "connector"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(RightsRequest, models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField()
    kind = models.CharField(max_length=10, choices=Kind.choices)
    target = models.CharField(max_length=80)
    purpose = models.SlugField(null=True)
    fields = ArrayField(models.SlugField(), default=list)
    state = models.CharField(max_length=12, default="queued")
    article = models.CharField(max_length=40, null=True)
    until = models.DateTimeField(null=True)
    delivery = models.UUIDField(null=True, unique=True)
    attempts = models.PositiveIntegerField(default=0)
    unanswered = models.PositiveIntegerField(default=0)
    """Tries in a row at which the place did not answer; they are no attempts."""
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=80, default="", blank=True)
    identities_sealed = models.BinaryField(null=True, editable=False)
    settled_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "kind", "target"], name="step_once")]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state__in=["queued", "in_progress"]), name="step_due"),
            models.Index(fields=["request"], condition=Q(state__in=UNFINISHED_STEP), name="step_unfinished"),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.target}"

    @classmethod
    def stuck(cls, road: str = "") -> Q:
        """Steps somebody has to look at: failed, or of a place that does not answer. `road` leads to them."""
        silent = Q(**{f"{road}state__in": ["queued", "in_progress"], f"{road}unanswered__gte": TRIES})
        return Q(**{f"{road}state": "failed"}) | silent

    @property
    def is_silent(self) -> bool:
        """Whether its place has not answered for a while, and it is tried on by itself."""
        return self.state == "queued" and self.unanswered >= TRIES


class Archive(models.Model):
    """What a person collects: a ZIP, sealed in chunks under the person's key, until it is collected or expires.

    Number 0 is the answer, higher ones are supplements: what others answered after it was built.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    request = models.ForeignKey(RightsRequest, models.PROTECT, related_name="archives")
    number = models.PositiveSmallIntegerField(default=0)
    complete = models.BooleanField(default=False)
    size_bytes = models.BigIntegerField(default=0)
    digest = models.CharField(max_length=71, default="")
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(null=True)
    collected_at = models.DateTimeField(null=True)
    window_digest = models.BinaryField(null=True)
    """Keyed digest of what the session shows that may go on with its download."""
    window_until = models.DateTimeField(null=True)
    window_reads = models.PositiveSmallIntegerField(default=0)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["request", "number"], name="archive_number_once")]

    def __str__(self) -> str:
        return f"archive {str(self.id)[:8]}"


class ArchiveChunk(models.Model):
    """One sealed chunk of an archive; order is bound by the seal."""

    archive = models.ForeignKey(Archive, models.CASCADE, related_name="chunks")
    position = models.PositiveIntegerField()
    sealed = models.BinaryField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["archive", "position"], name="archive_chunk_once")]

    def __str__(self) -> str:
        return f"chunk {self.position} of {self.archive_id}"


class Receipt(models.Model):
    """The signed outcome of a request (compact EdDSA JWS), without personal data."""

    request = models.OneToOneField(RightsRequest, models.PROTECT, related_name="receipt", primary_key=True)
    jws = models.TextField()
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return f"receipt of {self.request_id}"


class Connector(models.Model):
    """A SQL database of somebody else in which rights requests are carried out (erasure.connectors)."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    name = models.SlugField(unique=True)
    url_sealed = models.BinaryField(editable=False)
    datasets = ArrayField(models.TextField(), help_text=_("In the Fides dataset format, one file each."))
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"connector {self.name}"
