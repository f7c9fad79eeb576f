"""What must be true after a deployment, asked of the live service from outside (docs/postflight.md).

The smoke journey changes nothing and needs no person: it may run in production. The whole journey, which signs people
up, is `make journey`, for every other environment.
"""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import yaml
from django.conf import settings

from gdpr_portal import doctor
from gdpr_portal.doctor import Answer, Check

PATIENCE_SECONDS = 5.0
PROCESSES = ("web", "worker", "scheduler", "sequencer")
RULES = settings.BASE_DIR / "deploy" / "monitoring" / "prometheus" / "alerts.yml"
ON_CALL = settings.BASE_DIR / "docs" / "on-call.md"
RECENT_SECONDS = 3600
"""Lines of a log this young count as arriving: a start, which a deployment is, always says something."""
HEADERS = ("content-security-policy", "x-content-type-options", "referrer-policy", "x-request-id")


@dataclass(frozen=True)
class Live:
    """The service as it is reached from outside, and who watches it."""

    base_url: str
    metrics_url: str
    client: httpx.Client = field(repr=False)
    client_id: str = ""
    client_secret: str = field(default="", repr=False)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """The answer of the live service."""
        return self.client.get(f"{self.base_url}{path}", **options)


def checklist(live: Live) -> list[Check]:
    """Every check of the list."""
    known = {check.name: check for check in doctor.CHECKS}

    def asked(name: str, look: Callable[[Live], Answer], entry: str) -> Check:
        return Check(name, partial(look, live), entry)

    return [
        asked("alive", _alive, "The web process is down"),
        asked("ready", _ready, "The web process is down"),
        asked("smoke journey", _journey, "Requests fail"),
        asked("smoke application", _application, "Requests fail"),
        asked("headers", _headers, "A deployment goes wrong"),
        asked("API docs", _docs, "Requests fail"),
        asked("metrics", _metrics, "Metrics do not arrive"),
        asked("alerts loaded", _alerts, "Metrics do not arrive"),
        asked("alerts firing", _firing, "A deployment goes wrong"),
        asked("logs", _logs, "Metrics do not arrive"),
        *(known[name] for name in ("migrations", "keys", "shred ledger", "queues", "audit log")),
        Check("on call", _on_call, "A deployment goes wrong"),
    ]


# --- the service ------------------------------------------------------------------------------------------------------
def _alive(live: Live) -> Answer:
    began = time.perf_counter()
    answer = live.get("/livez")
    if answer.status_code != 200:
        return Answer("bad", f"/livez answers {answer.status_code}", "Look at the log of the web process.")
    return Answer("ok", f"/livez answers in {(time.perf_counter() - began) * 1000:.0f} ms")


def _ready(live: Live) -> Answer:
    answer = live.get("/readyz")
    if answer.status_code == 200:
        return Answer("ok", "/readyz passes every check")
    failing = [name for name, state in answer.json().get("checks", {}).items() if state != "ok"]
    return Answer("bad", f"not ready: {', '.join(failing)}", "Each of these checks has an entry of its own.")


STATIONS: dict[str, tuple[int, str]] = {
    "/": (200, "<h1"),
    "/login": (200, "csrfmiddlewaretoken"),
    "/request": (200, "csrfmiddlewaretoken"),
    "/.well-known/security.txt": (200, "Contact:"),
    "/.well-known/jwks.json": (200, '"kty"'),
    "/.well-known/audit-vkey": (200, "+"),
    "/api/v1/requests": (401, '"code"'),
    "/admin/": (302, ""),
    "/no-such-page": (404, "<h1"),
}
"""Where the journey goes, as nobody: the status and a part of the answer that must come."""


def _journey(live: Live) -> Answer:
    wrong = []
    for path, (status, part) in STATIONS.items():
        answer = live.get(path)
        if answer.status_code != status:
            wrong.append(f"{path} answers {answer.status_code} instead of {status}")
        elif part not in answer.text:
            wrong.append(f"{path} answers {status} without what belongs there")
    if wrong:
        return Answer("bad", "; ".join(wrong[:3]), "Go back to the version before, then look at the log.")
    return Answer("ok", f"{len(STATIONS)} stations, each as it should be")


def _application(live: Live) -> Answer:
    if not live.client_id:
        return Answer("warn", "no application was given to sign in as", "Set SMOKE_CLIENT_ID and SMOKE_CLIENT_SECRET.")
    form = {"grant_type": "client_credentials"}
    answer = live.client.post(f"{live.base_url}/oauth/token", data=form, auth=(live.client_id, live.client_secret))
    if answer.status_code != 200:
        return Answer("bad", f"/oauth/token answers {answer.status_code}", "Is the application still enabled?")
    token = answer.json()["access_token"]
    try:
        catalogue = live.get("/api/v1/purposes", headers={"Authorization": f"Bearer {token}"})
    finally:
        live.client.post(
            f"{live.base_url}/oauth/revoke", data={"token": token}, auth=(live.client_id, live.client_secret)
        )
    if catalogue.status_code not in {200, 403}:
        return Answer("bad", f"/api/v1/purposes answers {catalogue.status_code}", "Look at the log by its request id.")
    return Answer("ok", f"a token is issued, /api/v1/purposes answers {catalogue.status_code}, the token is revoked")


