"""The access matrix: application x purpose x field, what holds for each and why. Pure.

* allowed: a live contract that has not ended names the field, the purpose is live and needs it, the component stands.
* withheld: nobody promised the field to this application for this purpose; every read of it is refused.
* violation: the field was read although no contract covered it, or a live contract names what is not live.
* gap: it cannot be said, because the catalogue is incomplete.

A violation outweighs a gap: what is known to be wrong is not made better by what is not known.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

ALLOWED, WITHHELD, VIOLATION, GAP = "allowed", "withheld", "violation", "gap"
STATES = (VIOLATION, GAP, ALLOWED, WITHHELD)
"""In the order of what needs somebody."""


class Key(NamedTuple):
    """One cell."""

    application: str
    purpose: str
    field: str


@dataclass(frozen=True, slots=True)
class Purpose:
    """A purpose: its state, the fields it needs, and whether its wording is live."""

    state: str
    fields: frozenset[str]
    has_live_notice: bool = True


@dataclass(frozen=True, slots=True)
class Contract:
    """A live data contract."""

    fields: frozenset[str]
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Reads:
    """What the log counted in the window."""

    count: int
    uncovered: int = 0
    last_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class World:
    """Everything the matrix rests on. `components` is slug to state; `contracts` by application and purpose."""

    at: datetime
    applications: tuple[str, ...]
    purposes: Mapping[str, Purpose]
    components: Mapping[str, str]
    contracts: Mapping[tuple[str, str], Contract]
    reads: Mapping[Key, Reads] = field(default_factory=dict)


class Reason(NamedTuple):
    """Why, as a code (see `wording.REASONS`) and what it is about."""

    code: str
    about: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One field of one purpose for one application."""

    key: Key
    state: str
    reasons: tuple[Reason, ...]
    reads: Reads | None = None


_STANDS = frozenset({"approved", "scheduled", "live"})


def matrix(world: World) -> list[Cell]:
    """Every cell, by purpose, field and application. A field is in it once a purpose, contract or read names it."""
    keys = sorted(_keys(world), key=lambda key: (key.purpose, key.field, key.application))
    return [cell(world, key) for key in keys]


def cell(world: World, key: Key) -> Cell:
    """What holds for one field, and every reason for it."""
    reads = world.reads.get(key)
    for state, reasons_of in ((VIOLATION, _violations), (GAP, _gaps), (WITHHELD, _withholdings)):
        if reasons := tuple(reasons_of(world, key)):
            return Cell(key, state, reasons, reads)
    until = world.contracts[key.application, key.purpose].until
    return Cell(key, ALLOWED, (Reason("in_contract", until.date().isoformat() if until else ""),), reads)


def counts(cells: Iterable[Cell]) -> dict[str, int]:
    """How many cells of each state."""
    found = dict.fromkeys(STATES, 0)
    for each in cells:
        found[each.state] += 1
    return found


def _keys(world: World) -> set[Key]:
    fields = {(slug, name) for slug, purpose in world.purposes.items() for name in purpose.fields}
    everywhere = {Key(application, *pair) for pair in fields for application in world.applications}
    named = {Key(*pair, name) for pair, contract in world.contracts.items() for name in contract.fields}
    return everywhere | named | set(world.reads)


def _violations(world: World, key: Key) -> Iterator[Reason]:
    reads = world.reads.get(key)
    if reads and reads.uncovered:
        yield Reason("read_uncovered", str(reads.uncovered))
    if not _named(world, key):
        return
    purpose = world.purposes.get(key.purpose)
    if purpose is not None and purpose.state != "live":
        yield Reason("purpose_not_live", purpose.state)
    if purpose is not None and key.field not in purpose.fields:
        yield Reason("not_of_purpose")
    component = world.components.get(key.field)
    if component is not None and component not in _STANDS:
        yield Reason("component_not_live", component)


def _gaps(world: World, key: Key) -> Iterator[Reason]:
    purpose = world.purposes.get(key.purpose)
    if purpose is None:
        yield Reason("purpose_unknown")
    elif purpose.state == "live" and not purpose.has_live_notice:
        yield Reason("no_live_notice")
    if key.field not in world.components:
        yield Reason("component_unknown")
    if key.application not in world.applications:
        yield Reason("application_unknown")


def _withholdings(world: World, key: Key) -> Iterator[Reason]:
    contract = world.contracts.get((key.application, key.purpose))
    if world.purposes[key.purpose].state != "live":
        yield Reason("purpose_not_live", world.purposes[key.purpose].state)
    if contract is None:
        yield Reason("no_contract")
    elif contract.until is not None and contract.until <= world.at:
        yield Reason("contract_ended", contract.until.date().isoformat())
    elif key.field not in contract.fields:
        yield Reason("not_in_contract")


def _named(world: World, key: Key) -> bool:
    contract = world.contracts.get((key.application, key.purpose))
    return contract is not None and key.field in contract.fields
