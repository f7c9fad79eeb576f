"""Sharing with third parties over the API: every toggle of a person, and switching one."""

from typing import Any, ClassVar
from uuid import UUID

from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.pagination import limit_of, read_cursor, write_cursor
from access.rest.serializers import PageQuery, StrictSerializer
from access.rest.views import ScopedView
from consent.api.consents import CHANNEL
from consent.services.sharing import SharingRow, set_sharing, sharing_rows
from subjects.selectors import ensure_not_erased, subject_for


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
    """With whom a person's data is shared."""

    scopes: ClassVar[dict[str, str]] = {"GET": "sharing:read"}

    @extend_schema(operation_id="list_sharing", parameters=[PageQuery], responses=SharingPage)
    def get(self, request: Request, subject: UUID) -> Response:
        self.query(PageQuery)
        person = ensure_not_erased(subject_for(application=self.application, pairwise=subject))
        after, limit = read_cursor(request, parts=2), limit_of(request)
        rows = [row for row in sharing_rows(person) if after is None or [row.purpose, row.recipient] > after]
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


def _told(row: SharingRow) -> dict[str, Any]:
    names = ("recipient", "purpose", "shared", "since", "last_delivery")
    return {name: getattr(row, name) for name in names}
