"""The view and the quick answer side by side: what both say to the same request."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection

from access.models import ThrottleWindow
from access.rest import remembered
from gdpr_portal.prepared import Prepared
from gdpr_portal.quick import QuickAnswers


def plans(statement: Prepared) -> tuple[int, int]:
    """How often it ran on this connection by its one plan, and by a plan for its values."""
    counted = "SELECT coalesce(sum(generic_plans), 0)::int, coalesce(sum(custom_plans), 0)::int"
    with connection.cursor() as cursor:
        cursor.execute(f"{counted} FROM pg_prepared_statements WHERE statement = %s", [statement.text])
        [found] = cursor.fetchall()
    return found


DECISIONS = "/api/v1/decisions"
SAME_ID = "one-request.of_a-test"


@dataclass
class Doors:
    """The view and the quick answer side by side. `passed_on` are the requests the quick one left to the view."""

    token: str
    id: str
    path: str = DECISIONS
    passed_on: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.view = WSGIHandler()
        self.quick = QuickAnswers(self._passed)

    def _passed(self, environ: Any, start_response: Any) -> Any:
        self.passed_on.append(environ)
        return self.view(environ, start_response)

    def ask(self, door: Any, body: bytes, **environ: Any) -> tuple[str, dict[str, str], bytes]:
        """Status, headers and body of one request."""
        given = {
            "REQUEST_METHOD": "POST", "PATH_INFO": self.path, "QUERY_STRING": "", "CONTENT_TYPE": "application/json",
            "CONTENT_LENGTH": str(len(body)), "wsgi.input": io.BytesIO(body), "wsgi.url_scheme": "http",
            "SERVER_NAME": "portal.example", "SERVER_PORT": "80", "HTTP_ACCEPT": "*/*",
            "HTTP_AUTHORIZATION": f"Bearer {self.token}", "HTTP_X_REQUEST_ID": SAME_ID,
        } | environ  # fmt: skip
        said: list[Any] = []
        given = {name: value for name, value in given.items() if value is not None}
        response = door(given, lambda status, headers: said.extend((status, headers)))
        content = b"".join(response)
        getattr(response, "close", lambda: None)()
        assert len({name for name, _ in said[1]}) == len(said[1]), "a header stands twice"
        return said[0], dict(said[1]), content

    def same(self, body: Any = None, **environ: Any) -> tuple[str, dict[str, Any]]:
        """What both answer, from the same number of requests in the window on; fails where they differ."""
        raw = body if isinstance(body, bytes) else json.dumps(self.question() if body is None else body).encode()
        ThrottleWindow.objects.all().delete()
        remembered.forget()
        expected = self.ask(self.view, raw, **environ)
        ThrottleWindow.objects.all().delete()
        remembered.forget()
        found = self.ask(self.quick, raw, **environ)
        assert found == expected
        return found[0], json.loads(found[2]) if found[2] else {}

    def at_once(self, body: Any = None, **environ: Any) -> dict[str, Any]:
        """The same answer from both, given without the view."""
        before = len(self.passed_on)
        status, said = self.same(body, **environ)
        assert status == "200 OK" and len(self.passed_on) == before
        return said

    def by_the_view(self, body: Any = None, **environ: Any) -> str:
        """The same answer from both, given by the view; its status."""
        before = len(self.passed_on)
        status, _ = self.same(body, **environ)
        assert len(self.passed_on) == before + 1
        return status

    def question(self, purpose: Any = "newsletter", **more: Any) -> dict[str, Any]:
        return {"subject": self.id, "purpose": purpose} | more
