"""Four eyes over exactly the bytes that were shown: in the service, in the database, and under races."""

import threading

import pytest
from django.db import IntegrityError, connection, transaction
from django.utils import timezone

from access.models import Account
from consent.digests import body_digest
from consent.models import Component, DataContract, Notice, NoticeText, Purpose, Recipient
from consent.selectors import live_purpose
from consent.services import comments, review
from consent.services.decisions import decide_for
from gdpr_portal.errors import Invalid, Refused, WrongState


@pytest.fixture
def component(olga):
    """A draft of olga's."""
    return Component.objects.create(
        slug="shoe_size",
        titles={"en": "Shoe size", "de": "Schuhgröße", "fr": "Pointure"},
        category="user.demographic.profile",
        necessity="Needed to send shoes that fit.",
        author=olga.account,
    )


@pytest.fixture
def waiting(component, olga):
    return review.submit(item=component, actor=olga.account)


def approved(item, olga, rita):
    sent = review.submit(item=item, actor=olga.account)
    return review.approve(item=sent, approver=rita.account, digest=review.digest_of(sent))


def make_purpose(olga, fields, **more):
    values = {
        "slug": "fitting", "titles": {"en": "Fitting", "de": "Anprobe", "fr": "Essayage"}, "lawful_basis": "consent",
        "necessity": "To fit.", "fields": fields, "retention_days": 30,
    } | more  # fmt: skip
    return Purpose.objects.create(author=olga.account, **values)


# --- the way to live ------------------------------------------------------------------------------------------------


def test_what_one_wrote_and_another_approved_goes_live(waiting, rita, olga, audit_log):
    digest = review.digest_of(waiting)
    item = review.approve(item=waiting, approver=rita.account, digest=digest)
    assert (item.state, item.digest, item.approver) == ("approved", digest, rita.account)
    live = review.publish(item=item, actor=rita.account)
    row = Component.objects.get(pk=live.pk)
    assert (row.state, row.published_at is not None) == ("live", True)
    [event] = audit_log("component.approved")
    assert event.actor == f"staff:{rita.account.pk}"
    assert event.details == {"component": "shoe_size", "digest": digest, "desk": "irm"}
    assert [len(audit_log(f"component.{name}")) for name in ("submitted", "published")] == [1, 1]


def test_nobody_approves_what_they_wrote_and_the_try_is_recorded(component, olga, audit_log):
    from django.contrib.auth.models import Group

    olga.account.groups.add(Group.objects.get_or_create(name="irm")[0])
    author = Account.objects.get(pk=olga.account.pk)
    sent = review.submit(item=component, actor=author)
    with pytest.raises(Refused) as refused:
        review.approve(item=sent, approver=author, digest=review.digest_of(sent))
    assert refused.value.code == "four_eyes"
    assert Component.objects.get(pk=sent.pk).state == "in_review"
    assert [event.details["reason"] for event in audit_log("access.refused")] == ["four_eyes"]


@pytest.mark.parametrize("who", ["quentin", "olga"])
def test_only_irm_approves_sends_back_publishes_and_retires(waiting, who, request, rita):
    person = request.getfixturevalue(who)
    digest = review.digest_of(waiting)
    tries = [
        lambda: review.approve(item=waiting, approver=person.account, digest=digest),
        lambda: review.send_back(item=waiting, reviewer=person.account, note="No."),
        lambda: review.publish(item=waiting, actor=person.account),
        lambda: review.retire(item=waiting, actor=person.account),
    ]
    for attempt in tries:
        with pytest.raises(Refused, match="role_missing"):
            attempt()
    assert Component.objects.get(pk=waiting.pk).state == "in_review"


def test_what_changed_after_it_was_shown_is_not_approved(waiting, rita):
    shown = review.digest_of(waiting)
    Component.objects.filter(pk=waiting.pk).update(necessity="Because we can.")
    with pytest.raises(WrongState) as refused:
        review.approve(item=waiting, approver=rita.account, digest=shown)
    assert refused.value.code == "changed_since_shown"
    assert Component.objects.get(pk=waiting.pk).approver is None


def test_sent_back_it_is_a_draft_again_with_a_note_for_its_author(waiting, rita, olga, audit_log):
    item = review.send_back(item=waiting, reviewer=rita.account, note="Say why.")
    assert (item.state, item.review_note) == ("draft", "Say why.")
    [event] = audit_log("component.rejected")
    assert "Say why" not in str(event.details)
    again = review.submit(item=item, actor=olga.account)
    assert (again.state, again.review_note) == ("in_review", "")


def test_sending_back_needs_a_note(waiting, rita):
    with pytest.raises(Invalid):
        review.send_back(item=waiting, reviewer=rita.account, note="  ")


