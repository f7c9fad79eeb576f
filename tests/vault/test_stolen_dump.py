"""A thief of the dump of 1,000 people has nothing of anybody (threats T1 to T3, figures G1 and G3)."""

import os
import subprocess
import zlib
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection
from psycopg.conninfo import conninfo_to_dict

from deploy.local.postgres import binaries
from subjects import cells
from subjects.models import Identifier, PersonalValue, Subject
from tests.laws.haystack import disguises
from tests.plugins.postgres import address, test_database
from vault import aead, services

pytestmark = [pytest.mark.slow, pytest.mark.django_db(transaction=True)]
PEOPLE = 1000
STEM = "Kanarienvogel"
"""What every planted value begins with: to find one of them is to find any."""
OTHER_STEM = "Nachtigallenz"
"""Another one for what is put there in clear, and stays in the server's files."""


def planted(number: int, stem: str = STEM) -> str:
    return f"{stem}-{number:06d}@example.org"


@pytest.fixture
def people() -> list[Subject]:
    """1,000 people, each with an indexed identifier and two values."""
    rows = [Subject(id=uuid4()) for _ in range(PEOPLE)]
    keys = services.create_data_keys([row.pk for row in rows])
    Subject.objects.bulk_create(rows)
    identifiers, values = [], []
    for number, row in enumerate(rows):
        found = Identifier(id=uuid4(), subject=row, kind="email")
        found.index = services.blind_index("subjects_identifier.email", planted(number))
        found.sealed = keys[row.pk].seal(cells.identifier_place(found.pk), planted(number).encode())
        identifiers.append(found)
        for field in ("given_name", "email"):
            value = PersonalValue(id=uuid4(), subject=row, field=field, source="subject")
            value.sealed = keys[row.pk].seal(cells.value_place(value.pk, field), planted(number).encode())
            values.append(value)
    Identifier.objects.bulk_create(identifiers)
    PersonalValue.objects.bulk_create(values)
    return rows


