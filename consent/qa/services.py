"""What QA changes: a contract is proposed narrower, a sample is drawn and signed off, a report leaves the house."""

import hashlib
from collections.abc import Sequence
from datetime import datetime, timedelta

from django.db import transaction
from django.utils import timezone

from access import roles
from access.models import Account
from audit import actors
from audit.services import record
from audit.vocabulary import JSON
from consent.models import DataContract, Finding, Sample, SampleEntry
from consent.models.governance import ReviewState
from consent.qa import sampling
from consent.qa.selectors import usage_of
from consent.services import review
from consent.services.findings import open_finding
from gdpr_portal.errors import Invalid, Refused, WrongState

LARGEST_SAMPLE = 500
LONGEST_PERIOD = timedelta(days=92)


@transaction.atomic
def propose_narrowing(*, contract: DataContract, actor: Account) -> DataContract:
    """A draft contract without the fields that were never read waits for IRM; the live one holds until then.

    Art. 5(1)(c). The actor is its author, so somebody else approves it. Raises `WrongState` when the contract is not
    live (`wrong_state`), was proposed already (`already_proposed`), has nothing to leave out (`all_read`) or was not
    used at all (`none_read`: retire it instead), and `Refused` without a drafting role.
    """
    row = (
        DataContract.objects.select_for_update(of=("self",))
        .select_related("application", "purpose")
        .get(pk=contract.pk)
    )
    if row.state != ReviewState.LIVE:
        raise WrongState("wrong_state", "Only a live contract is narrowed.")
    same = DataContract.objects.filter(application=row.application, purpose=row.purpose)
    if same.exclude(state__in=[ReviewState.LIVE, ReviewState.RETIRED]).exists():
        raise WrongState("already_proposed", "A newer version of this contract is already on its way.")
    unread = set(usage_of(row).never_read)
    if not unread:
        raise WrongState("all_read", "Every declared field was read.")
    if unread == set(row.fields):
        raise WrongState("none_read", "No field was read at all: retire the contract instead.")
    reason = f"{row.reason} (Narrowed: not read in 90 days: {', '.join(sorted(unread))}.)"
    draft = DataContract.objects.create(
        application=row.application, purpose=row.purpose, author=actor, reason=reason, owner=row.owner,
        fields=[field for field in row.fields if field not in unread], expires_at=row.expires_at,
    )  # fmt: skip
    review.record_draft(item=draft, author=actor)
    return review.submit(item=draft, actor=actor)


@transaction.atomic
def draw_sample(*, actor: Account, seed: str, size: int, since: datetime, until: datetime) -> Sample:
    """Entries of the log, drawn by lot from every kind of act, are recorded to be signed off.

    The same seed, size and period draw the same entries again (`sampling.draw`), which `digest` proves. Raises
    `Refused` but for qa, `Invalid` (422) for a size, seed or period that does not do.
    """
    if not actor.has_role(roles.QA):
        raise Refused("role_missing", "Only QA draws samples.")
    _require_period(size, since, until)
    if not sampling.SEED.fullmatch(seed):
        raise Invalid("invalid_value", "A seed is 1 to 64 letters, digits, - or _.", status=422)
    drawn, population = sampling.draw(seed=seed, size=size, since=since, until=until)
    sample = Sample.objects.create(
        seed=seed, size=size, since=since, until=until, population=population, drawn_by=actor,
        drawn_at=timezone.now(), digest=sampling.digest(drawn),
    )  # fmt: skip
    SampleEntry.objects.bulk_create(
        SampleEntry(sample=sample, place=place, event=event) for place, event in enumerate(drawn, start=1)
    )
    details: dict[str, JSON] = {"sample": str(sample.pk), "seed": seed, "size": len(drawn), "population": population}
    record("sample.drawn", actor=actors.staff(actor.pk), details=details | {"digest": sample.digest})
    return sample


@transaction.atomic
def mark_entry(*, entry: SampleEntry, actor: Account, verdict: str, note: str = "") -> SampleEntry:
    """The entry is signed off as in order, or has opened a finding. A finding stays one; its words are in its note."""
    if not actor.has_role(roles.QA):
        raise Refused("role_missing", "Only QA signs off.")
    if verdict not in {SampleEntry.Verdict.OK, SampleEntry.Verdict.FINDING}:
        raise Invalid("invalid_value", "An entry is in order or a finding.", status=422)
    row = SampleEntry.objects.select_for_update(of=("self",)).get(pk=entry.pk)
    if row.verdict == SampleEntry.Verdict.FINDING:
        raise WrongState("wrong_state", "It is a finding already.")
    if verdict == SampleEntry.Verdict.FINDING:
        if not note.strip():
            raise Invalid("note_missing", "Say what you found.", status=422)
        row.finding = open_finding(kind=Finding.Kind.SAMPLE, event=row.event, author=actor, note=note)
    row.verdict, row.marked_by, row.marked_at = verdict, actor, timezone.now()
    row.save(update_fields=["verdict", "marked_by", "marked_at", "finding"])
    details = {"sample": str(row.sample_id), "event": str(row.event), "verdict": verdict}
    record("sample.marked", actor=actors.staff(actor.pk), details=details)
    return row


@transaction.atomic
def record_export(*, actor: Account, report: str, text: str, rows: Sequence[object]) -> None:
    """That a report left the desk is in the log, with the digest of its bytes."""
    digest = "sha256:" + hashlib.sha256(text.encode()).hexdigest()
    details: dict[str, JSON] = {"report": report, "rows": len(rows), "digest": digest}
    record("report.exported", actor=actors.staff(actor.pk), details=details)


def _require_period(size: int, since: datetime, until: datetime) -> None:
    if not 1 <= size <= LARGEST_SAMPLE:
        raise Invalid(
            "invalid_value", "A sample has 1 to %(most)s entries.", status=422, params={"most": LARGEST_SAMPLE}
        )
    if not since < until <= timezone.now() or until - since > LONGEST_PERIOD:
        raise Invalid("invalid_value", "Choose a period that is over and at most 92 days long.", status=422)
