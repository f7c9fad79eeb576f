"""Connectors as rows: registered with a sealed address and checked datasets, opened for one run."""

import hashlib
from collections.abc import Sequence

from django.db import transaction

from audit import actors
from audit import services as audit
from erasure.connectors.dataset import Dataset, load
from erasure.connectors.engine import Order, Source
from erasure.connectors.report import Report
from erasure.connectors.sql import normalised
from erasure.models import Connector
from gdpr_portal.errors import Flaw, Invalid, Missing
from vault import services as vault

COMMAND = actors.system("command")


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
        details = {"connector": name, "digest": _digest(datasets), "count": sum(len(each.collections) for each in loaded)}
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
    found = [dataset for text in texts for dataset in load(text)]
    keys = [dataset.key for dataset in found]
    twice = sorted({key for key in keys if keys.count(key) > 1})
    if twice:
        flaws = [Flaw(key, "duplicate", "This dataset stands in two files.") for key in twice]
        raise Invalid("invalid_dataset", "The datasets cannot be used.", status=422, errors=flaws)
    return found


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
