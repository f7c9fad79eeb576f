"""The pages of the sharing desk. Every member of staff may look; operators and IRM act."""

import csv
import io
import math
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import Count, Min
from django.http import HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from access.desks import account_of, for_roles
from access.models import Application
from access.saying import saying
from access.second_factor import require_fresh_factor
from consent.desk import words
from consent.desk.latency import WINDOWS, Latency, latencies
from consent.models import HandNotice, Recipient
from consent.names import Names
from consent.qa.services import record_export
from consent.records import safe_cell
from consent.services.by_hand import TELLERS, confirm_by_hand, tell_by_hand
from consent.services.findings import overdue, unreachable
from consent.services.renewals import tell_again
from subjects.services.reveal import revealed_to_staff

A_PAGE = 50
for_staff = for_roles()
_HEADER = (
    "application", "recipient", "withdrawals", "told", "confirmed", "unconfirmed", "oldest_unconfirmed_seconds",
    *(f"told_{name}_seconds" for name in ("p50", "p90", "p99", "max")),
    *(f"confirmed_{name}_seconds" for name in ("p50", "p90", "p99", "max")),
)  # fmt: skip


# --- what is owed -----------------------------------------------------------------------------------------------------
@for_staff
@require_safe
def deliveries(request: HttpRequest) -> HttpResponse:
    """Receivers that owe a confirmation or cannot be reached, and their notices, the oldest first."""
    chosen = request.GET.get("application", "")
    owed = overdue(timezone.now())
    rows = (owed | unreachable()).distinct()
    listed = Paginator(rows.filter(application__slug=chosen) if chosen else rows, A_PAGE)
    shown = listed.get_page(request.GET.get("page"))
    lines = [(row, words.failure(row.last_error) if row.last_error else "") for row in shown]
    return _page(
        request, "deliveries.html", _("Overdue confirmations"), receivers=_receivers(), lines=lines, shown=shown,
        chosen=chosen,
    )  # fmt: skip


def _receivers() -> list[dict[str, Any]]:
    """One line a receiver: what it owes, since when, and whether it can be reached at all."""
    owed = {row["application"]: row for row in _by_receiver(overdue(timezone.now()))}
    stuck = {row["application"]: row for row in _by_receiver(unreachable())}
    applications = Application.objects.filter(pk__in=owed.keys() | stuck.keys()).select_related("endpoint")
    return [
        {
            "application": each, "overdue": owed.get(each.pk, {}).get("count", 0),
            "waiting": stuck.get(each.pk, {}).get("count", 0), "endpoint": getattr(each, "endpoint", None),
            "since": min(row[each.pk]["since"] for row in (owed, stuck) if each.pk in row),
        }
        for each in applications.order_by("slug")
    ]  # fmt: skip


def _by_receiver(rows: Any) -> Any:
    return rows.order_by().values("application").annotate(count=Count("pk"), since=Min("created_at"))


@for_staff
@require_POST
def again(request: HttpRequest, delivery: UUID) -> HttpResponseBase:
    """One notice is tried at once; after a fresh second factor."""
    challenge = require_fresh_factor(request)
    if challenge is not None:
        return challenge
    with saying(request, _("It is being told again.")):
        tell_again(delivery_id=delivery, actor=account_of(request))
    return redirect("admin:sharing_deliveries")


# --- told by hand -----------------------------------------------------------------------------------------------------
@for_staff
@require_safe
def by_hand(request: HttpRequest) -> HttpResponse:
    """What recipients without a connection have to be told, the oldest first."""
    waiting = HandNotice.objects.filter(state__in=["waiting", "told"]).select_related("subject")
    shown = Paginator(waiting.order_by("created_at", "pk"), A_PAGE).get_page(request.GET.get("page"))
    recipients = Recipient.objects.in_bulk([note.recipient for note in shown], field_name="slug")
    lines = [(note, recipients.get(note.recipient)) for note in shown]
    return _page(request, "by_hand.html", _("Told by hand"), lines=lines, shown=shown)


