"""What is live is revised: reviewed like all else, put in place at once, and asked about anew where it matters."""

import pytest
from django.db import IntegrityError, transaction
from django.utils import timezone

from consent.digests import body_digest, content_digest
from consent.models import Component, DecisionChange, Notice, NoticeText, Purpose, Recipient, Revision
from consent.services import publishing, review
from consent.services.decisions import decide_for
from consent.services.revisions import begin_revision
from consent.services.sharing import set_sharing
from consent.services.standing import standing_of
from gdpr_portal.errors import Invalid, Refused, WrongState
from tests.consent.people import answer

pytestmark = pytest.mark.usefixtures("catalogue")


def thing(slug="newsletter", model=Purpose):
    return model.objects.get(slug=slug)


def drafted(olga, *, of=None, reason="Because it is so.", editorial=False, **values):
    """A draft of olga's that changes these members."""
    revision = begin_revision(thing=of or thing(), author=olga.account)
    revision.values = revision.values | values
    revision.reason, revision.is_editorial = reason, editorial
    revision.save()
    return revision


def approved(item, olga, rita):
    sent = review.submit(item=item, actor=olga.account)
    return review.approve(item=sent, approver=rita.account, digest=review.digest_of(sent))


def next_notice(olga, purpose, *, is_major=True):
    """The live wording with a word more, as a draft."""
    live = purpose.notices.get(state="live")
    version = purpose.notices.count() + 1
    notice = Notice.objects.create(purpose=purpose, version=version, is_major=is_major, author=olga.account)
    for text in live.texts.all():
        body = text.body + "\nA word more.\n"
        NoticeText.objects.create(
            notice=notice, language=text.language, title=text.title, body=body, digest=body_digest(body)
        )
    return notice


# --- what is not material ---------------------------------------------------------------------------------------------


def test_a_shorter_retention_takes_its_place_and_consents_stay(alice, olga, rita, audit_log):
    answer(alice.subject, "give")
    before = thing()
    ready = approved(drafted(olga, retention_days=365), olga, rita)
    assert thing().retention_days == before.retention_days == 730
    live = publishing.publish(item=ready, actor=rita.account)
    now = thing()
    assert (now.pk, now.retention_days, now.published_at) == (before.pk, 365, before.published_at)
    assert now.digest == content_digest(now.content()) != before.digest
    assert (live.state, live.version, live.before["retention_days"]) == ("live", 2, 730)
    assert [line.state for line in standing_of(alice.subject) if line.purpose == "newsletter"] == ["given"]
    [event] = audit_log("revision.published")
    assert event.details == {"revision": "purpose:newsletter", "version": 2, "digest": ready.digest}
    assert event.purpose == "newsletter"


def test_better_words_ask_nobody_again_when_two_people_say_that_they_are_only_words(olga, rita):
    titles = {"en": "Our newsletter", "de": "Unser Newsletter", "fr": "Notre lettre"}
    ready = approved(drafted(olga, editorial=True, titles=titles), olga, rita)
    publishing.publish(item=ready, actor=rita.account)
    assert thing().titles == titles


def test_the_next_revision_retires_the_one_before(olga, rita):
    for days in (365, 300):
        publishing.publish(item=approved(drafted(olga, retention_days=days), olga, rita), actor=rita.account)
    states = dict(Revision.objects.values_list("version", "state"))
    assert states == {2: "retired", 3: "live"}
    assert thing().retention_days == 300


def test_publishing_twice_changes_nothing(olga, rita, audit_log):
    live = publishing.publish(item=approved(drafted(olga, retention_days=365), olga, rita), actor=rita.account)
    publishing.publish(item=live, actor=rita.account)
    assert len(audit_log("revision.published")) == 1


def test_what_was_said_before_still_answers_for_the_past(alice, shop, olga, rita):
    answer(alice.subject, "give")
    before = timezone.now()
    ready = approved(drafted(olga, fields=["email"]), olga, rita)
    publishing.publish(item=ready, actor=rita.account)
    asked = {"application": shop, "subject": alice.subject, "purpose": "newsletter", "fields": ["given_name"]}
    assert decide_for(**asked).code == "not_in_contract"
    assert decide_for(**asked, at=before).code == "allowed"


