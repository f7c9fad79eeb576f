"""No blind index on what repeats its values: refused by name, by its rows, and when nobody has registered it (T3)."""

from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import SystemCheckError
from django.db import connection

from vault import indexes, planner, rotation, services

FEW = ["subjects_subject.birth_date", "a.country", "gender", "a.is_member", "a.has_children", "a.birth_date_sealed",
       "a.country_index", "x.postcode"]  # fmt: skip
MANY = ["subjects_identifier.email", "access_account.email_index", "subjects_identifier.index", "a.phone", "a.island"]


@pytest.mark.parametrize("column", FEW)
def test_a_column_of_few_values_gets_no_index(column: str) -> None:
    assert indexes.has_few_values(column)
    with pytest.raises(ValueError, match="few values"):
        services.blind_index(column, "x")


@pytest.mark.parametrize("column", MANY)
def test_a_column_of_identifiers_does(column: str) -> None:
    assert not indexes.has_few_values(column)
    assert len(services.blind_index(column, "x")) == indexes.INDEX_BYTES


def test_every_index_of_the_service_is_registered_and_fit() -> None:
    assert ("subjects_identifier", "index") in rotation.columns("index")
    assert planner.check_names(None) == []


def ids(messages: list[Any]) -> list[str | None]:
    return [message.id for message in messages]


def test_an_index_on_birth_dates_is_named_by_the_check(monkeypatch: Any) -> None:
    monkeypatch.setattr(rotation, "_columns", dict(rotation._columns))
    rotation.register_column("index", table="subjects_subject", column="birth_date_index")
    assert ids(planner.check_names(None)) == ["vault.E001"]
    with pytest.raises(SystemCheckError, match="birth_date_index has few values"):
        call_command("check", "--tag", "security")


def test_an_index_nobody_registered_is_named_by_the_check(monkeypatch: Any) -> None:
    kept = {place: each for place, each in rotation._columns.items() if place != ("subjects_identifier", "index")}
    monkeypatch.setattr(rotation, "_columns", kept)
    assert "vault.E002" in ids(planner.check_names(None))


@pytest.mark.django_db
@pytest.mark.parametrize(("values", "found"), [(3, ["vault.W003"]), (50, []), (100, []), (0, [])])
def test_rows_that_repeat_their_values_are_found_by_counting(monkeypatch: Any, values: int, found: list[str]) -> None:
    monkeypatch.setattr(rotation, "_columns", {})
    rotation.register_column("index", table="vault_test_planned", column="index")
    rotation.register_column("index", table="vault_test_not_made_yet", column="index")
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE vault_test_planned (index bytea)")
        for row in range(100 if values else 0):
            cell = services.blind_index("test.planned", str(row % values))
            cursor.execute("INSERT INTO vault_test_planned VALUES (%s)", [cell])

    assert ids(planner.check_rows(None, databases=["default"])) == found
    assert planner.check_rows(None, databases=None) == []
