"""The front page, and what people see when a page cannot be shown."""

import sys
from typing import cast

from django.conf import settings
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.template.loader import render_to_string
from django.utils import translation
from django.views.decorators.http import require_safe

from access.models import Account
from access.rest import problems
from access.second_factor import is_verified
from access.services.refusals import record_refusal
from gdpr_portal.errors import DomainError, Missing, is_unavailability
from gdpr_portal.home import overview
from vault.services import report_if_tampered


@require_safe
def home(request: HttpRequest) -> HttpResponse:
    """The front page: what the portal is for, and where a signed-in person goes on."""
    if not is_verified(request):
        return render(request, "welcome.html")
    return render(request, "home.html", overview(cast(Account, request.user)))


# --- refusals -------------------------------------------------------------------------------------------------------
def not_found(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """404: the same for an unknown address and an unknown id."""
    if _is_api(request):
        return problems.problem_response(Missing())
    return render(request, "errors/404.html", status=404)


def forbidden(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """403 without saying why; the log says who was refused what."""
    if _is_api(request):
        return problems.problem(403, "forbidden", "This is not allowed.")
    if is_verified(request):
        route = request.resolver_match.route if request.resolver_match else ""
        record_refusal(account=cast(Account, request.user), route=route, method=request.method or "")
    return render(request, "errors/403.html", status=403)


def bad_request(request: HttpRequest, exception: Exception | None = None) -> HttpResponse:
    """400 for a request that cannot be read; 413 for one too large."""
    if _is_api(request):
        return problems.problem(400, "malformed_request", "The request cannot be read.")
    return _plain(request, "errors/400.html", 400)


def not_allowed(request: HttpRequest, answer: HttpResponseNotAllowed) -> HttpResponse:
    """405 in words, where Django says nothing: somebody who signed in again comes back to where a form was sent."""
    if _is_api(request) or answer.content:
        return answer
    page = render(request, "errors/405.html", status=405)
    page["Allow"] = answer["Allow"]
    return page


def refused_without_tls() -> HttpResponse:
    """403 for a program that asks over http: a redirect would hide that its token travelled in clear."""
    return problems.problem(403, "forbidden", "Ask over https. Replace the secret or token that was sent without it.")


PAGES_OF_REFUSALS = frozenset({400, 403, 404, 409, 410, 429})


def refused(request: HttpRequest, error: DomainError) -> HttpResponse:
    """The page of a service's refusal; the API never comes here, it answers by itself."""
    status = 400 if error.status == 422 else error.status
    template = f"errors/{status if status in PAGES_OF_REFUSALS else 400}.html"
    return render(request, template, {"reason": error.code}, status=error.status)


def csrf_failure(request: HttpRequest, reason: str = "") -> HttpResponse:
    """403: the form was too old or came from elsewhere; nothing was done."""
    return render(request, "errors/csrf.html", status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """503 when something this service depends on is down, else 500; without database, session or details."""
    error = sys.exc_info()[1]
    if is_unavailability(error):
        return unavailable(request, error)
    if _is_api(request):
        return problems.internal_error()
    return _plain(request, "errors/500.html", 500)


def unavailable(request: HttpRequest, error: BaseException | None = None) -> HttpResponse:
    """503 with `Retry-After`: nothing was received, and the person may try again."""
    report_if_tampered(error)
    if request.path.startswith("/oauth/"):
        response = HttpResponse('{"error": "temporarily_unavailable"}', status=503, content_type="application/json")
    elif _is_api(request):
        response = problems.unavailable()
    else:
        response = _plain(request, "errors/503.html", 503)
    response["Retry-After"] = str(problems.RETRY_SECONDS)
    return response


def _plain(request: HttpRequest, template: str, status: int) -> HttpResponse:
    """The page without asking who is signed in: that would need the database.

    Its language is that of the request. What broke before one was chosen is told in the one the browser prefers: what
    is active then is left over from whoever this thread answered before.
    """
    language = getattr(request, "LANGUAGE_CODE", None) or translation.get_language_from_request(request)
    with translation.override(language):
        return HttpResponse(render_to_string(template, {"controller": settings.CONTROLLER}), status=status)


def _is_api(request: HttpRequest) -> bool:
    return request.path.startswith(("/api/", "/oauth/"))
