"""GDPRbench's four roles as load against our API, every answer held against what must be true (its first metric).

    python -m bench.gdprbench [--people 1000] [--operations 2000] [--clients 4] [--json]

Mixes and skew are those of Shastri et al., "Understanding and Benchmarking the Impact of GDPR on Database Systems",
PVLDB 13(7), 2020, table 2: controller and processor's by-purpose reads draw uniformly, the others by Zipf. What a
query of theirs is here stands beside it in `ROLES`. Two differ, and the table says so: a purpose's own metadata is
changed by reviewers with four eyes and not by an API, so `update-metadata-by-pur` is the person's answer for that
purpose; and an erasure is a request with a deadline, not a DELETE: it is filed in the run, carried out after it by the
worker's code, and then asked for again.

Each client has people of its own, so that it knows what must be answered. Server on one core, clients and PostgreSQL on
the other. Printed are rate, CPU of the server, and of how many answers how many were right; exit 1 when one was wrong.
"""

import argparse
import http.client
import json
import os
import random
import sys
import threading
import time
from bisect import bisect
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any
from uuid import UUID

from bench.cpu import cpu_seconds
from bench.erasure import filed_request
from bench.http import VALUES, _readers, serving
from bench.world import SEED, World, world

ZIPF = 0.99
"""The exponent YCSB draws with."""
A_SCAN = 50
"""People looked at by one read by purpose, objection or decision-making."""


@dataclass
class Known:
    """What must be true of one person. `consent` is the last answer for the newsletter; `pseudonym` is the log's."""

    id: str
    inner: UUID
    pseudonym: str
    values: dict[str, str] = field(default_factory=lambda: dict(VALUES))
    consent: str | None = None
    is_leaving: bool = False


@dataclass
class Client:
    """One connection, its people, and whether what it was told was right."""

    port: int
    tokens: dict[str, str]
    people: list[Known]
    gone: list[Known]
    notice: dict[str, Any]
    dice: random.Random
    right: Counter[str] = field(default_factory=Counter)
    wrong: Counter[str] = field(default_factory=Counter)
    made: int = 0
    seen: str = ""

    def __post_init__(self) -> None:
        self._line = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        self._zipf = list(accumulate(1 / (rank**ZIPF) for rank in range(1, len(self.people) + 1)))

    def call(self, method: str, path: str, body: Any = None, by: str = "shop") -> tuple[int, Any]:
        """Status and JSON of one request."""
        headers = {"Authorization": f"Bearer {self.tokens[by]}", "Content-Type": "application/json"}
        self._line.request(method, f"/api/v1/{path}", json.dumps(body) if body is not None else None, headers)
        answer = self._line.getresponse()
        raw = answer.read()
        return answer.status, json.loads(raw) if raw else None

    def anybody(self) -> Known:
        """One of those who have not asked to be erased."""
        return self.dice.choice([known for known in self.people if not known.is_leaving])

    def somebody(self) -> Known:
        """One of a few most of the time."""
        return self.people[bisect(self._zipf, self.dice.random() * self._zipf[-1])]


# --- what the queries are here; each says whether the answer was right ------------------------------------------------
def create_record(client: Client) -> bool:
    client.made += 1
    email = f"c{id(client)}-{client.made}@people.example"
    status, said = client.call("POST", "subjects", {"identifiers": {"email": email}})
    if status != 201:
        return False
    values = VALUES | {"email": email}
    body = {"purpose": "orders", "source": "subject", "values": values}
    status, said = client.call("PUT", f"subjects/{said['id']}/data", body)
    return status == 200 and set(said["stored"]) == set(values)


def delete_record_by_user(client: Client) -> bool:
    known = client.anybody()
    body = {"subject": known.id, "right": "erasure", "details": {}, "verified_by": "account"}
    status, said = client.call("POST", "requests", body)
    known.is_leaving = True
    return status == 201 and said["right"] == "erasure" and said["due_at"] > said["received_at"]


def update_consent(client: Client, known: Known | None = None) -> bool:
    known = known or client.anybody()
    action = "withdraw" if known.consent == "given" else "give"
    notice = client.notice if action == "give" else None
    body = {"purpose": "newsletter", "action": action, "notice": notice, "channel": "web"}
    status, said = client.call("POST", f"subjects/{known.id}/consents", body)
    known.consent = "given" if action == "give" else "withdrawn"
    return status == 201 and said["state"] == known.consent


def update_sharing(client: Client) -> bool:
    known = client.anybody()
    wanted = known.consent == "given" and client.dice.random() < 0.5
    body = {"purpose": "newsletter", "shared": wanted, "channel": "web"}
    status, said = client.call("PUT", f"subjects/{known.id}/sharing/acme", body)
    return status == 200 and said["shared"] is wanted


def read_data_by_user(client: Client) -> bool:
    known = client.somebody()
    status, said = client.call("GET", f"subjects/{known.id}/data?purpose=orders")
    return status == 200 and said["values"] == known.values


