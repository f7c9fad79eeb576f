"""The view and the quick answer side by side: what both say to the same request."""

import io
import json
from dataclasses import dataclass, field
from typing import Any

from django.core.handlers.wsgi import WSGIHandler
from django.db import connection

from access.models import ThrottleWindow
from access.rest import remembered
from gdpr_portal.bodies import WholeBodies
from gdpr_portal.prepared import Prepared
from gdpr_portal.quick import QuickAnswers


def plans(statement: Prepared) -> tuple[int, int]:
    """How often it ran on this connection by its one plan, and by a plan for its values."""
    counted = "SELECT coalesce(sum(generic_plans), 0)::int, coalesce(sum(custom_plans), 0)::int"
    with connection.cursor() as cursor:
        cursor.execute(f"{counted} FROM pg_prepared_statements WHERE statement = %s", [statement.text])
        [found] = cursor.fetchall()
    return found


_CHANGED = """
SELECT relname, n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_xact_user_tables
WHERE n_tup_ins + n_tup_upd + n_tup_del > 0
"""


def changes() -> dict[str, int]:
    """How many rows of each table were inserted, updated and deleted in this transaction, undone ones too."""
    with connection.cursor() as cursor:
        cursor.execute(_CHANGED)
        return {
            f"{table} {what}": count
            for table, *counts in cursor.fetchall()
            for what, count in zip(("inserted", "updated", "deleted"), counts, strict=True)
            if count
        }


def told(left: dict[str, Any]) -> dict[str, Any]:
    """The rows left but for the throttle's: a request that is passed on took a share for those to come."""
    return {name: what for name, what in left.items() if not name.startswith("access_throttlewindow")}


def without_rate(headers: dict[str, str]) -> dict[str, str]:
    """The headers but for how much is left, which is there where it should be."""
    assert headers.get("RateLimit", '"default";r=').startswith('"default";r=')
    return {name: value for name, value in headers.items() if name != "RateLimit"}


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
        self.view = WholeBodies(WSGIHandler())
        self.quick = QuickAnswers(self._passed)

    def _passed(self, environ: Any, start_response: Any) -> Any:
        self.passed_on.append(dict(environ))
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

    def created(self, body: Any, **environ: Any) -> dict[str, Any]:
        """As `at_once`, of an act."""
        before = len(self.passed_on)
        status, said = self.same(body, **environ)
        assert status == "201 Created" and len(self.passed_on) == before
        return said

    def by_the_view(self, body: Any = None, **environ: Any) -> str:
        """The same answer from both, given by the view; its status."""
        before = len(self.passed_on)
        status, _ = self.same(body, **environ)
        assert len(self.passed_on) == before + 1
        return status

    def question(self, purpose: Any = "newsletter", **more: Any) -> dict[str, Any]:
        return {"subject": self.id, "purpose": purpose} | more


class Answered:
    """An answer as the tests' client has it: `status_code`, `body`, and headers by name."""

    def __init__(self, status: str, headers: dict[str, str], content: bytes) -> None:
        self.status_code, self._headers, self.body = int(status[:3]), headers, json.loads(content)

    def __getitem__(self, name: str) -> str:
        return self._headers[name]


class QuickClient:
    """As the tests' client, but what is plain is answered in front of Django; `passed_on` is the rest."""

    def __init__(self, token: str) -> None:
        self._doors = Doors(token, "")
        self.passed_on = self._doors.passed_on

    def post(self, path: str, body: Any, **environ: Any) -> Answered:
        """The answer to this body."""
        return Answered(*self._doors.ask(self._doors.quick, json.dumps(body).encode(), PATH_INFO=path, **environ))

    def get(self, path: str) -> Answered:
        """The answer to a question without a body."""
        plain = {"REQUEST_METHOD": "GET", "CONTENT_TYPE": None, "CONTENT_LENGTH": None}
        return Answered(*self._doors.ask(self._doors.quick, b"", PATH_INFO=path, **plain))
