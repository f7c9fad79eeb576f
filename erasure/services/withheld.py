"""What an erasure left in other people's databases: remembered before it is committed there, decided by a reviewer.

Rows that are the person's and somebody else's are left as they are (Art. 15(4), 17(3)). A reviewer sees where and how
many, opens them with a reason, and decides: they stay under an article, or they are changed after all, which is
somebody else's loss too, and takes two.
"""

import json
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from audit import actors
from audit import services as audit
from erasure.connectors.dataset import Address
from erasure.connectors.report import Kept, Report, RunFailed, problem
from erasure.connectors.values import Locator, same_all
from erasure.models import Connector, ConnectorCommit, KeptRow, RightsRequest, Step, WithheldRows
from erasure.services import four_eyes
from erasure.services.connectors import read_datasets
from erasure.services.holds import standing_hold
from erasure.services.records import move_step
from gdpr_portal.errors import Invalid, Missing, WrongState
from gdpr_portal.failpoints import failpoint
from gdpr_portal.wake import wake
from vault import services as vault

ARTICLES = ("15(4)", "17(3)(a)", "17(3)(b)", "17(3)(c)", "17(3)(d)", "17(3)(e)")
"""Under what a shared row may stay: the rights of the other person, or an exception of Art. 17(3)."""
DIGEST = "erasure_keptrow.digest"


def keys_place(row_id: UUID) -> vault.Place:
    """Where the sealed keys of withheld rows lie."""
    return vault.Place("erasure_withheldrows", "keys_sealed", str(row_id))


# --- while the erasure is under way ---------------------------------------------------------------------------------
class Remembering:
    """The coordinator of a step's run: what is withheld, and that all have promised, are rows of ours first.

    A worker whose lease ended, or whom a legal hold overtook, is stopped before anything is committed (RunFailed).
    """

    def __init__(self, step: Step) -> None:
        self.step = step
        self.run = f"{step.id}/{step.fence}"

    def ready(self, report: Report) -> None:
        """What will be left is known here, before the rest is gone there and nothing leads to it any more."""
        with transaction.atomic():
            self._check()
            if report.changes or report.withheld:  # else it was done by an earlier try, which remembered
                _remember(self.step, report)
        failpoint("erasure.connector.remembered")

    def decide(self) -> None:
        """All have promised."""
        with transaction.atomic():
            self._check()
            ConnectorCommit.objects.create(run=self.run, step=self.step, decided_at=timezone.now())

    def decided(self, run: str) -> bool:
        """Whether all had promised in that run."""
        return ConnectorCommit.objects.filter(run=run).exists()

    def _check(self) -> None:
        row = Step.objects.select_for_update().select_related("request").get(pk=self.step.pk)
        if row.fence != self.step.fence or row.state != "in_progress" or row.request.state != "in_progress":
            raise RunFailed([problem(self.step.target, "conflict")])
        if standing_hold(row.request.subject_id) is not None:
            raise RunFailed([problem(self.step.target, "legal_hold")])


def _remember(step: Step, report: Report) -> None:
    """Added to what earlier tries remembered: they may have been committed, and then their rows are not met again."""
    earlier = {(row.collection, row.reason): row for row in WithheldRows.objects.filter(step=step)}
    for (address, reason), rows in report.withheld.items():
        if reason == "key":  # a key says nothing by itself, and is in every table
            continue
        keys = report.shared.get(address, []) if reason == "shared" else []
        name = str(address)[:200]
        row = earlier.get((name, reason)) or WithheldRows(step=step, collection=name, reason=reason, rows=0)
        every = list(dict.fromkeys([*opened_keys(row), *(same_all(key) for key in keys)]))
        row.rows, row.decidable = max(row.rows, rows), len(every)
        if every:
            plain = json.dumps(every).encode()
            row.keys_sealed = vault.seal_secret(keys_place(row.id), plain)
        row.save()


def decided_rows(step: Step) -> list[WithheldRows]:
    """The decided rows of a step of which none waits any more; empty while its erasure itself is to be done."""
    rows = list(WithheldRows.objects.filter(step=step, decidable__gt=0))
    return rows if rows and all(row.decision for row in rows) else []


def undecided(step: Step) -> int:
    """How many groups of rows wait for a reviewer."""
    return WithheldRows.objects.filter(step=step, decidable__gt=0, decision="").count()


def carried_out(step: Step) -> None:
    """The decisions have their effect; keys of changed rows have served. In the caller's transaction."""
    changed = WithheldRows.objects.filter(step=step, decision="change", changed_at=None)
    changed.update(changed_at=timezone.now(), keys_sealed=None)


def opened_keys(row: WithheldRows) -> list[Locator]:
    """The keys of the rows, as text."""
    if row.keys_sealed is None:
        return []
    return [tuple(key) for key in json.loads(vault.open_secret(keys_place(row.id), bytes(row.keys_sealed)))]


def address_of(row: WithheldRows) -> Address:
    dataset, _colon, collection = row.collection.partition(":")
    return Address(dataset, collection)


