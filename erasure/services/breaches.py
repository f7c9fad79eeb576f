"""Breaches: recorded, the authority told within 72 hours, people told or why not, closed (Art. 33, 34)."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from django.db import IntegrityError, transaction
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from access.services.mail import Mail, send_mails_later
from audit import actors
from audit import services as audit
from audit.models import AuditEvent
from audit.vocabulary import JSON
from erasure.models.breaches import HOURS, Breach
from gdpr_portal.errors import Invalid, Refused, WrongState
from subjects.models import Subject
from subjects.selectors import emails_of

TOUCHING = ("data.read", "data.stored", "data.revealed", "subject.looked_up", "archive.downloaded")
"""Events by which somebody got at a person's data."""
SENT = ("sharing.started", "delivery.sent", "delivery.acknowledged")
"""Events by which an application or third party got something about a person, without asking for it itself."""
AT_ONCE = 500
"""Of so many people at a time the addresses are in memory."""


def record_breach(*, breach: Breach, by: Account) -> Breach:
    """The breach is in the register, and its 72 hours run from when the controller became aware of it."""
    _require_times(breach)
    with transaction.atomic():
        breach.recorded_by, breach.recorded_at = by, timezone.now()
        breach.save(force_insert=True)
        _record(breach, "breach.recorded", by)
    return breach


def change_breach(*, breach: Breach, changed: Sequence[str], by: Account) -> Breach:
    """What is known by now stands in the register; the log has who changed which entries, not their words."""
    _require_times(breach)
    with transaction.atomic():
        _locked(breach.pk)
        breach.save(update_fields=list(changed))
        _record(breach, "breach.changed", by, changed=sorted(changed))
    return breach


def flawed_times(aware_at: datetime, since: datetime, until: datetime) -> bool:
    """Whether a breach cannot have these times: known of in the future, or over before it began."""
    return aware_at > timezone.now() or until < since


def _require_times(breach: Breach) -> None:
    """Raises `invalid_value` for times that cannot be."""
    if flawed_times(breach.aware_at, breach.since, breach.until):
        raise Invalid("invalid_value", "A breach is not known of in the future, and ends after it began.", status=422)


def time_left(breach: Breach, now: datetime | None = None) -> timedelta:
    """How much of the 72 hours is left; negative once they are over (Art. 33(1))."""
    return breach.aware_at + HOURS - (now or timezone.now())


def concerned(breach: Breach) -> list[UUID]:
    """The pseudonyms of the people whose data was touched, from the audit log: by application, purpose and period.

    Of an application also those about whom it was sent something in that time.
    """
    events = AuditEvent.objects.filter(at__gte=breach.since, at__lte=breach.until, subject__isnull=False)
    sent = Q(action__in=SENT)
    if breach.application:
        slug = breach.application
        got = sent & (Q(details__application=slug) | Q(details__recipient=slug))
        events = events.filter(Q(action__in=TOUCHING, actor=actors.application(slug)) | got)
    else:
        events = events.filter(Q(action__in=TOUCHING) | sent)
    if breach.purpose:
        events = events.filter(purpose=breach.purpose)
    return [found for found in events.order_by("subject").values_list("subject", flat=True).distinct() if found]


def readers(people: Sequence[UUID]) -> dict[str, int]:
    """How many of these people, by pseudonym, read which language; English, who never chose one."""
    read = Subject.objects.filter(pseudonym__in=people, erased_at=None).values_list("language", flat=True)
    return Counter(language or "en" for language in read)


def list_people(*, breach: Breach, by: Account) -> list[UUID]:
    """`concerned`, for somebody at the desk; that they have the list is in the log."""
    people = concerned(breach)
    with transaction.atomic():
        _record(breach, "breach.people_listed", by, count=len(people))
    return people


def propose_words(*, breach_id: UUID, by: Account, digest: str) -> Breach:
    """Somebody wants these words sent; a second person has to look at them and send them.

    `digest` is of the words `by` has looked at. Raises `invalid_value` without words, `wrong_state` for other words and
    when people were told already.
    """
    with transaction.atomic():
        breach = _untold(breach_id)
        if not breach.told_people.strip():
            raise Invalid("invalid_value", "Write first what people are told (Art. 34(2)).", status=422)
        if digest != breach.words_digest():
            raise _changed()
        breach.proposed_by, breach.proposed_digest = by, digest
        breach.save(update_fields=["proposed_by", "proposed_digest"])
        _record(breach, "breach.words_proposed", by, digest=breach.proposed_digest)
    return breach


