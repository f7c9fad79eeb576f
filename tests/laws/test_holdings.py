"""Whatever can hold personal data is known: exported, erased, or listed with a reason (Art. 15(1), 17(1), R38)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.contrib.postgres.fields import ArrayField
from django.db import models

from audit.fields import TransactionIdField
from erasure.archives.content import content
from erasure.archives.tables import columns_of, is_table
from erasure.archives.words import BLOCKS, COLUMNS, SECTIONS
from erasure.services import steps
from subjects.holdings import holdings, register
from tests.laws.held_fields import ELSEWHERE, EXPORTED, HELD
from tests.laws.planted import ask, plant

PLAIN = (
    models.UUIDField, models.DateTimeField, models.BooleanField, models.IntegerField, models.AutoField,
    models.SlugField, models.ForeignKey, models.CompositePrimaryKey, TransactionIdField,
)  # fmt: skip
"""Ids, times, counts, slugs: nothing else can be put there."""


def could_hold(field: models.Field) -> bool:
    """Whether a personal value fits: not an id, time, number or slug, and not one of a closed list of choices."""
    if isinstance(field, ArrayField):
        return True
    return not isinstance(field, PLAIN) and not field.choices


def suspicious(model: type[models.Model]) -> set[str]:
    return {field.name for field in model._meta.local_fields if could_hold(field)}


def ours(repository: Path) -> Iterator[type[models.Model]]:
    for config in apps.get_app_configs():
        if Path(config.path).parent == repository:
            yield from config.get_models()


def undeclared(found: list[type[models.Model]]) -> list[str]:
    """Fields that could hold personal data, and of which nobody has said what is done about it."""
    known = HELD | ELSEWHERE
    return [
        f"{m._meta.label}.{name}" for m in found for name in sorted(suspicious(m) - known.get(m._meta.label, {}).keys())
    ]


def test_every_field_that_could_hold_personal_data_is_known(repository: Path) -> None:
    assert undeclared(list(ours(repository))) == []


def test_what_is_declared_exists(repository: Path) -> None:
    there = {model._meta.label: suspicious(model) for model in ours(repository)}
    gone = [
        f"{label}.{name}" for label, names in (HELD | ELSEWHERE).items() for name in names if name not in there[label]
    ]
    assert gone == []


def test_a_model_belongs_to_one_holding_or_to_the_table(repository: Path) -> None:
    claims = [label for holding in holdings() for label in holding.models]
    assert len(claims) == len(set(claims))
    with_fields = {model._meta.label for model in ours(repository) if suspicious(model)}
    assert with_fields & set(claims) == HELD.keys()
    assert with_fields - set(claims) == ELSEWHERE.keys()
    assert {label for label in claims if label not in {m._meta.label for m in ours(repository)}} == set()


def test_whatever_points_to_a_person_is_held(repository: Path) -> None:
    claims = {label for holding in holdings() for label in holding.models}
    subject = apps.get_model("subjects.Subject")
    pointing = {
        m._meta.label for m in ours(repository) if any(f.related_model is subject for f in m._meta.local_fields)
    }
    assert pointing and pointing <= claims


def test_a_new_column_or_model_is_noticed() -> None:
    class Hobby(models.Model):
        words = models.TextField()

        class Meta:
            app_label = "subjects"
            managed = False

        def __str__(self) -> str:
            return "hobby"

    try:
        assert undeclared([Hobby]) == ["subjects.Hobby.words"]
    finally:
        del apps.all_models["subjects"]["hobby"]
        apps.clear_cache()


def test_a_model_of_another_holding_is_refused() -> None:
    class Thief:
        name = "thief"
        models = frozenset({"subjects.PersonalValue"})

    thief: Any = Thief()
    with pytest.raises(ValueError, match="both claim"):
        register(thief)


@pytest.mark.django_db
def unworded(data: dict[str, Any]) -> list[str]:
    """Sections, tables and columns of an archive that nobody has put into the words people read."""
    found = []
    for section, body in data.items():
        parts = body if isinstance(body, dict) else {"": body}
        tables = {name: rows for name, rows in parts.items() if is_table(rows)}
        found += [] if section in SECTIONS else [section]
        found += [f"{section}.{name}" for name in tables if name not in BLOCKS and len(tables) > 1]
        columns = {column for rows in tables.values() for column in columns_of(rows)} | parts.keys() - tables.keys()
        found += [f"{section}.{column}" for column in sorted(columns) if column not in COLUMNS and parts.get(column, 1)]
    return found


def test_an_export_carries_every_string_of_the_person(
    alice: Any, bob: Any, shop: Any, acme: Any, catalogue: None
) -> None:
    made = plant(alice, shop, acme, browser=False)
    steps.sweep()
    request = ask(made, "access")
    made_of = content(request, language="en")
    text = json.dumps(made_of, ensure_ascii=False)
    assert [where for where, string in made.strings.items() if string not in text] == []
    identity = made_of["data"]["identity"]
    assert (identity["language"], identity["country"]) == (made.subject.language, "LU")
    assert {each["receiver"] for each in made_of["data"]["deliveries"]["told"]} == {shop.name, acme.name}
    assert bob.email not in text and "c-bob" not in text
    assert unworded(made_of["data"]) == [], "the person reads these names as they are in the code, in every language"
    assert sum(why == EXPORTED for fields in HELD.values() for why in fields.values()) == 13, "plant the new one too"


def test_every_holding_has_its_four_sides() -> None:
    sides = ("export", "plan", "erase", "residue")
    assert all(callable(getattr(holding, side)) for holding in holdings() for side in sides)
