"""The pages of the QA desk. QA acts here, IRM may look; other staff have no business on them."""

import csv
import io
from typing import Any
from uuid import UUID

from django.contrib import admin, messages
from django.core.exceptions import PermissionDenied
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from access import roles
from access.desks import account_of, for_roles
from access.models import Application
from access.saying import saying
from audit.models import AuditEvent
from consent import explain
from consent.models import DataContract, Finding, Sample, SampleEntry
from consent.models.governance import ReviewState
from consent.names import Names
from consent.qa import forms, matrix, selectors, services, words
from consent.qa.matrix import Cell
from consent.qa.simulation import Invented, simulate
from consent.records import safe_cell
from consent.services.facts import purpose_facts
from consent.services.findings import change_finding
from gdpr_portal.errors import DomainError

LOOKERS = frozenset({roles.IRM, roles.QA})
A_PAGE = 50
for_desk = for_roles(LOOKERS)


def page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    """A page of the desk in the admin's frame."""
    is_qa = account_of(request).has_role(roles.QA)
    frame = admin.site.each_context(request) | {"title": title, "is_qa": is_qa}
    return render(request, f"admin/qa/{template}", frame | context)


# --- the matrix -------------------------------------------------------------------------------------------------------
@for_desk
@require_safe
def access_matrix(request: HttpRequest) -> HttpResponse:
    """Application x purpose x field, each with its state and the reasons; `format=csv` sends it as a file."""
    form = forms.MatrixForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    wanted = {name: asked.get(name, "") for name in ("application", "purpose", "state")}
    found = selectors.cells(**wanted)
    if request.GET.get("format") == "csv":
        return _as_csv(request, found)
    counts = [(words.CELLS[state], count) for state, count in matrix.counts(found).items()]
    query = "&".join(f"{name}={value}" for name, value in wanted.items() if value)
    return page(
        request, "matrix.html", _("Access matrix"), form=form, counts=counts, tables=_tables(found), query=query
    )


def _tables(found: list[Cell]) -> list[dict[str, Any]]:
    """One table a purpose: a row a field, a column an application; all by their names."""
    names = Names()
    columns = sorted({each.key.application for each in found})
    titles = [names.of("application", column) for column in columns]
    purposes: dict[str, dict[str, dict[str, Any]]] = {}
    for each in found:
        purposes.setdefault(each.key.purpose, {}).setdefault(each.key.field, {})[each.key.application] = _told(each)
    return [
        {
            "purpose": names.of("purpose", purpose),
            "columns": titles,
            "rows": [
                (
                    names.of("field", field),
                    [(title, row.get(column)) for title, column in zip(titles, columns, strict=True)],
                )
                for field, row in rows.items()
            ],
        }
        for purpose, rows in purposes.items()
    ]


def _told(cell: Cell) -> dict[str, Any]:
    label, tone = words.CELLS[cell.state]
    reasons = [(words.REASONS[reason.code], _in_words(reason.about)) for reason in cell.reasons]
    return {"label": label, "tone": tone, "reasons": reasons, "reads": cell.reads, "state": cell.state}


def _in_words(about: str) -> Any:
    """The state of a revision as the desk calls it; anything else as it is."""
    return ReviewState(about).label if about in ReviewState.values else about


def _as_csv(request: HttpRequest, found: list[Cell]) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["purpose", "field", "application", "state", "reasons", "reads_90_days", "uncovered", "last_read"])
    for each in found:
        reasons = "; ".join(f"{reason.code} {reason.about}".strip() for reason in each.reasons)
        last = each.reads.last_at.isoformat() if each.reads and each.reads.last_at else ""
        numbers = [each.reads.count, each.reads.uncovered] if each.reads else [0, 0]
        key = each.key
        row = [key.purpose, key.field, key.application, each.state, reasons, *numbers, last]
        writer.writerow([safe_cell(str(value)) for value in row])
    services.record_export(actor=account_of(request), report="access_matrix", text=text.getvalue(), rows=found)
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = 'attachment; filename="access-matrix.csv"'
    return answer


# --- declared, read, never read ---------------------------------------------------------------------------------------
@for_desk
@require_safe
def usage(request: HttpRequest) -> HttpResponse:
    """Every live contract: which of its fields were read, and a button to propose leaving out the others."""
    return page(request, "usage.html", _("Declared and read"), usages=selectors.usage(), windows=selectors.WINDOWS)


@for_desk
@require_POST
def narrow(request: HttpRequest, contract: UUID) -> HttpResponse:
    """A narrower contract is proposed and waits for IRM."""
    row = get_object_or_404(DataContract, pk=contract)
    try:
        if not account_of(request).has_role(roles.QA):
            raise PermissionDenied
        draft = services.propose_narrowing(contract=row, actor=account_of(request))
    except DomainError as refused:
        messages.error(request, refused.in_words)
        return redirect("admin:qa_usage")
    messages.success(request, _("A narrower contract waits for a review by IRM."))
    return redirect("admin:consent_datacontract_change", draft.pk)