def test_a_note_is_not_so_long_that_looking_through_it_takes_minutes(waiting, rita):
    with pytest.raises(Invalid):
        review.send_back(item=waiting, reviewer=rita.account, note="a" * (comments.LONGEST + 1))


def test_only_its_author_submits_a_draft(component, quentin):
    with pytest.raises(Refused, match="not_the_author"):
        review.submit(item=component, actor=quentin.account)


@pytest.mark.parametrize("state", ["draft", "live", "retired"])
def test_only_what_is_in_review_can_be_approved(component, olga, rita, state):
    item = component
    if state != "draft":
        item = review.publish(item=approved(component, olga, rita), actor=rita.account)
    if state == "retired":
        item = review.retire(item=item, actor=rita.account)
    with pytest.raises(WrongState):
        review.approve(item=item, approver=rita.account, digest=review.digest_of(item))


def test_publishing_and_retiring_twice_change_nothing(component, olga, rita, audit_log):
    live = review.publish(item=approved(component, olga, rita), actor=rita.account)
    review.publish(item=live, actor=rita.account)
    retired = review.retire(item=live, actor=rita.account)
    review.retire(item=retired, actor=rita.account)
    assert len(audit_log("component.published")) == len(audit_log("component.retired")) == 1


# --- what must be fit -----------------------------------------------------------------------------------------------


def test_a_purpose_with_an_unapproved_component_is_refused(waiting, olga, rita, catalogue):
    purpose = make_purpose(olga, ["email", "shoe_size"])
    with pytest.raises(Invalid, match="“Shoe size” is not approved"):
        review.submit(item=purpose, actor=olga.account)


def test_a_purpose_does_not_go_live_before_its_notice(olga, rita, catalogue):
    purpose = approved(make_purpose(olga, ["email"]), olga, rita)
    with pytest.raises(Invalid, match="no notice"):
        review.publish(item=purpose, actor=rita.account)
    assert Purpose.objects.get(pk=purpose.pk).state == "approved"


def test_a_notice_that_lacks_a_point_of_article_13_is_refused(olga, catalogue):
    purpose = Purpose.objects.get(slug="newsletter")
    notice = copy_of(purpose, olga)
    text = notice.texts.get(language="de")
    text.body = text.body.replace("## Beschwerde", "## Etwas anderes")
    text.save()
    with pytest.raises(Invalid, match=r"German: Complaints \(Art\. 13\(2\)\(d\)\)"):
        review.submit(item=notice, actor=olga.account)


def test_a_notice_without_a_language_is_refused(olga, catalogue):
    notice = copy_of(Purpose.objects.get(slug="newsletter"), olga)
    notice.texts.get(language="fr").delete()
    with pytest.raises(Invalid, match="French: no text"):
        review.submit(item=notice, actor=olga.account)


def test_a_contract_asks_for_nothing_outside_the_purpose(olga, shop, catalogue):
    contract = DataContract(application=shop, purpose=Purpose.objects.get(slug="newsletter"), author=olga.account)
    contract.fields, contract.reason, contract.owner = ["email", "phone"], "To call.", "sales"
    contract.save()
    with pytest.raises(Invalid, match="is not a field of the purpose"):
        review.submit(item=contract, actor=olga.account)


@pytest.mark.parametrize(
    ("country", "safeguard", "fits"), [("DE", "", True), ("US", "", False), ("US", "SCC 2021/914", True)]
)
def test_a_recipient_outside_the_eea_needs_a_safeguard(olga, catalogue, country, safeguard, fits):
    recipient = Recipient.objects.create(
        slug="post", name="Post", role="processor", country=country, safeguard=safeguard, purposes=["newsletter"],
        author=olga.account,
    )  # fmt: skip
    if fits:
        assert review.submit(item=recipient, actor=olga.account).state == "in_review"
    else:
        with pytest.raises(Invalid, match="outside the EEA"):
            review.submit(item=recipient, actor=olga.account)


def test_a_recipient_has_an_application_of_a_third_party(olga, catalogue, shop):
    recipient = Recipient.objects.create(
        slug="post", name="Post", role="processor", country="DE", purposes=["newsletter"], author=olga.account,
        application=shop,
    )  # fmt: skip
    with pytest.raises(Invalid, match="not registered as a third party's"):
        review.submit(item=recipient, actor=olga.account)


def copy_of(purpose, olga, *, is_major=True):
    """A draft of the next version, word for word."""
    live = purpose.notices.get(state="live")
    notice = Notice.objects.create(purpose=purpose, version=live.version + 1, is_major=is_major, author=olga.account)
    for text in live.texts.all():
        body = text.body + "\nA word more.\n"
        NoticeText.objects.create(
            notice=notice, language=text.language, title=text.title, body=body, digest=body_digest(body)
        )
    return notice


