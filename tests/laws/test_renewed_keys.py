"""Everything sealed under a data key follows its renewal: no column is forgotten, no line to die at loses anything."""

import ast
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from types import FrameType
from typing import Any

import pytest
from django.apps import apps
from django.db import connection, models

from tests.laws.planted import Planted
from tests.laws.test_canaries import log, planted, readable  # noqa: F401 (fixtures)
from tests.plugins.exhaustive import its_turn
from vault import datakeys, rotation
from vault.models import DataKey

ROOT = Path(__file__).resolve().parents[2]
ROOMS = ("access", "subjects", "consent", "erasure", "vault", "gdpr_portal", "audit")
NOT_SEALED = {
    "access_accesstoken.digest",
    "access_application.secret_digest",
    "access_attempt.key",
    "access_factorreset.digest",
    "access_idempotencykey.fingerprint",
    "access_mailcode.digest",
    "access_passkeychallenge.digest",
    "access_recoverycode.digest",
    "access_staffinvitation.digest",
    "consent_confirmation.digest",
    "erasure_archive.window_digest",
    "erasure_copylink.code_digest",
    "erasure_copylink.digest",
    "erasure_keptrow.digest",
    "erasure_maillink.digest",
    "erasure_mandatelink.digest",
    "erasure_opendsrrequest.body_digest",
    "erasure_rightsrequest.verification_digest",
    "erasure_unidentified.digest",
}
"""Binary columns that hold digests: nothing can be opened."""
OTHER_PLACES = {
    ("vault_datakey", "wrapped"): "named in alarms; lies under the master key",
    ("vault_datakey", "former"): "lies under the key it belongs to, and goes with it",
    ("access_accountsession", "recovery_once"): "in a session, shown on the very next page; its key is kept longer",
}


def sealed_names() -> set[str]:
    """Table and column of everything that follows a rotation."""
    known = datakeys.columns() | set(rotation.columns("secrets")) | set(rotation.columns("index"))
    return {f"{table}.{column}" for table, column in known}


def binary_names() -> set[str]:
    rooms = [apps.get_app_config(room) for room in ROOMS if room not in {"audit", "vault"}]
    return {
        f"{model._meta.db_table}.{field.column}"
        for room in rooms
        for model in room.get_models()
        for field in model._meta.local_fields
        if isinstance(field, models.BinaryField)
    }


def places(source: str) -> Iterator[tuple[str, str | None]]:
    """Table and column of every `Place(...)` of the source; None for a column that is computed."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "Place" and len(node.args) > 2:
            table, column = node.args[:2]
            if isinstance(table, ast.Constant) and isinstance(table.value, str):
                yield table.value, column.value if isinstance(column, ast.Constant) else None


def all_places() -> set[tuple[str, str | None]]:
    texts = [path.read_text(encoding="utf-8") for room in ROOMS for path in (ROOT / room).rglob("*.py")]
    return {place for text in texts if "Place(" in text for place in places(text)}


# --- no column is forgotten -------------------------------------------------------------------------------------------
def test_every_binary_column_follows_a_rotation_or_holds_nothing_that_opens() -> None:
    """A new sealed column is registered, or this fails."""
    assert binary_names() - sealed_names() == NOT_SEALED


def test_every_place_of_a_sealing_follows_a_rotation() -> None:
    """Also one in a column of another kind, or in no column at all."""
    registered = datakeys.columns() | set(rotation.columns("secrets"))
    tables = {table for table, _ in registered}
    found = all_places()
    forgotten = {
        (table, column) for table, column in found
        if (table, column) not in registered | OTHER_PLACES.keys() and not (column is None and table in tables)
    }  # fmt: skip
    assert len(found) > 25 and forgotten == set()


def test_the_law_sees_a_new_place() -> None:
    assert set(places("x = vault.Place('erasure_new', 'words_sealed', str(row.pk))")) == {
        ("erasure_new", "words_sealed")
    }
    assert binary_names() - sealed_names() - NOT_SEALED == set()
    kept = datakeys._columns.pop(("erasure_message", "sealed"))
    try:
        assert binary_names() - sealed_names() - NOT_SEALED == {"erasure_message.sealed"}
    finally:
        datakeys._columns["erasure_message", "sealed"] = kept


# --- and none is lost -------------------------------------------------------------------------------------------------
NOT_PLANTED = {
    ("erasure_identityevidence", "sealed"),
    ("consent_consentproof", "sealed"),
    ("consent_confirmation", "holder_sealed"),
    ("erasure_checkedtext", "sealed"),
    ("erasure_answerpiece", "sealed"),
}
"""Not in the planted person's rows; each goes by the same road as one that is."""


