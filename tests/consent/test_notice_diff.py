"""What changed between two versions: nothing is lost, nothing is made up, and long texts are read in time."""

import random
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from consent.notices import diff
from consent.notices.diff import ADDED, CHANGED, REMOVED, SAME, Wording
from tests.consent.notices import demo
from tests.plugins.exhaustive import drawn

WORDS = st.sampled_from(
    [
        "we",
        "send",
        "you",
        "a",
        "letter",
        "Briefe",
        "à",
        "vous",
        "1",
        "2027",
        ",",
        ".",
        "<b>",
        "\n",
        "\n\n",
        "## Title\n",
    ]
)
TEXTS = st.one_of(st.text(max_size=80), st.lists(WORDS, max_size=60).map(" ".join))


def side(rows, name):
    return "".join(piece.text for row in rows for piece in getattr(row, name))


@given(TEXTS, TEXTS)
@drawn(400)
def test_both_columns_put_together_are_both_texts(old, new):
    rows = diff.rows(old, new)
    assert (side(rows, "old"), side(rows, "new")) == (old, new)


@given(TEXTS, TEXTS)
@drawn(200)
def test_what_is_said_to_be_the_same_is_the_same_and_nothing_stands_in_the_wrong_column(old, new):
    for row in diff.rows(old, new):
        kept = ["".join(piece.text for piece in column if piece.kind == SAME) for column in (row.old, row.new)]
        assert kept[0] == kept[1]
        assert {piece.kind for piece in row.old} <= {SAME, "del"}
        assert {piece.kind for piece in row.new} <= {SAME, "ins"}
        assert (row.kind == SAME) == (row.old == row.new)


@given(TEXTS)
def test_a_text_does_not_differ_from_itself(text):
    assert {row.kind for row in diff.rows(text, text)} <= {SAME}


@given(st.lists(st.sampled_from("abcd"), max_size=14), st.lists(st.sampled_from("abcd"), max_size=14))
@settings(deadline=None)
def test_the_script_of_edits_is_the_shortest(old, new):
    """As long as the longest common subsequence, counted the slow way."""
    best = [[0] * (len(new) + 1) for _ in range(len(old) + 1)]
    for i, a in enumerate(old):
        for j, b in enumerate(new):
            best[i + 1][j + 1] = best[i][j] + 1 if a == b else max(best[i][j + 1], best[i + 1][j])
    assert sum(size for _i, _j, size in diff._matches(old, new)) == best[-1][-1]


def test_one_word_is_marked_in_a_paragraph_that_stays():
    [row] = diff.rows("We keep it for two years.", "We keep it for three years.")
    assert row.kind == CHANGED
    assert [piece for piece in row.old if piece.kind == "del"] == [("del", "two ")]
    assert [piece for piece in row.new if piece.kind == "ins"] == [("ins", "three ")]


def test_a_paragraph_that_is_new_and_one_that_is_gone_stand_alone():
    old = "We send a letter.\n\nNobody receives it.\n\nYou can object."
    new = "We send a letter.\n\nYou can object.\n\nWrite to us at any time."
    assert [row.kind for row in diff.rows(old, new)][1:] in ([REMOVED, CHANGED, ADDED], [REMOVED, SAME, ADDED])


def test_paragraphs_that_share_hardly_a_word_are_not_shown_as_one_that_changed():
    kinds = [
        row.kind for row in diff.rows("Nobody outside receives it.", "Acme and its eleven partners get everything.")
    ]
    assert sorted(kinds) == [ADDED, REMOVED]


def test_languages_that_came_and_went_are_said():
    texts = demo()
    old = {"en": texts["en"], "de": texts["de"]}
    new = {"en": texts["en"], "fr": texts["fr"]}
    found = {each.language: each.kind for each in diff.languages(old, new)}
    assert found == {"en": SAME, "fr": ADDED, "de": REMOVED}


def test_a_new_title_alone_is_a_change():
    [found] = diff.languages({"en": Wording("News", "x\n")}, {"en": Wording("Advertising", "x\n")})
    assert (found.kind, found.changed, found.title.kind) == (CHANGED, 0, CHANGED)


@pytest.mark.parametrize("every", [2, 37, 1000])
def test_a_long_text_is_compared_within_seconds(every):
    """Twenty printed pages: the slow way of `difflib` took 23 s here."""
    chance = random.Random(1)
    words = [chance.choice(["the", "of", "you", *(f"word{at}" for at in range(500))]) for _ in range(8000)]
    old = " ".join(words).replace(" you ", " you\n\n")
    new = " ".join("other" if at % every == 0 else word for at, word in enumerate(words)).replace(" you ", " you\n\n")
    begun = time.process_time()
    rows = diff.rows(old, new)
    assert time.process_time() - begun < 5
    assert (side(rows, "old"), side(rows, "new")) == (old, new)
