"""An event is written with its act or not at all, holds only what the vocabulary allows, and is never changed."""

import uuid
from typing import Any

import pytest
from django.db import DatabaseError, connection, transaction
from django.db.transaction import TransactionManagementError

from audit import actors, services, vocabulary
from audit.models import AuditEvent, AuditLeaf, AuditNode, Checkpoint
from audit.services import Entry
from gdpr_portal.context import request_id
from tests.audit.tools import tamper

pytestmark = pytest.mark.django_db


def test_an_event_keeps_what_it_was_told_and_the_request_it_came_from() -> None:
    subject, account, token = uuid.uuid4(), uuid.uuid4(), request_id.set("req-42")
    try:
        event = services.record(
            "data.revealed", actor=actors.staff(account), subject=subject, purpose="orders", fields=["email"],
            details={"reason": "complaint", "count": 1},
        )  # fmt: skip
    finally:
        request_id.reset(token)
    row = AuditEvent.objects.get(pk=event)
    assert (row.action, row.actor, row.subject) == ("data.revealed", f"staff:{account}", subject)
    assert (row.request_id, row.purpose, row.fields) == ("req-42", "orders", ["email"])
    assert row.details == {"reason": "complaint", "count": 1}
    assert row.xid > 0
    assert row.ordinal > 0


def test_many_are_written_in_order_by_one_statement(django_assert_num_queries: Any) -> None:
    entries = [Entry(action="key.created", actor=actors.system("command"), details={"version": n}) for n in range(50)]
    with django_assert_num_queries(1):
        ids = services.record_many(entries)
    rows = AuditEvent.objects.filter(pk__in=ids).order_by("xid", "ordinal")
    assert [row.pk for row in rows] == ids
    assert [row.details["version"] for row in rows] == list(range(50))
    assert services.record_many([]) == []


@pytest.mark.django_db(transaction=True)
def test_without_a_transaction_nothing_is_recorded() -> None:
    with pytest.raises(TransactionManagementError):
        services.record("subject.created", actor=actors.SUBJECT)
    with pytest.raises(TransactionManagementError):
        services.record_many([])


@pytest.mark.django_db(transaction=True)
def test_what_is_rolled_back_was_never_recorded() -> None:
    with pytest.raises(RuntimeError), transaction.atomic():
        event = services.record("subject.created", actor=actors.SUBJECT)
        assert AuditEvent.objects.filter(pk=event).exists()
        raise RuntimeError
    assert not AuditEvent.objects.filter(pk=event).exists()


REFUSED: dict[str, dict[str, Any]] = {
    "an action outside the vocabulary": {"action": "data.guessed"},
    "a detail the action does not know": {"details": {"email": "x"}},
    "an e-mail address": {"details": {"reason": "ada@example.org"}},
    "a name in full": {"details": {"reason": "Ada Lovelace"}},
    "a long text": {"details": {"reason": "x" * 201}},
    "a float": {"details": {"count": 1.5}},
    "a number that JSON rounds": {"details": {"count": 2**53}},
    "a dictionary": {"details": {"reason": {"a": 1}}},
    "a list in a list": {"details": {"reason": [["a"]]}},
    "letters of another script": {"details": {"reason": "Ада"}},
    "a trailing newline": {"details": {"reason": "a\n"}},
    "an actor of no kind": {"actor": "ada"},
    "an actor with an address": {"actor": "staff:ada@example.org"},
    "a purpose with a blank": {"purpose": "any thing"},
    "a field with a value": {"fields": ["email=ada@example.org"]},
}


@pytest.mark.parametrize("wrong", REFUSED.values(), ids=REFUSED)
def test_what_is_outside_the_vocabulary_is_refused_and_never_repeated(wrong: dict[str, Any]) -> None:
    good: dict[str, Any] = {"action": "data.revealed", "actor": actors.SUBJECT, "details": {"reason": "complaint"}}
    call = good | wrong
    services.record(call.pop("action") if not wrong else good["action"], **{k: good[k] for k in ("actor", "details")})
    before = AuditEvent.objects.count()
    call = good | wrong
    with pytest.raises(vocabulary.OutsideVocabulary) as refusal:
        services.record(call.pop("action"), **call)
    assert "ada@example.org" not in str(refusal.value)
    assert "Lovelace" not in str(refusal.value)
    assert AuditEvent.objects.count() == before


def test_a_forged_request_id_is_refused() -> None:
    token = request_id.set("a b@c")
    try:
        with pytest.raises(vocabulary.OutsideVocabulary):
            services.record("subject.created", actor=actors.SUBJECT)
    finally:
        request_id.reset(token)


def test_every_event_is_noun_and_participle_with_an_article() -> None:
    for name, event in vocabulary.VOCABULARY.items():
        noun, _, verb = name.partition(".")
        assert noun.isidentifier(), name
        assert verb.isidentifier(), name
        assert event.article.startswith("Art. "), name
        assert all(detail.isidentifier() for detail in event.details), name


TABLES = [AuditEvent._meta.db_table, AuditLeaf._meta.db_table, AuditNode._meta.db_table, Checkpoint._meta.db_table]


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("statement", ["DELETE FROM {}", "TRUNCATE {}", "UPDATE {} SET {} = {}"])
def test_the_log_cannot_be_changed_by_whoever_owns_it(table: str, statement: str) -> None:
    services.record("subject.created", actor=actors.SUBJECT)
    column = {"audit_event": "action", "audit_leaf": "event", "audit_node": "hash", "audit_checkpoint": "note"}[table]
    with pytest.raises(DatabaseError, match="insert-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table, column, column))
    assert AuditEvent.objects.count() == 1


def test_only_the_trigger_stands_in_the_way() -> None:
    """Teeth: with the trigger off the very same statement goes through."""
    services.record("subject.created", actor=actors.SUBJECT)
    assert tamper("DELETE FROM audit_event") == 1


def test_nobody_chooses_an_ordinal() -> None:
    with pytest.raises(DatabaseError, match="GENERATED ALWAYS"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO audit_event (id, ordinal, at, action, actor, request_id, fields, details) "
            "VALUES (gen_random_uuid(), 1, now(), 'a', 'b', '', '{}', '{}')"
        )


@pytest.mark.parametrize(
    "statement", ["UPDATE audit_event SET action = 'x'", "DELETE FROM audit_event", "TRUNCATE audit_event"]
)
def test_the_app_role_may_not_even_try(statement: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT has_any_column_privilege(rolname, 'audit_event', 'INSERT') FROM pg_roles WHERE rolname = 'gdpr_app'"
        )
        found = cursor.fetchone()
    if found is None:
        pytest.skip("no role gdpr_app here")
    assert found[0], "the app role may insert"
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SET LOCAL ROLE gdpr_app")
        cursor.execute(statement)
