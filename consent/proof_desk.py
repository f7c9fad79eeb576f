"""The desk of paper forms: a scan is put beside the consent event it proves, and looked at with a reason."""

from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.admin import AdminSite
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from django.views.decorators.http import require_GET, require_http_methods, require_POST

from access.desks import account_of, for_roles
from access.saying import saying
from access.second_factor import require_fresh_factor
from consent.models import ConsentEvent, ConsentProof
from consent.services.paper import MOST_BYTES, REASONS, REVIEWERS, SUFFIXES, add_proof, read_proof
from gdpr_portal.errors import DomainError

WHY = {
    "complaint": gettext_lazy("A complaint"),
    "authority_request": gettext_lazy("The supervisory authority asked"),
    "quality_check": gettext_lazy("A quality check"),
    "rights_request": gettext_lazy("A rights request"),
    "legal_claim": gettext_lazy("A legal claim"),
}
for_reviewers = for_roles(REVIEWERS)


def patterns(site: AdminSite) -> list[URLPattern]:
    """The pages, each behind the admin's own door."""
    return [
        path("proofs/", site.admin_view(find), name="proofs"),
        path("proofs/<uuid:event>/", site.admin_view(proofs), name="proofs_of"),
        path("proofs/scan/<uuid:proof>/", site.admin_view(scan), name="proof_scan"),
    ]


@for_reviewers
@require_GET
def find(request: HttpRequest) -> HttpResponse:
    """An event by its id, as it stands on every receipt."""
    try:
        return redirect("admin:proofs_of", event=UUID(request.GET["event"]))
    except (KeyError, ValueError):
        return _page(request, {"event": None})


@for_reviewers
@require_http_methods(["GET", "POST"])
def proofs(request: HttpRequest, event: UUID) -> HttpResponseBase:
    """The scans of one event, and a form for one more. Asks for a fresh factor first: a file is not typed again."""
    refused = require_fresh_factor(request)
    if refused is not None:
        return refused
    found = ConsentEvent.objects.select_related("subject").filter(event=event).first()
    if found is None:
        messages.error(request, _("No consent event has this id."))
        return redirect("admin:proofs")
    if request.method == "POST":
        return _added(request, event)
    scans = ConsentProof.objects.filter(event=event).select_related("added_by").order_by("added_at")
    return _page(request, {"event": found, "scans": scans, "reasons": [(name, WHY[name]) for name in REASONS]})


@for_reviewers
@require_POST
def scan(request: HttpRequest, proof: UUID) -> HttpResponseBase:
    """The scan as a file, after a fresh factor and with a reason."""
    refused = require_fresh_factor(request)
    if refused is not None:
        return refused
    try:
        row, data = read_proof(proof_id=proof, reviewer=account_of(request), reason=request.POST.get("reason", ""))
    except DomainError as error:
        messages.error(request, error.in_words)
        return redirect("admin:proofs")
    answer = HttpResponse(data, content_type=row.content_type)
    answer["Content-Disposition"] = f'attachment; filename="scan-{str(row.pk)[:8]}.{SUFFIXES[row.content_type]}"'
    answer["Cache-Control"] = "no-store"
    return answer


def _added(request: HttpRequest, event: UUID) -> HttpResponse:
    file = request.FILES.get("scan")
    with saying(request, _("The scan is kept beside the event.")):
        data = file.read(MOST_BYTES + 1) if file is not None else b""
        add_proof(event=event, data=data, reviewer=account_of(request))
    return redirect(reverse("admin:proofs_of", args=[event]))


def _page(request: HttpRequest, context: dict[str, Any]) -> HttpResponse:
    base = admin.site.each_context(request) | {"title": _("Proofs of consent on paper")}
    return render(request, "admin/consent/proofs.html", base | context)
