"""The roles of the database, and the addresses each process reaches it by.

With `DATABASE_URL` in the environment that database is used as it is given; otherwise the embedded one.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo

from deploy.local.instance import Instance, Refusal
from deploy.local.postgres import SUPERUSER, Cluster

DATABASE = "gdpr_portal"
OWNER, APP, SEQUENCER = "gdpr_owner", "gdpr_app", "gdpr_sequencer"


@dataclass(frozen=True)
class Addresses:
    """How owner, app and sequencer reach the database, and what there is to say about it."""

    owner: str
    app: str
    sequencer: str
    remark: str = ""


def ensure_role(connection: psycopg.Connection, name: str, password: str) -> None:
    """A role of that name can log in with that password, and has no other power. The server never sees the password."""
    digest = connection.pgconn.encrypt_password(password.encode(), name.encode(), b"scram-sha-256").decode()
    known = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [name]).fetchone()
    verb = sql.SQL("ALTER" if known else "CREATE")
    connection.execute(
        sql.SQL("{} ROLE {} LOGIN NOINHERIT PASSWORD {}").format(verb, sql.Identifier(name), sql.Literal(digest))
    )


def embedded(instance: Instance, cluster: Cluster) -> Addresses:
    """Database and three roles exist in the embedded server, with passwords from `secrets.json`. Idempotent."""
    with psycopg.connect(cluster.address(SUPERUSER, instance.secret("postgres"), "postgres"), autocommit=True) as root:
        for role in (OWNER, APP, SEQUENCER):
            ensure_role(root, role, instance.secret(role))
        if root.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone() is None:
            root.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(sql.Identifier(DATABASE), sql.Identifier(OWNER)))
            root.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(DATABASE)))
            for role in (APP, SEQUENCER):
                root.execute(
                    sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(DATABASE), sql.Identifier(role))
                )
    owner, app, sequencer = (cluster.address(role, instance.secret(role), DATABASE) for role in (OWNER, APP, SEQUENCER))
    return Addresses(owner, app, sequencer)


def given(instance: Instance, environ: Mapping[str, str] = os.environ) -> Addresses:
    """The addresses of a database given by `DATABASE_URL`.

    With `DATABASE_OWNER_URL` beside it the roles are taken as they are. Without, the one role given is the owner, and
    where it may create roles the two restricted ones are made under the database's own name. Raises Refusal when the
    database does not answer.
    """
    url = environ["DATABASE_URL"]
    if owner := environ.get("DATABASE_OWNER_URL"):
        return Addresses(owner, url, environ.get("DATABASE_SEQUENCER_URL") or url, "roles as given")
    try:
        with psycopg.connect(url, autocommit=True, connect_timeout=5) as connection:
            return _restricted(instance, connection, url)
    except psycopg.OperationalError as error:
        raise Refusal(f"The database of DATABASE_URL does not answer: {error}") from None


def _restricted(instance: Instance, connection: psycopg.Connection, url: str) -> Addresses:
    row = connection.execute(
        "SELECT rolcreaterole OR rolsuper, current_database() FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    if row is None or not row[0]:
        return Addresses(url, url, url, "one role does everything: it may not create the restricted ones")
    roles = [f"{row[1][:50]}_app", f"{row[1][:50]}_sequencer"]
    for role in roles:
        ensure_role(connection, role, instance.secret(role))
        connection.execute(
            sql.SQL("GRANT CONNECT ON DATABASE {} TO {}").format(sql.Identifier(row[1]), sql.Identifier(role))
        )
    app, sequencer = (make_conninfo(url, user=role, password=instance.secret(role)) for role in roles)
    return Addresses(url, app, sequencer, f"roles {roles[0]} and {roles[1]} made in the database given")
