"""People for applications: register, look up, see (api.md, "Subjects")."""

from typing import Any
from uuid import UUID

from django.http import HttpRequest
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Application
from access.rest.serializers import DayField, InstantField, StrictSerializer
from access.rest.views import ScopedView
from gdpr_portal.errors import Flaw, Invalid
from subjects.models import Identifier, Subject
from subjects.selectors import ensure_not_erased, identifiers_of, is_restricted, pairwise_of, subject_for
from subjects.services import look_up_subject, register_subject

IDENTIFIER = {"max_length": 500, "trim_whitespace": False}


class PersonBody(StrictSerializer):
    """A person by at least one identifier; the rest fills what is empty of a person known already."""

    identifiers = serializers.DictField(
        child=serializers.CharField(**IDENTIFIER), help_text="By kind: `email`, `phone`, `customer_id`."
    )
    language = serializers.CharField(max_length=35, required=False, allow_null=True)
    country = serializers.CharField(max_length=10, required=False, allow_null=True)
    birth_date = DayField(required=False, allow_null=True)


class LookUpBody(StrictSerializer):
    """Exactly one identifier."""

    email = serializers.CharField(**IDENTIFIER, required=False)
    phone = serializers.CharField(**IDENTIFIER, required=False)
    customer_id = serializers.CharField(**IDENTIFIER, required=False)


class FoundAnswer(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class RegisteredAnswer(FoundAnswer):
    identifiers = serializers.ListField(child=serializers.ChoiceField(Identifier.Kind.choices))
    created_at = InstantField()


class PersonAnswer(RegisteredAnswer):
    language = serializers.CharField(allow_null=True)
    restricted = serializers.BooleanField()


class SubjectsView(ScopedView):
    """Register a person, or get the one known by these identifiers."""

    scopes = {"POST": "subjects:write"}

    @extend_schema(
        operation_id="subjects_register",
        request=PersonBody,
        responses={201: RegisteredAnswer, 200: RegisteredAnswer},
    )
    def post(self, request: Request) -> Response:
        person, created = register_subject(application=self.application, **self.read(PersonBody))
        answer = RegisteredAnswer(described(person, self.application)).data
        return Response(answer, status=201 if created else 200)


class LookUpView(ScopedView):
    """Find a person by exact match on one identifier."""

    scopes = {"POST": "subjects:read"}

    @extend_schema(operation_id="subjects_lookup", request=LookUpBody, responses={200: FoundAnswer})
    def post(self, request: Request) -> Response:
        given = self.read(LookUpBody)
        if not given:
            raise Invalid("missing_member", "One identifier is needed.")
        if len(given) > 1:
            flaws = [Flaw(f"/{kind}", "invalid_value", "Only one identifier can be looked up.") for kind in given]
            raise Invalid("invalid_value", "Exactly one identifier is needed.", status=422, errors=flaws)
        ((kind, value),) = given.items()
        found = look_up_subject(application=self.application, kind=kind, value=value)
        return Response(FoundAnswer({"id": pairwise_of(self.application, found)}).data)


class SubjectView(ScopedView):
    """A person this application knows."""

    scopes = {"GET": "subjects:read"}

    @extend_schema(operation_id="subjects_show", responses={200: PersonAnswer})
    def get(self, request: HttpRequest, subject_id: UUID) -> Response:
        person = ensure_not_erased(subject_for(application=self.application, pairwise=subject_id))
        answer = described(person, self.application) | {
            "language": person.language or None,
            "restricted": is_restricted(person),
        }
        return Response(PersonAnswer(answer).data)


def described(person: Subject, application: Application) -> dict[str, Any]:
    """A person as the application sees them: kinds of identifier, never their values."""
    return {
        "id": pairwise_of(application, person),
        "identifiers": identifiers_of(application, person),
        "created_at": person.created_at,
    }
