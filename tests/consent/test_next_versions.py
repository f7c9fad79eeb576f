"""What is live and said in words, a wording or a contract, is written anew from what it says now."""

import pytest
from django.urls import reverse

from consent.models import DataContract, Notice
from consent.services.next_versions import begin_next
from gdpr_portal.errors import Refused, WrongState
from tests.consent.test_review_desk import act

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def live(kind):
    return kind.objects.get(purpose__slug="newsletter", state="live")


def test_the_next_version_of_a_wording_begins_with_its_words(olga, audit_log):
    notice = live(Notice)
    answer = act(olga.browser(), notice, "revise")
    draft = Notice.objects.get(purpose=notice.purpose, version=2)
    assert answer.redirect_chain[-1][0] == reverse("admin:consent_notice_change", args=[draft.pk])
    assert (draft.state, draft.author, draft.is_major) == ("draft", olga.account, True)
    said = [sorted(each.texts.values_list("language", "title", "body", "digest")) for each in (notice, draft)]
    assert said[0] == said[1] and len(said[0]) == 3
    assert audit_log("notice.drafted")[-1].details["version"] == 2


def test_the_next_contract_begins_with_the_fields_of_the_live_one(olga):
    contract = live(DataContract)
    act(olga.browser(), contract, "revise")
    draft = DataContract.objects.get(purpose=contract.purpose, state="draft")
    told = ("application_id", "fields", "reason", "owner", "expires_at")
    assert [getattr(draft, name) for name in told] == [getattr(contract, name) for name in told]


@pytest.mark.parametrize("kind", [Notice, DataContract])
def test_there_is_one_draft_its_author_goes_on_with_it_and_only_what_is_live_has_one(kind, olga, quentin):
    item = live(kind)
    draft = begin_next(item=item, author=olga.account)
    assert begin_next(item=item, author=olga.account) == draft
    with pytest.raises(WrongState, match="already_revised"):
        begin_next(item=item, author=quentin.account)
    with pytest.raises(WrongState, match="wrong_state"):
        begin_next(item=draft, author=olga.account)
    assert kind.objects.filter(purpose=item.purpose, state="draft").count() == 1


def test_who_writes_no_drafts_begins_none(alice):
    with pytest.raises(Refused, match="role_missing"):
        begin_next(item=live(Notice), author=alice.account)


def test_a_page_tells_no_approver_or_moment_before_there_is_one(olga):
    draft = begin_next(item=live(Notice), author=olga.account)
    page = olga.browser().get(reverse("admin:consent_notice_change", args=[draft.pk])).content.decode()
    assert "field-author" in page
    assert "field-approver" not in page and "field-publish_at" not in page and "field-review_note" not in page


def test_what_does_not_come_back_is_asked_once_more(rita):
    contract = live(DataContract)
    asked = act(rita.browser(), contract, "retire")
    assert "Nothing is done yet." in asked.content.decode() and live(DataContract) == contract
    act(rita.browser(), contract, "retire", confirmed="yes")
    contract.refresh_from_db()
    assert contract.state == "retired"
