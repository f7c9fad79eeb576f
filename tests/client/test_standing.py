"""What the local decisions are kept in: held to a plain dict, whatever is said in whatever order."""

from random import Random
from uuid import UUID

import httpx
import pytest
from gdpr_portal_client import LocalDecisions, Portal
from gdpr_portal_client.models import DecisionChange
from gdpr_portal_client.standing import BAG_BITS, OF_ID, UNKNOWN, Standing

CODES = ("allowed", "consent_missing", "consent_withdrawn", "erased", "sharing_off")
PAIRS = [("orders", None), ("newsletter", None), ("newsletter", "acme"), ("newsletter", "globex")]


def said(subject: UUID, purpose: str, recipient: str | None, code: str) -> DecisionChange:
    return DecisionChange(subject, purpose, recipient, None, code, 1)


@pytest.mark.parametrize("seed", range(5))
def test_it_says_what_a_dict_would(seed: int) -> None:
    dice, standing = Random(seed), Standing()
    model: dict[tuple[UUID, str, str | None], str] = {}
    # Few of the bits that name a bag, so that many people share one.
    people = [UUID(int=dice.getrandbits(128) >> (BAG_BITS - 2)) for _ in range(300)]
    for _ in range(60):
        page = [said(dice.choice(people), *dice.choice(PAIRS), dice.choice(CODES)) for _ in range(dice.randrange(9))]
        standing.take(page)
        model |= {(each.subject, each.purpose, each.recipient): each.code for each in page}
    for who in people:
        for pair in PAIRS:
            found = standing.decision(who, *pair)
            assert found.code == model.get((who, *pair), "unknown_subject")
            assert found.allowed == (found.code == "allowed")
    assert standing.decision(people[0], "unheard of", None) == UNKNOWN


def test_an_id_within_the_row_of_another_is_not_taken_for_its_own() -> None:
    """The last byte of the first row and seven bytes of the second are the third person's id."""
    first, second = UUID(int=1 << 50), UUID(int=(0x0203040506070809 << (64 - BAG_BITS)))
    standing = Standing()
    standing.take([said(first, "orders", None, "allowed"), said(second, "orders", None, "allowed")])
    within = UUID(int=0x0102030405060708 << (64 - BAG_BITS))
    assert standing.decision(within, "orders", None) == UNKNOWN
    standing.take([said(within, "orders", None, "erased")])
    assert [standing.decision(who, "orders", None).code for who in (first, second, within)] == [
        "allowed", "allowed", "erased",
    ]  # fmt: skip


def test_a_person_costs_their_id_and_a_byte_for_each_question() -> None:
    dice, standing = Random(1), Standing()
    standing.take(said(UUID(int=dice.getrandbits(128)), *pair, "allowed") for _ in range(1000) for pair in PAIRS[:1])
    standing.take(said(UUID(int=dice.getrandbits(128)), *pair, "allowed") for _ in range(1000) for pair in PAIRS[1:2])
    bags = standing._laid[2]
    assert sum(map(len, bags)) == 2000 * (OF_ID + 2)


def test_nobody_changes_an_answer_that_others_get() -> None:
    standing, who = Standing(), UUID(int=7)
    standing.take([said(who, "orders", None, "allowed")])
    answer = standing.decision(who, "orders", None)
    assert standing.decision(who, "orders", None) is answer
    with pytest.raises(TypeError):
        answer.fields["email"] = "allowed"  # type: ignore[index]  # that it cannot be is the point
    with pytest.raises(AttributeError):
        answer.code = "erased"  # type: ignore[misc]


class Watched(Standing):
    """Somebody asks after each of its steps that others can see."""

    always = UUID(int=5)
    codes: tuple[str, ...] = ()

    def __setattr__(self, name: str, value: object) -> None:
        super().__setattr__(name, value)
        if name == "_laid":
            self.codes += (self.decision(self.always, "orders", None).code,)


def test_who_asks_while_it_changes_hears_what_was_or_what_is() -> None:
    """Rows of everybody grow longer, step by step, while others ask about one who is always there."""
    standing = Watched()
    standing.take([said(standing.always, "orders", None, "allowed")])
    for number in range(30):
        standing.take([said(UUID(int=number << 60), f"purpose-{number}", None, "consent_withdrawn")])
    assert len(standing.codes) > 30 and set(standing.codes[2:]) == {"allowed"}


class Service:
    """A service that tells of one person; it fails where it is told to."""

    def __init__(self) -> None:
        self.code, self.fails = "allowed", ""

    def answer(self, request: httpx.Request) -> httpx.Response:
        if request.url.path == "/oauth/token":
            return httpx.Response(200, json={"access_token": "t", "expires_in": 600})
        kind = request.url.path.rpartition("/")[2]
        if kind == self.fails:
            return httpx.Response(400, json={"code": "invalid_cursor", "status": 400, "title": "No"})
        item = {"subject": str(UUID(int=9)), "purpose": "orders", "recipient": None, "state": None, "seq": 1}
        items = [item | {"code": self.code}] if kind == "snapshot" else []
        return httpx.Response(200, json={"items": items, "next": None, "cursor": "c"})


def test_a_new_snapshot_counts_when_all_of_it_is_here() -> None:
    service = Service()
    http = httpx.Client(transport=httpx.MockTransport(service.answer))
    with Portal("http://portal.example", "id", "secret", http=http) as portal:
        local = LocalDecisions(portal)
        local.load()
        service.code, service.fails = "erased", "changes"
        with pytest.raises(Exception, match="invalid_cursor"):
            local.load()
        assert local.decide(UUID(int=9), "orders").allowed, (
            "changes of the new snapshot are missing: the old one stands"
        )
        service.fails = ""
        local.load()
        assert local.decide(str(UUID(int=9)), "orders").code == "erased"
