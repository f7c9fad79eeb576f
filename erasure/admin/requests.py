"""The desk of rights requests: the queue by due date, what waits for a reviewer or an operator."""

from collections.abc import Callable
from typing import Any, cast
from uuid import UUID

from django.contrib import admin, messages
from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import Exists, F, Func, IntegerField, OuterRef, Q, QuerySet, Subquery
from django.db.models.functions import Coalesce, Substr
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import redirect, render
from django.urls import URLPattern, path, reverse
from django.utils.formats import date_format
from django.utils.html import format_html, format_html_join
from django.utils.timezone import localtime
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from access.admin_filters import WhetherDone
from access.models import Account, Application
from access.saying import saying
from access.second_factor import require_fresh_factor
from consent.models import Component
from consent.wording import title_in
from erasure.admin import breaches, checked, desk, packs, places, questions, transfers
from erasure.admin.bulk import BulkActs
from erasure.admin.desk import REVIEWERS
from erasure.admin.mandates import MandatePages
from erasure.admin.reviewers import ForReviewers
from erasure.admin.row_acts import act_on_each, kept
from erasure.models import LegalHold, ManualPlace, RetentionProposal, RightsRequest, SecondOpinion, Step
from erasure.models.requests import IS_OVER
from erasure.selectors import steps_of
from erasure.services import four_eyes, requests
from erasure.services.evidence import evidence_pack
from erasure.services.files import SUFFIXES
from erasure.services.periods import decide_proposal
from erasure.services.places import PREFIX
from erasure.services.transfers import transfers_proposed
from erasure.services.withheld import ARTICLES, changes_proposed, withheld_of
from erasure.states import OPEN_REQUEST
from erasure.transfer_words import sending
from erasure.words import (
    DESK_STATES,
    IDENTITY_REASONS,
    MANDATE_REASONS,
    MANDATE_STATES,
    PROPOSAL_REASONS,
    REVEAL_REASONS,
    described,
    due_flag,
    internal_date,
    time_left,
)
from gdpr_portal.errors import DomainError

__all__ = [
    "RequestAdmin",
    "RetentionProposalAdmin",
    "breaches",
    "checked",
    "packs",
    "places",
    "questions",
    "transfers",
]


class StateFilter(admin.SimpleListFilter):
    """By state, in words; `open` is all that are not over."""

    title = gettext_lazy("state")
    parameter_name = "state__exact"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("open", _("Open")), *((state, label) for state, (label, _tone) in DESK_STATES.items())]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        chosen = self.value()
        if chosen is None:
            return queryset
        return queryset.filter(state__in=OPEN_REQUEST if chosen == "open" else [chosen])


class KeeperFilter(admin.SimpleListFilter):
    """Open requests that nobody looks after: never taken, or of somebody who has left."""

    title = gettext_lazy("looked after by")
    parameter_name = "keeper"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return [("nobody", _("Nobody"))]

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        if self.value() != "nobody":
            return queryset
        gone = Q(case__assignee__is_active=False) | Q(case__assignee__is_staff=False)
        return queryset.filter(Q(case__assignee=None) | gone, state__in=OPEN_REQUEST)


_PLACE = len(PREFIX) + 1
"""Where the name of a place begins in the target of a step."""


