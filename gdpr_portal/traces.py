"""Traces by OpenTelemetry, where `TRACES_URL` names a collector: how long which part of an act took.

    application = traces.Traced(application)             # a span for each request
    with traces.span("webhook", host=place): ...         # a part of it, or of a job

Without `TRACES_URL` nothing is loaded, and a span costs one comparison. Names are templates, kinds and the first word
of a statement; attributes are those of `ATTRIBUTES` alone: no path, no query, no id of a person, no text of an error.
`portal.request_id` is the id in the logs and the audit log. It finds the jobs of a request, which are traces of their
own, as rows carry the work and not the broker. Ground floor: everyone may import it.

A caller's `traceparent` (W3C Trace Context) is continued. Which traces are kept is decided by `TRACES_RATIO` and the
number of the trace alone: a caller cannot have everything recorded.
"""

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from contextvars import ContextVar
from multiprocessing.util import Finalize
from typing import TYPE_CHECKING, Any

from gdpr_portal.context import request_id

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Span

ATTRIBUTES = frozenset(
    {"http.request.method", "http.route", "http.response.status_code", "server.address", "portal.request_id",
     "error.type"}
)  # fmt: skip
EXPORT_SECONDS = 5
"""How long the collector may take with one batch."""

_tracer: Any = None
_request: "ContextVar[Span | None]" = ContextVar("span_of_the_request", default=None)

Environ = dict[str, Any]
Wsgi = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


def start(process: str, *, url: str, ratio: float, release: str) -> Callable[[], None]:
    """From now on this process sends its spans to the collector at `url` (OTLP over HTTP), in a thread of its own.

    `ratio` (0 to 1) of all traces are kept. A collector that is away costs spans and a line in the log, never a
    request. What is returned ends it, all spans sent; the process's end does so too. Raises ImportError when the extra
    `telemetry` is not installed.
    """
    global _tracer
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor
    from opentelemetry.sdk.trace.sampling import TraceIdRatioBased

    named = Resource({"service.name": f"gdpr-portal-{process}", "service.version": release})
    provider = TracerProvider(resource=named, sampler=TraceIdRatioBased(ratio), shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(endpoint=url, timeout=EXPORT_SECONDS)))
    _tracer = provider.get_tracer("gdpr_portal")
    # Unlike atexit this is run at the end of a child of `multiprocessing` too, which the web worker is.
    return Finalize(None, _end, args=(provider,), exitpriority=30)


def _end(provider: "TracerProvider") -> None:
    global _tracer
    _tracer = None
    provider.shutdown()


@contextmanager
def span(name: str, host: str = "") -> Iterator[None]:
    """A part of what is under way; `host` is what it calls. An error is told by its type, never by its text."""
    if _tracer is None:
        yield
        return
    with _told(_tracer.start_as_current_span(name, record_exception=False, set_status_on_exception=False)) as current:
        current.set_attributes(_own() | ({"server.address": host} if host else {}))
        yield


def kept() -> bool:
    """Whether this process sends spans at all: what is asked on hot paths before anything is made for one."""
    return _tracer is not None


def statement_span(text: str) -> AbstractContextManager[None]:
    """The span of a statement: its first word, never its text or values."""
    return span("db " + text.lstrip("( \n")[:20].partition(" ")[0].upper())


def statement(execute: Callable[..., Any], sql: str, params: Any, many: bool, context: dict[str, Any]) -> Any:
    """A statement of Django's is a span by its first word, never by its text (an `execute_wrapper`)."""
    with statement_span(str(sql)):
        return execute(sql, params, many, context)


def watch_statements(sender: Any, connection: Any, **_more: Any) -> None:
    """The connection just made tells its statements (receiver of `connection_created`)."""
    if statement not in connection.execute_wrappers:
        connection.execute_wrappers.append(statement)


def name_request(route: str, method: str) -> None:
    """The request under way is of this route (a template) and method."""
    if (current := _request.get()) is not None:
        current.update_name(f"{method} {route}")
        current.set_attributes({"http.route": route, "http.request.method": method} | _own())


class Traced:
    """WSGI: each request is a span until its answer begins."""

    def __init__(self, application: Wsgi) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        from opentelemetry.trace import SpanKind
        from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

        parent = TraceContextTextMapPropagator().extract({"traceparent": environ.get("HTTP_TRACEPARENT", "")})
        began = _tracer.start_as_current_span(
            "request", context=parent, kind=SpanKind.SERVER, record_exception=False, set_status_on_exception=False
        )
        with _told(began) as current:
            token = _request.set(current)
            try:
                return self.application(environ, _with_status(start_response, current))
            finally:
                _request.reset(token)


@contextmanager
def _told(began: Any) -> Iterator["Span"]:
    """The span, marked as failed by the type of what went wrong."""
    with began as current:
        try:
            yield current
        except BaseException as error:
            current.set_attribute("error.type", type(error).__name__)
            _failed(current)
            raise


def _failed(current: "Span") -> None:
    from opentelemetry.trace import StatusCode

    current.set_status(StatusCode.ERROR)


def _own() -> dict[str, str]:
    current = request_id.get()
    return {"portal.request_id": current} if current else {}


def _with_status(start_response: Callable[..., Any], current: "Span") -> Callable[..., Any]:
    def told(status: str, *rest: Any) -> Any:
        current.set_attribute("http.response.status_code", int(status[:3]))
        if status.startswith("5"):
            _failed(current)
        return start_response(status, *rest)

    return told
