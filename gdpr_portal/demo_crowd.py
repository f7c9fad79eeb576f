"""Made-up people for the demo, so that the desks and their charts have something to show.

Everything goes through the services people and applications use: registered by shop, data stored and read, consent
given, refused and withdrawn, sharing switched, and requests of many kinds, received over the last four weeks. Names and
addresses are drawn by lot from a fixed seed; nobody can sign in as them.
"""

from datetime import timedelta
from random import Random
from typing import Any

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit import actors
from consent.models import NoticeText
from consent.services.consents import NoticeSeen, record_consent
from consent.services.data import read_data, store_data
from consent.services.sharing import set_sharing
from erasure.services.requests import file_request
from subjects.models import Subject
from subjects.services import register_subject

SEED = 20161127
GIVEN = ("Amira", "Bela", "Chloe", "David", "Elif", "Frieda", "Giulia", "Henrik", "Ines", "Jonas", "Katarina", "Luca")
FAMILY = ("Arslan", "Baumann", "Conti", "Dvorak", "Eriksen", "Fontaine", "Garcia", "Horvat", "Ivanova", "Jansen")
STREETS = ("Lindenstrasse", "Rue du Port", "Via Roma", "Hoofdstraat", "Calle Mayor")
CITIES = ("10969 Berlin", "59000 Lille", "40121 Bologna", "3511 Utrecht", "28013 Madrid")
REQUESTS: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("access", {}, "none"),
    ("erasure", {}, "none"),
    ("objection", {"purpose": "fraud_prevention"}, "document"),
    ("restriction", {"ground": "accuracy_contested"}, "document"),
    ("access", {}, "document"),
    ("rectification", {"purpose": "orders", "values": {"family_name": "Lindqvist"}}, "none"),
)
"""Right, details, how the person was verified; those by `none` wait for the person's answer to a mail."""
EVERY, WEEKS_BACK = 4, 4
"""Every fourth person asks for something, some time in so many weeks."""


def build_crowd(count: int) -> int:
    """So many people of the demo's shop more, each whole or not at all; returns how many were not there before."""
    shop = Application.objects.get(slug="shop")
    return sum(_person(shop, number, Random(f"{SEED}-{number}")) for number in range(count))  # noqa: S311  made-up people


@transaction.atomic
def _person(shop: Application, number: int, dice: Random) -> bool:
    given, family = dice.choice(GIVEN), dice.choice(FAMILY)
    email = f"{given}.{family}.{number}@people.example".lower()
    names = {"email": email, "customer_id": f"crowd-{number}"}
    subject, created = register_subject(application=shop, identifiers=names, language=dice.choice(("en", "de", "fr")))
    if not created:
        return False
    address = f"{dice.choice(STREETS)} {dice.randint(1, 90)}, {dice.choice(CITIES)}"
    values = {"email": email, "given_name": given, "family_name": family, "postal_address": address}
    store_data(application=shop, subject=subject, purpose="orders", values=values, source="subject")
    for _ in range(dice.randint(0, 3)):
        read_data(application=shop, subject=subject, purpose="orders", fields=["email", "postal_address"])
    _answer(shop, subject, email, dice)
    if number % EVERY == 0:
        _ask(subject, number // EVERY, dice)
    return True


def _answer(shop: Application, subject: Subject, email: str, dice: Random) -> None:
    """Two of three agree to the newsletter, one in six takes it back, and half of those who stay share it."""
    said = dice.choices(("give", "refuse", ""), (4, 1, 1))[0]
    if not said:
        return
    _says(subject, said)
    if said == "refuse":
        return
    values = {"email": email, "given_name": email.partition(".")[0].title()}
    store_data(application=shop, subject=subject, purpose="newsletter", values=values, source="subject")
    if dice.random() < 1 / 6:
        _says(subject, "withdraw")
    elif dice.random() < 1 / 2:
        own: dict[str, Any] = {"recipient": "acme", "purpose": "newsletter", "channel": "web"}
        set_sharing(subject=subject, shared=True, actor=actors.SUBJECT, **own)


def _says(subject: Subject, action: str) -> None:
    notice = _notice() if action == "give" else None
    record_consent(
        subject=subject, purpose="newsletter", action=action, notice=notice, channel="web", actor=actors.SUBJECT
    )


def _notice() -> NoticeSeen:
    text = NoticeText.objects.get(notice__purpose__slug="newsletter", notice__state="live", language="en")
    return NoticeSeen(text.notice.version, text.language, text.digest)


def _ask(subject: Subject, turn: int, dice: Random) -> None:
    right, details, verified_by = REQUESTS[turn % len(REQUESTS)]
    received = timezone.now() - timedelta(days=dice.randint(0, 7 * WEEKS_BACK), minutes=dice.randint(1, 600))
    file_request(
        subject=subject,
        right=right,
        details=details,
        verified_by=verified_by,
        actor=actors.SUBJECT,
        received_at=received,
    )
