"""Copies are put together many at once: each has its own person's data, and what is wrong with one is no other's."""

import io
import zipfile
from collections.abc import Sequence
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from audit.models import AuditEvent
from erasure.archives import build
from erasure.models import Archive, Receipt, RightsRequest, Step
from erasure.services import comments, copies, steps
from erasure.services.holds import place_hold
from subjects import holdings
from subjects.holdings import Own, Together, TooLongTogether
from subjects.models import Identifier, PersonalValue, Subject, ValuePurpose
from tests.audit.tools import behind_the_triggers
from tests.erasure.people import file
from tests.erasure.test_archive_memory import answered_often
from tests.erasure.test_many_at_once import ids, made, state, store
from vault import services as vault

HELD = "court_order"
pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


@pytest.fixture
def people(shop: Any) -> list[Subject]:
    """Four people the shop knows and has no contract to ask about, without an account."""
    known = [made(shop, number) for number in range(4)]
    store(shop, known[1], "tax_records", vat_number="DE123456789")
    with behind_the_triggers():
        shop.contracts.all().delete()
    return known


def copies_of(people: Sequence[Subject], right: str = "access") -> list[RightsRequest]:
    return [file(subject, right) for subject in people]


def held(subject: Subject, by: Any) -> None:
    place_hold(subject=subject, reason=HELD, by=by.account)


def text_of(request: RightsRequest) -> str:
    """All that stands in the archive."""
    archive = Archive.objects.get(request=request)
    with zipfile.ZipFile(io.BytesIO(b"".join(build.opened(archive)))) as packed:
        return "".join(packed.read(name).decode() for name in packed.namelist())


def states(requests: Sequence[RightsRequest]) -> list[str]:
    return [state(request) for request in requests]


def is_whole(request: RightsRequest) -> bool:
    """Whether it is complete, once: archive, log, receipt."""
    log = AuditEvent.objects.filter(subject=request.subject.pseudonym)
    ends = [log.filter(action=action).count() for action in ("archive.built", "step.done", "request.completed")]
    receipt = Receipt.objects.filter(request=request).count()
    archives = Archive.objects.filter(request=request, complete=True).count()
    return [state(request), *ends, receipt, archives] == ["completed", 1, 1, 1, 1, 1]


def test_each_copy_is_of_its_own_person(people: list[Subject], rita: Any) -> None:
    held(people[2], rita)
    requests = [*copies_of(people[:3]), *copies_of(people[3:], "portability")]
    steps.push_all(ids(requests))
    assert all(is_whole(request) for request in requests)
    found = [text_of(request) for request in requests]
    for number, text in enumerate(found):
        assert [f"p{other}@people.example" in text for other in range(4)] == [other == number for other in range(4)]
        assert [f'"P{other}"' in text for other in range(4)] == [other == number for other in range(4)]
    assert ["DE123456789" in text for text in found] == [False, True, False, False]
    assert [HELD in text for text in found] == [False, False, True, False]


