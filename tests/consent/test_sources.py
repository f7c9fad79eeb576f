"""What is said about where data comes from, how long it is kept and what it is called is kept to."""

import pytest

from consent import categories
from consent.models import Component, Purpose
from consent.services import publishing, review
from gdpr_portal.errors import Invalid
from subjects.services import read_values
from tests.consent.test_revisions import approved, drafted

pytestmark = pytest.mark.usefixtures("catalogue")


def put(client, person, shop, source, **more):
    body = {"purpose": "orders", "values": {"given_name": "Ada"}, "source": source} | more
    return client.put(f"/api/v1/subjects/{person.id_for(shop)}/data", body)


def test_data_from_a_source_the_purpose_does_not_take_is_refused(client_for, shop, alice, olga, rita):
    client, orders = client_for(shop), Purpose.objects.get(slug="orders")
    assert put(client, alice, shop, "derived").status_code == 200
    ready = approved(drafted(olga, of=orders, sources=["subject"]), olga, rita)
    publishing.publish(item=ready, actor=rita.account)
    refused = put(client, alice, shop, "derived", values={"given_name": "Eve"})
    assert (refused.status_code, refused.body["errors"][0]["pointer"]) == (422, "/source")
    assert read_values(subject=alice.subject, fields=["given_name"]) == {"given_name": "Ada"}
    assert put(client, alice, shop, "derived", values={"given_name": None}).status_code == 200, "taking away is free"
    assert put(client, alice, shop, "subject").status_code == 200


def test_data_from_whom_the_component_is_not_supplied_by_is_refused(client_for, shop, alice, olga, rita):
    ready = approved(drafted(olga, of=Component.objects.get(slug="given_name"), supplied_by=["subject"]), olga, rita)
    publishing.publish(item=ready, actor=rita.account)
    assert put(client_for(shop), alice, shop, "observed").status_code == 422
    assert put(client_for(shop), alice, shop, "subject").status_code == 200


def test_a_component_bounds_how_long_purposes_keep_it(olga, rita):
    email = drafted(olga, of=Component.objects.get(slug="email"), longest_retention_days=800)
    with pytest.raises(Invalid, match="Orders and delivery: “E-mail address” is kept for 800 days at most"):
        review.submit(item=email, actor=olga.account)
    email.values = email.values | {"longest_retention_days": 1095}
    email.save()
    publishing.publish(item=approved(email, olga, rita), actor=rita.account)
    longer = drafted(olga, of=Purpose.objects.get(slug="newsletter"), retention_days=1096)
    with pytest.raises(Invalid, match="“E-mail address” is kept for 1095 days at most"):
        review.submit(item=longer, actor=olga.account)


@pytest.mark.parametrize(
    ("category", "special", "why"),
    [
        ("user.shoes", False, "no term of Fideslang"),
        ("system.operations", False, "no term of Fideslang"),
        ("user.health.condition", False, r"special one \(Art\. 9\)"),
        ("user.demographic.religious_belief", False, r"special one \(Art\. 9\)"),
        ("user.health.condition", True, None),
        ("user.contact.address.city", False, None),
    ],
)
def test_a_category_is_a_term_of_the_vocabulary_and_says_what_is_special(category, special, why, olga):
    draft = Component.objects.create(
        slug="something", titles={"en": "x", "de": "x", "fr": "x"}, category=category, necessity="Needed.",
        special_category=special, author=olga.account,
    )  # fmt: skip
    if why is None:
        assert review.submit(item=draft, actor=olga.account).state == "in_review"
    else:
        with pytest.raises(Invalid, match=why):
            review.submit(item=draft, actor=olga.account)


def test_what_the_vocabulary_replaced_leads_to_terms_it_has():
    assert set(categories.REPLACED.values()) <= categories.TERMS
    assert not categories.TERMS & categories.REPLACED.keys()
    assert all(term == "user" or term.rpartition(".")[0] in categories.TERMS for term in categories.TERMS)


def test_a_purpose_the_service_needs_cannot_rest_on_consent(olga, rita):
    page = {
        "slug": "fitting", "title_en": "F", "title_de": "F", "title_fr": "F", "lawful_basis": "consent",
        "necessity": "To fit.", "fields": ["email"], "retention_days": "30", "validity_days": "365",
        "sources": ["subject"], "data_subjects": "customers", "necessary_for_service": "on",
    }  # fmt: skip
    answer = olga.browser().post("/admin/consent/purpose/add/", page)
    assert answer.status_code == 200
    assert "does not rest on consent" in answer.content.decode()
    assert not Purpose.objects.filter(slug="fitting").exists()
    assert olga.browser().post("/admin/consent/purpose/add/", page | {"lawful_basis": "contract"}).status_code == 302
