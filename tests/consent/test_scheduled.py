"""What was approved goes live by itself at its moment, once, however often and from wherever it is asked for."""

import threading
from datetime import timedelta

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from consent.models import Component, Purpose
from consent.selectors import live_purpose
from consent.services import publishing
from consent.tasks import publish_due
from gdpr_portal.celery import BEAT
from gdpr_portal.errors import Invalid, Refused, WrongState
from tests.conftest import NOW
from tests.consent.test_revisions import approved, drafted, next_notice


@pytest.fixture
def ready(olga, rita):
    """An approved component of olga's."""
    draft = Component.objects.create(
        slug="shoe_size", titles={"en": "Shoe size", "de": "Schuhgröße", "fr": "Pointure"},
        category="user.demographic.profile", necessity="Needed to send shoes that fit.", author=olga.account,
    )  # fmt: skip
    return approved(draft, olga, rita)


def in_an_hour():
    return timezone.now() + timedelta(hours=1)


def test_it_goes_live_at_its_moment_and_not_before(ready, rita, frozen, audit_log):
    waiting = publishing.schedule(item=ready, actor=rita.account, at=in_an_hour())
    assert (waiting.state, waiting.scheduled_by) == ("scheduled", rita.account)
    assert publishing.publish_due() == 0
    frozen.shift(3599)
    assert publishing.publish_due() == 0
    frozen.shift(1)
    assert publishing.publish_due() == 1
    row = Component.objects.get(pk=ready.pk)
    assert (row.state, row.published_at) == ("live", timezone.now())
    [event] = audit_log("component.published")
    assert event.actor == "system:scheduler"
    [event] = audit_log("component.scheduled")
    assert (event.actor, event.details["due"]) == (f"staff:{rita.account.pk}", (NOW + timedelta(hours=1)).isoformat())


def test_the_sweep_is_in_the_schedule_and_twice_is_once(ready, rita, frozen, audit_log):
    assert "consent.tasks.publish_due" in {line["task"] for line in BEAT.values()}
    publishing.schedule(item=ready, actor=rita.account, at=in_an_hour())
    frozen.shift(4000)
    publish_due()
    publish_due()
    assert len(audit_log("component.published")) == 1


def test_it_can_be_taken_back_and_set_anew(ready, rita, frozen):
    publishing.schedule(item=ready, actor=rita.account, at=in_an_hour())
    later = publishing.schedule(item=ready, actor=rita.account, at=timezone.now() + timedelta(days=1))
    frozen.shift(4000)
    assert publishing.publish_due() == 0
    back = publishing.unschedule(item=later, actor=rita.account)
    assert publishing.unschedule(item=back, actor=rita.account).state == "approved"
    assert (back.publish_at, back.scheduled_by) == (None, None)
    frozen.shift(100_000)
    assert publishing.publish_due() == 0
    assert publishing.publish(item=back, actor=rita.account).state == "live"


@pytest.mark.parametrize("seconds", [-1, 0, 367 * 86400])
def test_the_moment_lies_ahead_within_a_year(ready, rita, frozen, seconds):
    with pytest.raises(Invalid):
        publishing.schedule(item=ready, actor=rita.account, at=timezone.now() + timedelta(seconds=seconds))


def test_only_irm_sets_moments_and_only_for_what_was_approved(ready, olga, rita):
    for act in (
        lambda: publishing.schedule(item=ready, actor=olga.account, at=in_an_hour()),
        lambda: publishing.unschedule(item=ready, actor=olga.account),
    ):
        with pytest.raises(Refused, match="role_missing"):
            act()
    live = publishing.publish(item=ready, actor=rita.account)
    with pytest.raises(WrongState):
        publishing.schedule(item=live, actor=rita.account, at=in_an_hour())


@pytest.mark.usefixtures("catalogue")
def test_a_scheduled_purpose_is_not_there_for_anybody_until_it_is_live(olga, rita, client_for, shop, frozen):
    draft = Purpose.objects.create(
        slug="fitting", titles={"en": "Fitting", "de": "Anprobe", "fr": "Essayage"}, lawful_basis="consent",
        necessity="To fit.", fields=["email"], retention_days=30, author=olga.account,
    )  # fmt: skip
    purpose = approved(draft, olga, rita)
    copied = next_notice_of("newsletter", purpose, olga)
    publishing.publish(item=approved(copied, olga, rita), actor=rita.account)
    publishing.schedule(item=purpose, actor=rita.account, at=in_an_hour())
    listed = [item["slug"] for item in client_for(shop).get("/api/v1/purposes").body["items"]]
    assert "newsletter" in listed and "fitting" not in listed
    with pytest.raises(Refused, match="purpose_not_approved"):
        live_purpose("fitting")
    frozen.shift(3600)
    assert publishing.publish_due() == 1
    assert live_purpose("fitting") == purpose


