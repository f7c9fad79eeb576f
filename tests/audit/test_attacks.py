"""T13, T14 at scale: random tamperings are all found, clean logs raise no alarm, bent proofs hold nowhere.

A short run of each, from a printed seed. `make attacks` runs the full counts (ATTACKS=full; docs/figures.md).
"""

import os
import random
import uuid
from collections import Counter
from collections.abc import Callable, Sequence

import pytest
from django.db import connection

from audit import merkle, note, selectors, sequencer, signing, verify
from audit.models import AuditLeaf, Checkpoint
from tests.audit.test_verify_tampering import FLIPS
from tests.audit.tools import NAME, PUBLIC, seal, sign, tamper, write
from vault import signing as vault_signing

pytestmark = pytest.mark.django_db(transaction=True)

FULL = os.environ.get("ATTACKS") == "full"
SEED = int(os.environ.get("ATTACKS_SEED", "0")) or random.randrange(2**32)
TAMPERINGS, CLEAN, PROOFS = (1000, 10_000, 10_000) if FULL else (45, 60, 1500)
ENTRIES = 24
LARGEST = 60
TABLES = ("audit_event", "audit_leaf", "audit_node", "audit_checkpoint")
Fill = Callable[[int], list[uuid.UUID]]


@pytest.fixture(autouse=True)
def _as_in_production(key: str) -> None:
    """Signatures are checked by the function the service itself checks them by, a hundred times as fast."""
    signing.register_verify(vault_signing.verifies)


def event_at(seq: int) -> str:
    return f"(SELECT event FROM audit_leaf WHERE seq = {int(seq)})"


def edit(dice: random.Random, size: int) -> None:
    column = dice.choice(sorted(FLIPS))
    tamper(f"UPDATE audit_event SET {column} = {FLIPS[column]} WHERE id = {event_at(dice.randrange(size))}")


def delete(dice: random.Random, size: int) -> None:
    at = dice.randrange(size)
    tamper(f"DELETE FROM audit_event WHERE id = {event_at(at)}")
    if dice.random() < 0.5:
        tamper("DELETE FROM audit_leaf WHERE seq = %s", at)


def insert(dice: random.Random, size: int) -> None:
    """Behind the seal: with the transaction of an early entry. With that of the last ones it would be an append."""
    tamper(
        "INSERT INTO audit_event (xid, at, action, actor, request_id, fields, details) "
        f"SELECT xid, at, action, actor, request_id, fields, details FROM audit_event "
        f"WHERE id = {event_at(dice.randrange(size // 2))}"
    )
    if dice.random() < 0.5:  # with a leaf of its own, in place of another
        tamper(
            "UPDATE audit_leaf SET event = (SELECT id FROM audit_event ORDER BY ordinal DESC LIMIT 1) WHERE seq = %s",
            dice.randrange(size),
        )


def reorder(dice: random.Random, size: int) -> None:
    a, b = dice.sample(range(size), 2)
    for at, to in ((a, -1), (b, a), (-1, b)):
        tamper("UPDATE audit_leaf SET seq = %s WHERE seq = %s", to, at)


def swap(dice: random.Random, size: int) -> None:
    """Two events change places, with everything that is theirs but the hash."""
    a, b = dice.sample(range(size), 2)
    tamper("CREATE TEMP TABLE two AS SELECT seq, event, xid, ordinal FROM audit_leaf WHERE seq IN (%s, %s)", a, b)
    tamper("UPDATE audit_leaf SET event = gen_random_uuid() WHERE seq IN (%s, %s)", a, b)
    tamper(
        "UPDATE audit_leaf l SET event = t.event, xid = t.xid, ordinal = t.ordinal FROM two t "
        "WHERE l.seq IN (%s, %s) AND t.seq = %s + %s - l.seq", a, b, a, b,
    )  # fmt: skip
    tamper("DROP TABLE two")


