"""People brought in from a file (docs/import.md): good lines come in, bad ones are named, repeating it changes nothing.

Lines are taken in batches. People whom nobody knows are written together in one transaction. Everybody else, and a
batch that lost a race with the API, is taken line by line through the ordinary services, a transaction each.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import IO, Any, Final
from uuid import UUID

from django.db import IntegrityError, OperationalError, transaction
from psycopg.errors import DeadlockDetected

from access.models import Application
from audit import actors
from audit import services as audit
from gdpr_portal.errors import DomainError, Flaw, Invalid, Refused, Unavailable, step
from subjects import cells, hooks, selectors
from subjects.import_lines import BadLine, Line, bad_line, raw_lines, shaped
from subjects.models import Identifier, Subject, ValuePurpose
from subjects.services.given import checked_identifiers, checked_profile
from subjects.services.newcomers import SOURCE, Ready, Run, WithoutGroundError, write_newcomers
from subjects.services.people import register_subject
from subjects.services.standing_people import unchanged
from subjects.services.values import read_values
from vault import services as vault

LINES_A_BATCH: Final = 500
BYTES_A_BATCH: Final = 16 * 1024 * 1024
Raw = tuple[int, bytes]


@dataclass(slots=True)
class Outcome:
    """What became of some lines: people new here, people known already, lines that did not come in."""

    imported: int = 0
    known: int = 0
    bad: list[BadLine] = field(default_factory=list)
    size: int = 0
    """Bytes of the lines, to tell how far the file is read."""


def import_people(run: Run, stream: IO[bytes], *, lines_a_batch: int = LINES_A_BATCH) -> Iterator[Outcome]:
    """Every line of the stream is in the database or named as bad; gives what became of each batch as it is committed.

    Raises Unavailable when personal data cannot be written (the vault is sealed): what was given so far stands.
    """
    for batch in _batches(raw_lines(stream), lines_a_batch):
        yield import_batch(run, batch)


def _batches(lines: Iterator[Raw], most: int) -> Iterator[list[Raw]]:
    batch: list[Raw] = []
    size = 0
    for number, body in lines:
        batch.append((number, body))
        size += len(body)
        if len(batch) >= most or size >= BYTES_A_BATCH:
            yield batch
            batch, size = [], 0
    if batch:
        yield batch


def import_batch(run: Run, lines: Sequence[Raw]) -> Outcome:
    """These lines are in the database or named as bad. Idempotent."""
    outcome = Outcome(size=sum(len(body) + 1 for _, body in lines))
    ready = [judged for line in lines if (judged := _judged(run.application, line, outcome)) is not None]
    sorted_out = _divided(run.application, ready)
    outcome.imported, left = _write_new(run, sorted_out.new)
    same = unchanged(run.application, sorted_out.known)
    outcome.known = len(same)
    changed = [line for line, _ in sorted_out.known if line.line.number not in same]
    waiting = [*left, *changed, *sorted_out.unclear]
    for line in sorted(waiting, key=lambda each: each.line.number):
        _one(run, line, outcome)
    outcome.bad.sort(key=lambda bad: bad.number)
    return outcome


# --- judging a line by itself ---------------------------------------------------------------------------------------
def _judged(application: Application, raw: Raw, outcome: Outcome) -> Ready | None:
    number, body = raw
    try:
        return judge(application, shaped(number, body))
    except Unavailable:
        raise
    except DomainError as error:
        outcome.bad.append(bad_line(number, error))
    return None


def judge(application: Application, line: Line) -> Ready:
    """The line, normalised; raises the DomainError that `POST /subjects`, `PUT data` or `POST consents` would."""
    identifiers = checked_identifiers(line.identifiers)
    profile = checked_profile(line.language, line.country, line.birth_date)
    values = {purpose: _values(application, purpose, given) for purpose, given in line.data.items()}
    _refuse_contradictions(values)
    return Ready(line, identifiers, profile, values, _consents(application, line))


def _values(application: Application, purpose: str, given: dict[str, Any]) -> Mapping[str, str]:
    with _placed(f"/data{step(purpose)}"):
        return hooks.check_values(application, purpose, given)


@contextmanager
def _placed(place: str) -> Iterator[None]:
    """What is refused inside is said to be at this place of the line; `/values` of other doors is here the place."""
    try:
        yield
    except DomainError as error:
        flaws = [Flaw(place + flaw.pointer.removeprefix("/values"), flaw.code, flaw.detail) for flaw in error.errors]
        error.errors = tuple(flaws or [Flaw(place, error.code, error.message)])
        raise


def _refuse_contradictions(values: Mapping[str, Mapping[str, str]]) -> None:
    """A field is held once for a person: two purposes of one line cannot give it two values."""
    seen: dict[str, str] = {}
    for purpose, fields in values.items():
        for name, value in fields.items():
            if seen.setdefault(name, value) != value:
                flaw = Flaw(f"/data{step(purpose)}{step(name)}", "invalid_value", "It has two values in one line.")
                raise Invalid("invalid_value", flaw.detail, status=422, errors=[flaw])


def _consents(application: Application, line: Line) -> Sequence[Mapping[str, Any]]:
    try:
        return hooks.check_consents(application, line.consents, frozenset(line.data))
    except DomainError as error:
        error.errors = (Flaw(_place_of_consent(application, line.consents), error.code, error.message),)
        raise


def _place_of_consent(application: Application, consents: list[Any]) -> str:
    """Which of the consents was refused; the list itself when one is lacking."""
    for position, consent in enumerate(consents):
        try:
            hooks.check_consents(application, [consent], frozenset())
        except DomainError:
            return f"/consents/{position}"
    return "/consents"


# --- who is known ---------------------------------------------------------------------------------------------------
@dataclass(slots=True)
class _Divided:
    """Lines of new people; lines of one known person in every identifier; lines only an ordinary call can settle."""

    new: list[Ready] = field(default_factory=list)
    known: list[tuple[Ready, UUID]] = field(default_factory=list)
    unclear: list[Ready] = field(default_factory=list)

    def add(self, line: Ready, named: set[UUID | None], *, again: bool) -> None:
        """The line is where it belongs; `named` are the owners of its identifiers, None for nobody."""
        owner = next(iter(named))
        if again or len(named) > 1:
            self.unclear.append(line)
        elif owner is None:
            self.new.append(line)
        else:
            self.known.append((line, owner))


def _divided(application: Application, lines: Sequence[Ready]) -> _Divided:
    """By one statement for all of them. A line that shares an identifier with an earlier one is never new."""
    indexes = [_indexes(application, line) for line in lines]
    wanted = [index for found in indexes for versions in found for index in versions]
    rows = Identifier.objects.filter(index__in=wanted).values_list("index", "subject_id")
    owners = {bytes(index): owner for index, owner in rows}
    seen: set[bytes] = set()
    divided = _Divided()
    for line, found in zip(lines, indexes, strict=True):
        mine = {index for versions in found for index in versions}
        named = {next((owners[index] for index in versions if index in owners), None) for versions in found}
        divided.add(line, named, again=not seen.isdisjoint(mine))
        seen |= mine
    return divided


def _indexes(application: Application, line: Ready) -> list[list[bytes]]:
    """Of each identifier its index under every live version of the index key."""
    return [
        vault.blind_indexes(cells.index_column(kind, application.pk), value) for kind, value in line.identifiers.items()
    ]


# --- writing --------------------------------------------------------------------------------------------------------
def _write_new(run: Run, lines: list[Ready], left: Sequence[Ready] = ()) -> tuple[int, list[Ready]]:
    """How many came in together, and the lines to be taken one by one instead."""
    try:
        write_newcomers(run, lines)
    except WithoutGroundError as error:
        kept = [line for line in lines if line.line.number not in error.numbers]
        return _write_new(run, kept, [line for line in lines if line.line.number in error.numbers])
    except Unavailable:
        raise
    except (DomainError, IntegrityError):
        return 0, [*lines, *left]
    except OperationalError as error:
        if not isinstance(error.__cause__, DeadlockDetected):
            raise
        return 0, [*lines, *left]
    return len(lines), list(left)


def _one(run: Run, ready: Ready, outcome: Outcome) -> None:
    try:
        with transaction.atomic():
            is_new = _register(run, ready)
    except Unavailable:
        raise
    except DomainError as error:
        outcome.bad.append(bad_line(ready.line.number, error))
        return
    outcome.imported += is_new
    outcome.known += not is_new


def _register(run: Run, ready: Ready) -> bool:
    """As `POST /subjects`, `POST consents` and `PUT data` for each purpose would, in one transaction."""
    line = ready.line
    subject, is_new = register_subject(
        application=run.application, identifiers=line.identifiers, language=line.language, country=line.country,
        birth_date=line.birth_date,
    )  # fmt: skip
    if ready.values and selectors.is_restricted(subject):
        raise Refused("restricted", errors=[Flaw("/data", "restricted", "Processing is restricted (Art. 18).")])
    with _placed("/consents"):
        hooks.import_consents(run.application, [(subject, ready.consents)])
    for purpose, values in ready.values.items():
        _store(run, subject, purpose, _differing(subject, purpose, values))
    if is_new:
        _record(run, subject, ready.identifiers)
    return is_new


def _differing(subject: Subject, purpose: str, values: Mapping[str, str]) -> dict[str, str]:
    """Those of the values that are not held like this for the purpose."""
    held = read_values(subject=subject, fields=list(values))
    linked = ValuePurpose.objects.filter(value__subject=subject, purpose=purpose)
    fields = set(linked.values_list("value__field", flat=True))
    return {name: value for name, value in values.items() if name not in fields or held.get(name) != value}


def _store(run: Run, subject: Subject, purpose: str, values: Mapping[str, str]) -> None:
    if values:
        with _placed(f"/data{step(purpose)}"):
            hooks.store_data(
                application=run.application, subject=subject, purpose=purpose, values=values, source=SOURCE.value
            )


def _record(run: Run, subject: Subject, kinds: Collection[str]) -> None:
    audit.record(
        "subject.imported",
        actor=actors.application(run.application.slug),
        subject=subject.pseudonym,
        details=run.about | {"kinds": sorted(kinds)},
    )
