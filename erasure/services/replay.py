"""After a restore: what people had undone since the backup is undone again before anybody is served (Art. 17, 7, 18,
21, 32(1)(c)).

It stands in the shred ledger, outside the backup (`vault.ledger`, docs/vault.md). Until it has been replayed, `/readyz`
answers 503. What was *allowed* since the backup is not replayed: without the row there is no proof of it (Art. 7(1)),
so people are asked again. A restriction lifted since the backup stands again, until the desk lifts it.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Account
from access.services.accounts import erase_account
from audit import actors
from audit import services as audit
from consent.models import Objection, Purpose, Standing
from consent.services.consents import record_consent
from consent.services.objections import object_to
from consent.states import Consent
from erasure.plans import article_of
from erasure.selectors import to_retain
from subjects.holdings import holdings
from subjects.models import Restriction, Subject
from subjects.selectors import retained
from subjects.services import lock_subject, mark_erased, restrict, retain, shred_key
from vault import ledger
from vault import services as vault
from vault.ledger_file import Entry

COMMAND = actors.system("command")
CHANNEL = "restore"


@dataclass(frozen=True)
class Act:
    """One act the backup does not know: whose, on what (purpose and recipient; ground), holding from when."""

    subject: UUID
    what: tuple[str, ...]
    at: datetime


@dataclass(frozen=True)
class Undone:
    """What a restored backup has undone of what people did since it was taken."""

    lines: list[Entry]
    erased: list[UUID]
    withdrawn: list[Act]
    restricted: list[Act]
    objected: list[Act]

    @property
    def counts(self) -> dict[str, int]:
        """How many acts of each kind, by the names the audit log has for them."""
        return {
            "erasures": len(self.erased),
            "withdrawals": len(self.withdrawn),
            "restrictions": len(self.restricted),
            "objections": len(self.objected),
        }


def undone() -> Undone:
    """What the ledger knows and this database does not, as far as it concerns somebody who is here. Changes nothing."""
    lines = ledger.lost()
    erased = ledger.resurrected()
    return Undone(lines, erased, list(_withdrawn(lines)), list(_restricted(lines)), list(_objected(lines)))


def replay() -> Undone:
    """Everything the ledger knows holds here too; returns what had come undone. Idempotent, and may be killed.

    The lines are noted last: a run cut short is begun again and finds less to do.
    """
    found = undone()
    for owner in found.erased:
        _erase_again(owner)
    for act in found.withdrawn:
        _withdraw_again(act)
    for act in found.restricted:
        _restrict_again(act)
    for act in found.objected:
        _object_again(act)
    with transaction.atomic():
        ledger.note_all(found.lines)
        if found.lines:
            since = min(entry.at for entry in found.lines).date().isoformat()
            audit.record("restore.replayed", actor=COMMAND, details=found.counts | {"since": since})
    ledger.settle()
    return found


# --- finding what came undone ---------------------------------------------------------------------------------------
def _withdrawn(lines: list[Entry]) -> Iterator[Act]:
    """Consents and sharing that stand here as given, from before they were taken back."""
    marks = ledger.standing_marks(ledger.WITHDRAWN, lines)
    if not marks:
        return
    rows = Standing.objects.filter(state__in=[Consent.GIVEN, Consent.PENDING]).order_by("recipient", "pk")
    for subject, purpose, recipient, since in rows.values_list(
        "subject_id", "purpose", "recipient", "since"
    ).iterator():
        at = marks.get(ledger.mark_of(ledger.WITHDRAWN, subject, purpose, recipient))
        if at is not None and since <= at:
            yield Act(subject, (purpose, recipient), at)


def _restricted(lines: list[Entry]) -> Iterator[Act]:
    standing = set(Restriction.objects.filter(lifted_at=None).values_list("subject_id", "ground"))
    for act in _of_people(ledger.RESTRICTED, Restriction.Ground.values, lines):
        if (act.subject, act.what[0]) not in standing:
            yield act


def _objected(lines: list[Entry]) -> Iterator[Act]:
    standing = set(Objection.objects.filter(ended_at=None).values_list("subject_id", "purpose"))
    purposes = list(Purpose.objects.filter(published_at__isnull=False).values_list("slug", flat=True))
    for act in _of_people(ledger.OBJECTED, purposes, lines):
        if (act.subject, act.what[0]) not in standing:
            yield act


def _of_people(kind: str, words: list[str], lines: list[Entry]) -> Iterator[Act]:
    """What the lost lines of this kind leave standing, for the people who are here."""
    marks = ledger.standing_marks(kind, lines)
    if not marks:
        return
    for subject in Subject.objects.filter(erased_at=None).order_by("pk").values_list("pk", flat=True).iterator():
        for word in words:
            at = marks.get(ledger.mark_of(kind, subject, word))
            if at is not None:
                yield Act(subject, (word,), at)


# --- doing it again -------------------------------------------------------------------------------------------------
def _withdraw_again(act: Act) -> None:
    subject = Subject.objects.get(pk=act.subject)
    purpose, recipient = act.what
    if subject.erased_at is None:
        record_consent(
            subject=subject, purpose=purpose, recipient=recipient, action="withdraw", channel=CHANNEL, actor=COMMAND,
            at=min(act.at, timezone.now()),
        )  # fmt: skip


def _restrict_again(act: Act) -> None:
    subject = Subject.objects.get(pk=act.subject)
    if subject.erased_at is None:
        restrict(subject=subject, ground=act.what[0], request=None, actor=COMMAND, at=act.at)


def _object_again(act: Act) -> None:
    subject = Subject.objects.get(pk=act.subject)
    if subject.erased_at is None:
        object_to(subject=subject, purpose=act.what[0], actor=COMMAND, channel=CHANNEL)


def _erase_again(owner: UUID) -> None:
    if Subject.objects.filter(pk=owner).exists():
        _erase_person(owner)
    elif Account.objects.filter(pk=owner).exists():
        erase_account(account_id=owner)
    else:
        vault.destroy_data_key(owner)


def _erase_person(subject_id: UUID) -> None:
    with transaction.atomic():
        subject = lock_subject(subject_id)
        if subject.erased_at is None:
            _keep_what_a_law_keeps(subject)
            mark_erased(subject=subject, actor=COMMAND)
        kept = retained(subject)
        for holding in holdings():
            holding.erase(subject, kept)
        account_id, subject.account = subject.account_id, None
        subject.save(update_fields=["account"])
        if account_id is not None:
            erase_account(account_id=account_id)
        shred_key(subject=subject, kept=kept)


def _keep_what_a_law_keeps(subject: Subject) -> None:
    for slug, (purpose, fields, until) in to_retain(subject).items():
        retain(
            subject=subject,
            purpose=slug,
            fields=fields,
            article=article_of(purpose),
            until=until,
            citation=purpose.retention_law,
        )
