"""Sessions in the database that know whose they are, so that a person's sessions can be listed and ended.

A session's key is its secret: pages and addresses name a session by the random id of its sign-in, which stays when the
key is renewed.
"""

import uuid
from datetime import timedelta
from typing import Any, cast

from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.utils import timezone

from access import browsers
from access.models import AccountSession

SIGNED_IN = "signed_in"
"""Where a session keeps its sign-in: `id` (random), `at` (ISO 8601), `browser` and `system` (`access.browsers`)."""
NOTED_EVERY = timedelta(hours=1)
"""How exactly the last use is known; every request need not write."""


class SessionStore(DatabaseStore):
    """Django's database sessions with the account beside them; the engine named in settings.SESSION_ENGINE."""

    @classmethod
    def get_model_class(cls) -> type[AccountSession]:
        return AccountSession

    def create_model_instance(self, data: dict[str, Any]) -> AccountSession:
        session = cast(AccountSession, super().create_model_instance(data))
        session.account_id = data.get(SESSION_KEY)
        session.last_used_at = timezone.now()
        return session

    def _get_session_from_db(self) -> AccountSession | None:
        """A session that is looked up is used; the row alone is touched, whatever others write into it meanwhile."""
        session = cast(AccountSession | None, super()._get_session_from_db())  # type: ignore[misc]  # stubs lack it
        now = timezone.now()
        if session is not None and session.last_used_at < now - NOTED_EVERY:
            AccountSession.objects.filter(pk=session.pk).update(last_used_at=now)
        return session


def new_sign_in(user_agent: str) -> dict[str, str]:
    """What a session keeps of the sign-in that began it, under `SIGNED_IN`."""
    browser, system = browsers.family(user_agent)
    return {"id": str(uuid.uuid4()), "at": timezone.now().isoformat(), "browser": browser, "system": system}


def purge() -> int:
    """Sessions past their time are gone, those of strangers among them (Art. 5(1)(e)); returns how many."""
    return AccountSession.objects.filter(expire_date__lt=timezone.now()).delete()[0]
