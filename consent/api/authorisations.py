"""Naming who holds parental responsibility for a child, over the API (Art. 8(2); docs/consent.md)."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.serializers import StrictSerializer
from access.rest.views import ScopedView
from consent.models import Confirmation
from consent.services.authorisations import name_parent
from subjects.selectors import subject_for

STATES = Confirmation.State.values


class AuthorisationInput(StrictSerializer):
    """The yes that waits (`event` of `POST …/consents`), and the address of somebody with parental responsibility."""

    event = serializers.UUIDField()
    email = serializers.CharField(max_length=254)


class AuthorisationSerializer(StrictSerializer):
    """A mail is on its way; the consent stays `pending` until the parent agreed."""

    authorisation = serializers.UUIDField()
    event = serializers.UUIDField()
    purpose = serializers.SlugField()
    state = serializers.ChoiceField(choices=STATES)
    expires_at = serializers.DateTimeField()


class AuthorisationView(ScopedView):
    """Asks a parent."""

    scopes: ClassVar[dict[str, str]] = {"POST": "consent:write"}

    @extend_schema(
        operation_id="ask_parent",
        request=AuthorisationInput,
        responses={201: AuthorisationSerializer},
        description=(
            "Below the age of consent of the person's country a yes is `pending`. This names somebody who holds "
            "parental responsibility; they get a link by mail. At most three mails a consent, five minutes apart."
        ),
    )
    def post(self, request: Request, subject: UUID) -> Response:
        body = self.read(AuthorisationInput)
        person = subject_for(application=self.application, pairwise=subject)
        row = name_parent(subject=person, event=body["event"], email=body["email"], actor=self.actor)
        return Response(_told(row), status=201)


def _told(row: Confirmation) -> dict[str, Any]:
    names = ("event", "purpose", "state", "expires_at")
    return {"authorisation": row.pk} | {name: getattr(row, name) for name in names}
