"""The doors of OpenDSR 2.0 for controllers whose processor we are: requests, status, cancel, results, discovery.

Every answer is signed (`X-OpenDSR-Signature`). What is wrong with a request is OpenDSR's error object with 400; who may
ask at all, how often, and what is not there are answered as everywhere in this API.
"""

import base64
import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST
from rest_framework.request import Request

from access.rest.converters import IdConverter
from access.rest.parsers import parse, raw_body
from access.rest.problems import problem_response
from access.rest.views import ScopedView
from consent.services.sending import instant
from erasure.models import OpenDsrRequest
from erasure.opendsr.messages import VERSION, discovery, error_object, read_request
from erasure.services import opendsr, opendsr_calls
from erasure.services.archives import collect
from erasure.services.opendsr_signer import identity
from erasure.serving import archive_response
from gdpr_portal.errors import DomainError, Missing, Unavailable, WrongState

OF_THE_REQUEST = frozenset({400, 409, 410, 415, 422})
"""Statuses that are about what was asked: 400 to OpenDSR (section 7.5)."""


class OpenDsrView(ScopedView):
    """A door of OpenDSR: nothing is done while it could not be answered with a signature."""

    schema = None

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        super().initial(request, *args, **kwargs)
        if self._handler is not None:
            identity()

    def handle_exception(self, exc: Exception) -> Any:
        response = super().handle_exception(exc)
        if response.status_code not in OF_THE_REQUEST:
            return response
        told = json.loads(response.content)
        flaws = told.get("errors") or [{"pointer": "", "code": told["code"], "detail": told["detail"]}]
        errors = [
            {
                "domain": "Validation",
                "reason": flaw["code"],
                "message": f"{_member(flaw['pointer'])} {flaw['detail']}".strip(),
            }
            for flaw in flaws
        ]
        return _json(error_object(400, told["detail"], errors), 400)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        final: HttpResponseBase = super().finalize_response(request, response, *args, **kwargs)
        if isinstance(final, HttpResponse):
            with suppress(Missing, Unavailable):  # then it says so itself, with 404 or 503 and without a signature
                for name, value in identity().headers(final.content).items():
                    final[name] = value
        return final


class OpenDsrRequestsView(OpenDsrView):
    """A controller submits a request (section 7)."""

    scopes = {"POST": "opendsr:requests"}

    def post(self, request: Request) -> HttpResponse:
        asked = read_request(None if self._raw == b"" else self._body)
        row = opendsr.receive(application=self.application, asked=asked, raw=self._raw)
        body = {
            "controller_id": self.application.slug,
            "expected_completion_time": instant(opendsr.expected_at(row)),
            "received_time": instant(row.received_at),
            "encoded_request": base64.b64encode(self._raw).decode(),
            "subject_request_id": str(row.subject_request_id),
        }
        return _json(body, 201)


class OpenDsrRequestView(OpenDsrView):
    """How a request stands (section 8), and its cancellation (section 9)."""

    scopes = {"GET": "opendsr:requests", "DELETE": "opendsr:requests"}

    def get(self, request: Request, subject_request_id: str) -> HttpResponse:
        row = self._row(subject_request_id)
        body = {
            "controller_id": self.application.slug,
            "expected_completion_time": instant(opendsr.expected_at(row)),
            "subject_request_id": str(row.subject_request_id),
            "request_status": opendsr.status_of(row),
            "api_version": VERSION,
            "results_url": opendsr.results_url(row),
        }
        return _json(body, 200)

    def delete(self, request: Request, subject_request_id: str) -> HttpResponse:
        row = opendsr.cancel(application=self.application, subject_request_id=_id(subject_request_id))
        body = {
            "controller_id": self.application.slug,
            "received_time": instant(timezone.now()),
            "subject_request_id": str(row.subject_request_id),
            "api_version": VERSION,
        }
        return _json(body, 202)

    def _row(self, subject_request_id: str) -> OpenDsrRequest:
        return opendsr.request_of(application=self.application, subject_request_id=_id(subject_request_id))


class OpenDsrResultsView(OpenDsrView):
    """The archive of an access or portability request; its own manifest is signed."""

    scopes = {"GET": "opendsr:requests"}

    def get(self, request: Request, subject_request_id: str) -> HttpResponseBase:
        row = opendsr.request_of(application=self.application, subject_request_id=_id(subject_request_id))
        if row.request is None:
            raise WrongState("not_ready", "There is nothing to collect.")
        _archive, download = collect(request=row.request, actor=self.actor, application=self.application)
        return archive_response(request._request, download)


@csrf_exempt
@require_GET
def discovery_page(request: HttpRequest) -> HttpResponse:
    """What is spoken here and where the certificate is (section 6); public, and signed as everything is."""
    url = settings.BASE_URL + reverse("opendsr-certificate")
    return _public(json.dumps(discovery(certificate_url=url)).encode(), "application/json")


@csrf_exempt
@require_GET
def certificate(request: HttpRequest) -> HttpResponse:
    """The certificate that answers and callbacks are signed under."""
    return _public(None, "application/x-pem-file")


@csrf_exempt
@require_POST
def callback(request: HttpRequest, step_id: UUID) -> HttpResponse:
    """A processor of ours tells how it stands; nothing of it is read before its signature holds (section 8.8)."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    try:
        opendsr_calls.called_back(step_id=step_id, body=raw_body(request), headers=headers, told=parse)
    except DomainError as error:
        return problem_response(error)
    return HttpResponse(status=202)


def _id(text: str) -> UUID:
    """The id an address names; what is none is not there, and that is answered here so that it is signed too."""
    try:
        return IdConverter.read(text)
    except ValueError as error:
        raise Missing from error


def _member(pointer: str) -> str:
    """The member as OpenDSR calls it."""
    return {"/received_at": "/submitted_time"}.get(pointer, pointer)


def _public(body: bytes | None, content_type: str) -> HttpResponse:
    try:
        who = identity()
    except DomainError as error:
        return problem_response(error)
    content = who.certificate if body is None else body
    return HttpResponse(content, content_type=content_type, headers=who.headers(content))


def _json(body: Mapping[str, Any], status: int) -> HttpResponse:
    content = json.dumps(body, ensure_ascii=False).encode()
    return HttpResponse(content, status=status, content_type="application/json", headers={"Cache-Control": "no-store"})


discovery_page.is_public = certificate.is_public = callback.is_public = True  # type: ignore[attr-defined]
