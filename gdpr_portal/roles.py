"""What each database role may do: one table of grants, applied after every migration.

Three roles (docs/decisions): the *owner* has the schema and runs migrations; *app* is web and worker; the *sequencer*
alone writes the audit tree. What a role is not granted here it does not have: a hole in the web process cannot change
or empty the log (Art. 5(2), Art. 32(1)(b)). Nobody but the owner may TRUNCATE anything.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from importlib.resources import files

import psycopg
from psycopg import sql

from gdpr_portal.queues import QUEUES

READ, APPEND = ("SELECT",), ("SELECT", "INSERT")
EVERYTHING = ("SELECT", "INSERT", "UPDATE", "DELETE")


@dataclass(frozen=True)
class Rights:
    """What one role may do with the tables of the schema `public`: `usual`, unless the table is named."""

    usual: tuple[str, ...]
    tables: dict[str, tuple[str, ...]] = field(default_factory=dict)
    functions: tuple[str, ...] = ()

    def on(self, table: str) -> tuple[str, ...]:
        return self.tables.get(table, self.usual)


TREE = ("audit_leaf", "audit_node", "audit_checkpoint")

EVENT = "INSERT (at, action, actor, subject, request_id, purpose, fields, details)"
"""Who writes an event chooses neither its id nor the transaction and the ordinal that the log's order stands on."""

APP = Rights(
    usual=EVERYTHING,
    functions=("audit_make_partition(date)",),
    tables={
        "audit_event": ("SELECT", EVENT),
        "audit_retirement": READ,
        "audit_held_copy": APPEND,
        "audit_cosignature": APPEND,
        # Rows end with the time proof is kept (Art. 5(1)(e), 17(3)(e)); none is ever changed.
        "consent_consentevent": (*APPEND, "DELETE"),
        "django_migrations": READ,
        "vault_keycheck": APPEND,
        "vault_tombstone": APPEND,
        **dict.fromkeys(TREE, READ),
    },
)
SEQUENCER = Rights(
    usual=(),
    tables={"audit_event": READ, "audit_retirement": READ, "django_migrations": READ, **dict.fromkeys(TREE, APPEND)},
)


def grant(connection: psycopg.Connection, role: str, rights: Rights) -> None:
    """`role` has exactly these rights in the schema `public`; run it inside a transaction, as the owner."""
    name = sql.Identifier(role)
    run = connection.execute
    run(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA public FROM {}").format(name))
    run(sql.SQL("REVOKE ALL ON ALL SEQUENCES IN SCHEMA public FROM {}").format(name))
    run(sql.SQL("GRANT USAGE ON SCHEMA public TO {}").format(name))
    for table in tables(connection):
        if allowed := rights.on(table):
            words = sql.SQL(", ").join(map(sql.SQL, allowed))  # constants of this module
            run(sql.SQL("GRANT {} ON public.{} TO {}").format(words, sql.Identifier(table), name))
    for function in rights.functions:
        run(sql.SQL("GRANT EXECUTE ON FUNCTION public.{} TO {}").format(sql.SQL(function), name))  # ours, as above
    for table, sequence in sequences(connection):
        if "INSERT" in rights.on(table):
            run(sql.SQL("GRANT USAGE, SELECT ON SEQUENCE public.{} TO {}").format(sql.Identifier(sequence), name))


def tables(connection: psycopg.Connection) -> list[str]:
    """Tables and views of the schema `public` that this connection's role owns or may grant.

    Partitions are none of them: a role reaches them through their table alone, and has no right of their own.
    """
    found = connection.execute(
        "SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p', 'v', 'm')"
        " AND NOT relispartition"
        " AND pg_has_role(relowner, 'USAGE') ORDER BY relname"
    )
    return [name for (name,) in found]


def sequences(connection: psycopg.Connection) -> Iterable[tuple[str, str]]:
    """(table, sequence) for every sequence; one that belongs to no table has an empty table name."""
    return connection.execute(
        "SELECT coalesce(t.relname, ''), s.relname FROM pg_class s"
        " LEFT JOIN pg_depend d ON d.objid = s.oid AND d.deptype IN ('a', 'i') AND d.classid = 'pg_class'::regclass"
        " LEFT JOIN pg_class t ON t.oid = d.refobjid"
        " WHERE s.relkind = 'S' AND s.relnamespace = 'public'::regnamespace AND pg_has_role(s.relowner, 'USAGE')"
    ).fetchall()


WAKE = """
CREATE OR REPLACE FUNCTION pgmq.wake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('pgmq.' || TG_TABLE_NAME || '.INSERT', NULL);
    RETURN NULL;
END $$
"""
# pgmq's own trigger writes to an unlogged table first: after a crash that table is empty and nobody is woken any more.


def install_queue(connection: psycopg.Connection) -> bool:
    """pgmq's schema and our queues stand, with a notice on every insert; True when the schema was made just now.

    pgmq ships plain SQL that cannot be run twice, so the schema itself is the mark that it was.
    """
    made = connection.execute("SELECT to_regnamespace('pgmq') IS NULL").fetchone() == (True,)
    if made:
        connection.execute(files("pgmq").joinpath("sql", "pgmq.sql").read_bytes())
    connection.execute(WAKE)
    for queue in QUEUES:
        if connection.execute("SELECT 1 FROM pgmq.meta WHERE queue_name = %s", [queue]).fetchone() is None:
            connection.execute("SELECT pgmq.create(%s)", [queue])
            wake = "CREATE TRIGGER wake AFTER INSERT ON {} FOR EACH STATEMENT EXECUTE FUNCTION pgmq.wake()"
            connection.execute(sql.SQL(wake).format(sql.Identifier("pgmq", f"q_{queue}")))
    return made


def grant_queue(connection: psycopg.Connection, role: str) -> None:
    """`role` may send to, read from and empty our queues, and create none."""
    name = sql.Identifier(role)
    ours = sql.SQL(", ").join(sql.Identifier("pgmq", f"{kind}_{queue}") for queue in QUEUES for kind in "qa")
    run = connection.execute
    run(sql.SQL("REVOKE ALL ON ALL TABLES IN SCHEMA pgmq FROM {}").format(name))
    run(sql.SQL("GRANT USAGE ON SCHEMA pgmq TO {}").format(name))
    run(sql.SQL("GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pgmq TO {}").format(name))
    run(sql.SQL("GRANT SELECT ON pgmq.meta, pgmq.topic_bindings TO {}").format(name))
    run(sql.SQL("GRANT SELECT, INSERT, UPDATE, DELETE ON {} TO {}").format(ours, name))
    run(sql.SQL("GRANT USAGE, SELECT ON ALL SEQUENCES IN SCHEMA pgmq TO {}").format(name))


def provision(connection: psycopg.Connection, *, app: str, sequencer: str, queue: bool = True) -> list[str]:
    """Queue and grants are as this module says; returns one line a role. Idempotent, one transaction.

    A role that is the owner itself keeps its rights: there is nothing to take from an owner.
    """
    said = []
    with connection.transaction():
        owner = connection.execute("SELECT current_user").fetchone()
        if queue:
            install_queue(connection)
        for role, rights in ((app, APP), (sequencer, SEQUENCER)):
            if owner == (role,):
                said.append(f"{role} owns the schema: nothing is kept from it")
                continue
            grant(connection, role, rights)
            if queue and rights is APP:
                grant_queue(connection, role)
            said.append(f"{role}: granted")
    return said
