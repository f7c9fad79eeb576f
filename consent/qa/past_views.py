"""The page of the time machine: what stood, what was decided and in which words, as of any moment."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.utils.translation import gettext as _
from django.views.decorators.http import require_http_methods

from access.desks import account_of
from consent import explain
from consent.qa import words
from consent.qa.past import Asked, Past, Period, look_back
from consent.qa.past_forms import TimeMachineForm
from consent.qa.views import for_desk, page

WIDTH = 1000
"""Units of the chart from its first moment to its last."""


@dataclass(frozen=True, slots=True)
class Bar:
    """One stretch of time in which something stood so."""

    x: int
    width: int
    tone: str
    label: Any


@dataclass(frozen=True, slots=True)
class Chart:
    """Rows over time: consent, sharing, restriction, objection, decision. `mark` is the moment asked about."""

    rows: list[tuple[Any, list[Bar]]]
    mark: int
    since: datetime
    until: datetime
    width: int = WIDTH


@for_desk
@require_http_methods(["GET", "POST"])
def time_machine(request: HttpRequest) -> HttpResponse:
    """A question by POST, so that no reference stands in an address; each look is in the log, with its reason."""
    form = TimeMachineForm(request.POST or None)
    context: dict[str, Any] = {"form": form}
    if request.method == "POST" and form.is_valid():
        given = form.cleaned_data
        names = ("application", "subject", "purpose", "recipient", "at", "known_at")
        asked = Asked(**{name: given[name] for name in names})
        context |= _shown(look_back(asked=asked, actor=account_of(request), reason=given["reason"]))
    return page(request, "past.html", _("Time machine"), **context)


def _shown(past: Past) -> dict[str, Any]:
    label, tone = explain.verdict(past.verdict.code)
    return {
        "past": past,
        "verdict": {"label": label, "tone": tone},
        "basis": explain.BASES.get(past.verdict.basis or "none"),
        "steps": explain.explained(past.verdict.trace),
        "stood": _in_words(past.stood),
        "texts": _texts(past),
        "periods": [(period, _in_words(period.stood)) for period in reversed(past.periods)],
        "chart": chart(past.periods, past.asked.at),
    }


def _texts(past: Past) -> list[tuple[str, Any]]:
    """The text that was answered and the one that was live; once, where they are the same."""
    found = [(_("The wording that was answered"), past.answered), (_("The wording that was live"), past.live)]
    if past.answered and past.live and past.answered.pk == past.live.pk:
        found = [(_("The wording that was live and answered"), past.live)]
    return [(title, text) for title, text in found if text is not None]


def _in_words(stood: Any) -> list[tuple[str, Any, str]]:
    """What, how it stood in words, and its tone: in the order of the chart's rows."""
    code, tone = explain.verdict(stood.code)
    answers = words.ANSWERS | {"not_asked": _("Rests on another basis")}
    return [
        (_("Consent"), answers[stood.consent], _tone(stood.consent)),
        (_("Sharing"), SHARING[stood.sharing](), "good" if stood.sharing == "on" else "plain"),
        (_("Restriction"), _("Restricted") if stood.restricted else _("None"), "bad" if stood.restricted else "plain"),
        (_("Objection"), _("Objected") if stood.objected else _("None"), "bad" if stood.objected else "plain"),
        (_("Decision"), code, tone),
    ]


SHARING = {"on": lambda: _("On"), "off": lambda: _("Off"), "nobody": lambda: _("Nobody is named")}


def _tone(state: str) -> str:
    return {"given": "good", "pending": "warn", "outdated": "warn", "expired": "warn"}.get(state, "plain")


def chart(periods: list[Period], at: datetime) -> Chart | None:
    """The periods as bars, each at least seen; None where nothing is known."""
    if not periods:
        return None
    since, until = periods[0].since, periods[-1].until
    whole = max((until - since).total_seconds(), 1.0)

    def place(moment: datetime) -> int:
        return round(WIDTH * min(max((moment - since).total_seconds(), 0.0), whole) / whole)

    rows: dict[Any, list[Bar]] = {}
    for period in periods:
        start = place(period.since)
        wide = max(2, place(period.until) - start)
        for name, label, tone in _in_words(period.stood):
            rows.setdefault(name, []).append(Bar(start, wide, tone, label))
    return Chart(list(rows.items()), place(at), since, until)