@admin.register(RightsRequest)
class RequestAdmin(BulkActs, MandatePages):
    """Rights requests, the next due first."""

    list_display = ("reference", "right", "standing", "received_on", "due_on", "due", "looked_after", "attention")
    list_filter = (StateFilter, "right", "extended", KeeperFilter)
    list_select_related = ("subject", "case__assignee")
    sortable_by = ("received_on", "due_on")
    ordering = (IS_OVER, "due_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[RightsRequest]:
        """With the names of those whose steps somebody has to look at, in one statement for the whole list."""
        needs = Step.stuck() | Q(kind=Step.Kind.MANUAL, state="waiting")
        name = Subquery(Application.objects.filter(slug=OuterRef("target")).values("name"))
        places = ManualPlace.objects.filter(slug=Substr(OuterRef("target"), _PLACE))
        place = Subquery(places.order_by(F("approved_at").desc(nulls_last=True)).values("name")[:1])
        steps = Step.objects.filter(needs, request=OuterRef("pk"))
        targets = steps.annotate(called=Coalesce(name, place, "target")).order_by("called").values("called").distinct()
        second = Q(Exists(SecondOpinion.objects.filter(request=OuterRef("pk"), agreed=None))) | four_eyes.WAITS
        second |= Q(pk__in=transfers_proposed().values("request"))
        second |= Q(pk__in=changes_proposed().values("step__request"))
        held = LegalHold.objects.filter(subject=OuterRef("subject"), lifted_at=None).exclude(lift_proposed_by=None)
        open_too = RightsRequest.objects.filter(subject=OuterRef("subject"), state__in=OPEN_REQUEST)
        told_here = Q(state__in=OPEN_REQUEST) | ~Exists(open_too)  # a hold is of the person: once is enough
        return (
            super()
            .get_queryset(request)
            .annotate(needs=ArraySubquery(targets), needs_second=second | (Exists(held) & told_here))
        )

    @admin.display(description=gettext_lazy("Request"))
    def reference(self, row: RightsRequest) -> str:
        return format_html("<code>{}</code>", str(row.id)[:8])

    @admin.display(description=gettext_lazy("State"))
    def standing(self, row: RightsRequest) -> str:
        label, tone = DESK_STATES[row.state]
        return format_html('<span class="badge badge-{}">{}</span>', tone, label)

    @admin.display(description=gettext_lazy("Received"), ordering="received_at")
    def received_on(self, row: RightsRequest) -> str:
        return date_format(localtime(row.received_at), "DATE_FORMAT")

    @admin.display(description=gettext_lazy("Due"), ordering="due_at")
    def due_on(self, row: RightsRequest) -> str:
        return date_format(localtime(row.due_at), "DATE_FORMAT")

    @admin.display(description=gettext_lazy("Time left"))
    def due(self, row: RightsRequest) -> str:
        if row.state not in OPEN_REQUEST:
            return "-"
        extended = _("extended") if row.extended else ""
        flag, tone = due_flag(row)
        badges = [
            (tone, flag),
            ("plain", extended),
            ("warn", _("internal date over") if internal_date(row).over else ""),
        ]
        shown = [each for each in badges if each[1]]
        return format_html(
            "{} {}", time_left(row), format_html_join(" ", '<span class="badge badge-{}">{}</span>', shown)
        )

    @admin.display(description=gettext_lazy("Looked after by"))
    def looked_after(self, row: RightsRequest) -> str:
        keeper = row.case.assignee if hasattr(row, "case") else None
        if keeper is None or row.state not in OPEN_REQUEST:
            return "-"
        if keeper.is_active and keeper.is_staff:
            return str(keeper)
        return format_html('{} <span class="badge badge-bad">{}</span>', keeper, _("has left"))

    @admin.display(description=gettext_lazy("Needs attention"))
    def attention(self, row: Any) -> str:
        second = [_("a second reviewer")] if row.needs_second else []
        return ", ".join([*second, *(row.needs or ())]) or "-"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: RightsRequest | None = None) -> bool:
        return False

    def has_view_permission(self, request: HttpRequest, obj: RightsRequest | None = None) -> bool:
        return bool(_roles(request))

    def has_module_permission(self, request: HttpRequest) -> bool:
        return bool(_roles(request))

    def get_urls(self) -> list[URLPattern]:
        view = self.admin_site.admin_view
        own = [
            path("<uuid:request_id>/change/", view(self.desk), name="erasure_rightsrequest_change"),
            path("<uuid:request_id>/act/", view(self.act), name="erasure_rightsrequest_act"),
            path("<uuid:request_id>/withheld/", view(self.withheld), name="erasure_rightsrequest_withheld"),
            path("<uuid:request_id>/identity/", view(self.identity), name="erasure_rightsrequest_identity"),
            path("<uuid:request_id>/wish/", view(self.wish), name="erasure_rightsrequest_wish"),
            path("<uuid:request_id>/evidence/", view(self.evidence), name="erasure_rightsrequest_evidence"),
        ]
        return own + super().get_urls()

    def desk(self, request: HttpRequest, request_id: UUID) -> HttpResponse:
        """One request with its steps and what can be done."""
        row = self.get_object(request, str(request_id))
        if row is None or not self.has_view_permission(request):
            return redirect("admin:index")
        may_review = bool(_roles(request) & REVIEWERS)
        context = self.admin_site.each_context(request) | {
            "title": f"{row.get_right_display()} {str(row.pk)[:8]}",
            "row": row,
            "described": described(row),
            "internal": internal_date(row),
            "standing": DESK_STATES[row.state],
            "steps": steps_of(row),
            "may_review": may_review,
            "may_settle": bool(_roles(request) & desk.SETTLERS),
            "withheld": withheld_of(row) if may_review else [],
            "sending": sending(row),
            "articles": ARTICLES,
            "reveal_reasons": REVEAL_REASONS,
            "identity_reasons": IDENTITY_REASONS,
            "mandate_reasons": MANDATE_REASONS,
            "mandate_state": MANDATE_STATES.get(row.mandate.state) if row.mandate else None,
            "case": desk.case_view(row, cast(Account, request.user)) if may_review else None,
            "refusals": requests.refusals_of(row.right),
            "extensions": requests.EXTENSIONS,
            "opts": self.model._meta,
        }
        return render(request, "admin/erasure/request.html", context)

    def act(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """One act on a request or step, after a fresh second factor."""
        if request.method != "POST" or not self.has_view_permission(request):
            return redirect("admin:index")
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
        with saying(request, _("Done.")):
            account = cast(Account, request.user)
            desk.do(name=request.POST.get("act", ""), request_id=request_id, account=account, given=request.POST)
        return redirect(reverse("admin:erasure_rightsrequest_change", args=[request_id]))

    def withheld(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """The rows a connector withheld, this once, after a fresh second factor and with a reason that is logged."""

        def opened(account: Account) -> HttpResponseBase:
            rows = desk.reveal_rows(request_id=request_id, account=account, given=request.POST)
            shown = {"title": _("Withheld rows"), "rows": [sorted(row.items()) for row in rows]}
            return self._shown(request, request_id, "admin/erasure/withheld_rows.html", shown)

        return self._revealed(request, request_id, opened)

    def wish(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """What is held and what it should be, this once, after a fresh second factor."""

        def opened(account: Account) -> HttpResponseBase:
            rows = desk.reveal_wish(request_id=request_id, account=account)
            return self._shown(
                request, request_id, "admin/erasure/wish.html", {"title": _("What is contested"), "rows": rows}
            )

        return self._revealed(request, request_id, opened)

    def identity(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """What was handed in about who asks: after a fresh second factor, with a reason that the log keeps."""

        def opened(account: Account) -> HttpResponseBase:
            row, data = desk.reveal_evidence(request_id=request_id, account=account, given=request.POST)
            response = HttpResponse(data, content_type=row.content_type)
            suffix = SUFFIXES[row.content_type]
            response["Content-Disposition"] = f'attachment; filename="identity-{str(row.id)[:8]}.{suffix}"'
            return response

        return self._revealed(request, request_id, opened)

    def _revealed(
        self, request: HttpRequest, request_id: UUID, opened: Callable[[Account], HttpResponseBase]
    ) -> HttpResponseBase:
        """What is `opened` for a reviewer with a fresh second factor; else back, with why not."""
        if request.method != "POST" or not _roles(request) & REVIEWERS:
            return redirect("admin:index")
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
        try:
            return opened(cast(Account, request.user))
        except DomainError as error:
            messages.error(request, error.in_words)
            return redirect(reverse("admin:erasure_rightsrequest_change", args=[request_id]))

    def _shown(self, request: HttpRequest, request_id: UUID, page: str, shown: dict[str, Any]) -> HttpResponse:
        more = {"request_id": request_id, "opts": self.model._meta}
        return render(request, page, self.admin_site.each_context(request) | more | shown)

    def evidence(self, request: HttpRequest, request_id: UUID) -> HttpResponseBase:
        """The evidence pack of the request, after a fresh second factor."""
        row = self.get_object(request, str(request_id))
        if row is None or not _roles(request) & REVIEWERS:
            return redirect("admin:index")
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
        response = HttpResponse(evidence_pack(request=row, by=cast(Account, request.user)), "application/zip")
        response["Content-Disposition"] = f'attachment; filename="evidence-{str(row.id)[:8]}.zip"'
        return response


class WhyProposed(admin.SimpleListFilter):
    """By why it was proposed, in words; which reasons there are is not asked of all the rows."""

    title = gettext_lazy("reason")
    parameter_name = "reason"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        return list(PROPOSAL_REASONS.items())

    def queryset(self, request: HttpRequest, queryset: QuerySet[Any]) -> QuerySet[Any]:
        return queryset.filter(reason=self.value()) if self.value() else queryset


LET_GO = gettext_lazy("Erase these values")


@admin.register(RetentionProposal)
class RetentionProposalAdmin(ForReviewers):
    """Values whose consent has ended and that nothing else needs: a reviewer lets them go or keeps them for now."""

    empty_words = gettext_lazy("When a consent ends and nothing else needs its values, they are proposed here.")
    list_display = ("person", "called", "why", "proposed_at", "decided_at", "erased")
    list_display_links = None
    list_filter = (WhyProposed, ("decided_at", WhetherDone))
    list_select_related = ("subject",)
    sortable_by = ()
    ordering = (F("decided_at").asc(nulls_first=True), "proposed_at")
    actions = ("let_go", "keep")

    @admin.display(description=gettext_lazy("Person"))
    def person(self, row: RetentionProposal) -> str:
        return format_html("<code>{}</code>", row.subject.pseudonym)

    @admin.display(description=gettext_lazy("Fields"))
    def called(self, row: Any) -> str:
        return ", ".join(title_in(titles, get_language()) for titles in row.titles or ()) or ", ".join(row.fields)

    def get_queryset(self, request: HttpRequest) -> QuerySet[RetentionProposal]:
        """With the names of the fields, in one statement for the whole list."""
        place = Func(OuterRef("fields"), F("slug"), function="array_position", output_field=IntegerField())
        titles = Component.objects.annotate(place=place).filter(place__isnull=False).order_by("place").values("titles")
        return super().get_queryset(request).annotate(titles=ArraySubquery(titles))

    @admin.display(description=gettext_lazy("Reason"), ordering="reason")
    def why(self, row: RetentionProposal) -> Any:
        return PROPOSAL_REASONS.get(row.reason, row.reason)

    @admin.action(description=LET_GO)
    def let_go(self, request: HttpRequest, rows: QuerySet[RetentionProposal]) -> HttpResponseBase | None:
        if request.POST.get("confirmed") != "yes":
            return self._sure(request, rows)
        return self._decide(request, rows, erase=True)

    @admin.action(description=gettext_lazy("Keep these values for now"))
    def keep(self, request: HttpRequest, rows: QuerySet[RetentionProposal]) -> HttpResponseBase | None:
        return self._decide(request, rows, erase=False)

    def _sure(self, request: HttpRequest, rows: QuerySet[RetentionProposal]) -> HttpResponse:
        """How many and which, before anything is done: no value, and nobody's name."""
        context = self.admin_site.each_context(request) | {
            "title": LET_GO,
            "kept": kept("let_go", rows),
            "chosen": [(row, self.called(row), self.why(row)) for row in rows],
            "opts": self.model._meta,
        }
        return render(request, "admin/erasure/proposal_sure.html", context)

    def _decide(
        self, request: HttpRequest, rows: QuerySet[RetentionProposal], *, erase: bool
    ) -> HttpResponseBase | None:
        return act_on_each(
            request, rows, lambda row, who: decide_proposal(proposal_id=row.pk, reviewer=who, erase=erase)
        )


def _roles(request: HttpRequest) -> frozenset[str]:
    return request.user.roles if isinstance(request.user, Account) else frozenset()
