"""People for applications: register, look up, see (api.md, "Subjects")."""

from typing import Any
from uuid import UUID

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Application
from access.rest.serializers import DayField, InstantField, StrictSerializer
from access.rest.views import ScopedView
from gdpr_portal.errors import Flaw, Invalid
from subjects import hooks
from subjects.models import Identifier, Subject
from subjects.selectors import ensure_not_erased, identifiers_of, is_restricted, known_since, pairwise_of, subject_for
from subjects.services import look_up_subject, register_subject

LONGEST = 500


@extend_schema_field(
    {
        "type": "object",
        "properties": {kind: {"type": "string", "maxLength": LONGEST} for kind in Identifier.Kind.values},
        "minProperties": 1,
        "additionalProperties": False,
    }
)
class IdentifiersField(serializers.DictField):
    """At least one identifier, by kind."""

    child = serializers.CharField(max_length=LONGEST, trim_whitespace=False)


class SubjectInput(StrictSerializer):
    """A person by at least one identifier; the rest fills what is empty of a person known already."""

    identifiers = IdentifiersField(help_text="By kind: `email`, `phone`, `customer_id`.")
    language = serializers.CharField(max_length=35, required=False, allow_null=True)
    country = serializers.CharField(max_length=10, required=False, allow_null=True)
    birth_date = DayField(required=False, allow_null=True)


class SubjectLookup(StrictSerializer):
    """Exactly one identifier."""

    email = serializers.CharField(max_length=LONGEST, trim_whitespace=False, required=False)
    phone = serializers.CharField(max_length=LONGEST, trim_whitespace=False, required=False)
    customer_id = serializers.CharField(max_length=LONGEST, trim_whitespace=False, required=False)


class SubjectId(serializers.Serializer[Any]):
    id = serializers.UUIDField()


class RegisteredSubject(SubjectId):
    identifiers = serializers.ListField(child=serializers.ChoiceField(Identifier.Kind.choices))
    created_at = InstantField(help_text="When this application came to know the person.")


class SubjectSerializer(RegisteredSubject):
    language = serializers.CharField(allow_null=True)
    restricted = serializers.BooleanField()


class SubjectsView(ScopedView):
    """Register a person, or get the one known by these identifiers."""

    scopes = {"POST": "subjects:write"}

    @extend_schema(
        operation_id="register_subject",
        request=SubjectInput,
        responses={201: RegisteredSubject, 200: RegisteredSubject},
    )
    def post(self, request: Request) -> Response:
        given = self.read(SubjectInput)
        person, created = register_subject(application=self.application, **given)
        kinds = sorted(given["identifiers"]) if created else None
        return Response(described(person, self.application, kinds), status=201 if created else 200)


class LookUpView(ScopedView):
    """Find a person by exact match on one identifier."""

    scopes = {"POST": "subjects:read"}
    problems = {"POST": ("404",)}

    @extend_schema(operation_id="look_up_subject", request=SubjectLookup, responses={200: SubjectId})
    def post(self, request: Request) -> Response:
        given = self.read(SubjectLookup)
        if not given:
            flaw = Flaw("", "missing_member", "One identifier is needed.")
            raise Invalid(flaw.code, flaw.detail, errors=[flaw])
        if len(given) > 1:
            flaws = [Flaw(f"/{kind}", "invalid_value", "Only one identifier can be looked up.") for kind in given]
            raise Invalid("invalid_value", "Exactly one identifier is needed.", status=422, errors=flaws)
        ((kind, value),) = given.items()
        try:
            found = look_up_subject(application=self.application, kind=kind, value=value)
        except Invalid as error:
            flaws = [Flaw(f"/{kind}", error.code, error.message)]
            raise Invalid(error.code, error.message, status=error.status, errors=flaws) from None
        return Response(SubjectId({"id": pairwise_of(self.application, found)}).data)


class SubjectView(ScopedView):
    """A person this application knows."""

    scopes = {"GET": "subjects:read"}

    @extend_schema(operation_id="get_subject", responses={200: SubjectSerializer})
    def get(self, request: Request, subject_id: UUID) -> Response:
        person = ensure_not_erased(subject_for(application=self.application, pairwise=subject_id))
        answer = described(person, self.application) | {
            "language": person.language or None,
            "restricted": is_restricted(person) and hooks.is_told_of(self.application, person),
        }
        return Response(SubjectSerializer(answer).data)


def described(person: Subject, application: Application, kinds: list[str] | None = None) -> dict[str, Any]:
    """A person as the application sees them: kinds of identifier, never their values, since when it knows them.

    `kinds` of somebody it made just now; else they are asked for.
    """
    return {
        "id": pairwise_of(application, person),
        "identifiers": identifiers_of(application, person) if kinds is None else kinds,
        "created_at": known_since(application, person) if kinds is None else person.created_at,
    }