def read_metadata(client: Client) -> bool:
    known = client.somebody()
    status, said = client.call("GET", f"subjects/{known.id}/consents")
    if status != 200:
        return False
    states = {row["state"] for row in said["standing"] if row["purpose"] == "newsletter" and not row["recipient"]}
    return states == {known.consent or "never_asked"}


def update_data(client: Client) -> bool:
    known = client.somebody()
    known.values["family_name"] = f"Byron {client.dice.randrange(10**9)}"
    body = {"purpose": "orders", "source": "subject", "values": {"family_name": known.values["family_name"]}}
    return client.call("PUT", f"subjects/{known.id}/data", body)[0] == 200


def update_own_consent(client: Client) -> bool:
    return update_consent(client, client.somebody())


def delete_record(client: Client) -> bool:
    """One field goes and is no longer read; then it is put back, so that the next have something to delete."""
    known = client.somebody()
    path, body = f"subjects/{known.id}/data", {"purpose": "orders", "source": "subject", "values": {"phone": None}}
    gone = client.call("PUT", path, body)[0] == 200
    status, said = client.call("GET", f"{path}?purpose=orders&fields=phone,given_name")
    body["values"] = {"phone": known.values["phone"]}
    back = client.call("PUT", path, body)[0] == 200
    return gone and back and status == 200 and set(said["values"]) == {"given_name"}


def read_by_key(client: Client) -> bool:
    known = client.somebody()
    status, said = client.call("GET", f"subjects/{known.id}/data?purpose=orders&fields=email")
    return status == 200 and said["values"] == {"email": known.values["email"]}


def read_by_purpose(client: Client) -> bool:
    some = client.dice.sample(client.people, min(A_SCAN, len(client.people)))
    body = {"items": [{"subject": known.id, "purpose": "newsletter"} for known in some]}
    status, said = client.call("POST", "decisions/batch", body)
    return status == 200 and [row["allowed"] for row in said["results"]] == [k.consent == "given" for k in some]


def system_logs(client: Client) -> bool:
    """What happened to one person: each entry about that person, one at least."""
    known = client.somebody()
    status, said = client.call("GET", f"audit/events?subject={known.pseudonym}&limit=50", by="auditor")
    if status != 200 or not said["items"]:
        return False
    client.seen = said["items"][0]["id"]
    return {row["subject"] for row in said["items"]} == {known.pseudonym}


def verify_deletion(client: Client) -> bool:
    """An erased person is gone, and the log says that it was done."""
    known = client.dice.choice(client.gone)
    gone = client.call("GET", f"subjects/{known.id}")[0] == 410
    gone = gone and client.call("GET", f"subjects/{known.id}/consents")[0] == 410
    status, said = client.call("GET", f"audit/events?subject={known.pseudonym}&action=subject.erased", by="auditor")
    return gone and status == 200 and len(said["items"]) == 1


Query = Callable[[Client], bool]
ROLES: dict[str, tuple[tuple[float, str, Query], ...]] = {
    "controller": (
        (0.25, "create-record", create_record), (0.25, "delete-record-by-usr (filed)", delete_record_by_user),
        (0.25, "update-metadata-by-pur (the person's answer)", update_consent),
        (0.25, "update-metadata-by-shr", update_sharing),
    ),
    "customer": (
        (0.2, "read-data-by-usr", read_data_by_user), (0.2, "read-metadata-by-key", read_metadata),
        (0.2, "update-data-by-key", update_data), (0.2, "update-metadata-by-key", update_own_consent),
        (0.2, "delete-record-by-key (3 requests)", delete_record),
    ),
    "processor": (
        (0.8, "read-data-by-key", read_by_key), (0.2, f"read-data-by-pur|obj|dec ({A_SCAN} people)", read_by_purpose),
    ),
    "regulator": (
        (0.46, "read-metadata-by-usr", read_metadata), (0.31, "get-system-logs", system_logs),
        (0.23, "verify-deletion (3 requests)", verify_deletion),
    ),
}  # fmt: skip


# --- the run ---------------------------------------------------------------------------------------------------------
def measured(people: int, operations: int, clients: int) -> list[dict[str, Any]]:
    """A row a role: rate, CPU of the server, right and wrong answers by query."""
    with world() as made:
        tokens, everybody, gone, notice = prepared(made, people)
        with serving() as (port, pid):
            crowd = [
                Client(port, tokens, everybody[number::clients], gone, notice, random.Random(SEED + number))
                for number in range(clients)
            ]
            told = [_role(name, crowd, operations, pid) for name in ROLES if name != "controller"]
            told.append(_role("controller", crowd, operations, pid))  # last: it sends people away
            told.append(_erased(crowd))
    return told