def _headers(live: Live) -> Answer:
    answer = live.get("/login")
    wanted = (*HEADERS, "strict-transport-security") if live.base_url.startswith("https://") else HEADERS
    missing = [name for name in wanted if name not in answer.headers]
    if missing:
        return Answer("bad", f"missing: {', '.join(missing)}", "A proxy in front may not take headers away.")
    return Answer("ok", f"{len(wanted)} headers arrive through everything in front")


def _docs(live: Live) -> Answer:
    page, schema = live.get("/api/docs"), live.get("/api/v1/schema", headers={"Accept": "application/json"})
    if (page.status_code, schema.status_code) != (200, 200):
        words = f"/api/docs answers {page.status_code}, /api/v1/schema {schema.status_code}"
        return Answer("bad", words, "Were the static files collected?")
    found = re.search(r"openapi\W+(3\.\d+\.\d+)", schema.text[:2000])
    return Answer("ok", f"the page and the OpenAPI {found.group(1) if found else ''} document are there")


# --- who watches ------------------------------------------------------------------------------------------------------
def _metrics(live: Live) -> Answer:
    text = live.client.get(live.metrics_url).text
    if "portal_database_up 1.0" not in text:
        return Answer("bad", "no numbers of the rows", "Give the metrics process DATABASE_URL.")
    missing = [name for name in PROCESSES if f'portal_process_starts_total{{process="{name}"' not in text]
    if missing:
        words = f"no numbers of {', '.join(missing)}"
        return Answer(
            "warn", words, "One target a pod has its own processes only; else share PROMETHEUS_MULTIPROC_DIR."
        )
    return Answer("ok", f"numbers of {', '.join(PROCESSES)}, and of the rows")


def _alerts(live: Live) -> Answer:
    if not settings.PROMETHEUS_URL:
        return _not_watched("PROMETHEUS_URL", "the rules")
    wanted = {rule["alert"] for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]}
    answer = live.client.get(f"{settings.PROMETHEUS_URL}/api/v1/rules", params={"type": "alert"})
    groups = answer.json()["data"]["groups"]
    loaded = {rule["name"] for group in groups for rule in group["rules"]}
    arriving = live.client.get(f"{settings.PROMETHEUS_URL}/api/v1/query", params={"query": "portal_database_up"})
    if not arriving.json()["data"]["result"]:
        return Answer("bad", "Prometheus has no number of ours", "Is the metrics process one of its targets?")
    if missing := sorted(wanted - loaded):
        words = f"{len(missing)} of {len(wanted)} alerts are not loaded: {', '.join(missing[:3])}"
        return Answer("bad", words, "Load deploy/monitoring/prometheus/alerts.yml.")
    return Answer("ok", f"{len(wanted)} alerts are loaded, and our numbers arrive")


def _firing(live: Live) -> Answer:
    if not settings.PROMETHEUS_URL:
        return _not_watched("PROMETHEUS_URL", "what fires")
    found = live.client.get(f"{settings.PROMETHEUS_URL}/api/v1/alerts").json()["data"]["alerts"]
    firing = {
        each["labels"]["alertname"]: each["labels"].get("severity") for each in found if each["state"] == "firing"
    }
    ours = {name: severity for name, severity in firing.items() if name.startswith("Portal")}
    if ours:
        level: doctor.Level = "bad" if "page" in ours.values() else "warn"
        return Answer(level, f"firing: {', '.join(sorted(ours))}", "Each has its entry in the runbook.")
    return Answer("ok", "no alert fires")


def _logs(live: Live) -> Answer:
    if settings.LOKI_URL:
        return _lines(_of_loki(live), "Loki")
    if settings.ELASTICSEARCH_URL:
        return _lines(_of_elasticsearch(live), "Elasticsearch")
    files = [file for file in (settings.RUN_DIR / "logs").glob("*.log") if _is_recent(file)]
    if files:
        return Answer("ok", f"{len(files)} files of RUN_DIR were written to within the hour")
    return _not_watched("LOKI_URL or ELASTICSEARCH_URL", "the lines")


def _of_loki(live: Live) -> int:
    question = {"query": f'sum(count_over_time({{app="gdpr-portal"}}[{RECENT_SECONDS}s]))'}
    found = live.client.get(f"{settings.LOKI_URL}/loki/api/v1/query", params=question).json()["data"]["result"]
    return int(found[0]["value"][1]) if found else 0


def _of_elasticsearch(live: Live) -> int:
    question = {"q": f"@timestamp:[now-{RECENT_SECONDS}s TO now]"}
    found = live.client.get(f"{settings.ELASTICSEARCH_URL}/gdpr-portal-*/_count", params=question)
    return int(found.json()["count"])


def _lines(count: int, where: str) -> Answer:
    if not count:
        return Answer("bad", f"no line of the last hour is in {where}", "Look at the shipper (docs/monitoring.md).")
    return Answer("ok", f"{count} lines of the last hour are in {where}")


def _is_recent(file: Path) -> bool:
    return time.time() - file.stat().st_mtime < RECENT_SECONDS


def _not_watched(variable: str, what: str) -> Answer:
    level: doctor.Level = "bad" if settings.PROFILE == "production" else "warn"
    return Answer(level, f"{what} were not asked for", f"Set {variable}.")


def _on_call() -> Answer:
    left = re.findall(r"<[^<>\n]+>", ON_CALL.read_text())
    if left:
        level: doctor.Level = "bad" if settings.PROFILE == "production" else "warn"
        return Answer(level, f"{len(left)} places of docs/on-call.md are not filled in", "Say who is called, and how.")
    return Answer("ok", "docs/on-call.md says who is called, and how")
