"""A view of the API with no declared scope does not start (Django system check, run before every command)."""

from collections.abc import Iterator
from typing import Any

from django.core.checks import CheckMessage, Error, register
from django.urls import URLPattern, URLResolver, get_resolver

from access.scopes import SCOPES

METHODS = ("get", "post", "put", "patch", "delete")


@register()
def every_view_declares_its_scopes(app_configs: Any = None, **_: Any) -> list[CheckMessage]:
    """Every method of every API view names a scope that exists, and no scope is named for a missing method."""
    return [flaw for route, view in api_views(get_resolver()) for flaw in flaws_of(route, view)]


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
