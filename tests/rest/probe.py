"""A small API with one view of every kind, on the real machinery: the ground rules are tested on it."""

import time
import uuid
from typing import Any, ClassVar

from django.db import OperationalError, connection, transaction
from django.http import HttpResponse
from django.urls import include, path
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Attempt, MailCode
from access.rest.pagination import page
from access.rest.serializers import CommaListField, DayField, IdField, InstantField, NoBody, PageQuery, StrictSerializer
from access.rest.views import ScopedView
from gdpr_portal import urls as real
from gdpr_portal.errors import Refused, WrongState

EFFECTS = Attempt.objects


def effect() -> str:
    """Something of the world has changed, and can be counted."""
    row = EFFECTS.create(key=uuid.uuid4().bytes, window_ends_at="2030-01-01T00:00:00Z")
    return bytes(row.key).hex()


class Item(StrictSerializer):
    id = IdField()
    amount = serializers.IntegerField(required=False, min_value=0, max_value=1000)


class Body(StrictSerializer):
    name = serializers.CharField(max_length=20)
    count = serializers.IntegerField(required=False, min_value=0, max_value=10)
    flag = serializers.BooleanField(required=False)
    kind = serializers.ChoiceField(choices=["a", "b"], required=False)
    maybe = serializers.CharField(required=False, allow_null=True)
    day = DayField(required=False)
    at = InstantField(required=False)
    tags = serializers.ListField(child=serializers.CharField(), required=False)
    values = serializers.DictField(child=serializers.CharField(allow_null=True), required=False)
    item = Item(required=False)
    items = Item(many=True, required=False, max_length=3)


class Query(PageQuery):
    fields_ = CommaListField(child=serializers.CharField(), required=False)
    explain = serializers.BooleanField(default=False)

    def get_fields(self) -> dict[str, Any]:
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class BodyView(ScopedView):
    """Reads a body, changes the world."""

    scopes: ClassVar = {"GET": "catalogue:read", "POST": "subjects:write", "PUT": "data:write"}

    def get(self, request: Request) -> Response:
        return Response({"fine": True})

    def post(self, request: Request) -> Response:
        body = self.read(Body)
        made = effect()
        return Response({"made": made, "name": body["name"]}, status=201)

    def put(self, request: Request) -> Response:
        return Response({name: str(value) for name, value in self.read(Body).items()})


class AskView(ScopedView):
    """Only asks, by POST; takes a query string."""

    scopes: ClassVar = {"GET": "catalogue:read", "POST": "decisions:read"}

    def get(self, request: Request) -> Response:
        return Response(self.query(Query))

    def post(self, request: Request) -> Response:
        self.query(Query)
        return Response({"asked": effect()})


class ListView(ScopedView):
    scopes: ClassVar = {"GET": "catalogue:read"}

    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return Response(
            page(MailCode.objects.all(), request=request, key=("tries", "id"), render=lambda row: row.tries)
        )


class SlowView(ScopedView):
    scopes: ClassVar = {"POST": "subjects:write"}

    def post(self, request: Request) -> Response:
        self.read(NoBody)
        made = effect()
        time.sleep(1)
        return Response({"made": made}, status=201)


class FailView(ScopedView):
    """Fails in the way named, after having changed the world."""

    scopes: ClassVar = {"POST": "subjects:write"}

    def post(self, request: Request, how: str) -> Response:
        with transaction.atomic():
            effect()
            getattr(self, how)()
        return Response({})

    def refused(self) -> None:
        raise Refused("restricted", "Not now.")

    def conflict(self) -> None:
        raise WrongState("already_closed")

    def down(self) -> None:
        raise OperationalError("server closed the connection: alice@example.org")

    def bug(self) -> None:
        raise RuntimeError("alice@example.org")

    def overflow(self) -> None:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 9999999999999::int")


class HalfView(ScopedView):
    """Changes the world outside a transaction of its own and then breaks."""

    scopes: ClassVar = {"POST": "subjects:write"}

    def post(self, request: Request) -> HttpResponse:
        effect()
        raise RuntimeError("after the effect")


class ThingView(ScopedView):
    scopes: ClassVar = {"GET": "catalogue:read"}

    def get(self, request: Request, thing: uuid.UUID) -> Response:
        from gdpr_portal.errors import Missing

        raise Missing()


probe = [
    path("body", BodyView.as_view()),
    path("ask", AskView.as_view()),
    path("list", ListView.as_view()),
    path("slow", SlowView.as_view()),
    path("fail/<str:how>", FailView.as_view()),
    path("half", HalfView.as_view()),
    path("things/<uuid:thing>", ThingView.as_view()),
]
urlpatterns = [path("api/v1/probe/", include(probe)), *real.urlpatterns]
handler400, handler403, handler404, handler500 = real.handler400, real.handler403, real.handler404, real.handler500
