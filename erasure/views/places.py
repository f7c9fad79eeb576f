"""The page of who answers for a place that is run by hand: outside the portal's sign-in, by a link in the mail.

The link shows nothing of anybody: its button takes the token out of the address and lets this browser, for SESSION, to
the page of that one task (so that no address with a token is left in a history or sent as a referrer, and nothing that
follows links in mails learns or uses up anything). Whatever is wrong with a link, the page is the same.
"""

import time
from typing import Any
from uuid import UUID

from django.conf import settings
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from access.second_factor import where
from access.services import limits
from erasure.models import PlaceTask, SourceAnswer
from erasure.services import place_tasks
from erasure.services.links import live_task, opened_task
from gdpr_portal.errors import DomainError

SESSION_SECONDS = 1800
GRANTS = "places"
"""In the session: {link: until when}, ids and times only."""
MOST_GRANTS = 20


@never_cache
@require_http_methods(["GET", "POST"])
def by_link(request: HttpRequest, link: UUID, token: str) -> HttpResponse:
    """A button and nothing else; pressed, this browser may open the task. 410 for every link that leads nowhere."""
    turn = limits.take((limits.ADDRESS, where(request)))
    if turn.wait:
        return _outside(_dead(request, status=429), wait=turn.wait)
    try:
        task = opened_task(link, token)
    except DomainError as error:
        return _outside(_dead(request, status=error.status))
    limits.give_back((limits.ADDRESS, where(request)))
    _speak(request, task)
    if request.method == "GET":
        return _outside(render(request, "erasure/place_link.html"))
    request.session.cycle_key()  # a session somebody planted here opens nothing (T42)
    _grant(request, link)
    return _outside(redirect("place-answer", link))


@never_cache
@require_http_methods(["GET", "POST"])
def answer(request: HttpRequest, link: UUID) -> HttpResponse:
    """What is asked, and the form; for a browser that has shown the link's token a short while ago."""
    until = request.session.get(GRANTS, {}).get(str(link), 0)
    if until < time.time():
        return _outside(_dead(request))
    if until == DONE:
        return _outside(render(request, "erasure/place_answered.html"))
    try:
        task = live_task(link)
    except DomainError as error:
        return _outside(_dead(request, status=error.status))
    _speak(request, task)
    if request.method == "POST":
        return _outside(_answered(request, task, link))
    return _outside(_form(request, task))


DONE = 2**53
"""The grant of a browser whose answer has arrived: sent twice, it sees the same page again, and nothing happens."""


def _answered(request: HttpRequest, task: PlaceTask, link: UUID) -> HttpResponse:
    try:
        take_answer(request, task, actor=place_tasks.RESPONDENT)
    except DomainError as error:
        return _form(request, task, error=error.in_words, status=422)
    _grant(request, link, until=DONE)
    return render(request, "erasure/place_answered.html")


def take_answer(request: HttpRequest, task: PlaceTask, *, actor: str) -> SourceAnswer:
    """What the form says is the answer of the place; for this page and for the desk's."""
    given, files = request.POST, request.FILES.getlist("files")
    return place_tasks.answer(
        task_id=task.id,
        outcome=given.get("outcome", ""),
        reason=given.get("reason", ""),
        text=given.get("text", ""),
        told=given.getlist("told"),
        files=[file.read() for file in files],
        actor=actor,
    )


def form_context(told: place_tasks.Told) -> dict[str, Any]:
    """What the form shows."""
    effort = SourceAnswer.Reason.UNREASONABLE.value
    return {
        "told": told,
        "reasons": [each for each in SourceAnswer.Reason.choices if told.to_tell or each[0] != effort],
        "longest": place_tasks.LONGEST,
        "most_files": place_tasks.MOST_FILES,
    }


def _form(request: HttpRequest, task: PlaceTask, *, error: str = "", status: int = 200) -> HttpResponse:
    context = form_context(place_tasks.told(task, actor=place_tasks.RESPONDENT)) | {
        "error": error,
        "given": request.POST,
    }
    context["given_told"] = request.POST.getlist("told")
    return render(request, "erasure/place_answer.html", context, status=status)


def _grant(request: HttpRequest, link: UUID, until: float | None = None) -> None:
    """This browser may open the task; the oldest of many grants go."""
    grants = {key: end for key, end in request.session.get(GRANTS, {}).items() if end > time.time()}
    grants[str(link)] = until or time.time() + SESSION_SECONDS
    request.session[GRANTS] = dict(list(grants.items())[-MOST_GRANTS:])


def _speak(request: HttpRequest, task: PlaceTask) -> None:
    """The respondent's language, unless this browser has chosen one."""
    if settings.LANGUAGE_COOKIE_NAME not in request.COOKIES:
        translation.activate(task.place.language)
        request.LANGUAGE_CODE = task.place.language


def _dead(request: HttpRequest, status: int = 410) -> HttpResponse:
    return render(request, "erasure/place_dead.html", status=status)


def _outside(response: HttpResponse, wait: int = 0) -> HttpResponse:
    """Nobody indexes these pages, and no address of them is sent on, whole or in part, to any other page."""
    response["X-Robots-Tag"] = "noindex, nofollow, noarchive"
    response["Referrer-Policy"] = "strict-origin"  # with no-referrer, browsers send "Origin: null" and forms fail
    if wait:
        response["Retry-After"] = str(wait)
    return response