# --- at the desk ----------------------------------------------------------------------------------------------------
def withheld_of(request: RightsRequest) -> QuerySet[WithheldRows]:
    """What the connectors left of this request, for the desk: where and how many."""
    return WithheldRows.objects.filter(step__request=request).select_related("step").order_by("collection", "reason")


def changes_proposed() -> QuerySet[WithheldRows]:
    """The rows that one wants changed, and of which a second person decides."""
    return WithheldRows.objects.filter(decision="", proposed_by__isnull=False, step__state="waiting")


def decide(
    *, withheld_id: UUID, reviewer: Account, decision: str, article: str = "", until: datetime | None = None
) -> WithheldRows:
    """The rows stay under this article (Art. 17(3)), for good or until then, or are changed after all.

    When nothing is undecided the step goes on. WrongState for rows that wait for no decision; `four_eyes` unless
    another proposed the change.
    """
    if decision not in WithheldRows.Decision.values or (decision == "keep") != (article in ARTICLES):
        raise Invalid("invalid_value", "Rows are kept under one of the articles, or changed.", status=422)
    with transaction.atomic():
        row, step = _locked(withheld_id)
        if decision == "change" and row.proposed_by_id in {None, reviewer.pk}:
            raise four_eyes.another()
        row.decision, row.article, row.until = decision, article, until if decision == "keep" else None
        row.decided_by, row.decided_at = reviewer, timezone.now()
        row.save()
        if decision == "keep":
            _keep(row, step)
        _record(row, step, reviewer)
        if not undecided(step):
            step.attempts, step.next_at = 0, None
            move_step(step, "queued", actor=actors.staff(reviewer.id))
            wake("erasure.tasks.run_step", str(step.id))
    return row


def propose_change(*, withheld_id: UUID, reviewer: Account) -> WithheldRows:
    """Somebody wants these rows changed after all; a second person decides. WrongState as `decide`, and where it was
    proposed already."""
    with transaction.atomic():
        row, step = _locked(withheld_id)
        if row.proposed_by_id is not None:
            raise WrongState("wrong_state", gettext_noop("A proposal is open already."))
        row.proposed_by = reviewer
        row.save(update_fields=["proposed_by"])
        _record(row, step, reviewer, "withheld.change_proposed")
    return row


def _locked(withheld_id: UUID) -> tuple[WithheldRows, Step]:
    found = WithheldRows.objects.filter(pk=withheld_id).values_list("step_id", flat=True).first()
    if found is None:
        raise Missing
    step = Step.objects.select_for_update(of=("self",)).select_related("request__subject").get(pk=found)
    row = WithheldRows.objects.select_for_update().get(pk=withheld_id)
    if step.state != "waiting" or not row.decidable or row.decision:
        raise WrongState("wrong_state", "Nothing is to be decided about these rows.")
    return row, step


def _keep(row: WithheldRows, step: Step) -> None:
    """The rows are known again by later erasures, and the request has a step that says they stay."""
    KeptRow.objects.bulk_create(
        KeptRow(withheld=row, digest=vault.keyed_digest(DIGEST, _text(row.collection, key))) for key in opened_keys(row)
    )
    if row.until is None:
        row.keys_sealed = None
        row.save(update_fields=["keys_sealed"])
    kept = Step(request=step.request, position=step.position, kind=Step.Kind.CONNECTOR, target=row.collection[:80])
    kept.state, kept.article, kept.until, kept.settled_at = "retained", row.article, row.until, timezone.now()
    kept.save()


def _text(collection: str, key: Locator) -> bytes:
    return json.dumps([collection, *key]).encode()


def kept_rows(collections: Sequence[str]) -> Kept | None:
    """Which rows of these collections stay by decision; None when none does."""
    standing = KeptRow.objects.filter(Q(withheld__until=None) | Q(withheld__until__gt=timezone.now()))
    digests: dict[str, set[bytes]] = defaultdict(set)
    for collection, digest in standing.filter(withheld__collection__in=collections).values_list(
        "withheld__collection", "digest"
    ):
        digests[collection].add(bytes(digest))
    if not digests:
        return None

    def kept(address: Address, key: Locator) -> bool:
        known = digests.get(str(address))
        return known is not None and any(
            each in known for each in vault.keyed_digests(DIGEST, _text(str(address), same_all(key)))
        )

    return kept


def kept_of(names: Sequence[str]) -> Kept | None:
    """Which rows in these connectors stay by decision."""
    rows = Connector.objects.filter(name__in=names)
    datasets = [dataset for row in rows for dataset in read_datasets(row.datasets)]
    return kept_rows([str(each.address) for dataset in datasets for each in dataset.collections])


def _record(row: WithheldRows, step: Step, reviewer: Account, action: str = "withheld.decided") -> None:
    details: dict[str, str | int | None] = {
        "request": str(step.request_id),
        "collection": row.collection,
        "rows": row.decidable,
        "decision": row.decision or None,
        "article": row.article or None,
    }
    actor, subject = actors.staff(reviewer.id), step.request.subject.pseudonym
    audit.record(action, actor=actor, subject=subject, details=details)
