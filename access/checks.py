"""What does not start (Django system checks, run before every command): a view of the API with no declared scope, and
passkeys that no browser would use.
"""

from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.checks import CheckMessage, Error, Warning, register  # noqa: A004 (Django's word)
from django.urls import URLPattern, URLResolver, get_resolver

from access.scopes import SCOPES

METHODS = ("get", "post", "put", "patch", "delete")


@register()
def every_view_declares_its_scopes(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Every method of every API view names a scope that exists, and no scope is named for a missing method."""
    return [flaw for route, view in api_views(get_resolver()) for flaw in flaws_of(route, view)]


@register()
def passkeys_have_a_domain(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Passkeys belong to a domain, which is no IP address, and every origin lies within it (WebAuthn 5.1.2, 13.4.9)."""
    domain, origins = settings.PASSKEY_RP_ID, settings.PASSKEY_ORIGINS
    outside = [origin for origin in origins if not _is_within(urlsplit(origin).hostname or "", domain)]
    if _is_address(domain):
        return [Warning("PASSKEY_RP_ID is an IP address: browsers take a domain only.", id="access.W005")]
    if outside or not origins:
        return [Warning("PASSKEY_ORIGINS must lie within PASSKEY_RP_ID, or no passkey is taken.", id="access.W006")]
    return []


def _is_within(host: str, domain: str) -> bool:
    return host == domain or host.endswith(f".{domain}")


def _is_address(domain: str) -> bool:
    try:
        ip_address(domain.strip("[]"))
    except ValueError:
        return False
    return True


def api_views(resolver: URLResolver, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Every class-based view with declared or missing scopes under the resolver, with its route."""
    for entry in resolver.url_patterns:
        route = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from api_views(entry, route)
        elif isinstance(entry, URLPattern) and route.startswith(("api/v1/", "api/opendsr/")):
            yield route, getattr(entry.callback, "cls", entry.callback)


def flaws_of(route: str, view: Any) -> Iterator[CheckMessage]:
    """What is wrong with the declaration of one view."""
    if getattr(view, "is_public", False):
        return
    if not hasattr(view, "scopes"):
        yield Error(f"{route}: the view is not a ScopedView.", id="access.E001")
        return
    implemented = {method.upper() for method in METHODS if hasattr(view, method)}
    for method in sorted(implemented - view.scopes.keys()):
        yield Error(f"{route}: {method} declares no scope.", id="access.E002")
    for method, scope in view.scopes.items():
        if scope not in SCOPES:
            yield Error(f"{route}: {method} declares the scope {scope!r}, which does not exist.", id="access.E003")
        if method not in implemented:
            yield Error(f"{route}: a scope is declared for {method}, which the view does not answer.", id="access.E004")
