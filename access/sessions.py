"""Sessions in the database that know whose they are, so that a person's sessions can be listed and ended.

A session's key is its secret: the database holds its digest alone, so that who reads a dump is nobody's browser (T4),
and pages and addresses name a session by the random id of its sign-in, which stays when the key is renewed.
"""

import hashlib
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
        session.session_key = kept_as(session.session_key)
        session.account_id = data.get(SESSION_KEY)
        session.last_used_at = timezone.now()
        return session

    def _get_session_from_db(self) -> AccountSession | None:
        """A session that is looked up is used; the row alone is touched, whatever others write into it meanwhile."""
        now = timezone.now()
        try:
            session = AccountSession.objects.get(pk=kept_as(self.session_key or ""), expire_date__gt=now)
        except AccountSession.DoesNotExist:
            self._session_key = None
            return None
        if session.last_used_at < now - NOTED_EVERY:
            AccountSession.objects.filter(pk=session.pk).update(last_used_at=now)
        return session

    def exists(self, session_key: str) -> bool:
        return bool(super().exists(kept_as(session_key)))

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            AccountSession.objects.filter(pk=kept_as(key)).delete()


def kept_as(key: str) -> str:
    """Under what a session is kept: 160 bits of BLAKE2b of its key, which is random enough to need no other secret."""
    return hashlib.blake2b(key.encode(), digest_size=20, person=b"session").hexdigest()


def new_sign_in(user_agent: str) -> dict[str, str]:
    """What a session keeps of the sign-in that began it, under `SIGNED_IN`."""
    browser, system = browsers.family(user_agent)
    return {"id": str(uuid.uuid4()), "at": timezone.now().isoformat(), "browser": browser, "system": system}


def purge() -> int:
    """Sessions past their time are gone, those of strangers among them (Art. 5(1)(e)); returns how many."""
    return AccountSession.objects.filter(expire_date__lt=timezone.now()).delete()[0]