@for_staff
@require_POST
def note(request: HttpRequest, notice: UUID) -> HttpResponseBase:
    """One notice: show whom it is about, note that it was told, note that it was confirmed."""
    account, act = account_of(request), request.POST.get("act", "")
    challenge = require_fresh_factor(request)
    if challenge is not None:
        return challenge
    if act == "show" and account.roles & TELLERS:
        return _whom(request, get_object_or_404(HandNotice.objects.select_related("subject"), pk=notice))
    if act == "tell":
        with saying(request, _("Noted: it was told.")):
            tell_by_hand(notice_id=notice, actor=account)
    elif act == "confirm":
        with saying(request, _("Noted: it was confirmed.")):
            confirm_by_hand(notice_id=notice, actor=account)
    return redirect("admin:sharing_by_hand")


def _whom(request: HttpRequest, notice: HandNotice) -> HttpResponse:
    """Whom the recipient has to look for; that it was shown is in the log."""
    known = revealed_to_staff(subject=notice.subject, by=account_of(request), reason="told_by_hand", case=notice.pk)
    recipient = Recipient.objects.filter(slug=notice.recipient).first()
    return _page(request, "note.html", _("Told by hand"), note=notice, recipient=recipient, known=known)


# --- how long a withdrawal takes --------------------------------------------------------------------------------------
@for_staff
@require_safe
def latency(request: HttpRequest) -> HttpResponse:
    """Percentiles of told and confirmed by receiver, as bars and as a table; `format=csv` sends them as a file."""
    days = int(request.GET["days"]) if request.GET.get("days") in {str(each) for each in WINDOWS} else WINDOWS[1]
    found = latencies(days)
    if request.GET.get("format") == "csv":
        return _as_csv(request, found, days)
    names = Names()
    rows = [_row(each, names) for each in found]
    return _page(
        request, "latency.html", _("How long a withdrawal takes"), rows=rows, days=days, windows=WINDOWS,
        open_stops=sum(each.unconfirmed for each in found), stops=sum(each.stops for each in found),
    )  # fmt: skip


def _row(each: Latency, names: Names) -> dict[str, Any]:
    told = (("application", each.application), ("recipient", each.recipient))
    parts = (_("half of them"), _("9 in 10"), _("99 in 100"), _("longest"))
    return {
        "latency": each,
        "name": " / ".join(names.of(kind, slug) for kind, slug in told if slug),
        "parts": [
            {"label": _("Told"), "lacking": each.untold, "times": _times(parts, each.told_after)},
            {
                "label": _("Confirmed"), "lacking": each.unconfirmed, "times": _times(parts, each.stopped_after),
                "oldest": words.duration(each.oldest_open) if each.unconfirmed else "",
            },
        ],
        "bars": [
            {
                "label": name, "value": words.duration(seconds), "percent": words.bar(seconds),
                "tone": "bad" if math.isinf(seconds) else "",
            }
            for name, seconds in zip(parts, each.stopped_after, strict=True)
        ],
    }  # fmt: skip


def _times(parts: tuple[str, ...], after: Iterable[float]) -> list[tuple[str, str]]:
    return [(name, words.duration(seconds)) for name, seconds in zip(parts, after, strict=True)]


def _as_csv(request: HttpRequest, found: list[Latency], days: int) -> HttpResponse:
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(_HEADER)
    for each in found:
        counts = [each.application, each.recipient, each.stops, each.told, each.confirmed, each.unconfirmed]
        times = [each.oldest_open, *each.told_after, *each.stopped_after]
        writer.writerow([safe_cell(str(value)) for value in counts] + [_number(value) for value in times])
    record_export(actor=account_of(request), report=f"withdrawal_latency_{days}", text=text.getvalue(), rows=found)
    answer = HttpResponse(text.getvalue(), content_type="text/csv; charset=utf-8")
    answer["Content-Disposition"] = f'attachment; filename="withdrawal-latency-{days}-days.csv"'
    return answer


def _number(seconds: float | None) -> str:
    """Seconds to the millisecond; empty for what has not come."""
    return "" if seconds is None or math.isinf(seconds) else f"{seconds:.3f}"


# --- what the pages share ---------------------------------------------------------------------------------------------
def _page(request: HttpRequest, template: str, title: str, **context: Any) -> HttpResponse:
    frame = admin.site.each_context(request)
    frame |= {"title": title, "may_act": bool(account_of(request).roles & TELLERS)}
    return render(request, f"admin/sharing/{template}", frame | context)
