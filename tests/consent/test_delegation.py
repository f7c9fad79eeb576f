"""Standing in: in one's own name, for a time, and never around the four eyes; here, in the database and in races."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from consent.models import Component, Delegation
from consent.services import delegations, review
from gdpr_portal.errors import Invalid, Refused, WrongState
from tests.conftest import make_staff


@pytest.fixture
def irene(db):
    """Another reviewer."""
    return make_staff("irene", "irm")


@pytest.fixture
def paul(db):
    """A third reviewer."""
    return make_staff("paul", "irm")


def written_by(person, slug="shoe_size"):
    """A component in review."""
    draft = Component.objects.create(
        slug=slug, titles={"en": "Shoe size", "de": "Schuhgröße", "fr": "Pointure"},
        category="user.demographic.profile", necessity="Needed to send shoes that fit.", author=person.account,
    )  # fmt: skip
    return review.submit(item=draft, actor=person.account)


def stand_in(principal, deputy, days=7, start=None):
    ends_at = (start or timezone.now()) + timedelta(days=days)
    return delegations.delegate(principal=principal.account, deputy=deputy.account, starts_at=start, ends_at=ends_at)


def approve(item, person):
    return review.approve(item=item, approver=person.account, digest=review.digest_of(item))


def behind_the_service(item, person, **more):
    """The approval as a program with the database's password would write it."""
    return Component.objects.filter(pk=item.pk).update(
        state="approved", approver=person.account, approved_at=timezone.now(), digest="sha256:0", **more
    )


# --- in one's own name, for somebody ----------------------------------------------------------------------------------


def test_a_deputy_approves_in_their_own_name_and_for_whom_is_kept(rita, irene, olga, audit_log):
    item = written_by(olga)
    review.assign(item=item, actor=rita.account, to=rita.account)
    stand_in(rita, irene)
    done = approve(item, irene)
    assert (done.approver, done.approved_for) == (irene.account, rita.account)
    [event] = audit_log("component.approved")
    assert event.actor == f"staff:{irene.account.pk}"
    assert event.details["acts_for"] == str(rita.account.pk)
    [event] = audit_log("delegation.made")
    assert event.details["deputy"] == str(irene.account.pk)


def test_what_waited_for_nobody_absent_is_approved_for_nobody(rita, irene, olga):
    stand_in(rita, irene)
    assert approve(written_by(olga), irene).approved_for is None


def test_when_it_is_over_nobody_stands_in(rita, irene, olga, frozen):
    made = stand_in(rita, irene, days=1)
    assert delegations.standing(timezone.now()).get() == made
    frozen.shift(86400)
    assert not delegations.standing(timezone.now()).exists()
    item = written_by(olga)
    review.assign(item=item, actor=irene.account, to=rita.account)
    assert approve(item, irene).approved_for is None


def test_ended_early_nobody_stands_in_and_it_is_kept(rita, irene, quentin, audit_log, frozen):
    made = stand_in(rita, irene)
    frozen.shift(60)
    with pytest.raises(Refused, match="not_yours"):
        delegations.end_delegation(delegation=made, actor=quentin.account)
    delegations.end_delegation(delegation=made, actor=irene.account)
    delegations.end_delegation(delegation=made, actor=rita.account)
    assert not delegations.standing(timezone.now()).exists()
    assert Delegation.objects.get().revoked_at == timezone.now()
    assert len(audit_log("delegation.ended")) == 1


# --- never around the four eyes ---------------------------------------------------------------------------------------


def test_a_deputy_does_not_approve_what_the_absent_person_wrote(rita, irene, paul, audit_log):
    item = written_by(rita)
    stand_in(rita, irene)
    with pytest.raises(Refused, match="four_eyes"):
        approve(item, irene)
    assert Component.objects.get(pk=item.pk).state == "in_review"
    assert [event.details["reason"] for event in audit_log("access.refused")] == ["four_eyes"]
    assert approve(item, paul).approver == paul.account