# --- what is material -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "values",
    [
        {"fields": ["email", "given_name", "phone"]},
        {"necessity": "To write, and to sell."},
        {"titles": {"en": "Offers", "de": "Angebote", "fr": "Offres"}},
        {"data_subjects": ["customers", "employees"]},
    ],
)
def test_a_material_change_waits_for_a_new_major_notice(values, alice, olga, rita):
    answer(alice.subject, "give")
    ready = approved(drafted(olga, **values), olga, rita)
    with pytest.raises(Invalid, match="a major notice"):
        publishing.publish(item=ready, actor=rita.account)
    assert Revision.objects.get(pk=ready.pk).state == "approved"
    assert [line.state for line in standing_of(alice.subject) if line.purpose == "newsletter"] == ["given"]


def test_with_it_the_notice_goes_live_and_standing_consents_are_outdated(alice, shop, olga, rita):
    answer(alice.subject, "give")
    set_sharing(
        subject=alice.subject, recipient="acme", purpose="newsletter", shared=True, channel="web", actor="subject"
    )
    assert [line.state for line in standing_of(alice.subject) if line.recipient == "acme"] == ["given"]
    ready = approved(drafted(olga, fields=["email", "given_name", "phone"]), olga, rita)
    notice = approved(next_notice(olga, thing()), olga, rita)
    live = publishing.publish(item=ready, actor=rita.account)
    notice.refresh_from_db()
    assert (notice.state, notice.published_at) == ("live", live.published_at)
    assert thing().fields == ["email", "given_name", "phone"]
    states = [line.state for line in standing_of(alice.subject) if line.purpose == "newsletter"]
    assert states == ["outdated", "outdated"], "nor is it shared with anybody meanwhile"
    decision = decide_for(application=shop, subject=alice.subject, purpose="newsletter")
    assert decision.code == "notice_outdated"
    answer(alice.subject, "give")
    assert decide_for(application=shop, subject=alice.subject, purpose="newsletter").allowed


def test_a_minor_notice_or_one_approved_before_does_not_do(olga, rita):
    early = approved(next_notice(olga, thing()), olga, rita)
    ready = approved(drafted(olga, fields=["email", "given_name", "phone"]), olga, rita)
    approved(next_notice(olga, thing(), is_major=False), olga, rita)
    with pytest.raises(Invalid, match="a major notice"):
        publishing.publish(item=ready, actor=rita.account)
    assert early.state == "approved"


def test_a_recipient_in_another_country_asks_the_people_of_its_purposes_again(alice, olga, rita):
    answer(alice.subject, "give")
    acme = thing("acme", Recipient)
    ready = approved(drafted(olga, of=acme, country="AT"), olga, rita)
    with pytest.raises(Invalid, match="“Newsletter” changes materially"):
        publishing.publish(item=ready, actor=rita.account)
    approved(next_notice(olga, thing()), olga, rita)
    publishing.publish(item=ready, actor=rita.account)
    assert thing("acme", Recipient).country == "AT"
    assert [line.state for line in standing_of(alice.subject) if line.purpose == "newsletter"] == ["outdated"]


def test_a_component_of_another_category_owes_every_purpose_a_notice(olga, rita):
    email = thing("email", Component)
    ready = approved(drafted(olga, of=email, category="user.unique_id"), olga, rita)
    with pytest.raises(Invalid) as lacking:
        publishing.publish(item=ready, actor=rita.account)
    for slug in ("newsletter", "orders", "direct_marketing", "fraud_prevention"):
        assert f"“{thing(slug)}” changes materially" in lacking.value.message


# --- what never changes -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("of", "values", "why"),
    [
        (("newsletter", Purpose), {"lawful_basis": "legitimate_interests"}, "a new purpose is needed"),
        (("newsletter", Purpose), {"slug": "letters"}, "“short name” does not change"),
        (("newsletter", Purpose), {"is_marketing": True}, "“advertising” does not change"),
        (("email", Component), {"value_type": "string"}, "“kind of value” does not change"),
        (("newsletter", Purpose), {}, "nothing is changed"),
        (("newsletter", Purpose), {"fields": ["email", "shoe_size"]}, "“Shoe size” is not approved"),
        (("acme", Recipient), {"country": "US"}, "safeguard"),
        (("newsletter", Purpose), {"necessary_for_service": True}, r"Art\. 7\(4\)"),
    ],
)
def test_what_cannot_be_is_refused_with_the_reason(of, values, why, olga):
    revision = drafted(olga, of=thing(*of), **values)
    with pytest.raises(Invalid, match=why):
        review.submit(item=revision, actor=olga.account)