class Killed(BaseException):
    """The process died here."""


@contextmanager
def dying(seen: set[tuple[str, int]]) -> Iterator[None]:
    """The first line of the renewal that is not in `seen` is the last one: it is noted, and nothing comes after."""
    files = ("vault/datakeys.py", "subjects/services/resealing.py", "erasure/services/resealing.py")

    def trace(frame: FrameType, event: str, _argument: Any) -> Any:
        here = frame.f_code.co_filename, frame.f_lineno
        if event == "call":
            return trace if here[0].endswith(files) else None
        if event == "line" and here not in seen:
            seen.add(here)
            raise Killed
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        yield
    finally:
        sys.settrace(before)


def killed_everywhere(act: Callable[[], Any], check: Callable[[], Any]) -> int:
    """The act is done, killed once at every line it comes to and taken up each time; how often it was killed."""
    seen: set[tuple[str, int]] = set()
    while True:
        try:
            with dying(seen):
                act()
            return len(seen)
        except Killed:
            cut_off()
            check()


def cut_off() -> None:
    """The dead process has no connection any more; what it had not committed is undone."""
    connection.in_atomic_block, connection.savepoint_ids, connection.atomic_blocks = False, [], []
    connection.close()


OF_EACH_KIND = {
    ("subjects_identifier", "sealed"), ("subjects_personalvalue", "sealed"), ("erasure_mandate", "document_sealed"),
    ("erasure_archivechunk", "sealed"),
}  # fmt: skip
"""A column of cells, one with marks, one of files, one of chunks: what a process dies at."""


@pytest.mark.django_db(transaction=True)
@its_turn(0)
def test_killed_at_every_line_everything_opens_and_the_old_keys_are_gone(
    planted: Planted,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(datakeys, "KEPT_FOR", timedelta(0))
    before = readable(planted)
    assert [where for where, string in planted.strings.items() if string not in before] == []
    mine = [planted.subject.pk, planted.person.account.pk]
    was = {row.owner: bytes(row.commitment) for row in DataKey.objects.filter(owner__in=mine)}
    assert datakeys.columns() - filled() == NOT_PLANTED

    everything, some = datakeys._columns, {key: datakeys._columns[key] for key in OF_EACH_KIND}
    person = planted.subject.pseudonym
    monkeypatch.setattr(datakeys, "_columns", some)
    kills = killed_everywhere(lambda: list(datakeys.renew_person(person)), lambda: opens(planted, before))
    assert kills > 60, "the trace saw the renewal"
    monkeypatch.setattr(datakeys, "_columns", everything)
    list(datakeys.renew_person(person))
    assert readable(planted) == before, "some under the new key, some under the old one until now"
    monkeypatch.setattr(datakeys, "_columns", some)
    assert killed_everywhere(datakeys.settle, lambda: opens(planted, before)) > 15

    assert readable(planted) == before
    rows = list(DataKey.objects.filter(owner__in=mine))
    assert [(row.version, row.former, row.former_until) for row in rows] == [(2, None, None)] * 2
    assert all(bytes(row.commitment) != was[row.owner] for row in rows)
    assert datakeys.begin(mine) != []
    again = datakeys.reseal(mine)
    assert (again.damaged, again.busy) == ((), 0) and again.done > len(filled())


def opens(made: Planted, before: str) -> None:
    """Nobody who reads in between sees anything else."""
    from subjects.services import read_values

    assert "Peregrine" not in before  # rectified
    assert read_values(subject=made.subject, fields=["given_name"]) == {"given_name": made.strings["rectification"]}


def filled() -> set[tuple[str, str]]:
    """The columns under data keys that hold something."""
    by_table = {model._meta.db_table: model for model in apps.get_models()}
    return {
        (table, column)
        for table, column in datakeys.columns()
        if by_table[table]._base_manager.exclude(**{column: None}).exists()
    }
