"""Sign-in by an address that lies sealed: found by its blind index, with the same work for one nobody knows."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from access.models import Account
from access.services.accounts import account_by_email


class SealedEmailBackend(ModelBackend):
    """Password sign-in for accounts; permissions as in Django's own backend."""

    def authenticate(  # type: ignore[override]
        self, request: HttpRequest | None, email: str | None = None, password: str | None = None, **kwargs: Any
    ) -> Account | None:
        """The account, or None: for a wrong password, an unknown address and a closed account alike."""
        if email is None or password is None:
            return None
        account = account_by_email(email)
        if account is None:
            Account().set_password(password)  # the same hash is computed, so that the clock does not tell (CWE-208)
            return None
        if account.check_password(password) and self.user_can_authenticate(account):
            return account
        return None
