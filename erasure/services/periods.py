"""Storage limitation by itself: values that nothing needs any more are erased, or proposed for it (Art. 5(1)(e), R65).

A value is over when every purpose it is linked to is over for it (`erasure.ends`): the purpose's `retention_days` have
passed since it was last given, or its consent was withdrawn or has expired. The first is erased at once
(`RETENTION_ERASES`), the second proposed to a reviewer (`ENDED_CONSENT_ERASES` makes it at once). It waits while an
access request is open (EDPB Guidelines 01/2022, no 39; R43), under a restriction (Art. 18(2)) and under a legal hold.
"""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from access.models import Account
from audit import actors
from audit import services as audit
from consent.models import ConsentEvent
from consent.services.deliveries import holding_applications, queue_delivery
from erasure.ends import ENDED, ENDS, ITS_PURPOSE
from erasure.models import RetentionProposal
from erasure.plans import has_endpoint
from erasure.services import four_eyes
from gdpr_portal.errors import Missing, WrongState
from gdpr_portal.prepared import Prepared
from subjects.models import Subject
from subjects.services import drop_values, lock_subject

WORKER = actors.system("retention")
PERIOD, CONSENT = "retention_ended", "consent_ended"
ASK_AGAIN = timedelta(days=90)

_OVER = f"""
SELECT held.subject_id, held.field, why.past FROM subjects_personalvalue held
JOIN subjects_subject person ON person.id = held.subject_id
CROSS JOIN LATERAL (
    SELECT bool_and(links.past) AS past, bool_and(links.past OR links.ended) AS over FROM (
        SELECT {ENDS} <= %(now)s AS past, {ENDED} AS ended
        FROM subjects_valuepurpose link {ITS_PURPOSE}
        WHERE link.value_id = held.id
    ) links
) why
WHERE why.over AND person.erased_at IS NULL AND (%(subject)s::uuid IS NULL OR held.subject_id = %(subject)s)
AND NOT EXISTS (SELECT FROM erasure_rightsrequest asked WHERE asked.subject_id = held.subject_id
    AND asked.right IN ('access', 'portability')
    AND asked.state IN ('received', 'verifying', 'in_review', 'in_progress'))
AND NOT EXISTS (SELECT FROM subjects_restriction r WHERE r.subject_id = held.subject_id AND r.lifted_at IS NULL)
AND NOT EXISTS (SELECT FROM erasure_legalhold hold WHERE hold.subject_id = held.subject_id AND hold.lifted_at IS NULL)
AND NOT EXISTS (SELECT FROM erasure_retentionproposal made WHERE made.subject_id = held.subject_id
    AND held.field = ANY(made.fields) AND NOT why.past AND (made.decided_at IS NULL OR made.decided_at > %(asked)s)
    AND made.erased IS NOT TRUE AND NOT %(deciding)s)
ORDER BY held.subject_id, held.field LIMIT %(limit)s
"""  # noqa: S608 - constants
_OVER_OF_ONE = Prepared(
    _OVER.replace("(%(subject)s::uuid IS NULL OR held.subject_id = %(subject)s)", "held.subject_id = %(subject)s")
)
"""The same of one person: asked whenever a consent ends."""


@dataclass(frozen=True)
class Over:
    """The fields of one person that nothing needs any more, by why."""

    by_period: list[str]
    by_consent: list[str]


def end_periods(limit: int = 500) -> int:
    """What is over is erased or proposed, person by person; returns how many people that concerned."""
    subjects = dict.fromkeys(row[0] for row in _over(limit=limit))
    return sum(_end(subject_id) for subject_id in subjects)


def propose_ended(subject: Subject) -> None:
    """What rested on a consent that just ended, and on nothing else, is proposed for erasure or erased (Art. 17(1)(b)).

    In the transaction that ended it, the subject locked; what another basis needs stays (R48).
    """
    _erase_or_propose(subject, _of(subject).by_consent, CONSENT, at_once=settings.ENDED_CONSENT_ERASES)


