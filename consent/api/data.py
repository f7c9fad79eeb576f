"""Personal fields of an approved data contract: stored on a lawful ground, given out field by field, and recorded."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.serializers import CommaListField, StrictSerializer
from access.rest.views import ScopedView
from consent.decide import CODES
from consent.services.data import read_data, store_data
from consent.services.decisions import DETAILS
from subjects.models import PersonalValue
from subjects.selectors import subject_for

SOURCES = PersonalValue.Source.values
SLUG = r"^[A-Za-z0-9_-]{1,50}\Z"


class DataInput(StrictSerializer):
    """Values for a purpose; `null` takes a field from it. `source_name` names the third party they come from."""

    purpose = serializers.CharField(max_length=200, trim_whitespace=False)
    source = serializers.ChoiceField(choices=SOURCES)  # type: ignore[assignment]  # a member's name
    source_name = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    values = serializers.DictField(child=serializers.JSONField(allow_null=True))


class StoredDataSerializer(StrictSerializer):
    """The fields that now hold a value."""

    stored = serializers.ListField(child=serializers.SlugField())
    purpose = serializers.SlugField()


class DataQuery(StrictSerializer):
    """The purpose to read for, and the fields (all of the contract when left out)."""

    purpose = serializers.CharField(max_length=200, trim_whitespace=False)
    fields_ = CommaListField(
        child=serializers.RegexField(SLUG), required=False, max_length=200, help_text="Between commas."
    )

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a parameter here and an attribute of every serializer: it is declared under another name."""
        return {"fields" if name == "fields_" else name: field for name, field in super().get_fields().items()}


class WithheldFieldSerializer(StrictSerializer):
    """A field that may not be given, and the code that decided."""

    field = serializers.CharField()
    code = serializers.ChoiceField(choices=CODES)
    detail = serializers.CharField()


class PersonalDataSerializer(StrictSerializer):
    """The values that may be given and are held; what may not be given stands in `withheld`."""

    purpose = serializers.SlugField()
    values = serializers.DictField(child=serializers.CharField())
    withheld = WithheldFieldSerializer(many=True)


class DataView(ScopedView):
    """A person's data for one purpose."""

    scopes: ClassVar[dict[str, str]] = {"GET": "data:read", "PUT": "data:write"}

    @extend_schema(operation_id="read_data", parameters=[DataQuery], responses=PersonalDataSerializer)
    def get(self, request: Request, subject: UUID) -> Response:
        query = self.query(DataQuery)
        person = subject_for(application=self.application, pairwise=subject)
        found = read_data(
            application=self.application, subject=person, purpose=query["purpose"], fields=query.get("fields")
        )
        withheld = [{"field": name, "code": code, "detail": DETAILS[code]} for name, code in found.withheld.items()]
        return Response({"purpose": query["purpose"], "values": found.values, "withheld": withheld})

    @extend_schema(operation_id="store_data", request=DataInput, responses=StoredDataSerializer)
    def put(self, request: Request, subject: UUID) -> Response:
        body = self.read(DataInput)
        person = subject_for(application=self.application, pairwise=subject)
        stored = store_data(application=self.application, subject=person, **body)
        return Response({"stored": stored, "purpose": body["purpose"]})
