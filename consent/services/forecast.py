"""What publishing a notice would change, counted before anybody publishes it: who is asked again, and what falls dark.

A few statements over sets, none a person at a time. The counts follow `consent.decide`: a consent is outdated when its
wording is older than the newest major version, and from then on every application and recipient is refused.
"""

from collections import Counter
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Max
from django.utils import timezone

from consent.models import DataContract, Notice, Purpose
from consent.models.governance import ReviewState
from consent.selectors import live_recipients

_STANDS = """
    {0}.purpose = %(purpose)s AND {0}.state = 'given' AND ({0}.expires_at IS NULL OR {0}.expires_at > %(at)s)
"""
_COUNTS = f"""
WITH given AS MATERIALIZED (
    SELECT s.subject_id, coalesce(s.notice_version, 0) >= %(major)s AS counts FROM consent_standing s
    WHERE {_STANDS.format("s")} AND s.recipient = '' AND coalesce(s.notice_version, 0) < %(version)s
), lit AS MATERIALIZED (
    SELECT g.subject_id FROM given g WHERE g.counts
        AND NOT EXISTS (SELECT 1 FROM subjects_restriction r WHERE r.subject_id = g.subject_id AND r.since <= %(at)s
            AND (r.lifted_at IS NULL OR r.lifted_at > %(at)s))
        AND NOT (%(is_marketing)s AND EXISTS (SELECT 1 FROM consent_objection o WHERE o.subject_id = g.subject_id
            AND o.purpose = %(purpose)s AND o.since <= %(at)s AND (o.ended_at IS NULL OR o.ended_at > %(at)s)))
)
SELECT 'given', counts::text, count(*) FROM given GROUP BY counts
UNION ALL
SELECT 'application', l.application_id::text, count(*)
FROM lit JOIN subjects_applicationlink l ON l.subject_id = lit.subject_id
WHERE l.application_id = ANY(%(applications)s) GROUP BY l.application_id
UNION ALL
SELECT 'recipient', x.recipient, count(*) FROM lit JOIN consent_standing x ON x.subject_id = lit.subject_id
WHERE {_STANDS.format("x")} AND x.recipient = ANY(%(recipients)s) GROUP BY x.recipient
"""  # noqa: S608 - constants of this module only
"""(what is counted, of which, how many people): consents that count or not; what applications and recipients lose."""


@dataclass(frozen=True, slots=True)
class Dark:
    """One application: the fields of the purpose it could read no more, and of how many people it knows."""

    application: str
    name: str
    fields: tuple[str, ...]
    people: int


@dataclass(frozen=True, slots=True)
class Paused:
    """One recipient, and for how many people sharing with it would pause."""

    recipient: str
    people: int


@dataclass(frozen=True, kw_only=True, slots=True)
class Forecast:
    """What would happen at `at`. `asked_again` people hold a consent that would no longer count.

    `already` hold one that does not count now, for an earlier major version: publishing changes nothing for them.
    """

    at: datetime
    is_major: bool
    rests_on_consent: bool
    asked_again: int = 0
    already: int = 0
    applications: tuple[Dark, ...] = ()
    recipients: tuple[Paused, ...] = ()

    @property
    def application_fields(self) -> int:
        """Application x field that would fall dark for somebody."""
        return sum(len(dark.fields) for dark in self.applications if dark.people)


def forecast(notice: Notice, *, at: datetime | None = None) -> Forecast:
    """What publishing the notice would change. Nothing, for a minor version or where no consent is asked for."""
    purpose, moment = notice.purpose, at or timezone.now()
    on_consent = purpose.lawful_basis == Purpose.Basis.CONSENT
    plain = Forecast(at=moment, is_major=notice.is_major, rests_on_consent=on_consent)
    if not (notice.is_major and on_consent):
        return plain
    contracts = _contracts(purpose, moment)
    recipients = sorted(each.slug for each in live_recipients(purpose))
    counts = _counts(
        _parameters(notice, moment)
        | {"applications": [each.application_id for each in contracts], "recipients": recipients}
    )
    return replace(
        plain, asked_again=counts["given", "true"], already=counts["given", "false"],
        applications=_dark(contracts, purpose, counts),
        recipients=tuple(Paused(slug, counts["recipient", slug]) for slug in recipients),
    )  # fmt: skip


def _parameters(notice: Notice, moment: datetime) -> dict[str, Any]:
    published = notice.purpose.notices.filter(is_major=True, published_at__lte=moment)
    return {
        "purpose": notice.purpose.slug, "is_marketing": notice.purpose.is_marketing, "at": moment,
        "version": notice.version, "major": published.aggregate(newest=Max("version"))["newest"] or 0,
    }  # fmt: skip


def _contracts(purpose: Purpose, moment: datetime) -> list[DataContract]:
    """Those that hold at the moment."""
    live = DataContract.objects.filter(purpose=purpose, state=ReviewState.LIVE).select_related("application")
    return [each for each in live if each.expires_at is None or each.expires_at > moment]


def _dark(contracts: list[DataContract], purpose: Purpose, counts: Counter[tuple[str, str]]) -> tuple[Dark, ...]:
    """Every application with such a contract, the one of the most people first."""
    found = [
        Dark(
            each.application.slug, each.application.name,
            tuple(field for field in each.fields if field in purpose.fields),
            counts["application", str(each.application_id)],
        )
        for each in contracts
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda dark: (-dark.people, dark.application)))


def _counts(parameters: dict[str, Any]) -> Counter[tuple[str, str]]:
    with connection.cursor() as cursor:
        cursor.execute(_COUNTS, parameters)
        return Counter({(what, which): people for what, which, people in cursor.fetchall()})
