"""The edges of what an event may carry: nothing that could be a name, an address or a sentence (Art. 5(1)(c))."""

from pathlib import Path
from typing import Any

import pytest

from audit import vocabulary
from audit.vocabulary import LARGEST, MOST_ITEMS, OutsideVocabulary, check

ACTION = "data.read"


def refused(match: str, **changed: Any) -> None:
    given: dict[str, Any] = {"action": ACTION, "actor": "subject", "purpose": None, "fields": (), "details": {}}
    check(**given)
    with pytest.raises(OutsideVocabulary, match=match):
        check(**(given | changed))


def passes(**changed: Any) -> None:
    check(**({"action": ACTION, "actor": "subject", "purpose": None, "fields": (), "details": {}} | changed))


@pytest.mark.parametrize("value", [None, True, 0, -LARGEST, LARGEST, "", "a" * 200, "A-1._:/+=()", [], ["a", 1, None]])
def test_codes_counts_and_ids_pass(value: Any) -> None:
    passes(details={"reason": value})


@pytest.mark.parametrize(
    "value",
    [
        1.5,
        LARGEST + 1,
        -LARGEST - 1,
        "a" * 201,
        "two words",
        "a@b",
        "ä",
        "a\n",
        b"a",
        {},
        [[]],
        [1.5],
        ["a b"],
        Path("a"),
    ],
    ids=repr,
)
def test_everything_else_is_refused(value: Any) -> None:
    refused("detail reason is neither", details={"reason": value})


def test_lists_are_short() -> None:
    passes(details={"reason": ["a"] * MOST_ITEMS})
    passes(details={"reason": ("a",) * MOST_ITEMS})
    refused("detail reason", details={"reason": ["a"] * (MOST_ITEMS + 1)})


@pytest.mark.parametrize(
    "actor", ["subject", "parent", "representative", "staff:a-1", "system:x", "account:" + "a" * 100]
)
def test_actors_are_codes(actor: str) -> None:
    passes(actor=actor)


@pytest.mark.parametrize(
    "actor", ["", "Ada", "staff:", "staff:a b", "staff:a@b", "subject:x", "x:y", "staff:" + "a" * 101]
)
def test_other_actors_are_refused(actor: str) -> None:
    refused("the actor is not one", actor=actor)


def test_names_of_actions_and_details_are_the_known_ones() -> None:
    refused("is not in audit/vocabulary.py", action="data.looked_at")
    passes(details=dict.fromkeys(vocabulary.VOCABULARY[ACTION].details, 1))
    refused("unknown details email, words", details={"words": 1, "email": 1, "count": 1})


def test_purpose_and_fields_are_slugs() -> None:
    passes(purpose="orders", fields=["email", "given_name"])
    for changed in ({"purpose": "two words"}, {"purpose": 1}, {"fields": ["email", "a b"]}, {"fields": [None]}):
        refused("purpose and fields are slugs", **changed)


def test_reviewed_things_have_the_ten_events_of_their_life() -> None:
    lives = [name for name in vocabulary.VOCABULARY if name.startswith("notice.")]
    assert sorted(name.partition(".")[2] for name in lives) == [
        "approved", "assigned", "commented", "drafted", "published", "rejected", "retired", "scheduled", "submitted",
        "unscheduled",
    ]  # fmt: skip
    assert {"notice", "version", "digest"} <= vocabulary.VOCABULARY["notice.drafted"].details
