"""A member of staff opens data of twenty people an hour, with a reason, and not of one more (threat T12)."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.db import connection

from audit.models import AuditEvent
from gdpr_portal.errors import Refused
from subjects.services.reveal import revealed_to_staff, staff_reveal

pytestmark = pytest.mark.django_db
MOST = 20


@pytest.fixture
def look(alice: Any) -> Callable[[Any], Any]:
    """One look at alice's identifiers."""
    return lambda person: revealed_to_staff(
        subject=alice.subject, by=person.account, reason="told_by_hand", case=uuid4()
    )


def looks_of(person: Any) -> int:
    return AuditEvent.objects.filter(action="data.revealed", actor=f"staff:{person.account.pk}").count()


def test_the_twenty_first_look_of_an_hour_is_refused_and_told(
    look: Any, olga: Any, rita: Any, alice: Any, frozen: Any, audit_log: Any
) -> None:
    for _ in range(MOST):
        assert ("email", alice.email) in look(olga)
    with pytest.raises(Refused, match="reveal_quota"):
        look(olga)
    assert looks_of(olga) == MOST
    (told,) = audit_log("access.refused")
    assert (told.actor, told.details) == (f"staff:{olga.account.pk}", {"reason": "reveal_quota"})
    assert look(rita), "others have looks of their own"
    frozen.shift(timedelta(minutes=61))
    assert look(olga)


def test_looks_at_files_identifiers_and_rows_count_together(look: Any, rita: Any) -> None:
    for _ in range(MOST):
        look(rita)
    with pytest.raises(Refused, match="reveal_quota"), staff_reveal(rita.account):
        raise AssertionError("it was let in")


def test_what_people_wrote_to_the_desk_does_not_count(look: Any, rita: Any, alice: Any) -> None:
    from audit import actors, services

    for reason in ("conversation", "mandate", "question", "comments"):
        entry = services.Entry(
            action="data.revealed", actor=actors.staff(rita.account.pk), subject=alice.subject.pseudonym,
            details={"reason": reason, "count": 1},
        )  # fmt: skip
        services.record_many([entry] * MOST)
    assert look(rita)


@pytest.mark.django_db(transaction=True)
def test_looks_at_the_same_moment_are_counted_one_after_the_other(look: Any, rita: Any) -> None:
    for _ in range(MOST - 1):
        look(rita)

    def one(_: int) -> bool:
        try:
            look(rita)
        except Refused:
            return False
        finally:
            connection.close()
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sorted(pool.map(one, range(4))) == [False, False, False, True]
    assert looks_of(rita) == MOST


def test_teeth_without_the_limit_the_next_look_opens(look: Any, rita: Any, settings: Any) -> None:
    for _ in range(MOST):
        look(rita)
    settings.STAFF_REVEALS_AN_HOUR = MOST + 1
    assert look(rita)
