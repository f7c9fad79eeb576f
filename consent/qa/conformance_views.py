"""The pages of the QA desk about the conformance kit: every application, the runs of one, a signed document."""

from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.translation import gettext as _
from django.views.decorators.http import require_safe

from access.models import Application
from consent.models import Attestation
from consent.qa import conformance
from consent.qa.views import for_desk, page


@for_desk
@require_safe
def overview(request: HttpRequest) -> HttpResponse:
    """Which application has shown that it does what people were promised, and how long ago."""
    found = conformance.standings()
    return page(request, "conformance.html", _("Conformance"), standings=found, days=settings.ATTESTATION_DAYS)


@for_desk
@require_safe
def application(request: HttpRequest, application: UUID) -> HttpResponse:
    """The latest run check by check, and the runs before it."""
    row = get_object_or_404(Application, pk=application)
    runs = conformance.runs(row)
    newest = runs[0] if runs else None
    return page(
        request,
        "conformance_of.html",
        _("Conformance of %(application)s") % {"application": row.name},
        standing=conformance.Standing(row, newest),
        lines=conformance.lines(newest) if newest else [],
        runs=runs,
        is_new_key=conformance.keys_changed(runs),
    )


@for_desk
@require_safe
def document(request: HttpRequest, attestation: UUID) -> HttpResponse:
    """The signed document as it was handed in."""
    row = get_object_or_404(Attestation, pk=attestation)
    answer = HttpResponse(row.document, content_type="application/jose")
    answer["Content-Disposition"] = f'attachment; filename="attestation-{str(row.pk)[:8]}.jws"'
    return answer