def write_to_people(*, breach_id: UUID, by: Account, digest: str) -> tuple[int, int]:
    """Everybody concerned who has an address is written to, in words another proposed, and counts as told (Art. 34).

    `digest` is of the words `by` has looked at. Returns how many mails are on their way, and to how many people no mail
    can go: they are told in another way. Raises `wrong_state` when they were told already, and for other words than
    were proposed and looked at; `four_eyes` for who proposed them.
    """
    with transaction.atomic():
        breach = _untold(breach_id)
        if not breach.is_proposed() or digest != breach.proposed_digest:
            raise _changed()
        if breach.proposed_by_id == by.pk:
            raise Refused("four_eyes", gettext_noop("A second person has to approve."))
        people = concerned(breach)
        reached = sum(_write_to(breach, people[start : start + AT_ONCE]) for start in range(0, len(people), AT_ONCE))
        breach.people_told_at, breach.people_not_told, breach.sent_by = timezone.now(), "", by
        breach.save(update_fields=["people_told_at", "people_not_told", "sent_by"])
        without = len(people) - reached
        _record(breach, "breach.people_written_to", by, count=reached, without_address=without, digest=digest)
    return reached, without


def _write_to(breach: Breach, pseudonyms: Sequence[UUID]) -> int:
    rows = Subject.objects.select_for_update().filter(pseudonym__in=pseudonyms, erased_at=None).order_by("pk")
    subjects = {row.pk: row for row in rows}
    mails = [
        Mail("breach_told", address, language, {"words": breach.words_in(language)})
        for owner, address in emails_of(subjects).items()
        for language in [subjects[owner].language or "en"]
    ]
    send_mails_later(mails)
    return len(mails)


def tell_authority(*, breach_id: UUID, by: Account, delay_reason: str = "") -> Breach:
    """The authority was told, now; after 72 hours only with the reasons for the delay (Art. 33(1))."""
    with transaction.atomic():
        breach = _locked(breach_id)
        if breach.authority_told_at is not None:
            raise WrongState("wrong_state", "The authority was told already.")
        breach.authority_told_at, breach.delay_reason = timezone.now(), delay_reason.strip()
        if time_left(breach) < timedelta(0) and not breach.delay_reason:
            raise Invalid("delay_reason_missing", "A notice after 72 hours says why it is late.", status=422)
        breach.save()
        _record(breach, "breach.authority_told", by)
    return breach


def tell_people(*, breach_id: UUID, by: Account, omitted: str = "") -> Breach:
    """The people concerned were told, now; or they are not, for one of the reasons of Art. 34(3).

    Raises `wrong_state` when they were told already: when that was stays in the register (Art. 33(5)).
    """
    if omitted and omitted not in Breach.Omitted.values:
        raise Invalid("invalid_value", "People are left untold only for a reason of Art. 34(3).", status=422)
    with transaction.atomic():
        breach = _untold(breach_id)
        breach.people_not_told = omitted
        breach.people_told_at = None if omitted else timezone.now()
        breach.save()
        _record(breach, "breach.people_told", by)
    return breach


def close_breach(*, breach_id: UUID, by: Account) -> Breach:
    """Nothing is left to do about the breach. Raises `notices_missing`; the database keeps it too."""
    try:
        with transaction.atomic():
            breach = _locked(breach_id)
            if not breach.effects or not breach.remedy:
                raise WrongState("notices_missing", "Effects and remedy have to be in the register (Art. 33(5)).")
            breach.closed_at = timezone.now()
            breach.save()
            _record(breach, "breach.closed", by)
    except IntegrityError:
        raise WrongState("notices_missing", "The authority or the people concerned were not told yet.") from None
    return breach


def _changed() -> WrongState:
    return WrongState("wrong_state", gettext_noop("The words were changed or not proposed: look at them again."))


def _locked(breach_id: UUID) -> Breach:
    breach = Breach.objects.select_for_update().get(pk=breach_id)
    if breach.closed_at is not None:
        raise WrongState("wrong_state", "This breach is closed.")
    return breach


def _untold(breach_id: UUID) -> Breach:
    breach = _locked(breach_id)
    if breach.people_told_at is not None:
        raise WrongState("wrong_state", "The people concerned were told already.")
    return breach


def _record(breach: Breach, action: str, by: Account, **more: JSON) -> None:
    known: dict[str, JSON] = {"breach": str(breach.id), "risk": breach.risk, "omitted": breach.people_not_told or None}
    audit.record(action, actor=actors.staff(by.id), details=known | more)
