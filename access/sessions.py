"""Sessions in the database that know whose they are, so that a person's sessions can be listed and ended.

A session's key is its secret: the database holds its digest alone, so that who reads a dump is nobody's browser (T4),
and pages and addresses name a session by the random id of its sign-in, which stays when the key is renewed.

A session is over `SESSION_COOKIE_AGE` after its sign-in, whatever is done meanwhile, and `SESSION_IDLE_SECONDS` after
its last use (NIST SP 800-63B-4, 2.2.3: 24 hours and one hour at AAL2).
"""

import hashlib
import uuid
from datetime import datetime, timedelta
from typing import Any, cast

from django.conf import settings
from django.contrib.auth import SESSION_KEY
from django.contrib.sessions.backends.db import SessionStore as DatabaseStore
from django.db.models import Q, QuerySet
from django.utils import timezone

from access import browsers
from access.models import AccountSession

SIGNED_IN = "signed_in"
"""Where a session keeps its sign-in: `id` (random), `at` (ISO 8601), `browser` and `system` (`access.browsers`)."""
NOTED_EVERY = timedelta(minutes=5)
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
            session = alive(AccountSession.objects.all()).get(pk=kept_as(self.session_key or ""))
        except AccountSession.DoesNotExist:
            self._session_key = None
            return None
        if session.last_used_at < now - NOTED_EVERY:
            AccountSession.objects.filter(pk=session.pk).update(last_used_at=now)
        return session

    def get_session_cookie_age(self) -> int:
        """Seconds that are left: of somebody signed in counted from the sign-in, which nothing done later lengthens."""
        whole = super().get_session_cookie_age()
        begun = self.get(SIGNED_IN, {}).get("at")
        if begun is None:
            return whole
        age = (timezone.now() - datetime.fromisoformat(begun)).total_seconds()
        return max(0, whole - max(0, int(age)))

    def exists(self, session_key: str) -> bool:
        return bool(super().exists(kept_as(session_key)))

    def delete(self, session_key: str | None = None) -> None:
        key = session_key or self.session_key
        if key is not None:
            AccountSession.objects.filter(pk=kept_as(key)).delete()


def alive(sessions: QuerySet[AccountSession]) -> QuerySet[AccountSession]:
    """Those of them that are not over: by their time, or, of somebody signed in, by disuse."""
    now = timezone.now()
    used = Q(account_id=None) | Q(last_used_at__gt=now - timedelta(seconds=settings.SESSION_IDLE_SECONDS))
    return sessions.filter(used, expire_date__gt=now)


def kept_as(key: str) -> str:
    """Under what a session is kept: 160 bits of BLAKE2b of its key, which is random enough to need no other secret."""
    return hashlib.blake2b(key.encode(), digest_size=20, person=b"session").hexdigest()


def new_sign_in(user_agent: str) -> dict[str, str]:
    """What a session keeps of the sign-in that began it, under `SIGNED_IN`."""
    browser, system = browsers.family(user_agent)
    return {"id": str(uuid.uuid4()), "at": timezone.now().isoformat(), "browser": browser, "system": system}


def purge() -> int:
    """Sessions past their time are gone, those of strangers among them (Art. 5(1)(e)); returns how many."""
    over = AccountSession.objects.exclude(pk__in=alive(AccountSession.objects.all()).values("pk"))
    return over.delete()[0]
