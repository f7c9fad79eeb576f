"""The pure decision against a small independent model, and each promise of its precedence by itself."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consent.decide import ALLOWED, CODES, FRESH_SECONDS, Answer, Facts, PurposeFacts, decide
from tests.consent.model import ORDER, code_of, gravest
from tests.plugins.exhaustive import drawn, exhaustive

NOW = datetime(2026, 11, 23, 10, 15, tzinfo=UTC)
HOUR = timedelta(hours=1)
PURPOSE = PurposeFacts(
    basis="consent",
    fields=frozenset({"email", "phone"}),
    notice_version=2,
    major_version=2,
    recipients=frozenset({"acme"}),
    contract=frozenset({"email"}),
)
GIVEN = Answer(state="given", notice_version=2, expires_at=NOW + 2 * HOUR)
YES = Facts(at=NOW, purpose=PURPOSE, answer=GIVEN)


def test_the_order_of_precedence_is_the_one_of_the_contract():
    assert CODES == (
        "unknown_subject", "erased", "unknown_purpose", "purpose_not_approved", "not_in_contract", "restricted",
        "objected", "consent_missing", "consent_refused", "consent_withdrawn", "consent_expired", "consent_pending",
        "notice_outdated", "sharing_off",
    )  # fmt: skip


def test_the_model_was_written_from_the_same_page():
    assert (*CODES, ALLOWED) == ORDER


def test_a_given_consent_under_a_contract_is_allowed():
    verdict = decide(YES)
    assert (verdict.code, verdict.allowed, verdict.basis, verdict.notice_version) == ("allowed", True, "consent", 2)


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"known": False}, "unknown_subject"),
        ({"erased": True}, "erased"),
        ({"purpose": None}, "unknown_purpose"),
        ({"purpose": replace(PURPOSE, live=False)}, "purpose_not_approved"),
        ({"purpose": replace(PURPOSE, contract=None)}, "not_in_contract"),
        ({"purpose": replace(PURPOSE, contract_until=NOW)}, "not_in_contract"),
        ({"restricted": True}, "restricted"),
        ({"objected": True, "purpose": replace(PURPOSE, is_marketing=True)}, "objected"),
        ({"answer": None}, "consent_missing"),
        ({"answer": Answer(state="refused")}, "consent_refused"),
        ({"answer": Answer(state="withdrawn")}, "consent_withdrawn"),
        ({"answer": Answer(state="expired")}, "consent_expired"),
        ({"answer": replace(GIVEN, expires_at=NOW)}, "consent_expired"),
        ({"answer": Answer(state="pending")}, "consent_pending"),
        ({"answer": replace(GIVEN, notice_version=1)}, "notice_outdated"),
        ({"answer": replace(GIVEN, notice_version=None)}, "notice_outdated"),
        ({"answer": Answer(state="a state of tomorrow")}, "notice_outdated"),
        ({"recipient": "acme"}, "sharing_off"),
        ({"recipient": "nobody", "sharing": GIVEN}, "sharing_off"),
        ({"recipient": "acme", "sharing": Answer(state="withdrawn")}, "sharing_off"),
        ({"recipient": "acme", "sharing": replace(GIVEN, expires_at=NOW)}, "sharing_off"),
    ],
)
def test_each_reason_refuses_by_its_own_code(change, code):
    assert decide(YES).allowed
    verdict = decide(replace(YES, **change))
    assert (verdict.code, verdict.allowed) == (code, False)
    assert verdict.trace[-1].rule == code and verdict.trace[-1].outcome == "refused"


def test_a_minor_notice_keeps_the_consent_and_the_answered_version_is_told():
    verdict = decide(replace(YES, purpose=replace(PURPOSE, notice_version=3, major_version=2)))
    assert (verdict.code, verdict.notice_version) == ("allowed", 2)


@pytest.mark.parametrize("basis", ["contract", "legal_obligation", "vital_interests", "public_task"])
def test_other_bases_know_no_consent_rules(basis):
    assert decide(replace(YES, answer=None)).code == "consent_missing"
    assert decide(replace(YES, answer=None, purpose=replace(PURPOSE, basis=basis))).allowed


@pytest.mark.parametrize(
    ("basis", "code"),
    [("contract", "allowed"), ("legal_obligation", "allowed"), ("public_task", "objected"),
     ("legitimate_interests", "objected")],
)  # fmt: skip
def test_an_objection_counts_where_the_basis_gives_it(basis, code):
    assert decide(replace(YES, objected=True, purpose=replace(PURPOSE, basis=basis))).code == code


def test_every_field_is_told_by_itself_and_the_gravest_decides():
    verdict = decide(replace(YES, fields=("email", "phone", "shoe_size"), restricted=True))
    assert verdict.fields == {"email": "restricted", "phone": "not_in_contract", "shoe_size": "not_in_contract"}
    assert verdict.code == "not_in_contract"


def test_what_a_law_keeps_is_decided_on_and_all_else_is_erased():
    tax = replace(PURPOSE, basis="legal_obligation", contract=frozenset({"email", "phone"}))
    facts = replace(YES, erased=True, retained=frozenset({"email"}), purpose=tax, answer=None)
    assert decide(facts).allowed
    assert decide(replace(facts, fields=("email", "phone"))).fields == {"email": "allowed", "phone": "erased"}
    assert decide(replace(facts, retained=None)).code == "erased"


def test_without_an_application_the_purpose_itself_bounds():
    portal = replace(PURPOSE, contract_bound=False, contract=None)
    verdict = decide(replace(YES, purpose=portal, fields=("phone", "shoe_size")))
    assert verdict.fields == {"phone": "allowed", "shoe_size": "not_in_contract"}


def test_an_answer_is_good_until_the_first_thing_that_may_end_it():
    assert decide(YES).valid_until == NOW + timedelta(seconds=FRESH_SECONDS)
    soon = NOW + timedelta(seconds=5)
    assert decide(replace(YES, answer=replace(GIVEN, expires_at=soon))).valid_until == soon
    assert decide(replace(YES, purpose=replace(PURPOSE, contract_until=soon))).valid_until == soon
    shared = replace(YES, recipient="acme", sharing=replace(GIVEN, expires_at=soon))
    assert decide(shared).valid_until == soon


def test_the_trace_names_every_rule_up_to_the_one_that_decided():
    trace = decide(replace(YES, answer=Answer(state="withdrawn"))).trace
    assert [step.rule for step in trace] == list(CODES[: CODES.index("consent_withdrawn") + 1])
    assert all(step.outcome == "passed" for step in trace[:-1])
    assert trace[-1].input == "the standing consent is withdrawn"


# --- any facts, against the independent model of tests/consent/model.py ----------------------------------------------

names = st.sampled_from(["email", "phone", "vat_number"])
sets = st.frozensets(names)
moments = st.none() | st.integers(-2, 2).map(lambda hours: NOW + hours * HOUR)
versions = st.none() | st.integers(1, 3)
answers = st.none() | st.builds(
    Answer,
    state=st.sampled_from(["given", "given", "refused", "withdrawn", "expired", "pending"]),
    notice_version=versions,
    expires_at=moments,
)
mostly = st.sampled_from([True, True, True, True, False])
rarely = mostly.map(lambda value: not value)
bases = ["consent", "consent", "contract", "legal_obligation", "vital_interests", "public_task", "legitimate_interests"]
purposes = st.builds(
    PurposeFacts,
    live=mostly,
    basis=st.sampled_from(bases),
    is_marketing=st.booleans(),
    fields=sets,
    notice_version=versions,
    major_version=versions,
    recipients=st.frozensets(st.sampled_from(["acme", "post"])),
    contract_bound=mostly,
    contract=st.none() | sets,
    contract_until=moments,
)
all_facts = st.builds(
    Facts,
    at=st.just(NOW),
    known=mostly,
    erased=rarely,
    retained=st.none() | sets,
    purpose=st.none() | purposes | purposes | purposes,
    restricted=rarely,
    objected=st.booleans(),
    answer=answers,
    recipient=st.none() | st.sampled_from(["acme", "post"]),
    sharing=answers,
    fields=st.lists(names, unique=True, max_size=3).map(tuple),
)


@drawn(5000 if exhaustive() else 1500)
@given(all_facts)
def test_the_decision_agrees_with_the_model_for_any_facts(facts):
    expected = {field: code_of(facts, field) for field in facts.fields}
    verdict = decide(facts)
    assert verdict.fields == expected
    assert verdict.code == (gravest(expected.values()) if expected else code_of(facts, None))
    assert facts.at < verdict.valid_until <= facts.at + timedelta(seconds=FRESH_SECONDS)


@drawn(500)
@given(all_facts)
def test_nothing_is_allowed_on_consent_without_a_standing_answer(facts):
    if decide(facts).allowed and facts.purpose and facts.purpose.basis == "consent":
        assert facts.answer is not None and facts.answer.state == "given"
