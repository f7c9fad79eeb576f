"""The start of the desk: what waits for whoever looks, what is due, and charts that answer a question each.

Counts and codes only: nothing is decrypted here, and nobody is named.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.core.cache import cache
from django.db.models import Count, Q, Sum
from django.urls import reverse
from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from access import roles
from access.models import Account, Application, WebhookEndpoint
from audit.selectors import last_checkpoint
from audit.sequencer import lag_seconds
from consent.models import (
    Component,
    ConsentEvent,
    DataContract,
    Delivery,
    FieldRead,
    Finding,
    Notice,
    Purpose,
    Recipient,
    SampleEntry,
)
from consent.models.governance import ReviewState
from consent.wording import title_in
from erasure.models import Breach, ErasurePause, LegalHold, RetentionProposal, RightsRequest, SecondOpinion, Step
from erasure.models.requests import IS_OVER
from erasure.services import checking, four_eyes
from erasure.services.transfers import transfers_proposed
from erasure.services.withheld import changes_proposed
from erasure.states import OPEN_REQUEST
from erasure.words import internal_date
from gdpr_portal import outages
from gdpr_portal.charts import Bar, Columns, bars, columns

REVIEWERS = frozenset({roles.IRM, roles.PRIVACY_OFFICER})
LOOKERS = frozenset({roles.IRM, roles.QA, roles.PRIVACY_OFFICER})
WEEKS = 12
COUNTED_EVERY, A_DAY = 300, 86_400
"""Seconds that the answers of this week, and of one that is over, are counted for."""
SOON = timedelta(days=7)
LATE_SEAL_SECONDS = 30
"""From here on the log is told to be behind (audit.sequencer.lag_seconds)."""


@dataclass(frozen=True)
class Waiting:
    """Some things of one kind that wait for this person, in a sentence, and where they are dealt with."""

    count: int
    text: str
    url: str
    tone: str = "wait"


def start(account: Account) -> dict[str, Any]:
    """What the start page shows to this account, by its roles."""
    now = timezone.now()
    return {
        "waiting": [each for each in _waiting(account, now) if each.count],
        "due": _due_next(account, now),
        "requests_chart": _requests(now) if account.roles & (REVIEWERS | {roles.OPERATOR}) else None,
        "consent_chart": _consent(now) if account.roles & LOOKERS else None,
        "purposes_chart": _by_purpose(now, account.language) if account.roles & LOOKERS else None,
        "deliveries_chart": _deliveries() if account.roles & (REVIEWERS | {roles.OPERATOR}) else None,
        "reads_chart": _reads(now) if account.roles & LOOKERS else None,
        "log": _log(now),
    }


# --- what waits -------------------------------------------------------------------------------------------------------
def _waiting(account: Account, now: datetime) -> Iterable[Waiting]:
    by_role: Sequence[tuple[frozenset[str], Callable[[Account, datetime], Iterable[Waiting]]]] = (
        (REVIEWERS, _for_reviewers),
        (frozenset({roles.IRM}), _for_governance),
        (frozenset({roles.IRM, roles.QA}), _for_quality),
        (frozenset({roles.QA}), _for_samplers),
        (roles.ALL - {roles.QA}, _for_operators),
    )
    for allowed, found in by_role:
        if account.roles & allowed:
            yield from found(account, now)


def _for_reviewers(account: Account, now: datetime) -> Iterable[Waiting]:
    requests = reverse("admin:erasure_rightsrequest_changelist")
    standing = RightsRequest.objects.filter(state__in=OPEN_REQUEST)
    late, soon = standing.filter(due_at__lt=now).count(), standing.filter(due_at__range=(now, now + SOON)).count()
    review = standing.filter(state="in_review").count()
    yield Waiting(late, ngettext("request is overdue", "requests are overdue", late), requests, "bad")
    yield Waiting(soon, ngettext("request is due within 7 days", "requests are due within 7 days", soon), requests)
    words = ngettext("request waits for a decision", "requests wait for a decision", review)
    yield Waiting(review, words, f"{requests}?state__exact=in_review")
    copies = checking.queue().order_by().values("step").distinct().count()
    words = ngettext(
        "copy waits for a look at texts about other people",
        "copies wait for a look at texts about other people",
        copies,
    )
    yield Waiting(copies, words, reverse("admin:erasure_checkedtext_changelist") + "?decided_at__isempty=1")
    yield from _for_second_pair_of_eyes(account, requests)
    proposals = RetentionProposal.objects.filter(decided_at=None).count()
    words = ngettext("proposal to erase waits for an answer", "proposals to erase wait for an answer", proposals)
    yield Waiting(proposals, words, reverse("admin:erasure_retentionproposal_changelist"))
    untold = Breach.objects.filter(closed_at=None, authority_told_at=None).exclude(risk="unlikely").count()
    words = ngettext("breach is not yet notified", "breaches are not yet notified", untold)
    yield Waiting(untold, words, reverse("admin:erasure_breach_changelist"), "bad")


def _for_second_pair_of_eyes(account: Account, requests: str) -> Iterable[Waiting]:
    opinions = SecondOpinion.objects.filter(agreed=None).exclude(proposed_by=account).count()
    lifts = LegalHold.objects.filter(lifted_at=None).exclude(lift_proposed_by=None).exclude(lift_proposed_by=account)
    sendings = transfers_proposed().exclude(asked_by=account).count()
    second = opinions + lifts.count() + sendings + changes_proposed().exclude(proposed_by=account).count()
    words = ngettext("proposal needs a second reviewer", "proposals need a second reviewer", second)
    yield Waiting(second, words, requests)
    vouched = RightsRequest.objects.filter(four_eyes.WAITS).exclude(vouched_by=account).count()
    words = ngettext("request waits for a second reviewer", "requests wait for a second reviewer", vouched)
    yield Waiting(vouched, words, f"{requests}?state__exact=in_review", "bad")
    proposed = Breach.objects.filter(closed_at=None, people_told_at=None, proposed_by__isnull=False)
    mails = sum(row.is_proposed() for row in proposed.exclude(proposed_by=account))
    words = ngettext(
        "mail to people about a breach waits for a second reviewer",
        "mails to people about breaches wait for a second reviewer",
        mails,
    )
    yield Waiting(mails, words, reverse("admin:erasure_breach_changelist"), "bad")
    paused = ErasurePause.objects.filter(lifted_at=None).exclude(first_by=account).count()
    yield Waiting(paused, _("unusually many erasures: they are paused until two people agree"), requests, "bad")


def _for_governance(account: Account, now: datetime) -> Iterable[Waiting]:
    kinds = (Component, Purpose, Notice, Recipient, DataContract)
    others = Q(state=ReviewState.IN_REVIEW) & ~Q(author=account)
    waiting = sum(kind._default_manager.filter(others).count() for kind in kinds)
    words = ngettext("draft waits for review", "drafts wait for review", waiting)
    yield Waiting(waiting, words, reverse("admin:review_desk"))


def _for_quality(account: Account, now: datetime) -> Iterable[Waiting]:
    findings = Finding.objects.exclude(state=Finding.State.CLOSED).count()
    yield Waiting(findings, ngettext("finding is open", "findings are open", findings), reverse("admin:qa_findings"))


def _for_samplers(account: Account, now: datetime) -> Iterable[Waiting]:
    entries = SampleEntry.objects.filter(verdict=SampleEntry.Verdict.WAITING).count()
    words = ngettext("sampled entry waits to be looked at", "sampled entries wait to be looked at", entries)
    yield Waiting(entries, words, reverse("admin:qa_samples"))


def _for_operators(account: Account, now: datetime) -> Iterable[Waiting]:
    requests = reverse("admin:erasure_rightsrequest_changelist")
    standing = Step.objects.filter(request__state__in=OPEN_REQUEST)
    failed = standing.filter(Step.stuck()).count()
    yield Waiting(failed, ngettext("step of a request failed", "steps of requests failed", failed), requests, "bad")
    manual = standing.filter(kind=Step.Kind.MANUAL, state="waiting").count()
    words = ngettext("step of a request is done by hand", "steps of requests are done by hand", manual)
    yield Waiting(manual, words, requests)
    alone = len(outages.standing())
    words = ngettext(
        "outside dependency does not answer: what is meant for it waits",
        "outside dependencies do not answer: what is meant for them waits",
        alone,
    )
    yield Waiting(alone, words, "", "bad")
    off = WebhookEndpoint.objects.exclude(disabled_at=None).count()
    words = ngettext("endpoint is switched off and gets nothing", "endpoints are switched off and get nothing", off)
    yield Waiting(off, words, "", "bad")


def _due_next(account: Account, now: datetime) -> list[dict[str, Any]]:
    if not account.roles & (REVIEWERS | {roles.OPERATOR}):
        return []
    rows = RightsRequest.objects.filter(state__in=OPEN_REQUEST).order_by(IS_OVER, "due_at")[:8]  # by request_in_turn
    return [
        {"row": row, "url": reverse("admin:erasure_rightsrequest_change", args=[row.pk]), **_left(row, now)}
        for row in rows
    ]


def _left(row: RightsRequest, now: datetime) -> dict[str, Any]:
    whole = max((row.due_at - row.received_at).total_seconds(), 1)
    used = min(100, max(0, round(100 * (now - row.received_at).total_seconds() / whole)))
    return {"used": used, "days": (row.due_at - now).days, "overdue": row.due_at < now, "internal": internal_date(row)}


# --- charts -----------------------------------------------------------------------------------------------------------
def _requests(now: datetime) -> list[Bar]:
    """Are we going to answer in time? Open requests by the time that is left."""
    edges: list[tuple[str, datetime | None, datetime | None, str]]
    edges = [("overdue", None, now, "bad"), ("week", now, now + SOON, "warn")]
    edges += [("fortnight", now + SOON, now + 2 * SOON, "wait"), ("later", now + 2 * SOON, None, "good")]
    labels = {
        "overdue": _("Overdue"),
        "week": _("Due within 7 days"),
        "fortnight": _("Due in 8 to 14 days"),
        "later": _("Due later"),
    }
    counts = RightsRequest.objects.filter(state__in=OPEN_REQUEST).aggregate(
        **{name: Count("pk", filter=_between(since, until)) for name, since, until, _tone in edges}
    )
    url = reverse("admin:erasure_rightsrequest_changelist")
    return bars([(labels[name], counts[name], tone, url) for name, _since, _until, tone in edges])


def _between(since: datetime | None, until: datetime | None) -> Q:
    return (Q(due_at__gte=since) if since else Q()) & (Q(due_at__lt=until) if until else Q())


def _consent(now: datetime) -> Columns:
    """Do people agree or take it back? Answers by week, over twelve weeks."""
    weeks = _weeks(now)
    found = dict.fromkeys(((week, action) for week in weeks for action in ("give", "withdraw")), 0)
    for week, _purpose, action, count in _answers(weeks):
        found[week, action] += count
    series = [
        (_("Given"), [found[week, "give"] for week in weeks]),
        (_("Withdrawn"), [found[week, "withdraw"] for week in weeks]),
    ]
    return columns(labels=[date_format(week, "SHORT_DATE_FORMAT") for week in weeks], series=series)


def _weeks(now: datetime) -> list[datetime]:
    today = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    monday = today.replace(tzinfo=None) - timedelta(days=today.weekday())
    return [timezone.make_aware(monday - timedelta(weeks=back)) for back in reversed(range(WEEKS))]


def _by_purpose(now: datetime, language: str) -> list[tuple[str, int, int]]:
    """Which purposes do people say yes to, and where do they leave? `(title, given, withdrawn)` in twelve weeks."""
    found: Counter[tuple[str, str]] = Counter()
    for _week, purpose, action, count in _answers(_weeks(now)):
        found[purpose, action] += count
    titles = dict(Purpose.objects.values_list("slug", "titles"))
    slugs = sorted({purpose for purpose, _action in found})
    return [
        (title_in(titles.get(slug, {}), language) or slug, found[slug, "give"], found[slug, "withdraw"])
        for slug in slugs
    ]


def _answers(weeks: Sequence[datetime]) -> Iterator[tuple[datetime, str, str, int]]:
    """Week, purpose, given or withdrawn, and how often, of each week since the first, for everybody who looks.

    A million people answer so often that counting takes seconds: a week at a time, one that is over once a day.
    """
    keys = {week: f"answers-of-{week:%Y-%m-%d%z}" for week in weeks}
    known = cache.get_many(keys.values())
    for week, key in keys.items():
        if key not in known:
            known[key] = _answers_of(week)
            cache.set(key, known[key], A_DAY if week != weeks[-1] else COUNTED_EVERY)
        yield from ((week, *row) for row in known[key])


def _answers_of(week: datetime) -> list[tuple[str, str, int]]:
    rows = ConsentEvent.objects.filter(at__gte=week, at__lt=_monday_after(week), recipient="")
    counted = rows.filter(action__in=("give", "withdraw")).values_list("purpose", "action")
    return list(counted.annotate(count=Count("pk")))


def _monday_after(week: datetime) -> datetime:
    """The same time of day a week later, whatever the clocks did."""
    return timezone.make_aware(week.replace(tzinfo=None) + timedelta(weeks=1))


def _deliveries() -> list[Bar]:
    """Who still owes us a confirmation?"""
    owed = Delivery.objects.filter(closed_at=None, outcome="", state__in=["queued", "sending", "sent", "abandoned"])
    rows = owed.values("application__name").annotate(count=Count("pk"))
    return bars([(row["application__name"], row["count"], "", "") for row in rows.order_by("-count")[:10]])


def _reads(now: datetime) -> list[Bar]:
    """Who reads personal data? Fields read in 30 days, by application."""
    rows = FieldRead.objects.filter(day__gte=(now - timedelta(days=30)).date()).values("application")
    names = dict(Application.objects.values_list("slug", "name"))
    counted = rows.annotate(count=Sum("reads")).order_by("-count")[:10]
    url = reverse("admin:qa_usage")
    return bars([(names.get(row["application"], row["application"]), row["count"], "", url) for row in counted])


def _log(now: datetime) -> dict[str, Any]:
    """Is the log whole and up to date? Its last checkpoint, and how far it is behind."""
    last = last_checkpoint()
    lag = lag_seconds()
    return {"size": last.size if last else 0, "at": last.at if last else None, "behind": lag > LATE_SEAL_SECONDS}
