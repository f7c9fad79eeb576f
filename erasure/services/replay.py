"""After a restore: erasures the backup did not know are done again before anybody is served (Art. 17(1), 32(1)(c)).

What was erased stands in the shred ledger, outside the backup (docs/vault.md). Until it has been replayed, `/readyz`
answers 503.
"""

from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Account
from access.services.accounts import erase_account
from audit import actors
from audit import services as audit
from erasure.plans import article_of
from erasure.selectors import to_retain
from subjects.holdings import holdings
from subjects.models import Subject
from subjects.selectors import retained
from subjects.services import lock_subject, mark_erased, retain, shred_key
from vault import ledger
from vault import services as vault

COMMAND = actors.system("command")


def replay_erasures() -> int:
    """Everybody the ledger knows as erased is erased here too; returns how many had come back. Idempotent."""
    owners = ledger.resurrected()
    for owner in owners:
        _erase_again(owner)
    ledger.settle()
    if owners:
        with transaction.atomic():
            at = timezone.now().date().isoformat()
            audit.record("restore.replayed", actor=COMMAND, details={"erasures": len(owners), "since": at})
    return len(owners)


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