# --- the simulator ----------------------------------------------------------------------------------------------------
@for_desk
@require_safe
def simulator(request: HttpRequest) -> HttpResponse:
    """What an application would see of an invented person, field by field, with every rule looked at."""
    form = forms.SimulatorForm(request.GET or None, initial={"answer": "given"})
    context: dict[str, Any] = {"form": form}
    if form.is_valid():
        context |= _simulated(form.cleaned_data)
    return page(request, "simulator.html", _("What would an application see?"), **context)


def _simulated(asked: dict[str, Any]) -> dict[str, Any]:
    now = timezone.now()
    names = ("answer", "sharing", "age", "country", "restricted", "objected", "erased")
    person = Invented(**{name: asked[name] for name in names})
    application = Application.objects.get(slug=asked["application"])
    purpose = purpose_facts(asked["purpose"], application=application.pk, at=now)
    fields = tuple(sorted(purpose.fields | (purpose.contract or frozenset()))) if purpose else ()
    verdict, seen = simulate(person, purpose, fields, asked["recipient"] or None, now)
    fields_in_words = Names()
    return {
        "verdict": {"label": words.CODES[verdict.code], "tone": "good" if verdict.allowed else "bad"},
        "code": verdict.code,
        "seen": [
            {
                "field": fields_in_words.of("field", each.field), "label": words.CODES[each.code],
                "steps": explain.explained(each.trace, fields_in_words.of),
                "tone": "good" if each.code == "allowed" else "bad",
            }
            for each in seen
        ],
    }  # fmt: skip


# --- findings ---------------------------------------------------------------------------------------------------------
@for_desk
@require_safe
def findings(request: HttpRequest) -> HttpResponse:
    """Findings, open ones first unless another state is asked for."""
    state = request.GET.get("state", "")
    found = Finding.objects.select_related("owner").order_by("-last_at")
    found = found.filter(state=state) if state in Finding.State.values else found.exclude(state=Finding.State.CLOSED)
    listed = Paginator(found, A_PAGE).get_page(request.GET.get("page"))
    return page(request, "findings.html", _("Findings"), findings=listed, state=state, states=Finding.State.choices)


@for_desk
@require_http_methods(["GET", "POST"])
def finding(request: HttpRequest, finding: UUID) -> HttpResponse:
    """One finding with its history, and what becomes of it."""
    row = get_object_or_404(Finding.objects.select_related("owner"), pk=finding)
    form = forms.FindingForm(request.POST or None, initial={"state": row.state, "owner": row.owner})
    if request.method == "POST" and form.is_valid():
        with saying(request):
            change_finding(finding=row, actor=account_of(request), **form.cleaned_data)
        return redirect("admin:qa_finding", row.pk)
    notes = row.notes.select_related("author").order_by("at", "pk")
    return page(request, "finding.html", _("Finding"), finding=row, notes=notes, form=form)


# --- samples ----------------------------------------------------------------------------------------------------------
@for_desk
@require_http_methods(["GET", "POST"])
def samples(request: HttpRequest) -> HttpResponse:
    """The samples drawn so far, and a form to draw another."""
    form = forms.SampleForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        with saying(request):
            return redirect("admin:qa_sample", services.draw_sample(actor=account_of(request), **form.cleaned_data).pk)
    drawn = Sample.objects.select_related("drawn_by").order_by("-drawn_at")[:A_PAGE]
    return page(request, "samples.html", _("Samples of the log"), form=form, samples=drawn)


@for_desk
@require_safe
def sample(request: HttpRequest, sample: UUID) -> HttpResponse:
    """The drawn entries as the log has them, each to be signed off."""
    row = get_object_or_404(Sample.objects.select_related("drawn_by"), pk=sample)
    entries = list(row.entries.select_related("finding").order_by("place"))
    logged = AuditEvent.objects.in_bulk([entry.event for entry in entries])
    lines = [(entry, logged.get(entry.event)) for entry in entries]
    who = selectors.actors_in_words({event.actor for event in logged.values()})
    left = sum(entry.verdict == SampleEntry.Verdict.WAITING for entry in entries)
    return page(request, "sample.html", _("Sample"), sample=row, lines=lines, left=left, who=who)


@for_desk
@require_POST
def mark(request: HttpRequest, entry: int) -> HttpResponse:
    """One entry is signed off, or becomes a finding."""
    row = get_object_or_404(SampleEntry, pk=entry)
    given = request.POST
    with saying(request):
        services.mark_entry(
            entry=row, actor=account_of(request), verdict=given.get("verdict", ""), note=given.get("note", "")
        )
    return redirect("admin:qa_sample", row.sample_id)