def truncate(dice: random.Random, size: int) -> None:
    keep = dice.randrange(size)
    tamper(f"DELETE FROM audit_event WHERE id IN (SELECT event FROM audit_leaf WHERE seq >= {keep})")
    if dice.random() < 0.7:
        tamper("DELETE FROM audit_leaf WHERE seq >= %s", keep)
    if dice.random() < 0.5:
        tamper("DELETE FROM audit_node WHERE (index + 1) << level > %s", keep)


def resign(dice: random.Random, size: int) -> None:
    """A checkpoint signed by another key, or over another root, or with a bit of its signature turned."""
    row = dice.choice(list(Checkpoint.objects.all()))
    text = row.note.partition("\n\n")[0] + "\n"
    forged = (
        note.sign(text, name=NAME, public_key=PUBLIC, sign=lambda message: sign(message, bytes(32))),
        row.note.replace(row.note.split("\n")[2], "A" * 43 + "="),
        row.note[:-6] + ("A" if row.note[-6] != "A" else "B") + row.note[-5:],
    )
    tamper("UPDATE audit_checkpoint SET note = %s WHERE id = %s", dice.choice(forged), row.pk)


def fork(dice: random.Random, size: int) -> None:
    """The whole log made anew after an edit, signed with the stolen key: only what others hold shows it."""
    edit_at = dice.randrange(size)
    tamper(f"UPDATE audit_event SET action = 'data.erased' WHERE id = {event_at(edit_at)}")
    for table in ("audit_checkpoint", "audit_node", "audit_leaf"):
        tamper(f"DELETE FROM {table}")
    seal()


ATTACKS = {
    "edit": edit, "delete": delete, "insert": insert, "reorder": reorder, "swap": swap, "truncate": truncate,
    "signature": resign, "fork": fork,
}  # fmt: skip


def keep_copy() -> None:
    for table in TABLES:
        tamper(f"CREATE TEMP TABLE kept_{table} AS SELECT * FROM {table}")


def restore() -> None:
    for table in TABLES:
        tamper(f"DELETE FROM {table}")
        tamper(f"INSERT INTO {table} OVERRIDING SYSTEM VALUE SELECT * FROM kept_{table}")


