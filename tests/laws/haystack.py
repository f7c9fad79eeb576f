"""Looking for strings where none may be: every column of every table, the files of the server, the log, the mail."""

import base64
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from django.db import connection


def disguises(text: str) -> set[bytes]:
    """The bytes of the string as they might lie somewhere: UTF-8, UTF-16, hexadecimal, base64 at each alignment."""
    plain = text.encode()
    return {plain, text.encode("utf-16-le"), plain.hex().encode(), *_base64(plain)}


def _base64(plain: bytes) -> Iterator[bytes]:
    """The letters of base64 that do not depend on what stands around, for each of three alignments."""
    for skipped in range(3):
        whole = base64.b64encode(b"\0" * skipped + plain)
        first, last = (0, 2, 3)[skipped], len(whole.rstrip(b"=")) - (1 if (skipped + len(plain)) % 3 else 0)
        yield whole[first:last]
        yield whole[first:last].replace(b"+", b"-").replace(b"/", b"_")


def needles(strings: Mapping[str, str]) -> dict[bytes, str]:
    """Every disguise of every string, with the place it was planted in."""
    return {needle: where for where, text in strings.items() for needle in disguises(text)}


def found_in(data: bytes, wanted: Mapping[bytes, str]) -> set[str]:
    """Which of them the data holds, letters large or small."""
    lowered = data.lower()
    return {where for needle, where in wanted.items() if needle.lower() in lowered}


def columns() -> list[tuple[str, str, str, str]]:
    """Schema, table, column and type of everything that is stored."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT c.table_schema, c.table_name, c.column_name, c.udt_name FROM information_schema.columns c"
            " JOIN information_schema.tables t USING (table_schema, table_name)"
            " WHERE t.table_type = 'BASE TABLE' AND c.table_schema NOT IN ('pg_catalog', 'information_schema')"
            " ORDER BY 1, 2, 3"
        )
        return list(cursor.fetchall())


def in_database(wanted: Mapping[bytes, str]) -> set[str]:
    """`schema.table.column: planted place` for every column that holds one of them, in clear or in disguise."""
    return {
        f"{schema}.{table}.{column}: {where}"
        for schema, table, column, kind in columns()
        for where in found_in(b"\n".join(_cells(schema, table, column, kind)), wanted)
    }


def _cells(schema: str, table: str, column: str, kind: str) -> Iterable[bytes]:
    name = connection.ops.quote_name
    cell = f"{name(column)}" if kind == "bytea" else f"convert_to({name(column)}::text, 'UTF8')"
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {cell} FROM {name(schema)}.{name(table)} WHERE {name(column)} IS NOT NULL")
        return [bytes(row[0]) for row in cursor.fetchall()]


def in_files(folder: Path, wanted: Mapping[bytes, str]) -> set[str]:
    """`file: planted place` for every file below the folder that holds one of them; sockets and pipes are left out."""
    return {
        f"{path.relative_to(folder)}: {where}"
        for path in folder.rglob("*")
        if path.is_file()
        for where in found_in(path.read_bytes(), wanted)
    }
