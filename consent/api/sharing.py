"""Sharing with third parties over the API: every toggle of a person, switching one, and a third party's question."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.pagination import limit_of, read_cursor, write_cursor
from access.rest.problems import problem
from access.rest.serializers import PageQuery, StrictSerializer
from access.rest.views import ScopedView
from consent.api.consents import CHANNEL
from consent.models import SharingAsk
from consent.selectors import told_of
from consent.services.asks import ask_for_share, ask_of, state_told
from consent.services.sharing import SharingRow, set_sharing, sharing_rows
from gdpr_portal.errors import DomainError
from subjects.selectors import ensure_not_erased, subject_for

RETRY_AFTER_SECONDS = 3600
ASK_STATES = SharingAsk.State.values


class SharingInput(StrictSerializer):
    """The person's own act: what they switched, and where."""

    purpose = serializers.CharField(max_length=200, trim_whitespace=False)
    shared = serializers.BooleanField()
    channel = serializers.RegexField(CHANNEL)


class LastDeliverySerializer(StrictSerializer):
    """What became of the last notice to the recipient."""

    state = serializers.CharField()
    at = serializers.DateTimeField()


class SharingSerializer(StrictSerializer):
    """One recipient of one purpose."""

    recipient = serializers.SlugField()
    purpose = serializers.SlugField()
    shared = serializers.BooleanField()
    since = serializers.DateTimeField(allow_null=True)
    last_delivery = LastDeliverySerializer(allow_null=True)


class SharingPage(StrictSerializer):
    """Every recipient of every live purpose; off unless the person switched it on."""

    items = SharingSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class SharingView(ScopedView):
    """With whom a person's data is shared; to a third party, whether with itself."""

    scopes: ClassVar[dict[str, str]] = {"GET": "sharing:read"}

    @extend_schema(operation_id="list_sharing", parameters=[PageQuery], responses=SharingPage)
    def get(self, request: Request, subject: UUID) -> Response:
        self.query(PageQuery)
        person = ensure_not_erased(subject_for(application=self.application, pairwise=subject))
        after, limit = read_cursor(request, parts=2), limit_of(request)
        is_told = told_of(self.application)
        told = [row for row in sharing_rows(person) if is_told(row.recipient)]
        rows = [row for row in told if after is None or [row.purpose, row.recipient] > after]
        more = write_cursor(request, [rows[limit - 1].purpose, rows[limit - 1].recipient]) if rows[limit:] else None
        return Response({"items": [_told(row) for row in rows[:limit]], "next": more})


class SwitchView(ScopedView):
    """One toggle."""

    scopes: ClassVar[dict[str, str]] = {"PUT": "sharing:write"}

    @extend_schema(operation_id="switch_sharing", request=SharingInput, responses=SharingSerializer)
    def put(self, request: Request, subject: UUID, recipient: str) -> Response:
        body = self.read(SharingInput)
        person = subject_for(application=self.application, pairwise=subject)
        row = set_sharing(subject=person, recipient=recipient, actor=self.actor, application=self.application, **body)
        return Response(_told(row))


class AskInput(StrictSerializer):
    """The purpose the share is asked for. No words of the asker: people read the approved ones."""

    purpose = serializers.CharField(max_length=200, trim_whitespace=False)


class AskSerializer(StrictSerializer):
    """The application's own question, and whether it was answered."""

    recipient = serializers.SlugField()
    purpose = serializers.SlugField()
    state = serializers.ChoiceField(choices=ASK_STATES)
    asked_at = serializers.DateTimeField()
    lapses_at = serializers.DateTimeField(help_text="Without an answer by then, the answer is no.")


class AskView(ScopedView):
    """A third party asks a person for a share. Only for its own recipient; the person answers in the portal."""

    scopes: ClassVar[dict[str, str]] = {"POST": "sharing:write", "GET": "sharing:write"}
    problems: ClassVar[dict[str, tuple[str, ...]]] = {"POST": ("409",)}

    @extend_schema(
        operation_id="ask_for_share", request=AskInput, responses={201: AskSerializer, 200: AskSerializer},
        description=(
            "Puts the question to the person: 201, or 200 while the same question waits already. 409 `asked_before`"
            " after a no (a setting, 180 days), 409 `already_shared`. The application must be a third party's, and the"
            " recipient its own; everything else is 404. Whatever else stands in the way is not told."
        ),
    )  # fmt: skip
    def post(self, request: Request, subject: UUID, recipient: str) -> Any:
        body = self.read(AskInput)
        person = subject_for(application=self.application, pairwise=subject)
        try:
            ask, is_new = ask_for_share(application=self.application, subject=person, recipient=recipient, **body)
        except DomainError as error:
            if error.status != status.HTTP_429_TOO_MANY_REQUESTS:
                raise
            return problem(429, error.code, error.message, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        return Response(_asked(ask), status=201 if is_new else 200)

    @extend_schema(operation_id="get_ask", parameters=[AskInput], responses=AskSerializer)
    def get(self, request: Request, subject: UUID, recipient: str) -> Response:
        person = subject_for(application=self.application, pairwise=subject)
        asked = self.query(AskInput)
        return Response(_asked(ask_of(application=self.application, subject=person, recipient=recipient, **asked)))


def _asked(ask: SharingAsk) -> dict[str, Any]:
    names = ("recipient", "purpose", "asked_at", "lapses_at")
    return {name: getattr(ask, name) for name in names} | {"state": state_told(ask)}


def _told(row: SharingRow) -> dict[str, Any]:
    names = ("recipient", "purpose", "shared", "since", "last_delivery")
    return {name: getattr(row, name) for name in names}