def test_nobody_approves_their_own_by_standing_in_for_somebody(rita, irene):
    item = written_by(rita)
    review.assign(item=item, actor=irene.account, to=irene.account)
    stand_in(irene, rita)
    with pytest.raises(Refused, match="four_eyes"):
        approve(item, rita)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (("rita", "irene"), ("irene", "rita")),  # and back
        (("rita", "irene"), ("irene", "paul")),  # and on
        (("irene", "paul"), ("rita", "irene")),  # to somebody absent
        (("rita", "irene"), ("rita", "paul")),  # two at once
    ],
)
def test_there_are_no_circles_no_chains_and_no_second_deputies(first, second, rita, irene, paul, request):
    people = {"rita": rita, "irene": irene, "paul": paul}
    stand_in(*(people[name] for name in first))
    with pytest.raises(WrongState, match="already_stood_in"):
        stand_in(*(people[name] for name in second))
    row = [people[name].account for name in second]
    now = timezone.now()
    with pytest.raises(IntegrityError, match="one deputy at a time"), transaction.atomic():
        Delegation.objects.create(principal=row[0], deputy=row[1], starts_at=now, ends_at=now + timedelta(days=1))
    assert Delegation.objects.count() == 1


def test_one_after_another_is_no_circle(rita, irene, frozen):
    stand_in(rita, irene, days=1)
    frozen.shift(86400)
    assert stand_in(irene, rita, days=1).deputy == rita.account


@pytest.mark.parametrize("who", ["olga", "quentin"])
def test_only_reviewers_stand_in_and_are_stood_in_for(who, rita, request):
    person = request.getfixturevalue(who)
    for pair in ((rita, person), (person, rita)):
        with pytest.raises(Refused, match="role_missing"):
            stand_in(*pair)


def test_a_period_has_an_end_ahead_and_is_not_forever(rita, irene):
    for days in (0, -1, 93):
        with pytest.raises(Invalid):
            stand_in(rita, irene, days=days)
    with pytest.raises(Invalid):
        stand_in(rita, rita)
    assert stand_in(rita, irene, start=timezone.now() - timedelta(days=3), days=9).starts_at <= timezone.now()
    assert Delegation.objects.get().starts_at > timezone.now() - timedelta(minutes=1), "never in the past"


# --- the database refuses too -----------------------------------------------------------------------------------------


def test_the_database_refuses_the_deputy_of_the_author(rita, irene, paul):
    item = written_by(rita)
    stand_in(rita, irene)
    with pytest.raises(IntegrityError, match="stands in for the author"), transaction.atomic():
        behind_the_service(item, irene)
    assert behind_the_service(item, paul) == 1


def test_the_database_refuses_standing_in_for_nobody_and_for_the_author(rita, irene, olga):
    item = written_by(olga)
    with pytest.raises(IntegrityError, match="not the deputy"), transaction.atomic():
        behind_the_service(item, irene, approved_for=rita.account)
    stand_in(rita, irene)
    with pytest.raises(IntegrityError, match=r"deputy_apart|not the deputy"), transaction.atomic():
        behind_the_service(item, irene, approved_for=olga.account)
    assert behind_the_service(item, irene, approved_for=rita.account) == 1


def test_who_stood_in_is_kept(rita, irene):
    made = stand_in(rita, irene)
    for act in (made.delete, lambda: Delegation.objects.update(ends_at=timezone.now() + timedelta(days=80))):
        with pytest.raises(IntegrityError, match="who stood in is kept"), transaction.atomic():
            act()


# --- races: two connections -------------------------------------------------------------------------------------------


def elsewhere(act):
    """The act on a connection of its own; returns the thread and where its outcome will be."""
    outcome = []

    def run():
        try:
            outcome.append(act())
        except (Refused, WrongState, IntegrityError) as refused:
            outcome.append(refused)
        finally:
            connection.close()

    thread = threading.Thread(target=run)
    thread.start()
    return thread, outcome


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("by", ["service", "database"])
def test_an_approval_waits_for_a_delegation_that_is_being_made(by, rita, irene):
    item = written_by(rita)
    act = (lambda: approve(item, irene)) if by == "service" else (lambda: behind_the_service(item, irene))
    with transaction.atomic():
        stand_in(rita, irene)
        thread, outcome = elsewhere(act)
        thread.join(0.5)
        assert thread.is_alive(), "it did not wait"
    thread.join()
    assert isinstance(outcome[0], Refused if by == "service" else IntegrityError)
    assert Component.objects.get(pk=item.pk).state == "in_review"


@pytest.mark.django_db(transaction=True)
def test_of_two_that_delegate_to_each_other_at_once_one_does(rita, irene):
    start = threading.Barrier(2)

    def delegating(principal, deputy):
        start.wait()
        return stand_in(principal, deputy)

    running = [elsewhere(lambda: delegating(rita, irene)), elsewhere(lambda: delegating(irene, rita))]
    for thread, _outcome in running:
        thread.join()
    outcomes = [type(outcome[0]) for _thread, outcome in running]
    assert sorted(each.__name__ for each in outcomes) == ["Delegation", "WrongState"]
    assert Delegation.objects.count() == 1