def test_a_new_version_retires_the_old_at_the_same_moment(olga, rita, catalogue):
    purpose = Purpose.objects.get(slug="newsletter")
    new = review.publish(item=approved(copy_of(purpose, olga), olga, rita), actor=rita.account)
    old = purpose.notices.get(version=1)
    assert (old.state, old.retired_at) == ("retired", new.published_at)
    assert [notice.version for notice in purpose.notices.filter(state="live")] == [2]


def test_the_live_notice_of_a_live_purpose_and_a_needed_component_stay(rita, catalogue):
    notice = Notice.objects.get(purpose__slug="newsletter", state="live")
    for item in (notice, Component.objects.get(slug="email")):
        with pytest.raises(WrongState, match="in_use"):
            review.retire(item=item, actor=rita.account)


# --- unapproved is unusable -----------------------------------------------------------------------------------------


def test_a_purpose_in_review_is_unusable(catalogue, shop, alice):
    with pytest.raises(Refused, match="purpose_not_approved"):
        live_purpose("profiling")
    decision = decide_for(application=shop, subject=alice.subject, purpose="profiling")
    assert decision.code == "purpose_not_approved"


def test_a_retired_purpose_is_unusable_from_then_on_and_was_usable_before(catalogue, shop, alice, rita):
    before = timezone.now()
    assert decide_for(application=shop, subject=alice.subject, purpose="orders").allowed
    review.retire(item=Purpose.objects.get(slug="orders"), actor=rita.account)
    assert decide_for(application=shop, subject=alice.subject, purpose="orders").code == "purpose_not_approved"
    assert decide_for(application=shop, subject=alice.subject, purpose="orders", at=before).allowed


# --- the database refuses too ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("model", "where", "change"),
    [
        (Purpose, {"slug": "orders"}, {"lawful_basis": "consent"}),
        (Purpose, {"slug": "orders"}, {"state": "draft"}),
        (Purpose, {"slug": "orders"}, {"digest": "sha256:0"}),
        (Component, {"slug": "email"}, {"max_length": 1}),
        (Recipient, {"slug": "acme"}, {"country": "US"}),
        (DataContract, {"purpose__slug": "orders"}, {"fields": ["vat_number"]}),
        (Notice, {"purpose__slug": "orders"}, {"is_major": False}),
        (NoticeText, {"notice__purpose__slug": "orders"}, {"body": "Anything goes."}),
    ],
)
def test_approved_content_does_not_change_in_the_database(catalogue, model, where, change):
    rows = model.objects.filter(**where)
    before = list(rows.values())
    assert before
    with pytest.raises(IntegrityError, match="approved"), transaction.atomic():
        rows.update(**change)
    with pytest.raises(IntegrityError, match="approved"), transaction.atomic():
        rows._raw_delete("default")
    assert list(rows.values()) == before


def test_no_text_is_added_to_an_approved_notice(catalogue):
    notice = Notice.objects.get(purpose__slug="orders")
    with pytest.raises(IntegrityError, match="approved"), transaction.atomic():
        NoticeText.objects.create(notice=notice, language="nl", title="x", body="x", digest="x")


def test_the_database_refuses_one_person_as_author_and_approver(waiting, olga):
    with pytest.raises(IntegrityError, match="four_eyes"), transaction.atomic():
        Component.objects.filter(pk=waiting.pk).update(
            state="approved", approver=olga.account, approved_at=timezone.now(), digest="sha256:0"
        )


def test_the_database_refuses_live_without_an_approver(waiting):
    with pytest.raises(IntegrityError, match="approved_by_someone"), transaction.atomic():
        Component.objects.filter(pk=waiting.pk).update(state="live")


@pytest.mark.django_db(transaction=True)
def test_of_two_reviewers_at_once_one_approves(component, olga, rita, audit_log):
    from tests.conftest import make_staff

    second = make_staff("irene", "irm")
    sent = review.submit(item=component, actor=olga.account)
    digest, outcomes, start = review.digest_of(sent), [], threading.Barrier(2)

    def approve(account):
        start.wait()
        try:
            review.approve(item=sent, approver=account, digest=digest)
            outcomes.append("approved")
        except WrongState as error:
            outcomes.append(error.code)
        finally:
            connection.close()

    threads = [threading.Thread(target=approve, args=(person.account,)) for person in (rita, second)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(outcomes) == ["approved", "wrong_state"]
    assert len(audit_log("component.approved")) == 1
