"""`manage.py connector add|remove|list|run` (docs/connectors.md)."""

import json
import logging
import sys
from argparse import ArgumentParser
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from django.core.exceptions import ValidationError
from django.core.management.base import BaseCommand, CommandError

from erasure.connectors.check import against_database
from erasure.connectors.dataset import Address
from erasure.connectors.engine import Order, Run, Source, running
from erasure.connectors.masking import MaskingInvalid, Strategy
from erasure.connectors.members import unknown_members
from erasure.connectors.sql import normalised
from erasure.models import Connector
from erasure.services.connector_runs import add_connector, record_run, sources
from erasure.services.connectors import read_datasets, remove_connector
from erasure.services.withheld import kept_of
from gdpr_portal.errors import DomainError

Rows = Iterator[tuple[Address, dict[str, Any]]]


class Command(BaseCommand):
    help = "SQL databases of others in which rights requests are carried out."

    def add_arguments(self, parser: ArgumentParser) -> None:
        acts = parser.add_subparsers(dest="act", required=True)
        add = acts.add_parser("add", help="register a connector, or put another in its place")
        add.add_argument("name")
        add.add_argument("--url", required=True, metavar="SQLALCHEMY_URL")
        add.add_argument("--dataset", required=True, nargs="+", action="extend", type=Path, metavar="FILE.yml")
        acts.add_parser("remove", help="forget a connector and its address").add_argument("name")
        acts.add_parser("list", help="the connectors, without passwords")
        run = acts.add_parser("run", help="one request through the engine")
        run.add_argument("names", nargs="+", metavar="NAME")
        run.add_argument("--right", required=True, choices=["access", "erasure"])
        run.add_argument("--identity", required=True, action="append", metavar="KIND=VALUE")
        run.add_argument("--category", required=True, action="append", metavar="CATEGORY")
        run.add_argument("--masking", default="null_rewrite", metavar="STRATEGY[:ARGUMENT]")
        run.add_argument("--dry-run", action="store_true", help="say what would change, and change nothing")
        run.add_argument("--show-sql", action="store_true", help="the statements, on standard error, without values")
        run.add_argument("--json", action="store_true", help="the outcome as JSON, alone on standard output")

    def handle(self, *args: Any, act: str, **options: Any) -> None:
        try:
            getattr(self, f"_{act}")(**options)
        except DomainError as error:
            lines = [f"  {flaw.pointer}: {flaw.detail} ({flaw.code})" for flaw in error.errors]
            raise CommandError("\n".join([error.message, *lines])) from None

    def _add(self, *, name: str, url: str, dataset: Sequence[Path], **options: Any) -> None:
        texts = [_text(path) for path in dataset]
        try:
            connector = add_connector(name=name, url=url, datasets=texts)
        except ValidationError as error:
            raise CommandError(" ".join(error.messages)) from None
        strangers = [each for text in texts for each in unknown_members(text)]
        for warning in [*strangers, *against_database(name, normalised(url), read_datasets(texts))]:
            self.stderr.write(f"warning: {warning.collection}: {warning.detail} ({warning.code})")
        self.stdout.write(f"{connector.name} is registered.")

    def _remove(self, *, name: str, **options: Any) -> None:
        remove_connector(name=name)
        self.stdout.write(f"{name} is removed.")

    def _list(self, **options: Any) -> None:
        for name in Connector.objects.order_by("name").values_list("name", flat=True):
            (source,) = sources([name])
            keys = " ".join(each.key for each in source.datasets)
            self.stdout.write(f"{name} {normalised(source.url).render_as_string(hide_password=True)} {keys}")

    def _run(self, *, names: Sequence[str], show_sql: bool, **options: Any) -> None:
        order = replace(_order(options), show=show_sql, kept=kept_of(names))
        _log_to_stderr()
        found = sources(names)
        _require_known(order, found)
        with running(found, order) as run:
            if show_sql:
                for statement in run.shown:
                    self.stderr.write(f"{statement};")
            for address in run.unreached:
                self.stderr.write(f"note: {address} is not reached from these identities")
            for address in run.outside:
                self.stderr.write(f"note: {address} is referred to, and no named connector holds it")
            if options["json"]:
                _print_json(run, partial(self.stdout.write, ending=""))
            else:
                self._tell(run)
        record_run(names=names, order=order, report=run.report)
        if run.report.state == "failed":
            sys.exit(1)

    def _tell(self, run: Run) -> None:
        counts: dict[str, int] = defaultdict(int)
        for address, _row in run.rows:
            counts[str(address)] += 1
        for name, count in sorted(counts.items()):
            self.stdout.write(f"{name}: {count} rows (--json hands them out)")
        members = run.report.members()
        for name, change in members["changes"].items():
            self.stdout.write(f"{name}: {change['rows']} rows, {', '.join(change['columns'])}")
        for each in members["withheld"]:
            self.stdout.write(f"{each['collection']}: {each['rows']} rows withheld, {each['reason']}")
        for each in members["errors"]:
            self.stderr.write(f"{each['collection']}: {each['detail']} ({each['code']})")
        self.stdout.write(f"{members['state']}, {members['statements']} statements")


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise CommandError(f"{path} cannot be read.") from None


def _order(options: dict[str, Any]) -> Order:
    identities: dict[str, set[str]] = defaultdict(set)
    for at, pair in enumerate(options["identity"]):
        kind, equals, value = pair.partition("=")
        if not (equals and kind and value.strip()):
            raise CommandError(f"--identity is KIND=VALUE (number {at + 1}).")
        identities[kind].add(value.strip())
    try:
        masking = Strategy.from_text(options["masking"])
    except MaskingInvalid as error:
        raise CommandError(f"--masking: {error}") from None
    return Order(
        right=options["right"],
        identities={kind: frozenset(values) for kind, values in identities.items()},
        categories=tuple(options["category"]),
        masking=masking,
        dry_run=options["dry_run"],
    )


def _require_known(order: Order, found: Sequence[Source]) -> None:
    """No kind is misspelt: each is one of the datasets', where they have any (alone, a second database has none)."""
    leaves = (leaf for source in found for each in source.datasets for one in each.collections for leaf in one.leaves())
    known = {leaf.identity for leaf in leaves if leaf.identity}
    unknown = order.identities.keys() - known
    if known and unknown:
        raise CommandError(f"--identity knows {', '.join(sorted(known))} here, not {', '.join(sorted(unknown))}.")


def _log_to_stderr() -> None:
    """Standard output is the outcome's alone."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, logging.StreamHandler) and handler.stream is sys.stdout:
            handler.setStream(sys.stderr)


def _print_json(run: Run, write: Callable[[str], object]) -> None:
    """The outcome, written as it is read: the rows first, what became of them last."""
    write('{"rows": {')
    current: Address | None = None
    for address, row in run.rows:
        if address != current:
            write(("" if current is None else "], ") + f"{json.dumps(str(address))}: [")
        else:
            write(", ")
        current = address
        write(json.dumps(row, ensure_ascii=False))
    write(("" if current is None else "]") + "}, ")
    write(json.dumps(run.report.members(), ensure_ascii=False)[1:] + "\n")
