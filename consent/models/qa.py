"""What QA and IRM work with: counts of reads and decisions, findings, samples to sign off.

No row here is about a person: slugs, counts, days, states, ids of audit events and references to staff accounts.
"""

import uuid

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from audit.fields import TransactionIdField


class FieldRead(models.Model):
    """How often an application read a field for a purpose on a day (UTC), counted out of the audit log.

    `uncovered` counts the reads for which no data contract held at the moment of the read.
    """

    application = models.SlugField()
    purpose = models.SlugField()
    field = models.SlugField()
    day = models.DateField()
    reads = models.PositiveBigIntegerField()
    uncovered = models.PositiveBigIntegerField(default=0)
    last_at = models.DateTimeField()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "purpose", "field", "day"], name="one_count_a_day")
        ]
        indexes = [models.Index(fields=["day"], name="field_reads_by_day")]

    def __str__(self) -> str:
        return f"{self.application} / {self.purpose} / {self.field} on {self.day}"


class ReadMark(models.Model):
    """How far the audit log has been counted into `FieldRead`: the place of the last event. One row."""

    id = models.SmallIntegerField(primary_key=True, default=1)
    xid = TransactionIdField(default=0)
    ordinal = models.BigIntegerField(default=0)

    def __str__(self) -> str:
        return f"counted up to {self.xid}/{self.ordinal}"


class DecisionCount(models.Model):
    """How often a decision fell out so in a minute, until it is in the audit log (law.md R64).

    `slot` spreads what many processes count at once over several rows, so that they do not wait for each other.
    """

    application = models.SlugField()
    purpose = models.SlugField(default="", blank=True)
    code = models.SlugField()
    minute = models.DateTimeField()
    slot = models.SmallIntegerField()
    count = models.PositiveBigIntegerField()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["minute", "application", "purpose", "code", "slot"], name="one_count_a_minute"
            )
        ]

    def __str__(self) -> str:
        return f"{self.code} {self.minute}"


class Finding(models.Model):
    """Something that is not as it should be, until somebody has dealt with it. One stands open for one matter."""

    class Kind(models.TextChoices):
        NOT_IN_CONTRACT = "not_in_contract", _("A write outside the data contract was refused")
        UNCOVERED_READ = "uncovered_read", _("A field was read although no contract covered it")
        OVERDUE = "overdue_confirmation", _("A recipient has not confirmed in time")
        UNREACHABLE = "no_live_endpoint", _("Notices wait for a recipient that cannot be reached")
        BY_HAND = "told_by_hand", _("A recipient without a connection has to be told by hand")
        TRANSFER = "unsafe_transfer", _("Data is shared outside the EEA without a safeguard that holds")
        CONFORMANCE = "conformance", _("An application failed a check of the conformance kit")
        ATTESTATION_OLD = "attestation_old", _("An application's conformance has not been shown for too long")
        SAMPLE = "sample", _("Noted while signing off a sample")
        MANUAL = "manual", _("Noted by a reviewer")

    class State(models.TextChoices):
        OPEN = "open", _("Open")
        IN_WORK = "in_work", _("In work")
        CLOSED = "closed", _("Closed")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=24, choices=Kind.choices)
    application = models.SlugField(default="", blank=True)
    purpose = models.SlugField(default="", blank=True)
    field = models.SlugField(default="", blank=True)
    event = models.UUIDField(null=True)
    state = models.CharField(max_length=8, choices=State.choices, default=State.OPEN)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    times = models.PositiveIntegerField(default=1)
    first_at = models.DateTimeField()
    last_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["kind", "application", "purpose", "field", "event"], condition=~Q(state="closed"),
                name="one_finding_a_matter", nulls_distinct=False,
            )
        ]  # fmt: skip

    def __str__(self) -> str:
        return gettext("finding %(number)s") % {"number": str(self.id)[:8]}

    @property
    def matter(self) -> str:
        """What it is about, by reference."""
        parts = [self.application, self.purpose, self.field, str(self.event or "")]
        return " / ".join(part for part in parts if part)


class FindingNote(models.Model):
    """One line of a finding's history: who did what to it, and why. Never changed; names no data subject."""

    finding = models.ForeignKey(Finding, models.PROTECT, related_name="notes")
    at = models.DateTimeField()
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    state = models.CharField(max_length=8, choices=Finding.State.choices)
    text = models.TextField(default="", blank=True)

    def __str__(self) -> str:
        return f"note on {self.finding_id}"


class Attestation(models.Model):
    """What the conformance kit (clients/conformance) found of an application, signed by the application's own key.

    `document` is the compact JWS as it was handed in; the columns beside it are read out of it, to be listed.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey("access.Application", models.CASCADE, related_name="attestations")
    document = models.TextField()
    digest = models.CharField(max_length=80)
    key = models.CharField(max_length=64)
    kit = models.CharField(max_length=40)
    release = models.CharField(max_length=80, default="", blank=True)
    portal = models.CharField(max_length=200)
    checks = models.JSONField()
    passed = models.BooleanField()
    finished_at = models.DateTimeField()
    received_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["application", "digest"], name="attested_once")]
        indexes = [models.Index(fields=["application", "-finished_at"], name="newest_attestation")]

    def __str__(self) -> str:
        return gettext("attestation %(number)s") % {"number": str(self.id)[:8]}


class Sample(models.Model):
    """Entries of the audit log drawn by lot to be signed off. The same seed, size and period draw the same again."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    seed = models.SlugField(max_length=64)
    size = models.PositiveIntegerField()
    since = models.DateTimeField()
    until = models.DateTimeField()
    population = models.PositiveBigIntegerField()
    digest = models.SlugField(max_length=80)
    drawn_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    drawn_at = models.DateTimeField()

    def __str__(self) -> str:
        return gettext("sample %(number)s") % {"number": str(self.id)[:8]}


class SampleEntry(models.Model):
    """One drawn entry and what was found. `stratum` is the action of the event."""

    class Verdict(models.TextChoices):
        WAITING = "waiting", _("Not looked at yet")
        OK = "ok", _("In order")
        FINDING = "finding", _("Finding")

    sample = models.ForeignKey(Sample, models.PROTECT, related_name="entries")
    place = models.PositiveIntegerField()
    event = models.UUIDField()
    verdict = models.CharField(max_length=8, choices=Verdict.choices, default=Verdict.WAITING)
    marked_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="+")
    marked_at = models.DateTimeField(null=True)
    finding = models.ForeignKey(Finding, models.PROTECT, null=True, related_name="+")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sample", "event"], name="drawn_once")]

    def __str__(self) -> str:
        return f"entry {self.place} of {self.sample_id}"
