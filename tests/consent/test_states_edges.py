"""The edges of the tables of states that a mutation of them showed to be unguarded (`make mutants`)."""

import pytest

from consent.states import ASK, DELIVERY, DELIVERY_CLOSED, HAND, Consent, answer, move, move_in
from gdpr_portal.errors import WrongState


def refusal(act, *given) -> str:
    with pytest.raises(WrongState) as refused:
        act(*given)
    return refused.value.code


def test_no_act_out_of_nothing():
    assert answer(Consent.GIVEN, "withdraw") is Consent.WITHDRAWN
    assert refusal(answer, Consent.GIVEN, "forget") == "wrong_state"
    assert refusal(answer, Consent.GIVEN, "confirm") == "wrong_state"


def test_after_a_receivers_word_it_is_closed_before_it_is_the_wrong_moment():
    spoken = {state for state in DELIVERY if not DELIVERY[state]}
    assert spoken == {"acknowledged", "refused", "failed"} and spoken < DELIVERY_CLOSED

    for state in spoken:
        assert refusal(move, state, "done") == "already_closed"
    assert refusal(move, "sent", "claim") == "wrong_state"
    assert refusal(move, "cancelled", "again") == "wrong_state"


@pytest.mark.parametrize("table", [ASK, HAND], ids=["ask", "hand"])
def test_every_move_of_the_small_tables_and_no_other(table):
    events = {event for moves in table.values() for event in moves}

    for state, moves in table.items():
        for event in events:
            if event in moves:
                assert move_in(table, state, event) == moves[event]
            else:
                assert refusal(move_in, table, state, event) == "wrong_state"
