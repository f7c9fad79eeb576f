"""People at the doors: somebody signed up, with an authenticator the test can read."""

import base64
import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest
from django.core import mail
from django.test import Client
from django_otp.oath import hotp

from access.models import Account
from access.services import factors
from access.services.accounts import create_account

PASSWORD = "four calm words here"


@dataclass
class Person:
    """Somebody who signs in: what they know and what they hold."""

    account: Account
    email: str
    secret: str
    password: str = PASSWORD
    client: Client = field(default_factory=Client)

    def code(self, steps: int = 0) -> str:
        """The code the authenticator shows, `steps` steps of 30 s from now."""
        return code_for(self.secret, steps)

    def by_password(self) -> Client:
        """A browser that has proven the password and nothing else."""
        client = Client()
        answer = client.post("/login", {"email": self.email, "password": self.password})
        assert answer.status_code == 302, answer.content
        return client

    def signed_in(self) -> Client:
        """A browser that has proven both factors."""
        self.client = self.by_password()
        forget_step(self.account)
        answer = self.client.post("/login/factor", {"code": self.code()})
        assert answer.status_code == 302, answer.content
        forget_step(self.account)
        return self.client


def code_for(secret: str, steps: int = 0) -> str:
    """The six digits of a base32 secret, now or `steps` steps from now."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    return f"{hotp(key, int(time.time()) // 30 + steps):06d}"


def forget_step(account: Account) -> None:
    """The next code counts although one of the same 30 seconds was used: tests do not wait."""
    from access.models import TotpDevice

    TotpDevice.objects.filter(user=account).update(last_step=-1)


def code_in_mail() -> str:
    """The six digits in the last mail sent."""
    found = re.search(r"^(\d{6})$", str(mail.outbox[-1].body), re.MULTILINE)
    assert found, mail.outbox[-1].body
    return found[1]


def make_person(email: str, **others: object) -> Person:
    """An account with a confirmed authenticator."""
    account = create_account(email=email, password=PASSWORD, **others)  # type: ignore[arg-type]
    device, secret = factors.add_totp(account)
    assert factors.confirm_totp(device=device, code=code_for(secret))
    forget_step(account)
    return Person(account, email, secret)


@pytest.fixture
def ada(transactional_db: None) -> Person:
    """A person with an account and an authenticator; what she does commits."""
    return make_person("Ada.Lovelace@example.org")


@pytest.fixture
def make(transactional_db: None) -> Callable[..., Person]:
    """Makes more people."""
    return make_person
