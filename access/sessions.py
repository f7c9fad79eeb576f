"""Sessions in the database that know whose they are, so that a person's sessions can be listed and ended."""

from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from access.models import AccountSession


class SessionStore(DatabaseStore):
    """Django's database sessions with the account beside them; the engine named in settings.SESSION_ENGINE."""

    @classmethod
    def get_model_class(cls) -> type[AccountSession]:
        return AccountSession

    def create_model_instance(self, data: dict[str, Any]) -> AccountSession:
        session = cast(AccountSession, super().create_model_instance(data))
        session.account_id = data.get(SESSION_KEY)
        return session


def purge() -> int:
    """Sessions past their time are gone, those of strangers among them (Art. 5(1)(e)); returns how many."""
    return AccountSession.objects.filter(expire_date__lt=timezone.now()).delete()[0]
