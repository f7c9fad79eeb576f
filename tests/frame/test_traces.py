"""Traces reach a collector by OTLP, say which part took how long, and nothing of a person."""

import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any
from uuid import UUID

import pytest
from django.core.handlers.wsgi import WSGIHandler
from django.db import connection
from django.test import RequestFactory
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from consent import webhook
from gdpr_portal import traces
from gdpr_portal.celery import app
from gdpr_portal.prepared import Prepared
from subjects.models import Subject

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
CALLER = {"HTTP_TRACEPARENT": f"00-{TRACE}-{PARENT}-00"}
CANARY = "kestrel-canary@people.example"
CANARY_ID = UUID("7d9c3a52-0b6e-4d55-9a0e-5f0c7a1f2b3c")


class Collector(HTTPServer):
    """What speaks OTLP over HTTP at the other end; `spans` as they were taken from the wire."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Taking)
        self.bodies: list[bytes] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/v1/traces"

    @property
    def resources(self) -> list[Any]:
        return [each for body in self.bodies for each in ExportTraceServiceRequest.FromString(body).resource_spans]

    @property
    def spans(self) -> list[Any]:
        return [span for each in self.resources for scope in each.scope_spans for span in scope.spans]


class _Taking(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        self.server.bodies.append(self.rfile.read(int(self.headers["Content-Length"])))  # type: ignore[attr-defined]
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """Says nothing."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    with Collector() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@contextmanager
def traced(collector: Collector, ratio: float = 1.0) -> Iterator[None]:
    """All spans of the block have reached the collector at its end."""
    end = traces.start("web", url=collector.url, ratio=ratio, release="tag-7")
    connection.execute_wrappers.append(traces.statement)
    try:
        yield
    finally:
        connection.execute_wrappers.remove(traces.statement)
        end()


@pytest.fixture
def ask(shop: Any, client_for: Any, monkeypatch: Any) -> Callable[..., str]:
    """Asks the service as WSGI in the shop's name; the status."""
    token = client_for(shop).token
    monkeypatch.setattr(connection, "close_if_unusable_or_obsolete", lambda: None)

    def asked(path: str, **environ: Any) -> str:
        said: list[str] = []
        given = RequestFactory().get(path, HTTP_AUTHORIZATION=f"Bearer {token}", **environ).environ
        answer = traces.Traced(WSGIHandler())(given, lambda status, _headers: said.append(status))
        b"".join(answer)
        return said[0]

    return asked


def attributes(of: Any) -> dict[str, Any]:
    return {each.key: each.value.string_value or each.value.int_value for each in of.attributes}


def requests_of(collector: Collector) -> list[Any]:
    return [span for span in collector.spans if span.kind == span.SPAN_KIND_SERVER]


def test_a_request_is_a_span_by_its_route_with_its_statements_below(collector, alice, shop, ask) -> None:
    path = f"/api/v1/subjects/{alice.id_for(shop)}"
    with traced(collector):
        assert ask(path, HTTP_X_REQUEST_ID="one-request", **CALLER) == "200 OK"
    (whole,) = requests_of(collector)
    assert whole.trace_id.hex() == TRACE and whole.parent_span_id.hex() == PARENT
    route = attributes(whole)["http.route"]
    assert (
        whole.name == f"GET {route}" and route.startswith("api/v1/subjects/<") and str(alice.id_for(shop)) not in route
    )
    assert attributes(whole) == {
        "http.request.method": "GET", "http.route": route, "http.response.status_code": 200,
        "portal.request_id": "one-request",
    }  # fmt: skip
    below = [span for span in collector.spans if span.parent_span_id == whole.span_id]
    assert {"db SELECT"} <= {span.name for span in below}
    resource = attributes(collector.resources[0].resource)
    assert resource == {"service.name": "gdpr-portal-web", "service.version": "tag-7"}


def test_nothing_of_a_person_is_in_any_span(collector, alice, shop, ask) -> None:
    subject = str(alice.id_for(shop))
    with traced(collector):
        assert ask(f"/api/v1/subjects/{subject}/data?purpose=orders&note={CANARY}") == "400 Bad Request"
        assert ask(f"/{CANARY}") == "404 Not Found"
        with pytest.raises(ValueError, match=CANARY), traces.span("mail"):
            raise ValueError(CANARY)
        Subject.objects.filter(pk=CANARY_ID).exists()
        Prepared("VALUES (%(who)s::text)").one(who=CANARY)
    sent = b"".join(collector.bodies)
    assert len(requests_of(collector)) == 2 and b"db SELECT" in sent and b"ValueError" in sent  # it was looked at
    assert [span.name for span in collector.spans].count("db VALUES") == 1
    for planted in (CANARY, alice.email, subject, str(CANARY_ID)):
        assert planted.encode() not in sent
    names = {name for span in collector.spans for name in attributes(span)}
    assert names <= traces.ATTRIBUTES


def test_a_job_and_what_it_calls_are_one_trace(collector, monkeypatch, db) -> None:
    monkeypatch.setattr(webhook, "_called", lambda *_: webhook.Outcome(status=204))

    @app.task(name="tests.call", shared=False)
    def call() -> None:
        webhook.post("https://acme.example/hook", b"", {})

    with traced(collector):
        call.apply()
    made = {span.name: span for span in collector.spans}
    assert made["webhook"].parent_span_id == made["task tests.call"].span_id
    assert attributes(made["webhook"])["server.address"] == "acme.example"


def test_what_fails_is_marked_and_told_by_its_type_alone(collector) -> None:
    with traced(collector), pytest.raises(KeyError), traces.span("connector", host="crm"):
        raise KeyError(CANARY)
    (failed,) = collector.spans
    assert failed.status.code == failed.status.STATUS_CODE_ERROR and not failed.status.message and not failed.events
    assert attributes(failed) == {"server.address": "crm", "error.type": "KeyError"}


def test_the_share_kept_is_ours_to_say_and_not_the_callers(collector, alice, shop, ask) -> None:
    with traced(collector, ratio=0.0):
        ask(f"/api/v1/subjects/{alice.id_for(shop)}", **CALLER | {"HTTP_TRACEPARENT": f"00-{TRACE}-{PARENT}-01"})
    assert collector.bodies == []


def test_a_collector_that_is_away_costs_no_request(alice, shop, ask) -> None:
    end = traces.start("web", url="http://127.0.0.1:9/v1/traces", ratio=1.0, release="tag-7")
    try:
        assert ask(f"/api/v1/subjects/{alice.id_for(shop)}") == "200 OK"
    finally:
        end()


def test_without_a_collector_nothing_is_loaded() -> None:
    code = (
        "import gdpr_portal.traces as t, sys\nwith t.span('x'): pass\nprint([m for m in sys.modules if 'opentel' in m])"
    )
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert said.stdout.strip() == "[]"
