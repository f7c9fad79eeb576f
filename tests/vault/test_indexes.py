"""A blind index finds, and tells nothing to whoever has no key (threat T3)."""

import hashlib
import hmac
import os

import pytest

from vault.indexes import INDEX_BYTES, blind_index, has_few_values, plan

PHONES = [f"+4915{number:08d}" for number in range(20_000)]


def test_without_the_key_no_dictionary_finds_a_value():
    master = os.urandom(32)
    stored = {blind_index(master, 1, "identifier.phone", phone)[1:] for phone in PHONES[:1000]}
    assert blind_index(master, 1, "identifier.phone", PHONES[0])[1:] in stored

    guesses = {hashlib.sha256(phone.encode()).digest() for phone in PHONES}
    guesses |= {hmac.digest(b"identifier.phone", phone.encode(), "sha256") for phone in PHONES}
    guesses |= {blind_index(os.urandom(32), 1, "identifier.phone", phone)[1:] for phone in PHONES}

    assert not stored & guesses


def test_teeth_a_bare_hash_is_found_by_the_dictionary():
    stored = {hashlib.sha256(phone.encode()).digest() for phone in PHONES[:1000]}

    assert len(stored & {hashlib.sha256(phone.encode()).digest() for phone in PHONES}) == 1000


@pytest.mark.parametrize(("distinct", "rows"), [(2, 1000), (1, 3), (200, 100_000), (0, 0), (5, 4)])
def test_a_column_that_repeats_its_values_is_not_to_be_indexed(distinct, rows):
    with pytest.raises(ValueError, match="column"):
        plan(distinct=distinct, rows=rows)


@pytest.mark.parametrize(("distinct", "rows"), [(1, 1), (1000, 1000), (900, 1000), (500, 1000)])
def test_a_column_of_identifiers_may_be_indexed(distinct, rows):
    plan(distinct=distinct, rows=rows)


@pytest.mark.parametrize(
    "column", ["t.country", "t.country_index", "t.gender_sealed", "gender", "t.is_member", "t.has_x"]
)
def test_no_index_of_a_column_whose_name_says_it_has_few_values(column):
    assert has_few_values(column)
    with pytest.raises(ValueError, match="few values"):
        blind_index(bytes(32), 1, column, "x")


@pytest.mark.parametrize("column", ["t.email", "t.email_index", "country.email", "t.island", "t.history", "t.index"])
def test_other_columns_are_indexed(column):
    assert not has_few_values(column)
    assert len(blind_index(bytes(32), 1, column, "x")) == INDEX_BYTES
