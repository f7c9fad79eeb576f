"""What the conformance kit found of an application, handed in by the application itself."""

from typing import Any, ClassVar

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.serializers import StrictSerializer
from access.rest.views import ScopedView
from consent.conformance import missing
from consent.models import Attestation
from consent.services.attestations import take_attestation

LONGEST = 65_536


class JwkInput(StrictSerializer):
    """The public Ed25519 key that signed (RFC 8037)."""

    kty = serializers.RegexField(r"^OKP\Z")
    crv = serializers.RegexField(r"^Ed25519\Z")
    x = serializers.RegexField(r"^[A-Za-z0-9_-]{43}$")


class AttestationInput(StrictSerializer):
    """A signed attestation, as `gdpr-portal-conformance` makes it."""

    attestation = serializers.CharField(max_length=LONGEST, help_text="Compact JWS, EdDSA.")
    key = JwkInput()


class AttestationSerializer(StrictSerializer):
    """How the service judges it: passed when every check it asks for is there and passed."""

    id = serializers.UUIDField()
    digest = serializers.CharField()
    passed = serializers.BooleanField()
    failed = serializers.ListField(child=serializers.CharField())
    missing = serializers.ListField(child=serializers.CharField(), help_text="Checks it should have and has not.")
    finished_at = serializers.DateTimeField()
    received_at = serializers.DateTimeField()


class AttestationsView(ScopedView):
    """Takes an attestation. The same document again changes nothing."""

    scopes: ClassVar[dict[str, str]] = {"POST": "attestations:write"}

    @extend_schema(
        operation_id="hand_in_attestation",
        request=AttestationInput,
        responses={200: AttestationSerializer, 201: AttestationSerializer},
    )
    def post(self, request: Request) -> Response:
        body = self.read(AttestationInput)
        row, is_new = take_attestation(application=self.application, document=body["attestation"], key=body["key"]["x"])
        return Response(_told(row), status=status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


def _told(row: Attestation) -> dict[str, Any]:
    names = ("id", "digest", "passed", "finished_at", "received_at")
    return {name: getattr(row, name) for name in names} | {
        "failed": [name for name, reason in row.checks.items() if reason], "missing": missing(row.checks)
    }  # fmt: skip
