"""Connectors as rows: a sealed address and checked datasets each. What opens them is `connector_runs`."""

import json
from collections import defaultdict
from collections.abc import Sequence
from functools import lru_cache

from django.db import transaction
from django.utils.translation import gettext as _

from audit import actors
from audit import services as audit
from erasure.connectors.dataset import Dataset, load
from erasure.models import Connector, Step
from gdpr_portal.errors import Flaw, Invalid, Missing
from subjects.models import Identifier, Subject
from subjects.services.reveal import opened_identifiers
from vault import services as vault

COMMAND = actors.system("command")


def url_place(connector: Connector) -> vault.Place:
    """Where the sealed address of a connector lies."""
    return vault.Place("erasure_connector", "url_sealed", str(connector.id))


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


def name_in_words(target: str) -> str:
    """A group of connectors as people read it ("crm and shop"); the names are the operator's."""
    names = [name.replace("-", " ").replace("_", " ") for name in target.removeprefix(CHECK_PREFIX).split("+")]
    return str(_(" and ")).join(names)


# --- as places of a rights request ------------------------------------------------------------------------------------
EVERYTHING = ("user",)
"""The category a rights request is about: everything about a person, in the taxonomy of the datasets."""

CHECK_PREFIX = "connector:"
"""What stands before the target of the step that looks at a group again; no connector's name has a colon."""


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
    number as `<application>_customer_id`, since two applications may number their customers alike. Nothing that nobody
    vouches for: the rows it finds may be another person's."""
    found: dict[str, set[str]] = defaultdict(set)
    rows = Identifier.objects.filter(subject=subject, is_vouched=True).select_related("application")
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


def opened_identities(step: Step) -> dict[str, frozenset[str]]:
    if step.identities_sealed is None:
        return {}
    found = json.loads(vault.open_secret(identities_place(step.id), bytes(step.identities_sealed)))
    return {kind: frozenset(values) for kind, values in found.items()}
