"""What opens other people's databases: connectors registered, a person erased, looked for, copied, rows read.

Workers and the command import this; a web process does not, as it loads SQLAlchemy (22 MiB). Only a
reviewer who opens withheld rows has it loaded there (erasure.services.withheld_reveal).
"""

import hashlib
import random
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from django.db import transaction

from audit import services as audit
from erasure.connectors.dataset import Address
from erasure.connectors.engine import BREAKER, Order, Source, running
from erasure.connectors.masking import Strategy
from erasure.connectors.prepared import Coordinator
from erasure.connectors.report import Kept, Report
from erasure.connectors.sql import normalised
from erasure.connectors.values import Locator
from erasure.models import Connector, Step, WithheldRows
from erasure.services import removed, withheld
from erasure.services.connector_steps import CAME_BACK, RowsCameBack, erasing_of
from erasure.services.connectors import (
    COMMAND,
    EVERYTHING,
    identities_of,
    members,
    opened_identities,
    read_datasets,
    url_place,
)
from erasure.services.pieces import Keeping
from gdpr_portal import breakers
from gdpr_portal.errors import Missing, Unavailable
from gdpr_portal.failpoints import failpoint
from vault import services as vault

_dice = random.SystemRandom()

NOT_NULL = Strategy("random_string_rewrite")
"""What stands in a text that may not be NULL after an erasure; random, so that unique columns take it."""


# --- registered -------------------------------------------------------------------------------------------------------
def add_connector(*, name: str, url: str, datasets: Sequence[str], actor: str = COMMAND) -> Connector:
    """The connector stands under this name, in the place of an earlier one.

    Invalid("invalid_dataset") with every flaw and its place, Invalid("invalid_url") for an address nobody serves.
    """
    address = normalised(url).render_as_string(hide_password=False)
    loaded = read_datasets(datasets)
    with transaction.atomic():
        connector = Connector.objects.select_for_update().filter(name=name).first() or Connector(name=name)
        connector.url_sealed = vault.seal_secret(url_place(connector), address.encode())
        connector.datasets = list(datasets)
        connector.full_clean()
        connector.save()
        details: dict[str, str | int] = {
            "connector": name,
            "digest": _digest(datasets),
            "count": sum(len(each.collections) for each in loaded),
        }
        audit.record("connector.added", actor=actor, details=details)
    return connector


def _digest(datasets: Sequence[str]) -> str:
    return f"sha256:{hashlib.sha256(chr(0).join(datasets).encode()).hexdigest()}"


def sources(names: Sequence[str]) -> list[Source]:
    """The connectors of these names, opened for one run; Missing when one is not registered."""
    known = {connector.name: connector for connector in Connector.objects.filter(name__in=names)}
    found = []
    for name in dict.fromkeys(names):
        if name not in known:
            raise Missing("unknown_connector", f"There is no connector {name}.")
        url = vault.open_secret(url_place(known[name]), bytes(known[name].url_sealed)).decode()
        found.append(Source(name, url, tuple(read_datasets(known[name].datasets))))
    return found


def record_run(*, names: Sequence[str], order: Order, report: Report, actor: str = COMMAND) -> None:
    """The log says that a request ran through these connectors and how it ended; no value, no identity."""
    with transaction.atomic():
        for name in dict.fromkeys(names):
            audit.record(
                "connector.run",
                actor=actor,
                details={"connector": name, "right": order.right, "state": report.state, "dry_run": order.dry_run},
            )


# --- the steps of a rights request ------------------------------------------------------------------------------------
def erase(step: Step) -> Report:
    """What the step is about is done over there: the erasure, or after it what a reviewer decided."""
    removed.require_registered(step)
    decided = withheld.decided_rows(step)
    if decided:
        report = _carry_out(step, decided)
    else:
        names = members(step)
        report = erase_in_connectors(step, withheld.Remembering(step), withheld.kept_of(names))
    failpoint("erasure.connector.committed")
    return report


def _carry_out(step: Step, rows: Sequence[WithheldRows]) -> Report:
    """What was decided to be changed is changed, over there; what stays is left."""
    wanted = [row for row in rows if row.decision == "change" and row.changed_at is None]
    keys = {withheld.address_of(row): withheld.opened_keys(row) for row in wanted}
    return change_rows(step, keys, withheld.Remembering(step)) if keys else Report()


