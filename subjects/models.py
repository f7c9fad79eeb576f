"""The people: who they are to whom, what is held about them, what binds it.

Everything that can name a person lies sealed under that person's own data key (`vault.DataKey`, owner = `Subject.id`).
What stays after an erasure is a row of random ids.
"""

import uuid

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext

from access.models import Application


class Subject(models.Model):
    """A data subject. `id` never leaves this service; applications see pairwise ids, the log sees `pseudonym`."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    pseudonym = models.UUIDField(default=uuid.uuid4, unique=True, editable=False)
    account = models.OneToOneField(
        settings.AUTH_USER_MODEL, models.SET_NULL, null=True, blank=True, related_name="subject"
    )
    language = models.CharField(max_length=35, default="", blank=True)
    country = models.CharField(max_length=2, default="", blank=True)
    birth_date_sealed = models.BinaryField(null=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    erased_at = models.DateTimeField(null=True, db_index=True)

    def __str__(self) -> str:
        return gettext("person %(number)s") % {"number": str(self.pseudonym)[:8]}


class Identifier(models.Model):
    """What a person is recognised by. `customer_id` belongs to one application, e-mail and phone to all."""

    class Kind(models.TextChoices):
        EMAIL = "email"
        PHONE = "phone"
        CUSTOMER_ID = "customer_id"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="identifiers")
    kind = models.CharField(max_length=12, choices=Kind.choices)
    application = models.ForeignKey(Application, models.PROTECT, null=True)
    index = models.BinaryField()
    sealed = models.BinaryField()
    is_vouched = models.BooleanField(default=True, db_default=True)
    """False of what somebody gave together with no more than a telephone number of the person (decision 0067)."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["index", "kind", "application"], name="identifier_of_one_person", nulls_distinct=False
            ),
        ]

    def __str__(self) -> str:
        return f"{self.kind} of {self.subject_id}"


class ApplicationLink(models.Model):
    """An application knows of a person: it registered them, or was given their data."""

    subject = models.ForeignKey(Subject, models.PROTECT, related_name="links")
    application = models.ForeignKey(Application, models.PROTECT, related_name="links")
    by_phone_alone = models.BooleanField(default=False, db_default=False)
    """The application found somebody others had registered by a telephone number: it may be another person's."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "application"], name="link_once")]

    def __str__(self) -> str:
        return f"link of {self.subject_id}"


class PersonalValue(models.Model):
    """One personal field of one person, held once however many purposes need it."""

    class Source(models.TextChoices):
        SUBJECT = "subject"
        OBSERVED = "observed"
        DERIVED = "derived"
        THIRD_PARTY = "third_party"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="values")
    field = models.SlugField()
    sealed = models.BinaryField()
    source = models.CharField(max_length=12, choices=Source.choices)
    source_name = models.CharField(max_length=200, default="", blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subject", "field"], name="value_held_once")]

    def __str__(self) -> str:
        return f"{self.field} of {self.subject_id}"


class ValuePurpose(models.Model):
    """A held value is needed for a purpose; the last link gone, the value goes."""

    value = models.ForeignKey(PersonalValue, models.CASCADE, related_name="purposes")
    purpose = models.SlugField()
    application = models.ForeignKey(Application, models.PROTECT, null=True)
    since = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["value", "purpose"], name="purpose_linked_once")]

    def __str__(self) -> str:
        return f"purpose of {self.value_id}"


class Restriction(models.Model):
    """Processing of a person's data is restricted (Art. 18) from `since` until `lifted_at`."""

    class Ground(models.TextChoices):
        ACCURACY_CONTESTED = "accuracy_contested"
        UNLAWFUL_PROCESSING = "unlawful_processing"
        LEGAL_CLAIMS = "legal_claims"
        OBJECTION_PENDING = "objection_pending"
        ERASURE_PENDING = "erasure_pending"
        """Nobody's to claim: it holds from a verified erasure until it begins or is taken back."""

    CLAIMED = frozenset(Ground.values) - {Ground.ERASURE_PENDING}
    """What Art. 18(1) lets a person ask for."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    subject = models.ForeignKey(Subject, models.PROTECT, related_name="restrictions")
    ground = models.CharField(max_length=24, choices=Ground.choices)
    request = models.UUIDField(null=True)
    since = models.DateTimeField()
    lift_announced_at = models.DateTimeField(null=True)
    lifted_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.ground} of {self.subject_id}"


class Retention(models.Model):
    """What is kept after an erasure, for one purpose, under a law, until a date (Art. 17(3)).

    An ended one stays as a row of codes and dates: what was decided while it held can be told later (Art. 5(2)).
    """

    subject = models.ForeignKey(Subject, models.PROTECT, related_name="retentions")
    purpose = models.SlugField()
    fields = ArrayField(models.SlugField())
    article = models.CharField(max_length=40)
    citation = models.CharField(max_length=200, default="", blank=True)
    since = models.DateTimeField(default=timezone.now)
    until = models.DateTimeField(db_index=True)
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["subject", "purpose"], condition=models.Q(ended_at__isnull=True), name="retention_once"
            )
        ]

    def __str__(self) -> str:
        return f"{self.purpose} of {self.subject_id}"