def test_the_database_keeps_the_basis_whatever_was_approved(olga, rita):
    """Teeth: a revision that says another basis was approved behind the service's back, and the row refuses it."""
    revision = drafted(olga, retention_days=365)
    Revision.objects.filter(pk=revision.pk).update(values=revision.values | {"lawful_basis": "contract"})
    Revision.objects.filter(pk=revision.pk).update(
        state="live", approver=rita.account, approved_at=timezone.now(), digest="sha256:0", published_at=timezone.now()
    )
    for change in ({"lawful_basis": "contract", "retention_days": 365}, {"lawful_basis": "contract"}):
        with pytest.raises(IntegrityError, match="a new purpose is needed"), transaction.atomic():
            Purpose.objects.filter(slug="newsletter").update(**change)
    assert thing().lawful_basis == "consent"


@pytest.mark.parametrize("change", [{"retention_days": 1}, {"retention_days": 365, "validity_days": 1}])
def test_the_database_takes_the_approved_values_and_no_others(change, olga, rita):
    revision = drafted(olga, retention_days=365)
    Revision.objects.filter(pk=revision.pk).update(
        state="live", approver=rita.account, approved_at=timezone.now(), digest="sha256:0", published_at=timezone.now()
    )
    with pytest.raises(IntegrityError, match="approved"), transaction.atomic():
        Purpose.objects.filter(slug="newsletter").update(**change)
    Purpose.objects.filter(slug="newsletter").update(retention_days=365)
    assert thing().retention_days == 365


def test_what_the_service_needs_does_not_rest_on_consent_in_the_database_either(olga):
    with pytest.raises(IntegrityError, match="needed_is_not_consent"), transaction.atomic():
        Purpose.objects.filter(slug="profiling").update(necessary_for_service=True)


# --- who and when -----------------------------------------------------------------------------------------------------


def test_nobody_approves_a_revision_they_wrote(rita):
    sent = review.submit(item=drafted(rita, retention_days=365), actor=rita.account)
    with pytest.raises(Refused, match="four_eyes"):
        review.approve(item=sent, approver=rita.account, digest=review.digest_of(sent))


def test_one_revision_at_a_time_and_its_author_goes_on_with_it(olga, quentin):
    first = drafted(olga, retention_days=365)
    assert begin_revision(thing=thing(), author=olga.account) == first
    with pytest.raises(WrongState, match="already_revised"):
        begin_revision(thing=thing(), author=quentin.account)


def test_only_what_is_live_is_revised(olga, rita):
    with pytest.raises(WrongState, match="wrong_state"):
        begin_revision(thing=thing("profiling"), author=olga.account)
    review.retire(item=thing("statistics"), actor=rita.account)
    with pytest.raises(WrongState, match="wrong_state"):
        begin_revision(thing=thing("statistics"), author=olga.account)


def test_an_approved_revision_of_what_was_retired_since_does_not_go_live(olga, rita):
    ready = approved(drafted(olga, of=thing("statistics"), retention_days=30), olga, rita)
    review.retire(item=thing("statistics"), actor=rita.account)
    with pytest.raises(Invalid, match="is not live"):
        publishing.publish(item=ready, actor=rita.account)


def test_the_catalogue_of_the_api_tells_the_revised_purpose(client_for, shop, olga, rita):
    publishing.publish(item=approved(drafted(olga, retention_days=365), olga, rita), actor=rita.account)
    items = client_for(shop).get("/api/v1/purposes").body["items"]
    assert [item["retention_days"] for item in items if item["slug"] == "newsletter"] == [365]


def test_who_follows_the_feed_is_told_that_the_catalogue_changed(olga, rita):
    ready = approved(drafted(olga, fields=["email"]), olga, rita)
    told = DecisionChange.objects.filter(subject=None).count()
    publishing.publish(item=ready, actor=rita.account)
    assert DecisionChange.objects.filter(subject=None).count() == told + 1
