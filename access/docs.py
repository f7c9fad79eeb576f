"""The contract for machines and people: `/api/v1/schema`, `/api/docs`, `/api/docs/problems`. Public, without data."""

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe
from drf_spectacular.renderers import OpenApiJsonRenderer, OpenApiYamlRenderer
from drf_spectacular.views import SpectacularAPIView

from access.rest.codes import TITLES
from access.rest.renderers import JSONRenderer


class PlainJSONSchema(OpenApiJsonRenderer):
    """The document for clients that ask for plain JSON."""

    media_type = JSONRenderer.media_type


class PlainYAMLSchema(OpenApiYamlRenderer):
    """The document for clients that ask for plain YAML."""

    media_type = "application/yaml"


class SchemaView(SpectacularAPIView):
    """`GET /api/v1/schema`: OpenAPI 3.1 in JSON, or in YAML by `Accept`."""

    is_public = True
    authentication_classes = []
    permission_classes = []
    throttle_classes = []
    renderer_classes = [
        PlainJSONSchema, OpenApiJsonRenderer, PlainYAMLSchema, OpenApiYamlRenderer
    ]  # fmt: skip


@require_safe
def page(request: HttpRequest) -> HttpResponse:
    """The interactive page: Swagger UI from this server's own files."""
    return render(request, "docs/api.html")


@require_safe
def problems(request: HttpRequest) -> HttpResponse:
    """What each code of a problem means; where `type` of a problem leads."""
    return render(request, "docs/problems.html", {"codes": sorted(TITLES.items())})