def _over(*, subject: UUID | None = None, deciding: bool = False, limit: int = 10_000) -> list[tuple[UUID, str, bool]]:
    now = timezone.now()
    values = {"now": now, "subject": subject, "asked": now - ASK_AGAIN, "limit": limit, "deciding": deciding}
    if subject is not None:
        return _OVER_OF_ONE.all(**values)
    with connection.cursor() as cursor:
        cursor.execute(_OVER, values)
        return list(cursor.fetchall())


def _of(subject: Subject, *, deciding: bool = False) -> Over:
    rows = _over(subject=subject.pk, deciding=deciding)
    return Over([field for _id, field, past in rows if past], [field for _id, field, past in rows if not past])


def _end(subject_id: UUID) -> bool:
    """Looked at again under the person's lock: what changed since is seen."""
    with transaction.atomic():
        subject = lock_subject(subject_id)
        over = _of(subject)
        ended = [
            _erase_or_propose(subject, over.by_period, PERIOD, at_once=settings.RETENTION_ERASES),
            _erase_or_propose(subject, over.by_consent, CONSENT, at_once=settings.ENDED_CONSENT_ERASES),
        ]
    return any(ended)


def _erase_or_propose(subject: Subject, fields: list[str], reason: str, *, at_once: bool) -> bool:
    if not fields:
        return False
    if at_once:
        _erase(subject, fields, reason, actor=WORKER)
        return True
    if RetentionProposal.objects.filter(subject=subject, decided_at=None).exists():
        return False
    proposal = RetentionProposal.objects.create(
        subject=subject, fields=fields, reason=reason, proposed_at=timezone.now()
    )
    _record(proposal, "retention.proposed", WORKER)
    return True


def _erase(subject: Subject, fields: list[str], reason: str, *, actor: str) -> None:
    """The values are gone, and whoever may hold them too is told which (Art. 19)."""
    for application in filter(has_endpoint, holding_applications(subject)):
        queue_delivery(application=application, subject=subject, type="erasure.requested", fields=fields)
    drop_values(subject=subject, fields=fields)
    audit.record(
        "data.removed",
        actor=actor,
        subject=subject.pseudonym,
        fields=fields,
        details={"reason": reason, "count": len(fields)},
    )


def decide_proposal(*, proposal_id: UUID, reviewer: Account, erase: bool) -> RetentionProposal:
    """The values are erased as far as nothing needs them still, or stay and are asked about again in 90 days.

    Raises `wrong_state` for a proposal that was decided, and when something keeps the values by now; `four_eyes` for
    who wrote down that a consent was taken back: alone they would take away what somebody agreed to.
    """
    subject_id = RetentionProposal.objects.filter(pk=proposal_id).values_list("subject_id", flat=True).first()
    if subject_id is None:
        raise Missing
    with transaction.atomic():
        subject = lock_subject(subject_id)
        proposal = RetentionProposal.objects.select_for_update().get(pk=proposal_id)
        if proposal.decided_at is not None:
            raise WrongState("wrong_state", "This proposal was decided.")
        proposal.decided_by, proposal.decided_at, proposal.erased = reviewer, timezone.now(), erase
        if erase:
            if _wrote_it_down(subject, reviewer):
                raise four_eyes.another()
            _erase(subject, _still_over(subject, proposal), proposal.reason, actor=actors.staff(reviewer.id))
        else:
            _record(proposal, "retention.declined", actors.staff(reviewer.id))
        proposal.save()
    return proposal


def _wrote_it_down(subject: Subject, reviewer: Account) -> bool:
    taken_back = ConsentEvent.objects.filter(subject=subject, action=ConsentEvent.Action.WITHDRAW)
    return taken_back.filter(actor=actors.staff(reviewer.id)).exists()


def _still_over(subject: Subject, proposal: RetentionProposal) -> list[str]:
    over = _of(subject, deciding=True)
    fields = sorted(set(proposal.fields) & {*over.by_period, *over.by_consent})
    if not fields:
        raise WrongState("wrong_state", "The values are needed again, or a request or hold keeps them.")
    return fields


def _record(proposal: RetentionProposal, action: str, actor: str) -> None:
    details: dict[str, Any] = {"proposal": str(proposal.id), "reason": proposal.reason, "count": len(proposal.fields)}
    audit.record(action, actor=actor, subject=proposal.subject.pseudonym, fields=proposal.fields, details=details)
