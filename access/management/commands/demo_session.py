"""`manage.py demo_session NAME`: a signed-in demo person's cookies, for crawlers and drivers. Local profiles only."""

import json
import time
from argparse import ArgumentParser
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.core.management.base import BaseCommand, CommandError
from django_otp import DEVICE_ID_SESSION_KEY

from access.models import Account
from access.second_factor import FRESH_KEY
from access.services.accounts import account_by_email
from access.services.factors import confirmed_totps
from access.sessions import SIGNED_IN, SessionStore, new_sign_in

NAMES = ("rita", "ruth", "quentin", "olga", "alice", "bob")


class Command(BaseCommand):
    """Prints a Netscape cookie jar of a session in which both factors count as proven."""

    help = "Prints a Netscape cookie jar of a fully signed-in demo person (PROFILE=embedded or development only)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", choices=NAMES)

    def handle(self, *args: Any, name: str, **options: Any) -> None:
        if not settings.IS_LOCAL:
            raise CommandError("demo_session exists in the embedded and development profiles only.")
        session = signed_in_session(_account(name))
        self.stdout.write("# Netscape HTTP Cookie File")
        host = urlsplit(settings.BASE_URL).hostname or "127.0.0.1"
        secure = "TRUE" if settings.SESSION_COOKIE_SECURE else "FALSE"
        expires = str(int(session.get_expiry_date().timestamp()))
        cookie = [settings.SESSION_COOKIE_NAME, session.session_key or ""]
        self.stdout.write("\t".join([f"#HttpOnly_{host}", "FALSE", "/", secure, expires, *cookie]))


def signed_in_session(account: Account) -> SessionStore:
    """A session of the account in the database, with its first authenticator counted as proven just now."""
    session = SessionStore()
    session[SESSION_KEY] = str(account.pk)
    session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[0]
    session[HASH_SESSION_KEY] = account.get_session_auth_hash()
    session[DEVICE_ID_SESSION_KEY] = confirmed_totps(account)[0].persistent_id
    session[FRESH_KEY] = time.time()
    session[SIGNED_IN] = new_sign_in("")
    session.create()
    return session


def _account(name: str) -> Account:
    path = settings.RUN_DIR / "demo-credentials.json"
    try:
        email = json.loads(path.read_text())["people"][name]["email"]
    except (OSError, KeyError, ValueError):
        raise CommandError(f"{path} does not know this person: is the demo built?") from None
    account = account_by_email(email)
    if account is None or not confirmed_totps(account):
        raise CommandError("This person has no account with a second factor here.")
    return account
