"""What the tests of the log do: write, seal, sign, and go behind the triggers as a superuser would."""

import hashlib
import itertools
import uuid
from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

from audit import actors, sequencer, services
from audit import standalone_verifier as ed
from audit.services import Entry

# RFC 8032 section 7.1, TEST 1: signing is the vault's, so the tests bring a few lines of their own.
SEED = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
PUBLIC = bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a")
NAME = "gdpr-portal.example/audit"


@contextmanager
def behind_the_triggers() -> Iterator[None]:
    """A superuser at work: no trigger fires, as with ALTER TABLE ... DISABLE TRIGGER."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        try:
            yield
        finally:
            if not connection.needs_rollback:
                cursor.execute("SET session_replication_role = origin")


def tamper(sql: str, *parameters: object) -> int:
    """One statement of the superuser; returns the rows it changed."""
    with behind_the_triggers(), connection.cursor() as cursor:
        cursor.execute(sql, parameters)
        return int(cursor.rowcount)


def sign(message: bytes, seed: bytes = SEED) -> bytes:
    """Ed25519 by RFC 8032 section 5.1.6."""
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    public = ed._compress(ed._multiply(scalar, ed.BASE))
    r = int.from_bytes(hashlib.sha512(digest[32:] + message).digest(), "little") % ed.L
    commitment = ed._compress(ed._multiply(r, ed.BASE))
    k = int.from_bytes(hashlib.sha512(commitment + public + message).digest(), "little") % ed.L
    return commitment + ((r + k * scalar) % ed.L).to_bytes(32, "little")


def write(count: int) -> list[uuid.UUID]:
    """So many committed events, of several shapes, in three transactions."""
    shapes = itertools.cycle(
        [
            Entry(action="data.read", actor=actors.application("shop"), subject=uuid.uuid4(), purpose="newsletter",
                  fields=["email", "given_name"], details={"application": "shop", "count": 2}),
            Entry(action="consent.withdrawn", actor=actors.SUBJECT, subject=uuid.uuid4(), purpose="newsletter",
                  details={"channel": "web", "event": str(uuid.uuid4()), "recipient": None}),
            Entry(action="key.rotated", actor=actors.system("command"), details={"kind": "master", "version": 3}),
        ]
    )  # fmt: skip
    ids, third = [], -(-count // 3)
    for start in range(0, count, third):
        with transaction.atomic():
            ids += services.record_many([next(shapes) for _ in range(min(third, count - start))])
    return ids


def seal(batch: int = 1000) -> None:
    """All that is committed is in the tree and signed."""
    while sequencer.integrate(batch):
        pass
    sequencer.checkpoint()
