"""What many people answer to purposes for the first time, written together: `record_consent` where nothing precedes.

Without an earlier answer, objection or birth date nothing has to be compared, ended or waited for, and nobody has to
be told. Whoever has one of these is left to `record_consent`.
"""

from collections.abc import Mapping, Sequence, Set
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.utils import timezone

from access.models import Application
from audit import actors
from audit.services import record_many
from consent.models import ConsentEvent, Objection, Purpose, Standing
from consent.services.events import entry_of
from consent.states import Consent, answer
from subjects.models import Subject

Answers = Sequence[Mapping[str, Any]]


def write_first_answers(
    application: Application, people: Sequence[tuple[Subject, Answers]], live: Mapping[str, Purpose]
) -> frozenset[UUID]:
    """The answers of those people stand whose ids are returned; nothing is written for the others.

    In the caller's transaction; constant statements. The answers were checked against wordings live now, and hold
    from now.
    """
    plain = {slug for slug, purpose in live.items() if not purpose.double_opt_in}
    wanted = {subject.pk: answers for subject, answers in people if answers and _is_plain(answers, plain)}
    if len({subject.pk for subject, _ in people}) < len(people):
        return frozenset()  # somebody stands twice: their second answer has a first one before it
    now = timezone.now()
    written = [
        _event(application, subject, consent, live[consent["purpose"]], now)
        for subject in _without_history(wanted)
        for consent in wanted[subject.pk]
    ]
    ConsentEvent.objects.bulk_create(written)
    Standing.objects.bulk_create([_standing(event) for event in written])
    record_many([entry_of(event) for event in written])
    return frozenset(event.subject_id for event in written)


def _is_plain(answers: Answers, plain: Set[str]) -> bool:
    """Each purpose once, answered now, and none waits for a word by mail: an answer of the past needs its wording."""
    purposes = {each["purpose"] for each in answers}
    return purposes <= plain and len(purposes) == len(answers) and all(each["at"] is None for each in answers)


def _without_history(wanted: Mapping[UUID, Answers]) -> list[Subject]:
    """Those of the people, locked, for whom nothing precedes."""
    rows = list(Subject.objects.select_for_update().filter(pk__in=wanted).order_by("pk"))
    answered = set(ConsentEvent.objects.filter(subject__in=wanted).values_list("subject_id", flat=True))
    objecting = set(Objection.objects.filter(subject__in=wanted).values_list("subject_id", flat=True))
    return [
        row
        for row in rows
        if row.erased_at is None and row.birth_date_sealed is None and row.pk not in answered | objecting
    ]


def _event(
    application: Application, subject: Subject, consent: Mapping[str, Any], purpose: Purpose, now: datetime
) -> ConsentEvent:
    state, notice = answer(Consent.NEVER_ASKED, consent["action"]), consent["notice"]
    return ConsentEvent(
        subject=subject, purpose=purpose.slug, action=consent["action"], state=state, channel=consent["channel"],
        explicit=consent["explicit"], actor=actors.application(application.slug), application=application, at=now,
        expires_at=now + timedelta(days=purpose.validity_days) if state is Consent.GIVEN else None,
        notice_version=notice.version if notice else None, notice_language=notice.language if notice else "",
        notice_digest=notice.digest if notice else "",
    )  # fmt: skip


def _standing(event: ConsentEvent) -> Standing:
    return Standing(
        subject_id=event.subject_id, purpose=event.purpose, recipient="", state=event.state, since=event.at,
        expires_at=event.expires_at, notice_version=event.notice_version, notice_language=event.notice_language,
        notice_digest=event.notice_digest, event=event.event,
    )  # fmt: skip
