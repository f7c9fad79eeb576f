"""What a reviewer sees of the past: decision, standing, wording and the periods that led there, as of any moment.

Valid time and record time (docs/decisions/0010): `at` is the moment asked about, `known_at` leaves out what arrived
later. Nothing personal is opened: states, times and wording only.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import connection, transaction
from django.utils import timezone

from access.models import Account, Application
from audit import actors
from audit.services import record
from audit.vocabulary import JSON
from consent.decide import Facts, Verdict, decide
from consent.models import NoticeText
from consent.selectors import text_in
from consent.services.facts import Question, gather
from consent.states import as_of
from gdpr_portal.errors import Missing
from subjects.models import Subject
from vault.services import subject_of

MOST_MOMENTS = 60
"""How many changes the chart goes back; each is decided anew."""

_MOMENTS = """
SELECT DISTINCT moment FROM (
    SELECT unnest(ARRAY[e.at, e.expires_at]) AS moment FROM consent_consentevent e
        WHERE e.subject_id = %(subject)s AND e.purpose = %(purpose)s AND e.recipient IN ('', %(recipient)s)
            AND (%(known_at)s::timestamptz IS NULL OR e.recorded_at <= %(known_at)s)
    UNION ALL SELECT unnest(ARRAY[r.since, r.lifted_at]) FROM subjects_restriction r WHERE r.subject_id = %(subject)s
    UNION ALL SELECT unnest(ARRAY[o.since, o.ended_at]) FROM consent_objection o
        WHERE o.subject_id = %(subject)s AND o.purpose = %(purpose)s
    UNION ALL SELECT unnest(ARRAY[k.since, k.until, k.ended_at]) FROM subjects_retention k
        WHERE k.subject_id = %(subject)s AND k.purpose = %(purpose)s
    UNION ALL SELECT unnest(ARRAY[s.created_at, s.erased_at]) FROM subjects_subject s WHERE s.id = %(subject)s
    UNION ALL SELECT l.created_at FROM subjects_applicationlink l
        WHERE l.subject_id = %(subject)s AND l.application_id = %(application)s
    UNION ALL SELECT unnest(ARRAY[p.created_at, p.published_at, p.retired_at]) FROM consent_purpose p
        WHERE p.slug = %(purpose)s
    UNION ALL SELECT n.published_at FROM consent_notice n JOIN consent_purpose p ON p.id = n.purpose_id
        WHERE p.slug = %(purpose)s
    UNION ALL SELECT unnest(ARRAY[c.published_at, c.retired_at, c.expires_at]) FROM consent_datacontract c
        JOIN consent_purpose p ON p.id = c.purpose_id
        WHERE p.slug = %(purpose)s AND c.application_id = %(application)s
    UNION ALL SELECT unnest(ARRAY[t.published_at, t.retired_at]) FROM consent_recipient t WHERE t.slug = %(recipient)s
    UNION ALL SELECT v.published_at FROM consent_revision v WHERE v.slug IN (%(purpose)s, %(recipient)s)
) every_moment WHERE moment <= %(now)s ORDER BY moment DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """One question about the past."""

    application: Application
    subject: Subject
    purpose: str
    recipient: str
    at: datetime
    known_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """How everything a decision rests on stood at a moment, as codes."""

    consent: str
    sharing: str
    restricted: bool
    objected: bool
    code: str


@dataclass(frozen=True, slots=True)
class Period:
    """From `since` until just before `until` nothing changed."""

    since: datetime
    until: datetime
    stood: Standing


@dataclass(frozen=True, slots=True)
class Past:
    """The answer: the verdict with its trace, how things stood, the texts of then, and the periods up to now."""

    asked: Asked
    facts: Facts
    verdict: Verdict
    stood: Standing
    answered: NoticeText | None
    live: NoticeText | None
    periods: list[Period]


def find_person(application: Application, reference: UUID) -> Subject:
    """The person with this reference: the application's own id, or the pseudonym of the audit log. Raises Missing."""
    pairwise = Subject.objects.filter(pk=subject_of(application.pk, reference), links__application=application)
    found = pairwise.first() or Subject.objects.filter(pseudonym=reference, links__application=application).first()
    if found is None:
        raise Missing()
    return found


