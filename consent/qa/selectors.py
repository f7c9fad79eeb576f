"""What the QA desk asks the catalogue and the log: a constant number of statements, however many people there are."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.models import Account, Application
from consent.models import Component, DataContract, Notice, Purpose
from consent.models.governance import ReviewState
from consent.qa import matrix
from consent.qa.counting import reads_since
from consent.qa.matrix import Cell, Key, Reads, World

WINDOWS = (7, 30, 90)
MATRIX_DAYS = 90
ACTORS = {
    "subject": _("the person"),
    "parent": _("somebody with parental responsibility"),
    "representative": _("somebody with a mandate"),
    "account": _("somebody signed in"),
    "system": _("this service"),
}
"""Kind of an actor of the log -> who that is (audit.actors)."""


@dataclass(frozen=True, slots=True)
class Usage:
    """One live contract: what it declares, and how often each field was read in each window of days."""

    contract: DataContract
    reads: dict[str, dict[int, int]]

    @property
    def never_read(self) -> list[str]:
        """Declared and not read once in the longest window."""
        return [field for field, windows in self.reads.items() if not windows[max(WINDOWS)]]

    @property
    def rows(self) -> list[tuple[str, list[tuple[int, int]]]]:
        """Each field with the days of a window and the reads in it, the longest window last."""
        return [(field, [(days, windows[days]) for days in WINDOWS]) for field, windows in self.reads.items()]

    @property
    def days_in_force(self) -> int:
        since = self.contract.published_at
        return (timezone.now() - since).days if since else 0


def world(days: int = MATRIX_DAYS) -> World:
    """The catalogue as it stands, and the reads of the last days."""
    now = timezone.now()
    worded = set(Notice.objects.filter(state=ReviewState.LIVE).values_list("purpose__slug", flat=True))
    purposes = Purpose.objects.values_list("slug", "state", "fields")
    return World(
        at=now,
        applications=tuple(Application.objects.order_by("slug").values_list("slug", flat=True)),
        purposes={slug: matrix.Purpose(state, frozenset(fields), slug in worded) for slug, state, fields in purposes},
        components=dict(Component.objects.values_list("slug", "state")),
        contracts={
            (each.application.slug, each.purpose.slug): matrix.Contract(
                frozenset(each.fields), each.published_at, each.expires_at
            )
            for each in _live()
        },
        reads=reads_since(now - timedelta(days=days)),
    )


def cells(*, application: str = "", purpose: str = "", state: str = "") -> list[Cell]:
    """The matrix, or the part of it asked for."""
    found: Iterable[Cell] = matrix.matrix(world())
    return [
        each
        for each in found
        if application in ("", each.key.application) and purpose in ("", each.key.purpose) and state in ("", each.state)
    ]


def usage() -> list[Usage]:
    """Every live contract with the reads of its fields, by application and purpose."""
    now = timezone.now()
    counted = {days: reads_since(now - timedelta(days=days)) for days in WINDOWS}
    return [_usage(contract, counted) for contract in _live()]


def usage_of(contract: DataContract) -> Usage:
    """The one live contract's."""
    now = timezone.now()
    return _usage(contract, {days: reads_since(now - timedelta(days=days)) for days in WINDOWS})


def _usage(contract: DataContract, counted: dict[int, dict[Key, Reads]]) -> Usage:
    keys = {field: Key(contract.application.slug, contract.purpose.slug, field) for field in contract.fields}
    nothing = Reads(0)
    return Usage(
        contract,
        {field: {days: counted[days].get(key, nothing).count for days in WINDOWS} for field, key in keys.items()},
    )


def _live() -> list[DataContract]:
    live = DataContract.objects.filter(state=ReviewState.LIVE).select_related("application", "purpose")
    return list(live.order_by("application__slug", "purpose__slug"))


def actors_in_words(actors: Collection[str]) -> dict[str, str]:
    """Who acted, as people know them: the person, an application or a colleague by name, or this service."""
    told = {actor: actor.partition(":")[::2] for actor in actors}
    staff = Account.objects.in_bulk([UUID(reference) for kind, reference in told.values() if kind == "staff"])
    slugs = [reference for kind, reference in told.values() if kind == "application"]
    names = dict(Application.objects.filter(slug__in=slugs).values_list("slug", "name"))
    found: dict[str, str] = {}
    for actor, (kind, reference) in told.items():
        if kind == "staff" and UUID(reference) in staff:
            found[actor] = str(staff[UUID(reference)])
        elif kind == "application":
            found[actor] = names.get(reference, reference)
        elif kind in ACTORS:
            found[actor] = str(ACTORS[kind])
    return found
