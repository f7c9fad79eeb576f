"""The desk of breaches: for privacy officers and IRM, every act after a fresh second factor."""

import csv
from dataclasses import dataclass
from typing import Any, cast

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.helpers import ACTION_CHECKBOX_NAME
from django.db.models import F, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.models import Account
from access.second_factor import require_fresh_factor
from consent.admin.base import MOMENTS
from consent.names import Names
from erasure.admin.reviewers import ForReviewers
from erasure.admin.row_acts import act_on_each, kept
from erasure.models import Breach
from erasure.models.breaches import HOURS
from erasure.services import breaches


class BreachForm(forms.ModelForm):
    """The entries of a breach, by the names of the catalogue; times that cannot be are said on the form."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names = Names()
        for kind in ("application", "purpose"):
            if kind in self.fields:  # not on the page of a closed one
                choices = [("", gettext_lazy("Any")), *names.choices(kind)]
                self.fields[kind].widget = forms.Select(choices=choices)

    def clean(self) -> dict[str, Any]:
        given: dict[str, Any] = super().clean() or {}
        aware_at, since, until = (given.get(name) for name in ("aware_at", "since", "until"))
        if aware_at and since and until and breaches.flawed_times(aware_at, since, until):
            raise forms.ValidationError(_("A breach is not known of in the future, and ends after it began."))
        return given


NOT_TOLD_WHY = gettext_lazy(
    "The register says that nobody writes to them, and why. The authority may ask for more (Art. 34(4))."
)
FINAL: dict[str, tuple[Any, Any]] = {
    "authority_told": (
        gettext_lazy("The authority was told"),
        gettext_lazy(
            "The time of now is kept as the time at which the authority was told. It cannot be changed later."
        ),
    ),
    "propose_words": (
        gettext_lazy("Have a colleague send the words to the people concerned"),
        gettext_lazy("A second person looks at exactly these words and sends them."),
    ),
    "write_to_people": (
        gettext_lazy("Write to the people concerned now, by mail"),
        gettext_lazy("A mail with these words goes to each of them at once. It cannot be called back."),
    ),
    "people_told": (
        gettext_lazy("The people concerned were told"),
        gettext_lazy("No mail is sent: somebody told them already, in another way."),
    ),
    "people_protected": (
        gettext_lazy("People are not told: the data is unreadable (Art. 34(3)(a))"),
        NOT_TOLD_WHY,
    ),
    "people_averted": (
        gettext_lazy("People are not told: the risk was averted (Art. 34(3)(b))"),
        NOT_TOLD_WHY,
    ),
    "people_effort": (
        gettext_lazy("People are told in public instead (Art. 34(3)(c))"),
        NOT_TOLD_WHY,
    ),
    "close": (
        gettext_lazy("Close"),
        gettext_lazy("What the register says of it can then no longer be changed."),
    ),
}
"""Acts that are asked once more: what they are called, and what whoever chose one is told before it is done."""
WRITES = ("propose_words", "write_to_people")
"""Of these the page shows the words, and to how many they go."""


@dataclass(frozen=True)
class Addressed:
    """`number` of people, and each wording with how many get it who read which language."""

    number: int
    wordings: list[tuple[str, list[tuple[str, int]]]]


def _addressed(breach: Breach) -> Addressed:
    people = breaches.concerned(breach)
    wordings: dict[str, list[tuple[str, int]]] = {breach.told_people.strip(): []}
    for language, count in breaches.readers(people).items():
        wordings.setdefault(breach.words_in(language), []).append((language, count))
    return Addressed(len(people), list(wordings.items()))


def _seen_as(breach: Breach) -> str:
    return f"words-{breach.pk}"


def _seen(request: HttpRequest, breach: Breach) -> str:
    """The digest of the words that the page that asked once more has shown."""
    return request.POST.get(_seen_as(breach), "")


NOT_TOLD = ("people_protected", "people_averted", "people_effort")


def possible(breach: Breach, by: Account) -> list[str]:
    """The acts about this breach that are left for this member of staff."""
    if breach.closed_at is not None:
        return ["people"]
    authority = [] if breach.authority_told_at else ["authority_told"]
    writes = ["propose_words"]
    if breach.is_proposed():  # and whoever proposed it waits
        writes = [] if breach.proposed_by_id == by.pk else ["write_to_people"]
    people = [] if breach.people_told_at else [*writes, "people_told"]
    reasons = NOT_TOLD if people and breach.risk == Breach.Risk.HIGH and not breach.people_not_told else ()
    return [*authority, *people, *reasons, "close", "people"]


@admin.register(Breach)
class BreachAdmin(ForReviewers):
    """The register, the most urgent first."""

    form = BreachForm
    list_display = (
        "__str__", "aware_at", "hours_left", "risk", "authority_told_at", "people_told_at", "people_not_told",
        "closed_at",
    )  # fmt: skip
    change_form_template = "admin/erasure/breach.html"
    list_filter = ("risk",)
    ordering = (F("closed_at").asc(nulls_first=True), "aware_at")
    formfield_overrides = MOMENTS
    fields = (
        "aware_at", "since", "until", "application", "purpose", "facts", "effects", "remedy", "risk", "told_people",
        "told_people_de", "told_people_fr", "delay_reason",
    )  # fmt: skip
    actions = (
        "authority_told",
        "propose_words",
        "write_to_people",
        "people_told",
        "people_protected",
        "people_averted",
        "people_effort",
        "close",
        "people",
    )

    def render_change_form(self, request: HttpRequest, context: Any, *args: Any, **kwargs: Any) -> HttpResponse:
        """With what may be done next, one button each: the list does the same for several."""
        breach = context.get("original")
        if breach is not None:
            offered = {name: action[2] for name, action in self.get_actions(request).items() if action}
            context |= {
                "next": [(name, offered[name]) for name in possible(breach, cast(Account, request.user))],
                "waits": breach.people_told_at is None and breach.is_proposed(),
                "tell_until": breach.aware_at + HOURS,
                "checkbox": ACTION_CHECKBOX_NAME,
            }
        return super().render_change_form(request, context, *args, **kwargs)

    def _sure(self, request: HttpRequest, rows: QuerySet[Breach], name: str) -> HttpResponse | None:
        """None once it was confirmed; before that the page that says what would be done, and to how many."""
        if request.POST.get("confirmed") == "yes":
            return None
        label, warning = FINAL[name]
        writes = name in WRITES
        seen = [(_seen_as(row), row.words_digest()) for row in rows] if writes else []
        context = self.admin_site.each_context(request) | {
            "title": label,
            "warning": warning,
            "kept": [*kept(name, rows), *seen],
            "chosen": [(row, _addressed(row) if writes else None) for row in rows],
            "opts": self.model._meta,
        }
        return render(request, "admin/erasure/breach_sure.html", context)

    @admin.display(description=gettext_lazy("Hours left of 72"))
    def hours_left(self, row: Breach) -> str:
        if row.authority_told_at is not None:
            return "-"
        hours = int(breaches.time_left(row).total_seconds() // 3600)
        return str(hours) if hours else "< 1"

    def has_add_permission(self, request: HttpRequest) -> bool:
        return self.has_view_permission(request)

    def has_change_permission(self, request: HttpRequest, obj: Breach | None = None) -> bool:
        return self.has_view_permission(request) and (obj is None or obj.closed_at is None)

    def changeform_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> Any:
        """What the register says is written after a fresh second factor, as at every other register."""
        refused = require_fresh_factor(request) if request.method == "POST" else None
        return refused or super().changeform_view(request, *args, **kwargs)

    def save_model(self, request: HttpRequest, obj: Breach, form: Any, change: bool) -> None:
        if change:
            breaches.change_breach(breach=obj, changed=form.changed_data, by=cast(Account, request.user))
        else:
            breaches.record_breach(breach=obj, by=cast(Account, request.user))

    @admin.action(description=FINAL["authority_told"][0])
    def authority_told(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        if asked := self._sure(request, rows, "authority_told"):
            return asked
        return act_on_each(
            request,
            rows,
            lambda row, who: breaches.tell_authority(breach_id=row.id, by=who, delay_reason=row.delay_reason),
        )

    @admin.action(description=FINAL["propose_words"][0])
    def propose_words(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        if asked := self._sure(request, rows, "propose_words"):
            return asked
        return act_on_each(
            request, rows, lambda row, who: breaches.propose_words(breach_id=row.id, by=who, digest=_seen(request, row))
        )

    @admin.action(description=FINAL["write_to_people"][0])
    def write_to_people(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        if asked := self._sure(request, rows, "write_to_people"):
            return asked

        def write(row: Breach, who: Account) -> None:
            reached, without = breaches.write_to_people(breach_id=row.id, by=who, digest=_seen(request, row))
            told = {"reached": reached, "without": without}
            messages.info(request, _("Written to: %(reached)d. Without an address, to be told: %(without)d.") % told)

        return act_on_each(request, rows, write)

    @admin.action(description=FINAL["people_told"][0])
    def people_told(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        return self._omitted(request, rows, "people_told", "")

    @admin.action(description=FINAL["people_protected"][0])
    def people_protected(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        return self._omitted(request, rows, "people_protected", Breach.Omitted.PROTECTED)

    @admin.action(description=FINAL["people_averted"][0])
    def people_averted(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        return self._omitted(request, rows, "people_averted", Breach.Omitted.AVERTED)

    @admin.action(description=FINAL["people_effort"][0])
    def people_effort(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        return self._omitted(request, rows, "people_effort", Breach.Omitted.EFFORT)

    @admin.action(description=FINAL["close"][0])
    def close(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase | None:
        if asked := self._sure(request, rows, "close"):
            return asked
        return act_on_each(request, rows, lambda row, who: breaches.close_breach(breach_id=row.id, by=who))

    @admin.action(description=gettext_lazy("List of the people concerned (pseudonyms, CSV)"))
    def people(self, request: HttpRequest, rows: QuerySet[Breach]) -> HttpResponseBase:
        refused = require_fresh_factor(request)
        if refused is not None:
            return refused
        who = cast(Account, request.user)
        response = HttpResponse(content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = 'attachment; filename="people-concerned.csv"'
        writer = csv.writer(response)
        writer.writerow(["breach", "person"])
        writer.writerows([row.id, person] for row in rows for person in breaches.list_people(breach=row, by=who))
        return response

    def _omitted(
        self, request: HttpRequest, rows: QuerySet[Breach], name: str, omitted: str
    ) -> HttpResponseBase | None:
        if asked := self._sure(request, rows, name):
            return asked
        return act_on_each(
            request, rows, lambda row, who: breaches.tell_people(breach_id=row.id, by=who, omitted=omitted)
        )