def prepared(made: World, count: int) -> tuple[dict[str, str], list[Known], list[Known], dict[str, Any]]:
    """Tokens, people with values, people already erased, and the notice that consent is given to."""
    from datetime import UTC, datetime, timedelta

    from access.models import AccessToken
    from access.oauth import save_token
    from access.tokens import new_token
    from consent.models import NoticeText
    from subjects.models import Subject
    from tests.conftest import make_application
    from vault.services import pairwise_ids

    auditor = make_application("auditor", ["audit:read"], requests_per_minute=6_000_000)
    tokens = {"shop": new_token(), "auditor": new_token()}
    for application in (made.shop, auditor):
        save_token(application=application, token=tokens[application.slug], scopes=application.scopes)
    AccessToken.objects.update(expires_at=datetime.now(UTC) + timedelta(days=1))
    inner = made.people(count + 20)
    ids = [str(each) for each in pairwise_ids(made.shop.pk, inner)]
    _readers(made, inner, ids)
    pseudonyms = dict(Subject.objects.values_list("pk", "pseudonym"))
    known = [Known(outer, who, str(pseudonyms[who])) for outer, who in zip(ids, inner, strict=True)]
    text = NoticeText.objects.get(notice__purpose__slug="newsletter", notice__state="live", language="en")
    _done([filed_request("erasure", each.inner) for each in known[count:]])
    _sealed()
    notice = {"version": text.notice.version, "language": "en", "digest": text.digest}
    return tokens, known[:count], known[count:], notice


def _done(filed: list[UUID]) -> float:
    """What is held of these people here is erased, by the worker's code in this process; the seconds it took.

    The requests then wait for shop, which holds their data too and has no endpoint: a task for an operator each.
    """
    from erasure.services import steps
    from subjects.models import Subject

    began = time.perf_counter()
    steps.push_all(filed)
    taken = time.perf_counter() - began
    left = Subject.objects.filter(requests__in=filed, erased_at=None).count()
    if left:
        raise SystemExit(f"{left} of {len(filed)} people were not erased")
    return taken


def _sealed() -> None:
    """What happened so far is in the log that reviewers ask."""
    from audit import sequencer
    from vault import checkpoint_key

    checkpoint_key.register(signs=True)
    while sequencer.integrate():
        pass
    sequencer.checkpoint()


def _role(name: str, crowd: list[Client], operations: int, pid: int) -> dict[str, Any]:
    """Every client its share of the operations at once; what came of it."""
    print(name, file=sys.stderr, flush=True)
    for client in crowd:
        client.right.clear()
        client.wrong.clear()
    share = operations // len(crowd)
    threads = [threading.Thread(target=_asks, args=(client, ROLES[name], share)) for client in crowd]
    began, used = time.perf_counter(), cpu_seconds(pid)
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    taken, used = time.perf_counter() - began, cpu_seconds(pid) - used
    right = sum((client.right for client in crowd), Counter())
    wrong = sum((client.wrong for client in crowd), Counter())
    done = right.total() + wrong.total()
    if done != share * len(crowd):
        raise SystemExit(f"{name}: a client stopped")
    row = {"name": f"GDPRbench {name}", "rate": done / taken, "cpu_us": 1e6 * used / done}
    return row | {"right": right.total(), "asked": done, "wrong": dict(wrong)}


def _asks(client: Client, mix: tuple[tuple[float, str, Query], ...], count: int) -> None:
    weights = [weight for weight, _name, _query in mix]
    for _weight, name, query in client.dice.choices(mix, weights, k=count):
        (client.right if query(client) else client.wrong)[name] += 1


def _erased(crowd: list[Client]) -> dict[str, Any]:
    """The erasures filed in the controller's run are carried out; then each of these people is asked for again."""
    from erasure.models import RightsRequest

    leaving = [(client, known) for client in crowd for known in client.people if known.is_leaving]
    inner = [known.inner for _client, known in leaving]
    filed = list(RightsRequest.objects.filter(subject__in=inner).values_list("pk", flat=True))
    taken = _done(filed)
    right = sum(client.call("GET", f"subjects/{known.id}/data?purpose=orders")[0] == 410 for client, known in leaving)
    row = {"name": "erasures of that run, carried out and asked for again", "rate": len(filed) / taken}
    return row | {"right": right, "asked": len(leaving), "wrong": {"still there": len(leaving) - right}}


def table(found: list[dict[str, Any]]) -> str:
    """The rows in Markdown; what went wrong by query."""
    lines = ["| role | per second | CPU us | right answers | |", "| --- | ---: | ---: | ---: | --- |"]
    for row in found:
        wrong = ", ".join(f"{count} x {name}" for name, count in row["wrong"].items() if count)
        numbers = f"{row['rate']:.0f} | {row.get('cpu_us', 0):.0f} | {row['right']} of {row['asked']}"
        lines.append(f"| {row['name']} | {numbers} | {wrong} |")
    return "\n".join(lines)


def main() -> int:
    asked = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    asked.add_argument("--people", type=int, default=1000)
    asked.add_argument("--operations", type=int, default=2000, help="of each role; a quarter of them are erasures")
    asked.add_argument("--clients", type=int, default=4)
    asked.add_argument("--json", action="store_true")
    given = asked.parse_args()
    os.environ |= {"UNDO_WINDOW_SECONDS": "0", "ERASURES_PER_HOUR": "0"}
    found = measured(given.people, given.operations, given.clients)
    print(json.dumps(found) if given.json else table(found))
    return int(any(row["right"] != row["asked"] for row in found))


if __name__ == "__main__":
    sys.exit(main())