def test_teeth_rows_told_apart_by_nothing_would_be_everybodys(
    people: list[Subject], rita: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody's key opens another's value; what lies open would be in every archive."""
    monkeypatch.setattr(Own, "by_person", lambda own, many: {who.pk: list(own.of(many)) for who in many})
    ValuePurpose.objects.all().delete()
    PersonalValue.objects.all().delete()
    Identifier.objects.all().delete()
    held(people[1], rita)
    requests = copies_of(people[:2])
    steps.push_all(ids(requests))
    assert states(requests) == ["completed"] * 2 and HELD in text_of(requests[0])


def test_many_are_put_together_by_as_many_statements_as_one(people: list[Subject]) -> None:
    requests = copies_of(people)
    with CaptureQueriesContext(connection) as one:
        steps._carried(ids(requests[:1]))
    with CaptureQueriesContext(connection) as two:
        steps._carried(ids(requests[2:]))
    assert Archive.objects.filter(complete=True).count() == 3
    assert len(two) <= len(one), f"{len(one)} for one, {len(two)} for two"


@pytest.mark.parametrize(("right", "most"), [("access", 20), ("erasure", 16)])
def test_from_filing_to_the_end_each_further_one_takes_few_statements(
    people: list[Subject], settings: Any, frozen: Any, right: str, most: int
) -> None:
    """With BEGIN, COMMIT and the mail's own; not counted are prepared statements and COPY, three and one."""
    settings.UNDO_WINDOW_SECONDS, settings.ERASURES_PER_HOUR = 60, 0

    def from_start_to_end(own: Sequence[Subject]) -> int:
        with CaptureQueriesContext(connection) as said:
            filed = copies_of(own, right)
            frozen.shift(61)
            steps.push_all(ids(filed))
        assert set(states(filed)) == {"completed"}
        return len(said)

    one, two = from_start_to_end(people[:1]), from_start_to_end(people[2:])
    assert two - one <= most, f"{one} for one, {two} for two"


def test_one_that_cannot_be_put_together_holds_up_no_other(people: list[Subject], monkeypatch: Any) -> None:
    requests = copies_of(people)
    PersonalValue.objects.filter(subject=people[1]).update(sealed=b"changed")
    steps.push_all(ids(requests))
    assert states(requests) == ["completed", "in_progress", "completed", "completed"]
    [step] = Step.objects.filter(request=requests[1])
    assert (step.state, step.attempts) == ("queued", 2) and not Archive.objects.filter(request=requests[1]).exists()


def test_one_that_a_reviewer_has_to_see_waits_alone(people: list[Subject], rita: Any) -> None:
    requests = copies_of(people)
    comments.comment_on(request_id=requests[2].id, author=rita.account, text="Somebody else called.")
    steps.push_all(ids(requests))
    assert states(requests) == ["completed", "completed", "in_progress", "completed"]
    waiting = Step.objects.get(request=requests[2])
    assert waiting.state == "waiting" and waiting.settled_at is None and waiting.lease_until is None
    assert [is_whole(each) for each in requests] == [True, True, False, True]


def test_a_person_of_whom_very_much_is_held_is_put_together_alone(
    people: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    answered_often(people[0], 6)
    requests, seen = copies_of(people), []
    monkeypatch.setattr(holdings, "FEW", 5)
    real = copies.build.build_archives

    def watched(wanted: Sequence[Step]) -> Any:
        try:
            found = real(wanted)
        except TooLongTogether:
            seen.append((len(wanted), "apart"))
            raise
        seen.append((len(wanted), "built"))
        return found

    monkeypatch.setattr(copies.build, "build_archives", watched)
    steps.push_all(ids(requests))
    assert seen == [(4, "apart"), *[(1, "built")] * 4]
    assert all(is_whole(request) for request in requests)
    assert text_of(requests[0]).count('"action": "give"') == 6


def test_more_rows_than_are_read_at_once_are_read_for_each(
    people: list[Subject], monkeypatch: pytest.MonkeyPatch
) -> None:
    names = Own(PersonalValue.objects.order_by("field"))
    monkeypatch.setattr(holdings, "MOST", 8)
    with CaptureQueriesContext(connection) as said:
        together = Together(people)
        found = [[row.field for row in together.rows(who, names)] for who in people]
    assert found == [["family_name", "given_name"], ["family_name", "given_name", "vat_number"], *[found[0]] * 2]
    assert len(said) == 1 + len(people)
    monkeypatch.setattr(holdings, "MOST", 9)
    with CaptureQueriesContext(connection) as said:
        together = Together(people)
        assert [[row.field for row in together.rows(who, names)] for who in people] == found
    assert len(said) == 1


def test_keys_are_at_hand_for_the_block_alone(people: list[Subject]) -> None:
    first, second = (person.pk for person in people[:2])
    with CaptureQueriesContext(connection) as said, vault.keys_at_hand([first]):
        held = vault.subject_key(first)
        vault.subject_key(second)
    assert len(said) == 2
    with CaptureQueriesContext(connection) as said:
        assert vault.subject_key(first) == held
    assert len(said) == 1
