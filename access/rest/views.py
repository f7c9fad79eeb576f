"""The one kind of view of the API: a declared scope for every method, strict input, one effect for one key."""

import threading
from collections.abc import Callable, Sequence
from typing import Any, ClassVar, cast

from django.db import Error as DatabaseError
from django.db import transaction
from django.http import HttpRequest
from django.http.response import HttpResponseBase
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from access.models import Application
from access.rest import idempotency
from access.rest.admission import BearerAuthentication
from access.rest.parsers import parse, raw_body, require_json
from access.rest.permissions import HasScope
from access.rest.serializers import StrictSerializer, validated
from access.rest.throttling import Allowance
from audit import actors
from gdpr_portal.errors import Flaw, Invalid

_ABSENT = object()
WITH_BODY = frozenset({"POST", "PUT", "PATCH", "DELETE"})


class ScopedView(APIView):
    """A view of the API. `scopes` maps each method it implements to one of `access.scopes.SCOPES`; a method without one
    stops the start (access/checks.py).

    `self.application` asks, `self.actor` is its name in the audit log. A POST whose scope ends in `:read` only asks and
    takes no Idempotency-Key; every other POST does, without the view's doing.
    """

    scopes: ClassVar[dict[str, str]] = {}
    problems: ClassVar[dict[str, tuple[str, ...]]] = {}
    """Statuses of refusals, by method, that the document cannot tell from method and path."""
    answer_headers: ClassVar[tuple[str, ...]] = ()
    """Headers of its answers beside those all have, for the document."""
    http_method_names = ["get", "post", "put", "patch", "delete", "head"]

    allowance: Allowance | None = None
    _body: Any = _ABSENT
    _raw: bytes = b""
    _is_query_read = False

    @property
    def application(self) -> Application:
        """The application whose token came with the request."""
        return cast(Application, self.request.user)

    @property
    def actor(self) -> str:
        """`application:<slug>`, as the audit log names it."""
        return actors.application(self.application.slug)

    def ensure_admitted(self) -> None:
        """401 or 403 once the token that came with the request is dead or lost its scope: for views that wait."""
        _, self.request.auth = BearerAuthentication().authenticate(self.request)
        HasScope().has_permission(self.request, self)

    def read(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The body, validated. An absent body counts as `{}` where no member is required."""
        body = self._body
        if body is _ABSENT:
            if any(field.required for field in serializer().fields.values()):
                raise Invalid("malformed_json", "A JSON body is needed.")
            body = {}
        value: dict[str, Any] = _serializers.validated(serializer, body)
        return value

    def query(self, serializer: type[StrictSerializer]) -> dict[str, Any]:
        """The query string, validated; 400 `invalid_parameter` for what is unknown, repeated or does not fit."""
        self._is_query_read = True
        given = self.request.query_params
        repeated = [name for name in given if len(given.getlist(name)) > 1]
        if repeated:
            raise _unknown_parameters(sorted({*repeated} & {*serializer().fields}))
        value: dict[str, Any] = validated(serializer(data=given.dict(), context={"query": True}), is_query=True)
        return value

    # --- how a request passes -----------------------------------------------------------------------------------
    def dispatch(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponseBase:
        self.args, self.kwargs, self.headers = args, kwargs, {}
        self.request = self.initialize_request(request, *args, **kwargs)
        try:
            self.initial(self.request, *args, **kwargs)
            call = self._idempotent_call(request)
            answer = self._answer() if call is None else idempotency.once(call, self._rendered_answer)
        except Exception as error:  # the edge of the API: everything becomes an answer, nothing a stack trace
            answer = self.handle_exception(error)
        self.response = self.finalize_response(self.request, answer, *args, **kwargs)
        return self.response

    def check_permissions(self, request: Request) -> None:
        """What is refused counts too: a token with the wrong scope cannot fill the log without limit."""
        super().check_throttles(request)
        super().check_permissions(request)

    def check_throttles(self, request: Request) -> None:
        """Done before the permissions."""

    def initial(self, request: Request, *args: Any, **kwargs: Any) -> None:
        """Who asks, how often, whether it may, and a body that is not too large; in this order."""
        super().initial(request, *args, **kwargs)
        if request.method not in WITH_BODY or self._handler is None:
            return
        self._raw = raw_body(request._request)

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        """The answer announces what is left of the application's allowance, and a 405 the methods there are."""
        final = super().finalize_response(request, response, *args, **kwargs)
        for name, value in (self.allowance.headers() if self.allowance else {}).items():
            final[name] = value
        if final.status_code == 405:
            final["Allow"] = ", ".join(self.allowed_methods)
        return final

    @property
    def _handler(self) -> Callable[..., HttpResponseBase] | None:
        method = str(self.request.method).lower()
        return getattr(self, method, None) if method in self.http_method_names else None

    @property
    def _changes_the_world(self) -> bool:
        return not self.scopes.get(str(self.request.method), "").endswith(":read")

    def _idempotent_call(self, request: HttpRequest) -> idempotency.Call | None:
        if request.method != "POST" or not self._changes_the_world or self._handler is None:
            return None
        return idempotency.call_of(request, self.application, self._raw)

    def _answer(self) -> HttpResponseBase:
        if self._handler is None:
            return self.http_method_not_allowed(self.request)  # whatever else the call holds
        self._understand()
        answer: HttpResponseBase = self._handler(self.request, *self.args, **self.kwargs)
        if self.request.query_params and not self._is_query_read:
            raise _unknown_parameters()
        return answer

    def _understand(self) -> None:
        """The body is parsed, under its key already: what cannot be read is an answer that is kept as well."""
        if self._raw:
            sent = self.request.META
            require_json(sent.get("CONTENT_TYPE", ""), sent.get("HTTP_CONTENT_ENCODING", ""))
            self._body = parse(self._raw)
        if self.request.query_params and self.request.method in WITH_BODY and self._changes_the_world:
            raise _unknown_parameters()

    def _rendered_answer(self) -> HttpResponseBase:
        """The answer with its bytes, refusals included: what a key's later calls get too."""
        try:
            answer = self._answer()
        except DatabaseError:
            raise  # the transaction is broken: nothing of it may be kept
        except Exception as error:
            answer = self.handle_exception(error)
        if answer.status_code >= 500:
            transaction.set_rollback(True)
        final: HttpResponseBase = self.finalize_response(self.request, answer, *self.args, **self.kwargs)
        return final.render() if isinstance(final, Response) else final


class _Serializers(threading.local):
    """A thread's own serializers by class: to make their fields costs more than to use them."""

    def __init__(self) -> None:
        self._made: dict[type[StrictSerializer], StrictSerializer] = {}

    def validated(self, kind: type[StrictSerializer], body: Any) -> Any:
        """As `validated(kind(data=body))`; nothing of the body stays here."""
        made = self._made.get(kind) or self._made.setdefault(kind, kind(data=None))
        made.initial_data = body
        try:
            return validated(made)
        finally:
            for name in ("initial_data", "_validated_data", "_errors", "_data"):
                made.__dict__.pop(name, None)


_serializers = _Serializers()


def _unknown_parameters(repeated: Sequence[str] = ()) -> Invalid:
    """The repeated ones are named where they are known here: what is not might be anything."""
    detail = "A query parameter is unknown here or stands twice."
    places = [f"/{name}" for name in repeated] or [""]
    return Invalid("invalid_parameter", detail, errors=[Flaw(place, "invalid_parameter", detail) for place in places])