def look_again(step: Step) -> dict[str, int]:
    """What of the person is found again, by collection. Tried again after a reviewer saw it: erased first, then looked.

    Raises RowsCameBack while something is found.
    """
    removed.require_registered(step)
    erasing = erasing_of(step)
    kept = withheld.kept_of(members(step))
    if step.last_error.startswith(CAME_BACK):
        erase_again(erasing, kept)
    found = still_found(erasing, kept)
    if found:
        first = min(found)
        raise RowsCameBack(CAME_BACK, f"{CAME_BACK} {sum(found.values())} {first}"[:80])
    return found


# --- runs -------------------------------------------------------------------------------------------------------------
def erase_in_connectors(step: Step, coordinator: Coordinator, kept: Kept | None) -> Report:
    """The person is erased from the group of connectors the step names; the report says what was changed and left.

    No transaction of ours is open. Whoever is gone already counts as erased. Unavailable with the reason on failure.
    """
    order = Order(
        right="erasure", identities=opened_identities(step), categories=EVERYTHING, fallback=NOT_NULL, kept=kept
    )
    with running(sources(members(step)), order, coordinator) as run:
        report = run.report
    raise_failed(report)
    return report


def erase_again(step: Step, kept: Kept | None) -> None:
    """What came back after an erasure is erased as it was the first time."""
    order = Order(
        right="erasure", identities=opened_identities(step), categories=EVERYTHING, fallback=NOT_NULL, kept=kept
    )
    with running(sources(members(step)), order) as run:
        report = run.report
    raise_failed(report)


def change_rows(step: Step, keys: Mapping[Address, Sequence[Locator]], coordinator: Coordinator) -> Report:
    """Just the rows of these keys are masked, whoever else they belong to; those that are gone count as changed."""
    order = _only(step, "erasure", keys)
    with running(sources(members(step)), order, coordinator) as run:
        report = run.report
    raise_failed(report)
    return report


def read_rows(step: Step, keys: Mapping[Address, Sequence[Locator]]) -> list[dict[str, Any]]:
    """What stands in the rows of these keys, for whoever has a reason to see it."""
    with running(sources(members(step)), _only(step, "access", keys)) as run:
        rows = [row for _address, row in run.rows]
        report = run.report
    raise_failed(report)
    return rows


def _only(step: Step, right: Literal["access", "erasure"], keys: Mapping[Address, Sequence[Locator]]) -> Order:
    known = read_datasets([text for row in Connector.objects.filter(name__in=members(step)) for text in row.datasets])
    leaves = (leaf for dataset in known for each in dataset.collections for leaf in each.leaves())
    kinds = {leaf.identity for leaf in leaves if leaf.identity}
    return Order(
        right=right,
        identities={kind: frozenset() for kind in kinds},
        categories=EVERYTHING,
        fallback=NOT_NULL,
        only=keys,
    )


def still_found(step: Step, kept: Kept | None) -> dict[str, int]:
    """How many rows the person is still found in that an erasure would change, by collection; empty when none is.

    `step` is the connector's own, which still knows whom to look for.
    """
    order = Order(right="erasure", identities=opened_identities(step), categories=EVERYTHING, looks=True, kept=kept)
    with running(sources(members(step)), order) as run:
        report = run.report
    raise_failed(report)
    return {str(address): change.rows for address, change in report.changes.items()}


def copy_of(step: Step) -> dict[str, Any]:
    """What the step's group of connectors holds about the person, by `dataset:collection`, for their archive; of very
    much, where it lies sealed already (erasure.services.pieces).

    No transaction of ours is open. Unavailable with the reason when one cannot be asked.
    """
    names = members(step)
    order = Order(right="access", identities=identities_of(step.request.subject), categories=EVERYTHING)
    kept = Keeping(step)
    with running(sources(names), order) as run:
        for address, row in run.rows:
            kept.take(str(address), row)
        report = run.report
    raise_failed(report)
    tables = kept.words()
    withheld: Mapping[str, Any] = {"withheld": report.members()["withheld"]} if report.withheld else {}
    return {**tables, **withheld} if tables else {}


def raise_failed(report: Report) -> None:
    """Unavailable with the first reason, when the run failed."""
    if report.state == "failed":
        first = report.errors[0]
        raise Unavailable(first.code, f"{first.code} {first.collection}")


def breaker_seconds(step: Step) -> float:
    """How long the step waits for the breakers of its group's databases: a second at least, a fifth more by lot."""
    left = max(breakers.left_seconds(BREAKER, name) for name in members(step))
    return max(left, 1.0) * _dice.uniform(1.0, 1.0 + breakers.JITTER)