def test_every_tampering_is_found_and_nothing_else(log: Fill) -> None:
    dice, missed, done = random.Random(SEED), Counter[str](), Counter[str]()
    log(ENTRIES // 2)
    log(ENTRIES // 2)
    held = [Checkpoint.objects.latest("size").note]
    keep_copy()
    assert verify.verify(held=held).holds
    for number in range(TAMPERINGS):
        name = list(ATTACKS)[number % len(ATTACKS)]
        ATTACKS[name](dice, ENTRIES)
        done[name] += 1
        missed[name] += verify.verify(held=held).holds
        restore()
    for table in TABLES:
        tamper(f"DROP TABLE kept_{table}")
    print(f"seed {SEED}: {dict(done)}")
    assert sum(missed.values()) == 0, (SEED, missed)
    assert verify.verify(held=held).holds, "put back, nothing is found"


def test_clean_logs_of_many_sizes_raise_no_alarm(log: Fill) -> None:
    """Every verification is of another history: grown by another number of events, sealed in other batches, some of it
    not sealed yet, checked against other checkpoints of its past."""
    dice, alarms, sizes = random.Random(SEED), Counter[str](), set[int]()
    held: list[str] = []
    for _ in range(CLEAN):
        if selectors.latest_size() > LARGEST:
            start_over()
            held = []
        grow(dice)
        if Checkpoint.objects.exists():
            held.append(Checkpoint.objects.latest("size").note)
        report = verify.verify(held=dice.sample(held, dice.randrange(min(len(held), 5) + 1)))
        alarms.update(damage.kind for damage in report.damages)
        sizes.add(report.size)
    assert not alarms, (SEED, alarms)
    assert len(sizes) > 20


def grow(dice: random.Random) -> None:
    """Some more events; all, some or none of them sealed, with or without a checkpoint."""
    write(dice.randrange(1, 6))
    for _ in range(dice.randrange(4)):
        sequencer.integrate(dice.randrange(1, 5))
    if dice.random() < 0.7:
        sequencer.checkpoint()


def start_over() -> None:
    """An empty log, and no dead rows of ten thousand others in the way."""
    tamper(f"TRUNCATE {', '.join(TABLES)}")


def test_no_bent_proof_is_accepted(log: Fill) -> None:
    dice, accepted = random.Random(SEED), 0
    log(45)
    leaves = [bytes(row) for row in AuditLeaf.objects.order_by("seq").values_list("leaf_hash", flat=True)]
    stored = merkle.subtree_lookup(leaves)
    for _ in range(PROOFS // 2):
        accepted += bent_inclusion(dice, leaves, stored) + bent_consistency(dice, leaves, stored)
    assert accepted == 0, (SEED, accepted)


def bent_inclusion(dice: random.Random, leaves: Sequence[bytes], stored: dict[merkle.Subtree, bytes]) -> bool:
    size = dice.randrange(2, len(leaves) + 1)
    index = dice.randrange(size)
    proof = merkle.hashes_of(merkle.inclusion_spans(index, size), stored)
    root = merkle.root(leaves[:size])
    assert merkle.inclusion_holds(leaf=leaves[index], index=index, size=size, proof=proof, root=root)
    bent = bend(dice, proof)
    return merkle.inclusion_holds(leaf=leaves[index], index=index, size=size, proof=bent, root=root)


def bent_consistency(dice: random.Random, leaves: Sequence[bytes], stored: dict[merkle.Subtree, bytes]) -> bool:
    second = dice.randrange(2, len(leaves) + 1)
    first = dice.randrange(1, second)
    roots = merkle.root(leaves[:first]), merkle.root(leaves[:second])
    proof = merkle.hashes_of(merkle.consistency_spans(first, second), stored)
    common = {"first": first, "second": second, "first_root": roots[0], "second_root": roots[1]}
    assert merkle.consistency_holds(**common, proof=proof)  # type: ignore[arg-type]
    return merkle.consistency_holds(**common, proof=bend(dice, proof))  # type: ignore[arg-type]


def bend(dice: random.Random, proof: list[bytes]) -> list[bytes]:
    """The proof with one thing wrong: a bit, a hash too many or too few, two in the wrong order, one cut short."""
    bent = list(proof)
    at = dice.randrange(len(bent))
    how = dice.randrange(5)
    if how == 0:
        bit = 1 << dice.randrange(256)
        bent[at] = (int.from_bytes(bent[at], "big") ^ bit).to_bytes(32, "big")
    elif how == 1:
        bent.insert(at, dice.randbytes(32))
    elif how == 2:
        del bent[at]
    elif how == 3 and len(bent) > 1:
        other = (at + 1) % len(bent)
        bent[at], bent[other] = bent[other], bent[at]
    else:
        bent[at] = bent[at][:31]
    return bent


def test_the_attacks_would_see_a_verifier_that_looks_away(log: Fill, monkeypatch: pytest.MonkeyPatch) -> None:
    """Teeth: without comparing rows to leaves an edit goes unseen, without held checkpoints a fork does."""
    log(ENTRIES)
    held = [Checkpoint.objects.latest("size").note]
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")
    keep_copy()
    with monkeypatch.context() as patch:
        patch.setattr(verify, "leaf_matches", lambda columns, leaf_hash: True)
        tamper(f"UPDATE audit_event SET action = 'data.erased' WHERE id = {event_at(3)}")
        assert verify.verify(held=held).holds
    assert not verify.verify(held=held).holds
    restore()
    fork(random.Random(1), ENTRIES)
    assert verify.verify().holds and not verify.verify(held=held).holds
    assert selectors.latest_size() == ENTRIES
    for table in TABLES:
        tamper(f"DROP TABLE kept_{table}")
