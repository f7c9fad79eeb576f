"""What is foretold before publishing is what happens: person by person, application by application, field by field."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from consent.models import ConsentEvent, DataContract, Objection, Purpose, Standing
from consent.services import review
from consent.services.decisions import decide_for
from consent.services.forecast import forecast
from subjects.models import ApplicationLink, Restriction
from tests.conftest import make_application, make_person
from tests.consent.notices import draft
from tests.consent.people import answer, share

pytestmark = pytest.mark.django_db
FIELDS = ("email", "given_name")


@pytest.fixture
def newsletter(catalogue):
    return Purpose.objects.get(slug="newsletter")


@pytest.fixture
def crm(newsletter, olga, rita):
    """A second application, with a contract for one of the two fields."""
    made = make_application("crm", ["data:read", "decisions:read"])
    contract = DataContract.objects.create(
        application=made, purpose=newsletter, fields=["email"], reason="To write.", owner="sales", author=olga.account
    )
    publish(contract, olga, rita)
    return made


def publish(item, olga, rita):
    sent = review.submit(item=item, actor=olga.account)
    approved = review.approve(item=sent, approver=rita.account, digest=review.digest_of(sent))
    return review.publish(item=approved, actor=rita.account)


@pytest.fixture
def crowd(shop, crm, newsletter):
    """People in every state there is."""
    people = {
        name: make_person(name, shop).subject
        for name in (
            "plain",
            "shares",
            "both",
            "refused",
            "withdrawn",
            "expired",
            "restricted",
            "lifted",
            "never",
            "alone",
        )
    }
    for name, subject in people.items():
        if name not in ("never", "refused"):
            answer(subject, "give")
    answer(people["refused"], "refuse")
    answer(people["withdrawn"], "withdraw")
    share(people["shares"], True)
    ApplicationLink.objects.create(subject=people["both"], application=crm)
    ApplicationLink.objects.filter(subject=people["alone"]).delete()
    past = timezone.now() - timedelta(days=1)
    Standing.objects.filter(subject=people["expired"]).update(expires_at=past)
    Restriction.objects.create(subject=people["restricted"], ground="accuracy_contested", since=past)
    Restriction.objects.create(subject=people["lifted"], ground="accuracy_contested", since=past, lifted_at=past)
    return people


def allowed(crowd, applications):
    """Every (application, person, field) that is allowed now, of those the application knows."""
    links = set(ApplicationLink.objects.values_list("application__slug", "subject_id"))
    return {
        (application.slug, name, field)
        for application in applications
        for name, subject in crowd.items()
        for field in FIELDS
        if (application.slug, subject.id) in links
        and decide_for(application=application, subject=subject, purpose="newsletter", fields=[field]).allowed
    }


def shared(crowd):
    return {
        name
        for name, subject in crowd.items()
        if decide_for(application=None, subject=subject, purpose="newsletter", recipient="acme").allowed
    }


def test_what_is_foretold_is_what_the_decisions_say_afterwards(crowd, newsletter, shop, crm, olga, rita):
    notice = draft(newsletter, olga)
    told = forecast(notice)
    before, shared_before = allowed(crowd, (shop, crm)), shared(crowd)
    publish(notice, olga, rita)
    dark = before - allowed(crowd, (shop, crm))
    assert {name for _app, name, _field in before} == {"plain", "shares", "both", "lifted"}
    assert told.asked_again == len({"plain", "shares", "both", "restricted", "lifted", "alone"})
    said = {(each.application, field): each.people for each in told.applications for field in each.fields}
    assert said == {
        (slug, field): len({name for app, name, which in dark if (app, which) == (slug, field)})
        for slug, field in {(app, field) for app, _name, field in dark}
    }
    assert said == {("shop", "email"): 4, ("shop", "given_name"): 4, ("crm", "email"): 1}
    assert told.application_fields == 3
    assert [(each.recipient, each.people) for each in told.recipients] == [("acme", len(shared_before - shared(crowd)))]
    assert shared_before == {"shares"}


def test_a_minor_version_asks_nobody_and_nothing_falls_dark(crowd, newsletter, shop, crm, olga, rita):
    notice = draft(newsletter, olga, is_major=False)
    told = forecast(notice)
    before = allowed(crowd, (shop, crm))
    publish(notice, olga, rita)
    assert (told.asked_again, told.application_fields, told.applications, told.is_major) == (0, 0, (), False)
    assert allowed(crowd, (shop, crm)) == before != set()


def test_who_has_to_be_asked_already_is_told_apart(crowd, newsletter, olga, rita):
    publish(draft(newsletter, olga), olga, rita)
    answer(crowd["plain"], "give")
    told = forecast(draft(newsletter, olga))
    assert (told.asked_again, told.already) == (1, 5)
    assert [(each.application, each.people) for each in told.applications] == [("shop", 1), ("crm", 0)]


def test_a_contract_that_has_ended_loses_nothing(crowd, newsletter, shop, olga):
    with connection.cursor() as cursor:  # the content of what is live does not change: the clock alone moves
        cursor.execute("SET session_replication_role = replica")
        DataContract.objects.filter(application=shop, purpose=newsletter).update(
            expires_at=timezone.now() - timedelta(seconds=1)
        )
        cursor.execute("SET session_replication_role = origin")
    assert [each.application for each in forecast(draft(newsletter, olga)).applications] == ["crm"]


def test_an_objection_to_marketing_is_dark_already(crowd, newsletter, olga):
    notice = draft(newsletter, olga)
    Objection.objects.create(subject=crowd["plain"], purpose="newsletter", since=timezone.now() - timedelta(days=1))
    assert forecast(notice).applications[0].people == 4
    notice.purpose.is_marketing = True
    assert forecast(notice).applications[0].people == 3


def test_where_no_consent_is_asked_for_nobody_is_asked_again(crowd, olga, catalogue):
    told = forecast(draft(Purpose.objects.get(slug="orders"), olga))
    assert (told.rests_on_consent, told.asked_again, told.application_fields) == (False, 0, 0)


def test_an_erased_person_is_not_asked(crowd, newsletter, olga):
    assert forecast(draft(newsletter, olga)).asked_again == 6
    Standing.objects.filter(subject=crowd["plain"]).delete()
    assert ConsentEvent.objects.filter(subject=crowd["plain"]).exists()
    assert forecast(newsletter.notices.get(version=2)).asked_again == 5


def test_the_number_of_statements_does_not_depend_on_the_number_of_people(crowd, newsletter, olga, shop):
    notice = draft(newsletter, olga)
    with CaptureQueriesContext(
        connection,
    ) as few:
        forecast(notice)
    for at in range(5):
        answer(make_person(f"more{at}", shop).subject, "give")
    with CaptureQueriesContext(connection) as many:
        assert forecast(notice).asked_again == 11
    assert len(many) == len(few) <= 6