def next_notice_of(slug, purpose, olga):
    notice = next_notice(olga, Purpose.objects.get(slug=slug))
    notice.purpose, notice.version = purpose, 1
    notice.save()
    return notice


@pytest.mark.usefixtures("catalogue")
def test_a_material_revision_and_its_notice_go_live_in_one_sweep(olga, rita, frozen):
    ready = approved(drafted(olga, fields=["email", "given_name", "phone"]), olga, rita)
    notice = approved(next_notice(olga, Purpose.objects.get(slug="newsletter")), olga, rita)
    for item in (ready, notice):
        publishing.schedule(item=item, actor=rita.account, at=in_an_hour())
    frozen.shift(3600)
    assert publishing.publish_due() == 1, "the notice went with the revision"
    notice.refresh_from_db()
    assert (notice.state, live_purpose("newsletter").fields[-1]) == ("live", "phone")


@pytest.mark.usefixtures("catalogue")
def test_what_no_longer_fits_waits_for_a_person_and_holds_up_nobody(ready, olga, rita, frozen, audit_log):
    unfit = approved(drafted(olga, fields=["email", "given_name", "phone"]), olga, rita)
    for item in (unfit, ready):
        publishing.schedule(item=item, actor=rita.account, at=in_an_hour())
    frozen.shift(3600)
    assert publishing.publish_due() == 1
    unfit.refresh_from_db()
    assert (unfit.state, unfit.publish_at) == ("approved", None)
    assert "a major notice" in unfit.review_note
    [event] = audit_log("revision.unscheduled")
    assert (event.actor, event.details["reason"]) == ("system:scheduler", "not_fit")
    assert publishing.publish_due() == 0
    assert len(audit_log("revision.unscheduled")) == 1


# --- dying, and two at once -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("line", ["move", "record_step", "content_digest"])
@pytest.mark.usefixtures("catalogue")
def test_dying_at_any_line_leaves_nothing_half_live(line, olga, rita, frozen, monkeypatch):
    ready = approved(drafted(olga, fields=["email", "given_name", "phone"]), olga, rita)
    notice = approved(next_notice(olga, Purpose.objects.get(slug="newsletter")), olga, rita)
    publishing.schedule(item=ready, actor=rita.account, at=in_an_hour())
    frozen.shift(3600)
    for survived in range(9):
        if dies_after(survived, line, monkeypatch):
            break
        assert state_of(ready, notice) == ("scheduled", "approved", ["email", "given_name"])
    assert survived > 0, "it never died"
    assert state_of(ready, notice) == ("live", "live", ["email", "given_name", "phone"])


def dies_after(calls, line, monkeypatch):
    """Runs the sweep, which dies at the call after so many of that line; whether it came through."""
    real, left = getattr(publishing, line), [calls]

    def deadly(*args, **kwargs):
        if not left[0]:
            raise SystemExit
        left[0] -= 1
        return real(*args, **kwargs)

    with monkeypatch.context() as patch:
        patch.setattr(publishing, line, deadly)
        try:
            publishing.publish_due()
        except SystemExit:
            return False
    return True


def state_of(*items):
    for item in items:
        item.refresh_from_db()
    return (*(item.state for item in items), live_purpose("newsletter").fields)


@pytest.mark.django_db(transaction=True)
def test_two_sweeps_at_once_publish_once(ready, rita, frozen, audit_log):
    publishing.schedule(item=ready, actor=rita.account, at=in_an_hour())
    frozen.shift(3600)
    done, start = [], threading.Barrier(2)

    def sweep():
        start.wait()
        try:
            done.append(publishing.publish_due())
        finally:
            connection.close()

    threads = [threading.Thread(target=sweep) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(done) == [0, 1]
    assert len(audit_log("component.published")) == 1


def test_the_database_knows_no_schedule_without_a_moment(ready):
    with pytest.raises(IntegrityError, match="schedule_is_set"), transaction.atomic():
        Component.objects.filter(pk=ready.pk).update(state="scheduled")
