"""OpenDSR 2.0: what controllers asked of us and are told; the processors we ask, and how far they are."""

import uuid

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q

from access.models import Application

__all__ = ["OpenDsrCall", "OpenDsrCallback", "OpenDsrProcessor", "OpenDsrRequest"]


class OpenDsrRequest(models.Model):
    """One request of a controller under its own id; without a rights request when nobody it named is known to it.

    `is_joined` when there was such a request of the person already, by whomever: this one is carried out with it. Once
    `cancelled_at` is set this one is cancelled, whatever becomes of that. `told` is the status its callbacks were last
    queued for; the statuses are OpenDSR's own.
    """

    class Kind(models.TextChoices):
        ACCESS = "access"
        PORTABILITY = "portability"
        ERASURE = "erasure"

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, models.PROTECT, related_name="opendsr_requests")
    subject_request_id = models.UUIDField()
    kind = models.CharField(max_length=11, choices=Kind.choices)
    request = models.ForeignKey("erasure.RightsRequest", models.PROTECT, null=True, related_name="opendsr")
    body_digest = models.BinaryField(editable=False)
    is_joined = models.BooleanField(default=False)
    cancelled_at = models.DateTimeField(null=True)
    callback_urls = ArrayField(models.CharField(max_length=500), default=list)
    received_at = models.DateTimeField()
    told = models.CharField(max_length=11, default="", blank=True)
    looked_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "subject_request_id"], name="opendsr_request_once")
        ]
        indexes = [
            models.Index(
                fields=["looked_at"], condition=~Q(told__in=["completed", "cancelled"]), name="opendsr_request_told"
            )
        ]

    def __str__(self) -> str:
        return f"opendsr {str(self.subject_request_id)[:8]}"


class OpenDsrCallback(models.Model):
    """One status told to one address (`erasure.states.CALLBACK`); claimed by lease and fence as steps are."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    about = models.ForeignKey(OpenDsrRequest, models.PROTECT, related_name="callbacks")
    url = models.CharField(max_length=500)
    status = models.CharField(max_length=11)
    state = models.CharField(max_length=9, default="queued")
    created_at = models.DateTimeField()
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=80, default="", blank=True)
    closed_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["about", "url", "status"], name="opendsr_callback_once")]
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state__in=["queued", "sending"]), name="opendsr_callback_due")
        ]

    def __str__(self) -> str:
        return f"opendsr callback {str(self.id)[:8]}"


class OpenDsrProcessor(models.Model):
    """A processor of ours that speaks OpenDSR: how it is reached, and what it said of itself (discovery)."""

    application = models.OneToOneField(Application, models.PROTECT, related_name="opendsr", primary_key=True)
    base_url = models.CharField(max_length=400)
    domain = models.CharField(max_length=253)
    token_sealed = models.BinaryField(editable=False)
    certificate = models.TextField(default="", blank=True)
    identities = ArrayField(models.CharField(max_length=80), default=list)
    kinds = ArrayField(models.CharField(max_length=20), default=list)
    checked_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"opendsr processor {self.application_id}"


class OpenDsrCall(models.Model):
    """What a processor was asked for one step, under the step's own id, and the status it last signed for.

    Sent until it is accepted, then asked for its status now and then, beside its callbacks (`erasure.states.CALL`).
    """

    step = models.OneToOneField("erasure.Step", models.PROTECT, related_name="opendsr_call", primary_key=True)
    processor = models.ForeignKey(OpenDsrProcessor, models.PROTECT, related_name="calls")
    state = models.CharField(max_length=7, default="queued")
    status = models.CharField(max_length=11, default="", blank=True)
    created_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True)
    attempts = models.PositiveIntegerField(default=0)
    next_at = models.DateTimeField(null=True)
    lease_until = models.DateTimeField(null=True)
    fence = models.PositiveIntegerField(default=0)
    last_error = models.CharField(max_length=80, default="", blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["next_at"], condition=Q(state__in=["queued", "sending"]), name="opendsr_call_due")
        ]

    def __str__(self) -> str:
        return f"opendsr call {self.step_id}"
