"""The record of processing activities (Art. 30), as JSON or CSV by the `Accept` header."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.renderers import JSONRenderer
from access.rest.serializers import StrictSerializer
from access.rest.views import ScopedView
from consent.records import as_csv, record_of_processing


class CSVRenderer(BaseRenderer):
    """`text/csv` (RFC 4180) in UTF-8."""

    media_type = "text/csv"
    format = "csv"
    charset = "utf-8"

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return as_csv(data).encode()


class ControllerSerializer(StrictSerializer):
    """Art. 30(1)(a)."""

    name = serializers.CharField()
    address = serializers.CharField()
    contact = serializers.CharField()
    representative = serializers.CharField(allow_blank=True)


class ProcessingActivitySerializer(StrictSerializer):
    """Art. 30(1)(b) to (g) for one purpose."""

    purpose = serializers.SlugField()
    title = serializers.CharField()
    lawful_basis = serializers.CharField()
    necessity = serializers.CharField()
    data_subjects = serializers.ListField(child=serializers.CharField())
    data_categories = serializers.ListField(child=serializers.CharField())
    special_category = serializers.BooleanField()
    recipients = serializers.ListField(child=serializers.CharField())
    third_country_transfers = serializers.ListField(child=serializers.CharField())
    retention_days = serializers.IntegerField()
    retention_law = serializers.CharField(allow_blank=True)
    applications = serializers.ListField(child=serializers.SlugField())
    security_measures = serializers.CharField()


class RecordOfProcessingSerializer(StrictSerializer):
    """The whole record."""

    controller = ControllerSerializer()
    data_protection_officer = serializers.CharField()
    supervisory_authority = serializers.CharField()
    generated_at = serializers.DateTimeField()
    activities = ProcessingActivitySerializer(many=True)


class RecordsOfProcessingView(ScopedView):
    """Generated from the live catalogue at the moment of asking."""

    scopes: ClassVar[dict[str, str]] = {"GET": "audit:read"}
    renderer_classes = [JSONRenderer, CSVRenderer]

    @extend_schema(
        operation_id="get_records_of_processing",
        responses={(200, "application/json"): RecordOfProcessingSerializer, (200, "text/csv"): str},
    )
    def get(self, request: Request) -> Response:
        return Response(record_of_processing())