def look_back(*, asked: Asked, actor: Account, reason: str) -> Past:
    """What stood at the moment asked about; that somebody looked, at what and why is in the log (Art. 5(2))."""
    with transaction.atomic():
        facts = _facts(asked, asked.at)
        verdict = decide(facts)
        past = Past(
            asked, facts, verdict, _stood(facts, verdict), _answered(asked, facts), _live(asked, facts), periods(asked)
        )
        details: dict[str, JSON] = {
            "at": asked.at.isoformat(), "application": asked.application.slug, "recipient": asked.recipient or None,
            "known_at": asked.known_at.isoformat() if asked.known_at else None, "reason": reason,
        }  # fmt: skip
        record(
            "history.looked_at", actor=actors.staff(actor.pk), subject=asked.subject.pseudonym, purpose=asked.purpose,
            details=details,
        )  # fmt: skip
    return past


def periods(asked: Asked) -> list[Period]:
    """The newest changes up to now, oldest first; neighbours in which everything stands alike are one."""
    found: list[Period] = []
    moments = _moments(asked)
    for since, until in zip(moments, [*moments[1:], timezone.now()], strict=True):
        facts = _facts(asked, since)
        stood = _stood(facts, decide(facts))
        if found and found[-1].stood == stood:
            found[-1] = Period(found[-1].since, until, stood)
        else:
            found.append(Period(since, until, stood))
    return found


def _moments(asked: Asked) -> list[datetime]:
    parameters: dict[str, Any] = {
        "subject": asked.subject.pk, "purpose": asked.purpose, "recipient": asked.recipient, "now": timezone.now(),
        "application": asked.application.pk, "known_at": asked.known_at, "most": MOST_MOMENTS,
    }  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(_MOMENTS, parameters)
        return sorted(moment for (moment,) in cursor.fetchall())


def _facts(asked: Asked, at: datetime) -> Facts:
    question = Question(asked.subject.pk, asked.purpose, asked.recipient or None)
    application = asked.application.pk
    return gather(
        [question], application=application, linked=application, at=at, past=True, known_at=asked.known_at
    )[0]  # fmt: skip


def _stood(facts: Facts, verdict: Verdict) -> Standing:
    on_consent = facts.purpose is not None and facts.purpose.basis == "consent"
    sharing = "on" if facts.sharing and facts.sharing.state == "given" else "off"
    return Standing(
        consent=_consent(facts) if on_consent else "not_asked",
        sharing=sharing if facts.recipient else "nobody",
        restricted=facts.restricted,
        objected=facts.objected,
        code=verdict.code,
    )


def _consent(facts: Facts) -> str:
    answer, purpose = facts.answer, facts.purpose
    if answer is None or purpose is None:
        return "never_asked"
    return as_of(
        answer.state, moment=facts.at, expires_at=answer.expires_at, version=answer.notice_version,
        newest_major=purpose.major_version,
    ).value  # fmt: skip


def _answered(asked: Asked, facts: Facts) -> NoticeText | None:
    """The very text the person answered to: bound by its digest."""
    event = (
        asked.subject.consent_events.filter(purpose=asked.purpose, recipient="", at__lte=asked.at)
        .filter(**({"recorded_at__lte": asked.known_at} if asked.known_at else {}))
        .order_by("-at", "-seq")
        .first()
    )
    if event is None or not event.notice_digest or facts.answer is None:
        return None
    texts = _texts(asked).filter(notice__version=event.notice_version, language=event.notice_language)
    return texts.filter(digest=event.notice_digest).first()


def _live(asked: Asked, facts: Facts) -> NoticeText | None:
    """The text that was live then, in the person's language or the default one."""
    version = facts.purpose.notice_version if facts.purpose else None
    return text_in(_texts(asked).filter(notice__version=version), asked.subject.language)


def _texts(asked: Asked) -> Any:
    return NoticeText.objects.filter(notice__purpose__slug=asked.purpose).select_related("notice")
