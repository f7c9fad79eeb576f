"""Restriction (Art. 18): from its moment to its end, for one person, recorded, never twice for one reason."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from django.utils import timezone

from gdpr_portal.errors import Invalid
from subjects.models import Restriction, Subject
from subjects.selectors import is_restricted
from subjects.services import announce_lift, lift_restriction, restrict

pytestmark = pytest.mark.django_db
ACTOR = "system:worker"


def test_it_holds_from_its_moment_until_it_is_lifted(ada: Subject, audit_log: Any) -> None:
    begun = timezone.now() - timedelta(days=2)
    restrict(subject=ada, ground="accuracy_contested", request=uuid4(), actor=ACTOR, at=begun)
    assert is_restricted(ada)
    assert is_restricted(ada, begun)
    assert not is_restricted(ada, begun - timedelta(microseconds=1))
    end = timezone.now() - timedelta(days=1)
    assert len(lift_restriction(subject=ada, actor=ACTOR, reason="corrected", at=end)) == 1
    assert not is_restricted(ada)
    assert is_restricted(ada, end - timedelta(microseconds=1))
    assert [event.action for event in audit_log() if event.action.startswith("restriction")] == [
        "restriction.set", "restriction.lifted",
    ]  # fmt: skip


def test_the_same_restriction_twice_is_one_and_lifting_twice_is_none(ada: Subject, audit_log: Any) -> None:
    request = uuid4()
    for _ in range(2):
        restrict(subject=ada, ground="legal_claims", request=request, actor=ACTOR)
    assert Restriction.objects.count() == len(audit_log("restriction.set")) == 1
    assert len(lift_restriction(subject=ada, actor=ACTOR, request=request)) == 1
    assert lift_restriction(subject=ada, actor=ACTOR, request=request) == []


def test_one_request_lifts_only_its_own(ada: Subject) -> None:
    mine, other = uuid4(), uuid4()
    restrict(subject=ada, ground="legal_claims", request=mine, actor=ACTOR)
    restrict(subject=ada, ground="legal_claims", request=other, actor=ACTOR)
    lift_restriction(subject=ada, actor=ACTOR, request=mine)
    assert is_restricted(ada)


def test_the_announcement_keeps_its_first_moment(ada: Subject) -> None:
    made = restrict(subject=ada, ground="objection_pending", request=None, actor=ACTOR)
    first = announce_lift(restriction=made).lift_announced_at
    assert first is not None
    assert announce_lift(restriction=made).lift_announced_at == first


def test_a_ground_the_law_does_not_know_is_refused(ada: Subject) -> None:
    with pytest.raises(Invalid) as refused:
        restrict(subject=ada, ground="because", request=None, actor=ACTOR)
    assert refused.value.status == 422
    assert not Restriction.objects.exists()
