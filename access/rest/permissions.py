"""What a token may do: the scope its view declares for the method, and nothing without one."""

from typing import TYPE_CHECKING

from django.db import transaction
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from access.rest.authentication import CHALLENGE, Grant
from audit import actors, services
from gdpr_portal.errors import Refused

if TYPE_CHECKING:
    from rest_framework.views import APIView  # the framework itself imports this module


class ScopeMissing(Refused):
    """403 with the challenge of RFC 6750 section 3.1, which names the scope to ask a token for."""

    def __init__(self, scope: str) -> None:
        super().__init__("scope_missing", f"This needs a token with the scope {scope}.")
        self.headers = {"WWW-Authenticate": f'{CHALLENGE}, error="insufficient_scope", scope="{scope}"'}


class HasScope(BasePermission):
    """403 `scope_missing` unless the token carries the declared scope; the refusal is recorded."""

    def has_permission(self, request: Request, view: "APIView") -> bool:
        method = "GET" if request.method == "HEAD" else str(request.method)
        scopes: dict[str, str] = getattr(view, "scopes", {})
        if method.lower() not in view.http_method_names or not hasattr(view, method.lower()):
            return True  # answered with 405 right after
        needed, grant = scopes.get(method), request.auth
        if not isinstance(grant, Grant):
            return False
        if needed is None or needed not in grant.scopes:
            _record_refusal(grant, str(needed), method, request)
            raise ScopeMissing(str(needed))
        return True


def _record_refusal(grant: Grant, scope: str, method: str, request: Request) -> None:
    route = getattr(request.resolver_match, "route", "").translate(str.maketrans("<>", ".."))
    details = {
        "application": grant.application.slug,
        "reason": "scope_missing",
        "scope": scope,
        "route": route,
        "method": method,
        "status": 403,
    }
    with transaction.atomic():
        services.record("access.refused", actor=actors.application(grant.application.slug), details=details)
