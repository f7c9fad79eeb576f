"""What makes the service mail every kind of link, in a running instance: the pages behind them are for pictures."""

import json
import secrets
from datetime import date, timedelta
from typing import Any

from django.test import override_settings
from django.utils import timezone

from access.management.commands.demo_session import signed_in_session
from access.models import Account, FactorReset
from access.services.accounts import account_by_email, create_account, register_verified
from access.services.factors import add_totp
from consent.services.authorisations import name_parent
from consent.services.data import store_data
from erasure.services import identity, places
from subjects.models import Subject
from subjects.services import register_subject
from tests.browser.states import Cast, of_the_demo
from tests.browser.visitors import PASSWORD
from tests.consent.people import answer, wording
from tests.erasure.people import file


def mail_all(language: str) -> None:
    """A grown-up, a child and a place run by hand exist, and their links are mailed; prints who they are as JSON."""
    cast, name = of_the_demo(), secrets.token_hex(4)
    child = somebody(cast, f"kim.{name}@people.example", language, years=12)
    parent = f"mother.{name}@family.example"
    given = answer(child, "give", notice=wording("newsletter", language))
    name_parent(subject=child, event=given.event, email=parent, actor="subject")
    grown = somebody(cast, f"lia.{name}@people.example", language, years=40)
    with override_settings(UNDO_WINDOW_SECONDS=86_400):
        erasure = file(grown, "erasure")
    review = file(grown, "human_review", verified_by="none", decision="loan-1")
    identity.ask_evidence(request_id=review.id, author=cast.rita, text="Who are you?", doubt="unusual")
    keeper = f"keeper.{name}@paper.example"
    place(cast, keeper, language)
    file(grown, "access")
    said = {"email": f"lia.{name}@people.example", "child": f"kim.{name}@people.example", "parent": parent}
    sessions = {"session": key_of(said["email"]), "child_session": key_of(said["child"])}
    print(json.dumps(said | sessions | {"keeper": keeper, "erasure": str(erasure.id), "review": str(review.id)}))


def somebody(cast: Cast, email: str, language: str, *, years: int) -> Subject:
    """A person with an account and an authenticator, whom the shop knows."""
    today = timezone.now().date()
    born = date(today.year - years, today.month, min(today.day, 28))
    about: dict[str, Any] = {"identifiers": {"email": email}, "country": "DE", "birth_date": born}
    subject, _created = register_subject(application=cast.shop, language=language, **about)
    values = {"email": email, "given_name": "Lia"}
    store_data(application=cast.shop, subject=subject, purpose="orders", values=values, source="subject")
    device, _secret = add_totp(register_verified(email=email, password=PASSWORD, language=language))
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    return Subject.objects.get(pk=subject.pk)


def place(cast: Cast, keeper: str, language: str) -> None:
    """A place run by hand that is asked from now on, in the place of the one before."""
    row = places.declare(
        slug="paper", name="Paper archive", description="Orders of the years before 2019, on paper.",
        purposes=["orders"], identifiers=["email"], respondent=places.Respondent("Karla Keeper", keeper),
        language=language, days=10, by=cast.rita,
    )  # fmt: skip
    places.approve(place_id=row.id, by=cast.deputy)


def key_of(email: str) -> str:
    """The key of a session of theirs, both factors proven."""
    account = account_by_email(email)
    assert account
    return str(signed_in_session(account).session_key)


def end_waiting() -> None:
    """Every waiting period for lost factors is over."""
    FactorReset.objects.exclude(due_at=None).update(due_at=timezone.now() - timedelta(seconds=1))


def officer() -> None:
    """A privacy officer, whom the demo does not have, signed in; prints the key of the session."""
    pia = Account.objects.filter(desk_name="pia").first()
    if pia is None:
        terms: dict[str, Any] = {"is_staff": True, "roles": ["privacy_officer"], "desk_name": "pia"}
        pia = create_account(email="pia@controller.example", password=secrets.token_urlsafe(15), **terms)
        device, _secret = add_totp(pia)
        device.confirmed = True
        device.save(update_fields=["confirmed"])
    print(signed_in_session(pia).session_key)
