"""The demo: staff, two people, four applications, the catalogue; the same names every time, secrets made anew.

Everything goes through the services people use. What drivers need to sign in is written beside the database, readable
by its owner alone, and never printed here.
"""

import json
import os
import secrets
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import transaction

from access import roles
from access.models import Account, Application
from access.scopes import SCOPES
from access.services.accounts import create_account, register_verified
from access.services.applications import create_application
from access.services.factors import add_totp
from consent.demo_catalogue import build
from consent.services.data import store_data
from subjects.services import register_subject

CREDENTIALS = "demo-credentials.json"


@dataclass(frozen=True)
class Person:
    """What somebody of the demo signs in with."""

    email: str
    password: str
    totp_secret: str


STAFF = {
    "rita": ("rita@controller.example", roles.IRM),
    "ruth": ("ruth@controller.example", roles.IRM),
    "quentin": ("quentin@controller.example", roles.QA),
    "olga": ("olga@controller.example", roles.OPERATOR),
}
PEOPLE: dict[str, dict[str, Any]] = {
    "alice": {
        "identifiers": {"email": "alice@people.example", "customer_id": "demo-alice"},
        "profile": {"language": "en", "country": "DE", "birth_date": "1988-04-12"},
        "orders": {"given_name": "Alice", "family_name": "Ahlberg", "postal_address": "Ahornweg 3, 10115 Berlin"},
    },
    "bob": {
        "identifiers": {"email": "bob@people.example", "customer_id": "demo-bob"},
        "profile": {"language": "en", "country": "DE", "birth_date": "1979-10-02"},
        "orders": {"given_name": "Bob", "family_name": "Bergmann", "postal_address": "Birkenallee 8, 50667 Koeln"},
    },
}
APPLICATIONS: dict[str, dict[str, Any]] = {
    "shop": {"name": "Web shop", "scopes": sorted(set(SCOPES) - {"audit:read"}), "requests_per_minute": 6_000_000},
    "acme": {
        "name": "ACME Mailing",
        "scopes": ["deliveries:acknowledge", "sharing:read"],
        "is_third_party": True,
    },
    "eve": {"name": "Eve's newsletter reader", "scopes": ["catalogue:read"], "requests_per_minute": 60},
    "qa_sampler": {"name": "QA sampler", "scopes": ["audit:read", "catalogue:read"]},
}


def build_demo() -> bool:
    """The demo exists, whole or not at all; False when it did before."""
    with transaction.atomic():
        if Application.objects.filter(slug="shop").exists():
            return False
        applications = {slug: _application(slug, **terms) for slug, terms in APPLICATIONS.items()}
        for role in sorted(roles.ALL):
            Group.objects.get_or_create(name=role)
        people = {name: _staff(name, email, role) for name, (email, role) in STAFF.items()}
        accounts = Account.objects.filter(is_staff=True)
        reviewers = accounts.filter(groups__name=roles.IRM)
        build(author=accounts.get(groups__name=roles.OPERATOR), approver=reviewers.earliest("created_at"))
        people |= {name: _data_subject(**about) for name, about in PEOPLE.items()}
        _write({"applications": applications, "people": {name: asdict(person) for name, person in people.items()}})
    return True


def _application(slug: str, **terms: Any) -> dict[str, Any]:
    application, client_id, secret = create_application(slug=slug, **terms)
    return {"client_id": client_id, "client_secret": secret, "scopes": application.scopes}


def _staff(name: str, email: str, role: str) -> Person:
    password = secrets.token_urlsafe(15)
    account = create_account(email=email, password=password, is_staff=True, roles=[role], desk_name=name)
    return Person(email, password, _authenticator(account))


def _data_subject(identifiers: dict[str, str], profile: dict[str, str], orders: dict[str, str]) -> Person:
    shop = Application.objects.get(slug="shop")
    subject, _created = register_subject(application=shop, identifiers=identifiers, **profile)
    values = {"email": identifiers["email"], **orders}
    store_data(application=shop, subject=subject, purpose="orders", values=values, source="subject")
    password = secrets.token_urlsafe(15)
    account = register_verified(email=identifiers["email"], password=password, language=profile["language"])
    return Person(identifiers["email"], password, _authenticator(account))


def _authenticator(account: Account) -> str:
    """The account's second factor, confirmed without a code, so that the first code of its owner is not used up."""
    device, secret = add_totp(account)
    device.confirmed = True
    device.save(update_fields=["confirmed"])
    return secret


def _write(credentials: dict[str, Any]) -> None:
    path: Path = settings.RUN_DIR / CREDENTIALS
    fresh = path.with_suffix(".new")
    descriptor = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(credentials, file, indent=2)
    fresh.replace(path)
