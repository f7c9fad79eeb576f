"""What an application was told, and its word on it."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.serializers import StrictSerializer
from access.rest.views import ScopedView
from consent.models import Delivery
from consent.services.deliveries import acknowledge, delivery_for
from consent.services.sending import reference_of
from consent.states import DELIVERY, OUTCOMES
from subjects.selectors import pairwise_of

STATES = sorted(DELIVERY)


class AcknowledgementInput(StrictSerializer):
    """The receiver's word. `evidence` and `data` are kept sealed."""

    outcome = serializers.ChoiceField(choices=OUTCOMES)
    evidence = serializers.DictField(child=serializers.JSONField(allow_null=True), required=False, default=dict)
    data = serializers.DictField(  # type: ignore[assignment]  # the contract's own name, an attribute of serializers too
        child=serializers.JSONField(allow_null=True), required=False, default=dict
    )


class ClosedDeliverySerializer(StrictSerializer):
    """The delivery and how it stands."""

    delivery = serializers.UUIDField()
    state = serializers.ChoiceField(choices=STATES)


class DeliverySerializer(StrictSerializer):
    """The notice as it was sent, and how it stands."""

    delivery = serializers.UUIDField()
    type = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    outcome = serializers.ChoiceField(choices=OUTCOMES, allow_null=True)
    sequence = serializers.IntegerField()
    request = serializers.UUIDField(allow_null=True)
    purpose = serializers.SlugField(allow_null=True)
    subject = serializers.UUIDField()
    reference = serializers.CharField(allow_null=True, help_text="The receiver's own `customer_id`, if it gave one.")
    due_at = serializers.DateTimeField(allow_null=True)
    created_at = serializers.DateTimeField()
    sent_at = serializers.DateTimeField(allow_null=True)
    closed_at = serializers.DateTimeField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a member here and an attribute of every serializer."""
        return super().get_fields() | {"fields": serializers.ListField(child=serializers.SlugField())}


class DeliveryView(ScopedView):
    """One notice, to its addressee."""

    scopes: ClassVar[dict[str, str]] = {"GET": "deliveries:acknowledge"}

    @extend_schema(operation_id="get_delivery", responses=DeliverySerializer)
    def get(self, request: Request, delivery: UUID) -> Response:
        return Response(_told(delivery_for(application=self.application, delivery_id=delivery)))


class AcknowledgeView(ScopedView):
    """Closes a notice. The same outcome again changes nothing."""

    scopes: ClassVar[dict[str, str]] = {"POST": "deliveries:acknowledge"}

    @extend_schema(
        operation_id="acknowledge_delivery", request=AcknowledgementInput, responses=ClosedDeliverySerializer
    )
    def post(self, request: Request, delivery: UUID) -> Response:
        body = self.read(AcknowledgementInput)
        closed = acknowledge(application=self.application, delivery_id=delivery, **body)
        return Response({"delivery": closed.pk, "state": closed.state})


def _told(delivery: Delivery) -> dict[str, Any]:
    names = (
        "type", "state", "sequence", "request", "purpose", "fields", "due_at", "created_at", "sent_at", "closed_at"
    )  # fmt: skip
    told = {name: getattr(delivery, name) for name in names}
    subject = pairwise_of(delivery.application, delivery.subject)
    return told | {
        "delivery": delivery.pk, "outcome": delivery.outcome or None, "subject": subject,
        "reference": reference_of(delivery),
    }  # fmt: skip
