"""What stands for a person: derived from the events, asked for any moment, rebuilt and compared at any time."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django.db.models import Max, Q
from django.utils import timezone

from consent.models import ConsentEvent, Notice, Purpose, Standing
from consent.services.decisions import decide_for
from consent.states import Consent, as_of
from gdpr_portal.prepared import Loaded
from subjects.models import Subject

_COLUMNS = (
    "subject_id", "purpose", "recipient", "state", "since", "expires_at", "notice_version", "notice_language",
    "notice_digest", "event",
)  # fmt: skip
_DERIVED = """
SELECT DISTINCT ON (subject_id, purpose, recipient) subject_id, purpose, recipient, state, at AS since, expires_at,
    notice_version, notice_language, notice_digest, event
FROM consent_consentevent WHERE subject_id IN (SELECT id FROM subjects_subject WHERE erased_at IS NULL)
ORDER BY subject_id, purpose, recipient, at DESC, seq DESC
"""
_STORED = f"SELECT {', '.join(_COLUMNS)} FROM consent_standing"  # noqa: S608 - constants of this module only
_TAKE_OUT = f"""
DELETE FROM consent_standing s USING (({_STORED}) EXCEPT ({_DERIVED})) odd
WHERE s.subject_id = odd.subject_id AND s.purpose = odd.purpose AND s.recipient = odd.recipient
"""  # noqa: S608 - constants of this module only
_PUT_IN = f"INSERT INTO consent_standing ({', '.join(_COLUMNS)}) (({_DERIVED}) EXCEPT ({_STORED}))"


_ROW = Loaded(Standing, "WHERE subject_id = %(subject)s AND purpose = %(purpose)s AND recipient = %(recipient)s")


@dataclass(frozen=True, kw_only=True)
class Line:
    """How one purpose (or one recipient of it) stands at a moment. `since` is None when it was never asked."""

    purpose: str
    recipient: str
    state: Consent
    since: datetime | None = None
    expires_at: datetime | None = None
    notice_version: int | None = None
    notice_language: str = ""
    notice_digest: str = ""


def standing_of(subject: Subject, at: datetime | None = None, known_at: datetime | None = None) -> list[Line]:
    """Every answer of the person as it stands at `at` (valid time, inclusive; default now), by purpose and recipient.

    Purposes that rest on consent, were live then and were never answered are listed as `never_asked`. With `known_at`
    only events that were recorded by then count (record time). What is shared with a recipient stands no better than
    the consent it rests on: that being outdated or expired, so is it.
    """
    moment = at or timezone.now()
    rows = _latest(subject, moment, known_at) if at else Standing.objects.filter(subject=subject)
    majors = _newest_majors(moment)
    lines = {(row.purpose, row.recipient): _line(row, moment, majors) for row in rows}
    for slug in _consent_purposes(moment):
        lines.setdefault((slug, ""), Line(purpose=slug, recipient="", state=Consent.NEVER_ASKED))
    return [_no_better(lines[key], lines.get((key[0], ""))) for key in sorted(lines)]


def _no_better(line: Line, consent: Line | None) -> Line:
    lapsed = consent is not None and consent.state in {Consent.OUTDATED, Consent.EXPIRED}
    return replace(line, state=consent.state) if consent and lapsed and line.state == Consent.GIVEN else line


def history_of(subject: Subject, at: datetime | None = None, most: int | None = None) -> list[ConsentEvent]:
    """The person's events up to `at`, newest first, or the newest so many of them. None is ever missing or changed."""
    events = ConsentEvent.objects.filter(subject=subject).order_by("-at", "-seq")
    return list((events.filter(at__lte=at) if at else events)[:most])


def state_of(subject: Subject, purpose: str, recipient: str = "") -> Consent:
    """The state stored for it, whatever the clock says since; `never_asked` without one."""
    row = standing_row(subject, purpose, recipient)
    return Consent(row.state) if row else Consent.NEVER_ASKED


def standing_row(subject: Subject, purpose: str, recipient: str = "") -> Standing | None:
    """The row of it, None when it was never answered."""
    return _ROW.first(subject=subject.pk, purpose=purpose, recipient=recipient)


def sharing_verdict(subject: Subject, purpose: str, recipient: str | None) -> str:
    """`allowed`, or the code that decides against using the purpose (and sharing it with the recipient) right now.

    The service itself asks here, not an application: the purpose's own fields and recipients bound it.
    """
    return decide_for(application=None, subject=subject, purpose=purpose, recipient=recipient).code


@transaction.atomic
def rebuild_standing() -> int:
    """Every standing row is what the events derive; returns how many rows differed. Erased people have none.

    Only what differs is written, so that the feed tells nobody of rows that are as they were.
    """
    with connection.cursor() as cursor:
        cursor.execute("LOCK TABLE consent_standing IN EXCLUSIVE MODE")
        differing = len(compare_standing())
        if differing:
            cursor.execute(_TAKE_OUT)
            cursor.execute(_PUT_IN)
    return differing


def compare_standing() -> list[tuple[str, str, str]]:
    """Where stored standing and events disagree: (subject pseudonym, purpose, recipient), sorted; one statement."""
    statement = f"""
        WITH derived AS ({_DERIVED}), stored AS ({_STORED}),
        odd AS ((SELECT * FROM derived EXCEPT SELECT * FROM stored)
                UNION (SELECT * FROM stored EXCEPT SELECT * FROM derived))
        SELECT DISTINCT subjects_subject.pseudonym::text, odd.purpose, odd.recipient
        FROM odd JOIN subjects_subject ON subjects_subject.id = odd.subject_id ORDER BY 1, 2, 3
    """  # noqa: S608 - constants of this module only
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL statement_timeout = 0")  # every event of everybody is read
        cursor.execute(statement)
        return [(str(row[0]), str(row[1]), str(row[2])) for row in cursor.fetchall()]


def _values(event: ConsentEvent) -> dict[str, Any]:
    values = {name: getattr(event, name) for name in _COLUMNS if name != "since"}
    return values | {"since": event.at}


def _latest(subject: Subject, moment: datetime, known_at: datetime | None) -> Iterable[Standing]:
    known = Q(recorded_at__lte=known_at) if known_at else Q()
    events = (
        ConsentEvent.objects.filter(known, subject=subject, at__lte=moment)
        .order_by("purpose", "recipient", "-at", "-seq")
        .distinct("purpose", "recipient")
    )
    return [Standing(**_values(event)) for event in events]


def _line(row: Standing, moment: datetime, majors: dict[str, int]) -> Line:
    major = majors.get(row.purpose) if not row.recipient else None
    state = as_of(row.state, moment=moment, expires_at=row.expires_at, version=row.notice_version, newest_major=major)
    return Line(
        purpose=row.purpose, recipient=row.recipient, state=state, since=row.since, expires_at=row.expires_at,
        notice_version=row.notice_version, notice_language=row.notice_language, notice_digest=row.notice_digest,
    )  # fmt: skip


def _newest_majors(moment: datetime) -> dict[str, int]:
    """Purpose -> the newest wording published by then that asks everybody again."""
    published = Notice.objects.filter(is_major=True, published_at__lte=moment)
    return dict(published.values_list("purpose__slug").annotate(newest=Max("version")))


def _consent_purposes(moment: datetime) -> list[str]:
    live = Q(retired_at__isnull=True) | Q(retired_at__gt=moment)
    purposes = Purpose.objects.filter(live, lawful_basis="consent", published_at__lte=moment)
    return list(purposes.values_list("slug", flat=True))
