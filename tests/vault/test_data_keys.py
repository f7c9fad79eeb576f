"""Data keys: one a person, wrapped in the database, opened for a call, destroyed for good (Art. 17)."""

import uuid
from uuid import uuid4

import pytest
from django.db import connection, transaction

from audit.models import AuditEvent
from gdpr_portal.errors import Gone, WrongState
from vault import keyfiles, ledger, providers, services
from vault.models import DataKey
from vault.services import Place, Tampered

from .conftest import forget

pytestmark = pytest.mark.django_db


def test_what_is_sealed_opens_by_the_row_alone(owner, place):
    sealed = services.create_data_key(owner).seal(place, b"alice@example.org")

    assert services.subject_key(owner).open(place, sealed) == b"alice@example.org"
    row = DataKey.objects.get()
    assert (row.owner, row.master_version, len(row.wrapped), len(row.commitment)) == (owner, 1, 65, 32)
    assert bytes(services.subject_key(owner)._data_key) not in bytes(row.wrapped) + bytes(row.commitment)


def test_many_keys_are_made_and_fetched_by_one_statement_each(django_assert_num_queries):
    owners = [uuid4() for _ in range(50)]
    services.create_data_key(uuid4())

    with django_assert_num_queries(3):  # savepoint, insert, release
        made = services.create_data_keys(owners)
    with django_assert_num_queries(1):
        found = services.subject_keys([*owners, uuid4()])

    assert found.keys() == made.keys() == set(owners)
    assert len({key._data_key for key in made.values()}) == len(owners)
    assert all(found[owner]._data_key == made[owner]._data_key for owner in owners)


def test_a_second_key_for_one_person_is_refused_and_none_of_its_batch_is_made(owner):
    kept = services.create_data_key(owner)
    other = uuid4()

    with pytest.raises(WrongState, match="data_key_exists"):
        services.create_data_keys([other, owner])

    assert services.subject_key(owner)._data_key == kept._data_key
    assert not DataKey.objects.filter(owner=other).exists()


def test_nobody_known_and_somebody_erased_answer_alike(owner):
    services.create_data_key(owner)
    services.destroy_data_key(owner)

    for who in (owner, uuid4()):
        with pytest.raises(Gone) as gone:
            services.subject_key(who)
        assert (gone.value.code, gone.value.status) == ("erased", 410)


def test_a_destroyed_key_is_gone_from_the_row_in_the_ledger_and_never_made_again(owner):
    services.create_data_key(owner)
    assert not ledger.is_shredded(owner)

    assert services.destroy_data_key(owner) is True
    assert services.destroy_data_key(owner) is False

    assert not DataKey.objects.exists()
    assert ledger.is_shredded(owner)
    with pytest.raises(Gone):
        services.create_data_key(owner)


def test_a_replaced_key_opens_nothing_of_before(owner, place):
    sealed = services.create_data_key(owner).seal(place, b"kept by law")
    before = bytes(DataKey.objects.get().wrapped)

    old, new = services.replace_data_key(owner)

    assert old.open(place, sealed) == b"kept by law"
    with pytest.raises(Tampered):
        new.open(place, sealed)
    with pytest.raises(Tampered):
        services.subject_key(owner).open(place, sealed)
    resealed = new.seal(place, old.open(place, sealed))
    assert services.subject_key(owner).open(place, resealed) == b"kept by law"
    assert bytes(DataKey.objects.get().wrapped) != before
    assert ledger.replayed()
    with pytest.raises(Gone):
        services.replace_data_key(uuid4())


def test_replacing_is_undone_with_its_transaction(owner, place):
    sealed = services.create_data_key(owner).seal(place, b"x")

    with pytest.raises(RuntimeError), transaction.atomic():
        services.replace_data_key(owner)
        raise RuntimeError

    assert services.subject_key(owner).open(place, sealed) == b"x"


def swapped(alice: uuid.UUID, bob: uuid.UUID, columns: str) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            f"UPDATE vault_datakey a SET ({columns}) = (SELECT {columns} FROM vault_datakey b WHERE b.owner = %s)"
            " WHERE a.owner = %s",
            [bob, alice],
        )


@pytest.mark.parametrize("columns", ["wrapped, commitment", "wrapped, master_version", "commitment, master_version"])
def test_a_wrapped_key_moved_to_another_row_is_refused(columns):
    alice, bob = uuid4(), uuid4()
    services.create_data_keys([alice, bob])
    swapped(alice, bob, columns)

    with pytest.raises(Tampered) as refused:
        services.subject_key(alice)

    assert refused.value.place.table == "vault_datakey"
    assert services.subject_key(bob).owner == bob


