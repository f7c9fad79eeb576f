"""What the next page tells, in a cookie of this host alone, as sessions and forms' tokens are (OWASP ASVS 3.3.1)."""

from django.conf import settings
from django.contrib.messages.storage import cookie, fallback, session


class HostCookie(cookie.CookieStorage):
    """Django's cookie under the name that a browser takes from this host over TLS alone."""

    @property
    def cookie_name(self) -> str:  # type: ignore[override]  # Django has it as a constant of the class
        return "__Host-messages" if settings.SESSION_COOKIE_SECURE else "messages"


class Storage(fallback.FallbackStorage):
    """The cookie first, and the session for what is too long for one; the storage of `settings.MESSAGE_STORAGE`."""

    storage_classes = (HostCookie, session.SessionStorage)
