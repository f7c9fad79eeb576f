"""Rights requests for applications: file, follow, withdraw, collect (api.md, "Rights requests")."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from django.http import HttpResponseBase
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.models import Application
from access.rest.pagination import page
from access.rest.renderers import JSONRenderer, ZipRenderer
from access.rest.serializers import IdField, InstantField, NoBody, NumberField, PageQuery, StrictSerializer
from access.rest.views import ScopedView
from erasure.models import RightsRequest, Step
from erasure.selectors import request_of_application, requests_of_application, steps_told, told_to
from erasure.services.archives import collect
from erasure.services.requests import file_request, withdraw_request
from erasure.serving import archive_response
from erasure.states import REQUEST, STEP
from gdpr_portal.errors import Invalid
from subjects.selectors import pairwise_of, subject_for

REQUEST_STATES = list(REQUEST)
STEP_STATES = list(STEP)


class RequestInput(StrictSerializer):
    subject = IdField()
    right = serializers.ChoiceField(RightsRequest.Right.choices)
    details = serializers.DictField(child=serializers.JSONField(allow_null=True), required=False)
    verified_by = serializers.ChoiceField(RightsRequest.VerifiedBy.choices)
    received_at = InstantField(required=False, allow_null=True)


class RequestQuery(PageQuery):
    state = serializers.ChoiceField(REQUEST_STATES, required=False)
    right = serializers.ChoiceField(RightsRequest.Right.choices, required=False)
    due_before = InstantField(required=False)


class ArchiveQuery(StrictSerializer):
    supplement = NumberField(
        required=False, min_value=0, max_value=9999, help_text="Which supplement, from 1; 0 is the archive itself."
    )


class RightsRequestStep(serializers.Serializer[Any]):
    kind = serializers.CharField()
    target = serializers.CharField()
    state = serializers.ChoiceField(STEP_STATES)
    article = serializers.CharField(allow_null=True)
    until = InstantField(allow_null=True)


class RightsRequestSerializer(serializers.Serializer[Any]):
    id = serializers.UUIDField()
    subject = serializers.UUIDField()
    right = serializers.ChoiceField(RightsRequest.Right.choices)
    state = serializers.ChoiceField(REQUEST_STATES)
    received_at = InstantField()
    due_at = InstantField()
    extended = serializers.BooleanField()
    outcome = serializers.CharField(allow_null=True)
    reason = serializers.CharField(allow_null=True)
    completed_at = InstantField(allow_null=True)
    steps = RightsRequestStep(many=True)


class RightsRequestPage(serializers.Serializer[Any]):
    items = RightsRequestSerializer(many=True)
    next = serializers.CharField(allow_null=True)


def answer(request: RightsRequest, application: Application) -> dict[str, Any]:
    """A request as the application that filed it sees it."""
    return _answer(request, application, steps_told(request, application))


def answers(requests: Sequence[RightsRequest], application: Application) -> list[dict[str, Any]]:
    """The same of a page of them, by as many statements as of one."""
    told = told_to(application, requests)
    return [_answer(request, application, told(request)) for request in requests]


def _answer(request: RightsRequest, application: Application, steps: list[Step]) -> dict[str, Any]:
    row = {
        "id": request.id,
        "subject": pairwise_of(application, request.subject),
        "right": request.right,
        "state": request.state,
        "received_at": request.received_at,
        "due_at": request.due_at,
        "extended": request.extended,
        "outcome": request.outcome or None,
        "reason": request.reason_code or None,
        "completed_at": request.completed_at,
        "steps": steps,
    }
    return dict(RightsRequestSerializer(row).data)


class RequestsView(ScopedView):
    """File a rights request; list those this application filed."""

    scopes = {"GET": "requests:read", "POST": "requests:write"}
    problems = {"POST": ("404", "410")}

    @extend_schema(operation_id="file_request", request=RequestInput, responses={201: RightsRequestSerializer})
    def post(self, request: Request) -> Response:
        body = self.read(RequestInput)
        filed = file_request(
            subject=subject_for(application=self.application, pairwise=body["subject"]),
            right=body["right"],
            details=body.get("details") or {},
            verified_by=body["verified_by"],
            received_at=body.get("received_at"),
            application=self.application,
            actor=self.actor,
        )
        return Response(answer(filed, self.application), status=201)

    @extend_schema(operation_id="list_requests", parameters=[RequestQuery], responses={200: RightsRequestPage})
    def get(self, request: Request) -> Response:
        query = self.query(RequestQuery)
        wanted: dict[str, Any] = {name: query[name] for name in ("state", "right") if name in query}
        if "due_before" in query:
            wanted["due_at__lt"] = query["due_before"]
        parts = [rows.filter(**wanted).select_related("subject") for rows in requests_of_application(self.application)]
        found = page(*parts, request=request, key=("created_at", "id"))
        return Response(found | {"items": answers(found["items"], self.application)})


class RequestView(ScopedView):
    """One request this application filed."""

    scopes = {"GET": "requests:read"}

    @extend_schema(operation_id="get_request", responses={200: RightsRequestSerializer})
    def get(self, request: Request, request_id: UUID) -> Response:
        return Response(answer(request_of_application(self.application, request_id), self.application))


class WithdrawView(ScopedView):
    """The person withdraws the request; 409 `wrong_state` where they, or another application, asked for it too."""

    scopes = {"POST": "requests:write"}

    @extend_schema(operation_id="withdraw_request", request=NoBody, responses={200: RightsRequestSerializer})
    def post(self, request: Request, request_id: UUID) -> Response:
        self.read(NoBody)
        found = request_of_application(self.application, request_id)
        withdrawn = withdraw_request(request=found, actor=self.actor, application=self.application)
        return Response(answer(withdrawn, self.application))


class RangeNotSatisfiable(Invalid):
    """416 that says how long the archive is (RFC 9110 section 15.5.17)."""

    def __init__(self, content_range: str) -> None:
        detail = "The range begins behind the end of the archive."
        super().__init__("range_not_satisfiable", detail, status=416)
        self.headers = {"Content-Range": content_range}


class ArchiveView(ScopedView):
    """The result of an access or portability request, as a stream."""

    scopes = {"GET": "requests:read"}
    problems = {"GET": ("409", "416")}
    answer_headers = ("ETag", "Accept-Ranges", "Content-Disposition")
    renderer_classes = [ZipRenderer, JSONRenderer]  # a client that always asks for JSON gets its archive too

    @extend_schema(
        operation_id="get_archive",
        parameters=[ArchiveQuery],
        responses={
            (200, "application/zip"): OpenApiTypes.BINARY,
            (206, "application/zip"): OpenApiTypes.BINARY,
        },
    )
    def get(self, request: Request, request_id: UUID) -> HttpResponseBase:
        number = self.query(ArchiveQuery).get("supplement", 0)
        found = request_of_application(self.application, request_id)
        _archive, download = collect(request=found, actor=self.actor, application=self.application, number=number)
        answer = archive_response(request._request, download)
        if answer.status_code == 416:
            raise RangeNotSatisfiable(answer["Content-Range"])
        return answer
