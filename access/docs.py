"""The contract for machines and people: `/api/v1/schema`, `/api/docs`, `/api/docs/problems`. Public, without data."""

from functools import cache
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.generators import SchemaGenerator
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.utils import extend_schema
from drf_spectacular.views import SpectacularAPIView
from rest_framework.request import Request

from access.rest.codes import TITLES
from access.rest.renderers import JSONRenderer


class PlainJSONSchema(OpenApiJsonRenderer):
    """The document for clients that ask for plain JSON."""

    media_type = JSONRenderer.media_type


class PlainYAMLSchema(OpenApiYamlRenderer):
    """The document for clients that ask for plain YAML."""

    media_type = "application/yaml"


class SchemaView(SpectacularAPIView):
    """`GET /api/v1/schema`: OpenAPI 3.1 in JSON, or in YAML by `Accept`; made once in a process, whatever is asked."""

    is_public = True
    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    renderer_classes = [
        PlainJSONSchema, OpenApiJsonRenderer, PlainYAMLSchema, OpenApiYamlRenderer
    ]  # fmt: skip

    @extend_schema(exclude=True)
    def get(self, request: Request) -> HttpResponse:
        renderer = request.accepted_renderer
        charset = f"; charset={renderer.charset}" if renderer.charset else ""
        return HttpResponse(_document(renderer.media_type), content_type=renderer.media_type + charset)


@cache
def _document(media_type: str) -> bytes:
    """To make it costs twenty times what a page does, and anybody may ask for it (T46)."""
    renderer: Any = next(each for each in SchemaView.renderer_classes if each.media_type == media_type)
    generator: Any = SchemaGenerator
    text = renderer().render(generator().get_schema(public=True), renderer_context={})
    return text if isinstance(text, bytes) else str(text).encode()


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The interactive page: Swagger UI from this server's own files."""
    return render(request, "docs/api.html")


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """What each code of a problem means; where `type` of a problem leads."""
    return render(request, "docs/problems.html", {"codes": sorted(TITLES.items())})