@pytest.mark.parametrize("version", [2, 0, 4_000])
def test_a_changed_master_version_is_refused(owner, version):
    services.create_data_key(owner)
    DataKey.objects.update(master_version=version)

    with pytest.raises(Tampered):
        services.subject_key(owner)


def test_tampering_is_told_to_the_log_without_the_persons_id(owner, place):
    services.report_tamper(place)
    services.report_tamper(Place("vault_datakey", "wrapped", str(owner)))
    services.report_tamper(Place("t", "c", "alice@example.org"))

    events = list(AuditEvent.objects.filter(action="crypto.tamper").order_by("ordinal"))
    assert [event.details for event in events] == [
        {"table": "subjects_field", "column": "value", "row": "41"},
        {"table": "vault_datakey", "column": "wrapped", "row": None},
        {"table": "t", "column": "c", "row": None},
    ]


def test_sealing_and_unsealing_are_told_once(key_file):
    text = key_file.read_bytes()
    assert services.status().unsealed
    key_file.unlink()
    for _ in range(3):
        services.status()
    key_file.write_bytes(text)
    key_file.chmod(0o400)
    for _ in range(3):
        services.status()

    told = AuditEvent.objects.filter(action__startswith="key.").order_by("ordinal").values_list("action", "details")
    assert list(told) == [
        ("key.sealed", {"reason": "the-key-file-is-missing"}),
        ("key.unsealed", {"version": 1}),
    ]


# --- look-up, digests, pseudonyms, secrets --------------------------------------------------------------------------
def test_an_index_is_equal_for_equal_values_of_one_column_only():
    index = services.blind_index("subjects_identifier.value", "alice@example.org")

    assert (len(index), index[0]) == (33, 1)
    assert index == services.blind_index("subjects_identifier.value", "alice@example.org")
    assert index[1:] != services.blind_index("access_account.email", "alice@example.org")[1:]
    assert index != services.blind_index("subjects_identifier.value", "bob@example.org")
    assert services.blind_indexes("subjects_identifier.value", "alice@example.org") == [index]


def test_while_index_keys_rotate_both_indexes_are_looked_for(key_file):
    old = services.blind_index("a.b", "x")
    keyfiles.change(key_file, lambda ring: ring.with_version("index"))
    forget()

    new = services.blind_index("a.b", "x")

    assert new[0] == 2
    assert services.blind_indexes("a.b", "x") == [new, old]


def test_digests_of_two_purposes_differ():
    assert services.keyed_digest("token", b"x") == services.keyed_digest("token", b"x")
    assert services.keyed_digest("token", b"x") != services.keyed_digest("code", b"x")
    assert services.keyed_digests("token", b"x") == [services.keyed_digest("token", b"x")]


def test_two_applications_know_a_person_by_unrelated_ids():
    shop, acme, people = uuid4(), uuid4(), [uuid4() for _ in range(1000)]

    at_shop, at_acme = services.pairwise_ids(shop, people), services.pairwise_ids(acme, people)

    assert len(set(at_shop) | set(at_acme) | set(people)) == 3000
    assert [services.subject_of(shop, id_) for id_ in at_shop] == people
    assert services.pairwise_id(shop, people[7]) == at_shop[7]
    assert services.subject_of(acme, at_shop[0]) not in people
    assert services.pairwise_ids(shop, []) == []


def test_a_secret_opens_in_its_cell_under_its_version_and_is_brought_over_once(key_file, place):
    sealed = services.seal_secret(place, b"whsec_1")
    keyfiles.change(key_file, lambda ring: ring.with_version("secrets"))
    forget()

    assert services.open_secret(place, sealed) == b"whsec_1"
    fresh = services.reseal_secret(place, sealed)
    assert fresh is not None
    assert services.reseal_secret(place, fresh) is None
    assert services.open_secret(place, fresh) == b"whsec_1"
    for swap in ({"row": "42"}, {"column": "other"}, {"table": "other"}, {"schema": 2}):
        with pytest.raises(Tampered):
            services.open_secret(place._replace(**swap), sealed)
    renumbered = sealed[:1] + (2).to_bytes(4, "big") + sealed[5:]
    unknown = sealed[:1] + (9).to_bytes(4, "big") + sealed[5:]
    for forged in (renumbered, unknown, b"", sealed[:20], b"\x01" + sealed[1:]):
        with pytest.raises(Tampered):
            services.open_secret(place, forged)


def test_an_opened_key_stays_in_no_module_variable(owner):
    data_key = services.create_data_key(owner)._data_key
    services.subject_key(owner)

    for module in (services, providers, ledger):
        for name, held in vars(module).items():
            assert data_key not in repr(held).encode(), name
            assert held is not data_key