def dump() -> bytes:
    """What `pg_dump` gives of the whole database."""
    where = conninfo_to_dict(address(test_database()))
    environment = os.environ | {"PGPASSWORD": str(where.pop("password", ""))}
    command = [str(binaries() / "pg_dump"), "--dbname", " ".join(f"{key}={value}" for key, value in where.items())]
    done = subprocess.run(command, env=environment, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return done.stdout


def needles(stem: str = STEM) -> dict[str, set[bytes]]:
    """Every way the stem may lie there: as text, in two bytes a letter, in hexadecimal, base64 or compressed."""
    wide = {"utf-16-le": stem.encode("utf-16-le"), "utf-16-be": stem.encode("utf-16-be")}
    deflated = {zlib.compress(planted(0, stem).encode(), level)[2 : 2 + len(stem) - 3] for level in (1, 6, 9)}
    raw = {"plain": disguises(stem), "gzip": deflated} | {name: {form} for name, form in wide.items()}
    # A column of bytes comes out of pg_dump as hexadecimal.
    return {name: forms | {form.hex().encode() for form in forms} for name, forms in raw.items()}


def test_no_planted_value_is_in_the_dump_in_any_form(people: list[Subject]) -> None:
    assert len(people) == PEOPLE
    stolen = dump()
    assert stolen.count(b"\\\\x01") > 3 * PEOPLE  # the sealed cells are in it
    assert [name for name, forms in needles().items() if any(form in stolen for form in forms)] == []


def test_teeth_the_same_search_finds_an_unsealed_copy_in_every_form(people: list[Subject]) -> None:
    text = planted(0, OTHER_STEM)
    copies: dict[str, list[Any]] = {
        "plain": [text, text.encode(), text.encode().hex()],
        "utf-16-le": [text.encode("utf-16-le")], "utf-16-be": [text.encode("utf-16-be")],
        "gzip": [zlib.compress(text.encode())],
    }  # fmt: skip
    for name, forms in copies.items():
        for form in forms:
            kind = "bytea" if isinstance(form, bytes) else "text"
            with connection.cursor() as cursor:
                cursor.execute(f"CREATE TABLE unsealed_copy (value {kind})")
                cursor.execute("INSERT INTO unsealed_copy VALUES (%s)", [form])
            stolen = dump()
            with connection.cursor() as cursor:
                cursor.execute("DROP TABLE unsealed_copy")
            assert any(needle in stolen for needle in needles(OTHER_STEM)[name]), (name, kind)


def test_who_knows_one_value_recovers_no_other(people: list[Subject]) -> None:
    """The attack on a cipher whose key stream repeats: what one known value gives opens the others."""
    rows = dict(Identifier.objects.values_list("subject_id", "sealed"))
    sealed = [bytes(rows[person.pk]) for person in people]
    assert len({cell[1:13] for cell in sealed}) == PEOPLE
    stream = keystream(sealed[0], planted(0).encode())
    assert [number for number in range(1, PEOPLE) if unmasked(sealed[number], stream).startswith(STEM.encode())] == []

    # Teeth: with one key and one nonce for all, every one of them is.
    bad = [aead.seal(bytes(32), planted(number).encode(), b"x", _nonce=bytes(12)) for number in range(PEOPLE)]
    stream = keystream(bad[0], planted(0).encode())
    assert all(unmasked(bad[number], stream) == planted(number).encode() for number in range(PEOPLE))


def keystream(cell: bytes, known: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(cell[13:], known, strict=False))


def unmasked(cell: bytes, stream: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(cell[13:], stream, strict=False))


def test_600_swaps_in_the_database_are_refused_and_told(people: list[Subject]) -> None:
    """Six kinds of swap, each by SQL on a hundred rows, as somebody with the database in their hands would."""
    from vault.services import Place, Tampered

    keys = services.subject_keys(person.pk for person in people[:202])
    values = {
        (row.subject_id, row.field): row for row in PersonalValue.objects.filter(subject__in=people[:202])
    }  # fmt: skip
    accepted, tried = [], 0
    for number in range(100):
        mine, other = people[2 * number], people[2 * number + 1]
        here, there = values[mine.pk, "email"], values[other.pk, "email"]
        name = values[mine.pk, "given_name"]
        place = cells.value_place(here.pk, "email")
        attempts = {
            "another person's cell": (keys[mine.pk], place, there.sealed),
            "another row's cell": (keys[mine.pk], cells.value_place(name.pk, "email"), here.sealed),
            "another column's cell": (keys[mine.pk], cells.value_place(here.pk, "given_name"), here.sealed),
            "another table's cell": (keys[mine.pk], Place("other", *place[1:]), here.sealed),
            "another meaning's cell": (keys[mine.pk], place._replace(schema=place.schema + 1), here.sealed),
            "another person's key": (keys[other.pk], place, here.sealed),
        }
        for kind, (key, where, cell) in attempts.items():
            tried += 1
            try:
                key.open(where, bytes(cell))
                accepted.append(kind)
            except Tampered as refused:
                assert refused.place == where
        assert keys[mine.pk].open(place, bytes(here.sealed)) == planted(2 * number).encode()
    assert (tried, accepted) == (600, [])


def test_no_file_of_the_server_holds_a_planted_value(people: list[Subject]) -> None:
    """Nor do its data files and its write-ahead log (threat T36)."""
    from tests.plugins.postgres import server

    if not os.environ.get("TEST_OWN_SERVER"):
        pytest.skip("the server is not ours: its files are not here")
    with connection.cursor() as cursor:
        cursor.execute("CHECKPOINT")
    forms = {form for kind in needles().values() for form in kind}
    files = [path for path in Path(server().data).rglob("*") if path.is_file() and path.stat().st_size]
    assert len(files) > 100
    assert [path.name for path in files if any(form in path.read_bytes() for form in forms)] == []
