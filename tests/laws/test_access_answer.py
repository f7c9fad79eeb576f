"""The answer to an access request tells Art. 15(1)(a) to (h) of this very person, not of everybody (R29 to R36)."""

import re
from typing import Any

import pytest
from django.conf import settings
from django.utils import timezone

from consent.models import NoticeText, Recipient
from consent.notices.points import HEADINGS
from consent.services.data import store_data
from erasure.archives import files
from erasure.archives.content import content
from erasure.archives.readable import Reader
from erasure.models import RightsRequest
from erasure.services import steps
from erasure.services.conversation import write_to_desk
from subjects.models import Subject
from tests.audit.tools import behind_the_triggers
from tests.conftest import make_person
from tests.consent.people import answer, share
from tests.crashes.world import file

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("catalogue")]


def told(person: Any) -> dict[str, Any]:
    body: dict[str, Any] = content(file(person, "access"), language="en")
    return body


def keep(shop: Any, person: Any, purpose: str, **values: str) -> None:
    store_data(application=shop, subject=person.subject, purpose=purpose, values=values, source="subject")


def test_purposes_grounds_and_periods_are_those_of_the_person(alice: Any, bob: Any, shop: Any) -> None:
    keep(shop, alice, "tax_records", vat_number="DE811907980")
    keep(shop, bob, "orders", given_name="Bob")
    of_alice, of_bob = told(alice)["information"]["purposes"], told(bob)["information"]["purposes"]
    assert [each["purpose"] for each in of_alice] == ["tax_records"]
    assert [each["purpose"] for each in of_bob] == ["orders"]
    for each in of_alice + of_bob:
        assert all(each[key] for key in ("title", "lawful_basis", "why", "fields", "kept_for_days")), each
    assert of_alice[0]["kept_under"] and of_bob[0]["kept_under"] is None


def test_recipients_are_named_to_whom_they_concern(alice: Any, bob: Any, shop: Any) -> None:
    answer(alice.subject, "give")
    keep(shop, bob, "orders", given_name="Bob")
    [acme] = told(alice)["information"]["recipients"]
    assert (acme["name"], acme["had_it"]) == ("Acme Mailings GmbH", False), "nothing went there while it was off"
    of_bob = told(bob)["information"]
    assert of_bob["recipients"] == []
    [words] = of_bob["recipients_told"]
    assert words["purpose"] == "orders" and words["told"], "the page does not say that nobody gets it"
    share(alice.subject, True)
    share(alice.subject, False)
    Recipient.objects.update(state="retired", retired_at=timezone.now())
    [acme] = told(alice)["information"]["recipients"]
    assert (acme["name"], acme["had_it"]) == ("Acme Mailings GmbH", True), "who had it is named, though it is over"


def test_rights_complaint_and_automated_decisions_are_told(alice: Any, shop: Any) -> None:
    keep(shop, alice, "orders", given_name="Alice")
    information = told(alice)["information"]
    assert information["rights"] and all(information["rights"])
    assert information["complaint"]["authority"] == settings.CONTROLLER["authority"]
    assert information["complaint"]["address"].startswith("https://")
    assert any("Art. 20" in right for right in information["rights"]), "on a contract"
    assert not any("Art. 21" in right for right in information["rights"]), "against a contract nobody objects"
    [row] = information["automated_decisions"]
    assert row["purpose"] == "orders"
    assert information["controller"]["name"] == settings.CONTROLLER["name"]


def test_what_is_told_of_machines_is_what_the_notice_says(alice: Any, shop: Any) -> None:
    """Art. 15(1)(h), in the person's language, of each purpose; no sentence of the program's own."""
    keep(shop, alice, "orders", given_name="Alice")
    Subject.objects.filter(pk=alice.subject.pk).update(language="de")
    heading = HEADINGS["automated"]["de"]
    text = NoticeText.objects.get(notice__purpose__slug="orders", notice__state="live", language="de")
    body = re.sub(
        rf"(## {heading}\n).*?(?=\n## |\Z)", r"\1Ein Programm entscheidet über Ihre Raten.\n", text.body, flags=re.S
    )
    with behind_the_triggers():
        NoticeText.objects.filter(pk=text.pk).update(body=body)
    [row] = content(file(alice, "access"), language="de")["information"]["automated_decisions"]
    assert row["told"] == "Ein Programm entscheidet über Ihre Raten."


def test_who_of_our_staff_looked_is_told_by_role(alice: Any, rita: Any, shop: Any) -> None:
    request = file(alice, "access")
    write_to_desk(request=request, text="Hello")
    rita.browser().get(f"/admin/erasure/rightsrequest/{request.pk}/change/")
    read = [row for row in told(alice)["accesses"] if row["by"] == "staff"]
    assert [row["seen"] for row in read] == ["conversation"]
    assert str(rita.account.pk) not in str(read)
    page = alice.browser().get("/activity").content.decode()
    assert "A member of our staff" in page and "what you and we wrote to each other" in page


def test_a_person_without_values_gets_a_confirmation_and_no_error(shop: Any) -> None:
    nobody = make_person("newcomer")
    request = file(nobody, "portability")
    steps.sweep()
    done = RightsRequest.objects.get(pk=request.pk)
    assert done.state == "completed"
    assert done.archive.complete


def test_the_first_layer_leads_to_every_part_of_the_second(alice: Any, shop: Any) -> None:
    """R41 (EDPB guidelines 01/2022, 5.2.4): a summary first, and all of it reachable without another request."""
    keep(shop, alice, "orders", given_name="Layered-Canary")
    page = files.page(told(alice), Reader("en")).decode()
    glance = page.split("<nav", 1)[1].split("</nav>")[0]
    links, parts = re.findall(r'href="#([\w-]+)"', glance), re.findall(r'<h2 id="([\w-]+)"', page)
    assert {"part-1", "why", "recipients", "accesses", "rights", "controller"} <= set(links)
    assert [part for part in parts if part != "glance"] == links
    assert page.count("<h2") == len(parts)
    assert "Layered-Canary" in page.split("</nav>")[1]
