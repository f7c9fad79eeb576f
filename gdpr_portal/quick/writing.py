"""A plain POST that changes the world, in front of Django: what may go on to the view, and what may not any more.

    begin; the key, if one came, is locked and looked at; the act is judged and written; the answer is kept; commit
    |------------------ a refusal, doubt: undone, the view answers ------------------| |--- said here, whatever ---|

As long as no answer is made nothing can have been committed: the transaction is undone, and the view does all of it by
itself, its refusal, its record and what a key keeps included. From then on the commit may have happened, whatever comes
back: a connection cut in it, a ledger without room after it (`vault.ledger`). To let the view act would be to act
again, so the failure is answered here as the view answers one of its own, by `access.rest.problems`. A database that
fails before is answered so too: the view would wait for it once more.
"""

from typing import Any

from django.conf import settings
from django.db import InterfaceError, InternalError, OperationalError, transaction
from django.http import HttpResponse
from django.utils import translation

from access.models import Application
from access.rest import idempotency, problems
from gdpr_portal.quick.plain import Environ
from gdpr_portal.quick.route import Route, Said

JSON = "application/json"
DOWN = (OperationalError, InterfaceError, InternalError)


def written(route: Route, environ: Environ, application: Application, asked: Any, raw: bytes) -> Said | None:
    """The answer of an act that is done, or of one that failed so that nobody may try it again unasked; None, and
    nothing is written, when the view has to answer. Raises what the act raised when it is undone."""
    call = _call(environ, application, raw)
    said: Said | None = None
    try:
        with translation.override(settings.LANGUAGE_CODE), transaction.atomic():
            said = _acted(route, application, asked, call)
    except Exception as error:  # the edge of the API, as in ScopedView.dispatch
        if said is None and not isinstance(error, DOWN):
            raise
        return _failed(problems.handle(error, {}))
    return said


def _acted(route: Route, application: Application, asked: Any, call: idempotency.Call | None) -> Said | None:
    if call is not None and not idempotency.is_first(call):  # the view replays, or says that the first still runs
        return None
    body = route.answer(application, asked)
    if body is None:
        return None
    if call is not None:
        idempotency.keep(call, route.status, JSON, body)
    return Said(route.status, body)


def _call(environ: Environ, application: Application, raw: bytes) -> idempotency.Call | None:
    """As `idempotency.call_of` makes it of the same request."""
    key = environ.get("HTTP_IDEMPOTENCY_KEY")
    if key is None:
        return None
    path = environ.get("SCRIPT_NAME", "").rstrip("/") + environ["PATH_INFO"]
    return idempotency.call_named(key, application, "POST", path, raw, query="", content_type=JSON)


def _failed(answer: HttpResponse) -> Said:
    headers = tuple((name, value) for name, value in answer.items() if name != "Content-Type")
    return Said(answer.status_code, answer.content, answer["Content-Type"], headers)
