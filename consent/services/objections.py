"""Objections (Art. 21): they stand from the moment they are raised, against marketing for good."""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from audit.services import record
from consent.models import Objection, Purpose
from consent.services.events import Act
from consent.services.sharing import stop_sharing
from gdpr_portal.errors import Missing, WrongState
from gdpr_portal.prepared import Loaded
from subjects.models import Subject
from subjects.selectors import ensure_not_erased
from subjects.services import lock_subject
from vault import ledger

STANDS = "WHERE subject_id = %(subject)s AND purpose = %(purpose)s AND ended_at IS NULL"
_STANDING = Loaded(Objection, STANDS)


@transaction.atomic
def object_to(
    *, subject: Subject, purpose: str, request: UUID | None = None, actor: str, channel: str = "web"
) -> Objection:
    """The objection stands and decisions say `objected` from this commit on. Idempotent: one stands for a purpose.

    Against direct marketing (Art. 21(2)) sharing for the purpose is switched off with it. Whether the lawful basis
    gives the right is for the caller (`consent.rights`). Raises Missing(`unknown_purpose`), Gone(`erased`).
    """
    person = ensure_not_erased(lock_subject(subject.pk))
    found = Purpose.objects.filter(slug=purpose, published_at__isnull=False).first()
    if found is None:
        raise Missing("unknown_purpose", "No purpose has this name.")
    standing = _STANDING.first(subject=person.pk, purpose=purpose)
    if standing is not None:
        return standing
    now = timezone.now()
    objection = Objection.objects.create(subject=person, purpose=purpose, request=request, since=now)
    ledger.record_change(ledger.OBJECTED, person.pk, purpose, at=now)
    record(
        "objection.raised", actor=actor, subject=person.pseudonym, purpose=purpose,
        details={"request": str(request) if request else None, "marketing": found.is_marketing},
    )  # fmt: skip
    if found.is_marketing:
        act = Act(channel=channel, actor=actor, at=now, reason="objected")
        stop_sharing(subject=person, purpose=purpose, act=act)
    return objection


@transaction.atomic
def end_objection(
    *, subject: Subject, purpose: str, actor: str, outcome: str, reason: str = "", request: UUID | None = None
) -> bool:
    """The objection ended by a reviewer's decision (`outcome`, Art. 21(1)); False when none stood.

    With `request`, only the one that this request raised: an earlier one that was upheld stands. Raises
    WrongState(`objection_stands`) for direct marketing: no ground of ours outweighs that one (Art. 21(3)).
    """
    person = lock_subject(subject.pk)
    if Purpose.objects.filter(slug=purpose, is_marketing=True).exists():
        raise WrongState("objection_stands", "An objection to direct marketing cannot be overruled.")
    return _end(person, purpose, actor, outcome, reason, request)


@transaction.atomic
def withdraw_objection(*, subject: Subject, purpose: str, request: UUID, actor: str) -> bool:
    """The person takes back the request that raised the objection, and the objection with it; False when none stood."""
    return _end(lock_subject(subject.pk), purpose, actor, "ended_by_person", "request_withdrawn", request)


def end_own_objection(*, subject: Subject, purpose: str, actor: str) -> bool:
    """Who says yes to what they objected to has changed their mind: the objection is over. Subject locked."""
    return _end(subject, purpose, actor, "ended_by_person", "consent_given")


def _end(subject: Subject, purpose: str, actor: str, outcome: str, reason: str, request: UUID | None = None) -> bool:
    objection = _STANDING.first(subject=subject.pk, purpose=purpose)
    if objection is None or (request is not None and objection.request != request):
        return False
    objection.ended_at = timezone.now()
    objection.save(update_fields=["ended_at"])
    ledger.record_change(ledger.ENDED[ledger.OBJECTED], subject.pk, purpose, at=objection.ended_at)
    record(
        "objection.decided", actor=actor, subject=subject.pseudonym, purpose=purpose,
        details={"request": str(objection.request or ""), "outcome": outcome, "reason": reason},
    )  # fmt: skip
    return True
