"""Connectors as rows: registered with a sealed address and checked datasets, opened for one run."""

import hashlib
import json
import random
from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Literal

from django.db import transaction
from django.utils.translation import gettext as _

from audit import actors
from audit import services as audit
from erasure.connectors.dataset import Address, Dataset, load
from erasure.connectors.engine import BREAKER, Order, Source, running
from erasure.connectors.masking import Strategy
from erasure.connectors.prepared import Coordinator
from erasure.connectors.report import Kept, Report
from erasure.connectors.sql import Locator, normalised
from erasure.models import Connector, Step
from erasure.services.pieces import Keeping
from gdpr_portal import breakers
from gdpr_portal.errors import Flaw, Invalid, Missing, Unavailable
from subjects.models import Identifier, Subject
from subjects.services.reveal import opened_identifiers
from vault import services as vault

COMMAND = actors.system("command")
_dice = random.SystemRandom()


def url_place(connector: Connector) -> vault.Place:
    """Where the sealed address of a connector lies."""
    return vault.Place("erasure_connector", "url_sealed", str(connector.id))


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


def remove_connector(*, name: str, actor: str = COMMAND) -> None:
    """There is no connector of this name, and its address is gone."""
    with transaction.atomic():
        deleted, _models = Connector.objects.filter(name=name).delete()
        if not deleted:
            raise Missing("unknown_connector", f"There is no connector {name}.")
        audit.record("connector.removed", actor=actor, details={"connector": name})


def read_datasets(texts: Sequence[str]) -> list[Dataset]:
    """The datasets of several files; one key stands in one of them."""
    found = [dataset for text in texts for dataset in _loaded(text)]
    keys = [dataset.key for dataset in found]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        flaws = [Flaw(key, "duplicate", "This dataset stands in two files.") for key in twice]
        raise Invalid("invalid_dataset", "The datasets cannot be used.", status=422, errors=flaws)
    return found


@lru_cache(maxsize=128)
def _loaded(text: str) -> tuple[Dataset, ...]:
    return tuple(load(text))


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


def _digest(datasets: Sequence[str]) -> str:
    return f"sha256:{hashlib.sha256(chr(0).join(datasets).encode()).hexdigest()}"


def record_run(*, names: Sequence[str], order: Order, report: Report, actor: str = COMMAND) -> None:
    """The log says that a request ran through these connectors and how it ended; no value, no identity."""
    with transaction.atomic():
        for name in dict.fromkeys(names):
            audit.record(
                "connector.run",
                actor=actor,
                details={"connector": name, "right": order.right, "state": report.state, "dry_run": order.dry_run},
            )


def name_in_words(target: str) -> str:
    """A group of connectors as people read it ("crm and shop"); the names are the operator's."""
    names = [name.replace("-", " ").replace("_", " ") for name in target.removeprefix(CHECK_PREFIX).split("+")]
    return str(_(" and ")).join(names)


# --- as places of a rights request ------------------------------------------------------------------------------------
EVERYTHING = ("user",)
"""The category a rights request is about: everything about a person, in the taxonomy of the datasets."""

CHECK_PREFIX = "connector:"
"""What stands before the target of the step that looks at a group again; no connector's name has a colon."""

NOT_NULL = Strategy("random_string_rewrite")
"""What stands in a text that may not be NULL after an erasure; random, so that unique columns take it."""


def groups() -> list[list[str]]:
    """The registered connectors, those together whose datasets refer to each other: one graph, one change."""
    datasets = {row.name: read_datasets(row.datasets) for row in Connector.objects.order_by("name")}
    holder = {dataset.key: name for name, found in datasets.items() for dataset in found}
    group = {name: {name} for name in datasets}
    for name, found in datasets.items():
        for other in {holder[key] for key in _referred(found) if key in holder} - group[name]:
            joined = group[name] | group[other]
            group |= dict.fromkeys(joined, joined)
    return sorted({tuple(sorted(names)): sorted(names) for names in group.values()}.values())


def _referred(datasets: Sequence[Dataset]) -> set[str]:
    leaves = (leaf for dataset in datasets for each in dataset.collections for leaf in each.leaves())
    return {reference.to.dataset for leaf in leaves for reference in leaf.references}


def target_of(names: Sequence[str]) -> str:
    """What a step names a group by: all names, or the first where they are too long."""
    joined = "+".join(names)
    return joined if len(joined) <= 80 - len(CHECK_PREFIX) else names[0]


def identities_of(subject: Subject) -> dict[str, frozenset[str]]:
    """What the person is recognised by, opened: `email`, `phone_number` (also as `phone`), and each application's own
    number as `<application>_customer_id`, since two applications may number their customers alike."""
    found: dict[str, set[str]] = defaultdict(set)
    rows = Identifier.objects.filter(subject=subject).select_related("application")
    for row, value in opened_identifiers(subject.pk, rows):
        for kind in _kinds(row):
            found[kind].add(value)
    return {kind: frozenset(values) for kind, values in found.items()}


def _kinds(row: Identifier) -> tuple[str, ...]:
    if row.application is not None:
        return (f"{row.application.slug}_{row.kind}",)
    return ("phone_number", "phone") if row.kind == Identifier.Kind.PHONE else (row.kind,)


def identities_place(step_id: object) -> vault.Place:
    """Where the identities for a connector's step lie, sealed by the service's own key, until it is settled."""
    return vault.Place("erasure_step", "identities_sealed", str(step_id))


def seal_identities(step: Step) -> None:
    """The step knows whom to look for after the identity rows are gone; to be saved by the caller."""
    found = {kind: sorted(values) for kind, values in identities_of(step.request.subject).items()}
    step.identities_sealed = vault.seal_secret(identities_place(step.id), json.dumps(found).encode())


def members(step: Step) -> list[str]:
    """The connectors of the groups a step names, as they are registered now; its target when none is any more."""
    target = step.target.removeprefix(CHECK_PREFIX)
    named = set(target.split("+"))
    return sorted(name for group in groups() if named & set(group) for name in group) or [target]


def breaker_seconds(step: Step) -> float:
    """How long the step waits for the breakers of its group's databases: a second at least, a fifth more by lot."""
    left = max(breakers.left_seconds(BREAKER, name) for name in members(step))
    return max(left, 1.0) * _dice.uniform(1.0, 1.0 + breakers.JITTER)


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


def look_again(step: Step, kept: Kept | None) -> dict[str, int]:
    """How many rows the person is still found in that an erasure would change, by collection; empty when none is.

    `step` is the connector's own, which still knows whom to look for.
    """
    order = Order(right="erasure", identities=opened_identities(step), categories=EVERYTHING, looks=True, kept=kept)
    with running(sources(members(step)), order) as run:
        report = run.report
    raise_failed(report)
    return {str(address): change.rows for address, change in report.changes.items()}


def opened_identities(step: Step) -> dict[str, frozenset[str]]:
    if step.identities_sealed is None:
        return {}
    found = json.loads(vault.open_secret(identities_place(step.id), bytes(step.identities_sealed)))
    return {kind: frozenset(values) for kind, values in found.items()}


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
