"""A person with a string of their own in every place that can hold one, put there through the services."""

from dataclasses import dataclass, field
from datetime import date
from typing import Any

from django.db import transaction

from access.models import Account
from access.services import passkeys
from access.services.applications import set_endpoint
from access.services.factors import new_recovery_codes
from access.services.mailcodes import send_code
from audit import actors
from audit.services import record
from consent.models import Delivery
from consent.services.data import store_data
from consent.services.deliveries import acknowledge
from erasure.models import RightsRequest
from erasure.services.comments import comment_on
from erasure.services.conversation import write_to_desk
from erasure.services.mandate_words import Representative
from erasure.services.on_behalf import Shown, record_on_behalf
from erasure.services.questions import explain, question_access
from erasure.services.requests import file_request
from subjects.models import Subject
from subjects.services import register_subject
from tests.access.authenticator import Authenticator
from tests.conftest import Person
from tests.consent.people import answer, share, wording

KEPT = {"family_name": "Kestrel-Familienname", "vat_number": "DE811907980", "postal_address": "Merlin-Gasse 7"}
"""What § 147 AO keeps after the erasure."""


@dataclass
class Planted:
    """The person and their strings, by where they were put."""

    person: Person
    strings: dict[str, str] = field(default_factory=dict)
    requests: list[RightsRequest] = field(default_factory=list)

    @property
    def subject(self) -> Subject:
        return Subject.objects.get(pk=self.person.subject.pk)


def plant(person: Person, shop: Any, acme: Any, browser: bool = True) -> Planted:
    """Every place is filled. The person was registered with `person.email` and the customer number of their name."""
    made = Planted(person, {"email": person.email, "customer_id": f"c-{person.name}"})
    _identity(made, shop)
    _values(made, shop)
    _consents(made, shop, acme)
    _requests(made)
    _account(made)
    if browser:
        made.person.browser()
    return made


def _identity(made: Planted, shop: Any) -> None:
    made.strings |= {"phone": "+491711234567", "birth_date": "1961-07-29"}
    register_subject(
        application=shop, language="fr", country="LU", birth_date=date(1961, 7, 29),
        identifiers={"email": made.person.email, "phone": made.strings["phone"]},
    )  # fmt: skip


def _values(made: Planted, shop: Any) -> None:
    given = {"given_name": "Peregrine-Vorname", "email": "goshawk@mailbox.example", "phone": "+491719876543"}
    made.strings |= {f"value {name}": text for name, text in (given | KEPT).items()}
    made.strings["source_name"] = "Osprey-Auskunft"
    store_data(application=shop, subject=made.subject, purpose="orders", values=given, source="subject")
    store_data(
        application=shop, subject=made.subject, purpose="tax_records", values=KEPT, source="third_party",
        source_name=made.strings["source_name"],
    )  # fmt: skip
    health = {"health_note": "Hobby-Allergie gegen Federn"}
    made.strings["value health_note"] = health["health_note"]
    answer(made.subject, "give", "health_programme", explicit=True)
    store_data(application=shop, subject=made.subject, purpose="health_programme", values=health, source="subject")


def _consents(made: Planted, shop: Any, acme: Any) -> None:
    """Consent and sharing, taken back; the receivers answer with words and data about the person."""
    for application in (shop, acme):
        set_endpoint(application=application, url=f"https://{application.slug}.example/notices")
    assert wording("newsletter").version == 1
    answer(made.subject, "give")
    share(made.subject, True)
    share(made.subject, False)
    made.strings |= {"evidence": "Shikra-Ticket", "data": "Harrier-Kundenakte"}
    delivery = Delivery.objects.get(subject=made.subject, type="sharing.stopped")
    acknowledge(
        application=acme, delivery_id=delivery.pk, outcome="done", evidence={"ticket": made.strings["evidence"]},
        data={"note": made.strings["data"]},
    )  # fmt: skip


def _requests(made: Planted) -> None:
    """Details in words and references; an archive that nobody collects, once a worker has built it."""
    made.strings |= {"rectification": "Kite-Berichtigt", "decision": "Buzzard-4711"}
    values = {"given_name": made.strings["rectification"]}
    made.strings.pop("value given_name")
    made.requests = [
        _file(made, "rectification", purpose="orders", values=values),
        _file(made, "human_review", decision=made.strings["decision"]),
    ]
    made.strings["message"] = "Falcon-Nachricht"
    write_to_desk(request=made.requests[-1], text=made.strings["message"])
    made.strings |= {"question": "Habicht-Frage", "explanation": "Sperber-Antwort"}
    made.strings["comment"] = "Rohrweihe-Notiz"
    comment_on(request_id=made.requests[-1].pk, author=_reviewer(), text=made.strings["comment"])
    _question(made)
    _mandate(made)


def _reviewer() -> Account:
    rita = Account.objects.filter(is_staff=True).order_by("created_at").last()
    assert rita is not None
    return rita


def _question(made: Planted) -> None:
    """An access of the person's data is questioned and explained."""
    with transaction.atomic():
        event = record("data.read", actor=actors.application("shop"), subject=made.subject.pseudonym, fields=["email"])
    asked = question_access(subject=made.subject, event=event, text=made.strings["question"])
    explain(question_id=asked.pk, by=_reviewer(), text=made.strings["explanation"], outcome="lawful")


def _mandate(made: Planted) -> None:
    """Somebody asks in the person's name, with a document, and waits for a reviewer."""
    made.strings["representative"] = "Wiedehopf-Kanzlei"
    who = Representative(made.strings["representative"], "kanzlei@hoopoe.example")
    shown = Shown(kind="power_of_attorney", who=who, document=b"%PDF-1.7 Wiedehopf-Vollmacht")
    record_on_behalf(subject=made.subject, wishes=[("access", {})], shown=shown)


def _file(made: Planted, right: str, **details: Any) -> RightsRequest:
    return file_request(
        subject=made.subject, right=right, details=details, verified_by="account", actor=actors.SUBJECT, by_person=True
    )


def ask(made: Planted, right: str) -> RightsRequest:
    """One more request of the person."""
    made.requests.append(_file(made, right))
    return made.requests[-1]


def _account(made: Planted) -> None:
    """A code on its way to the address, factors, recovery codes, a passkey with a name."""
    send_code(reason="reset", email=made.person.email, language="en")
    new_recovery_codes(made.person.account)
    made.strings["passkey"] = "Turmfalke-Passkey"
    challenge = passkeys.new_challenge(ceremony=passkeys.REGISTER, where="here")
    options = passkeys.registration_options(made.person.account, challenge)
    answer = passkeys.Answer(Authenticator().create(options), (challenge,))
    passkeys.add_passkey(account=made.person.account, answer=answer, label=made.strings["passkey"])
