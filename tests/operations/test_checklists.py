"""Preflight and postflight: each check is seen well and seen broken, and the table is fit for a ticket."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from django.core.management import CommandError, call_command
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from django.db.migrations.recorder import MigrationRecorder
from django.test import override_settings

from gdpr_portal import doctor, lifetimes, wellknown
from gdpr_portal.checklists import postflight, preflight, table
from gdpr_portal.doctor import Answer, Check
from tests.operations import test_pointers

STRONG = {
    "PROFILE": "production", "BASE_URL": "https://portal.example", "ALLOWED_HOSTS": ["portal.example"],
    "SESSION_COOKIE_SECURE": True, "TRUSTED_PROXY_COUNT": 1,
}  # fmt: skip
NUMBERS = "portal_database_up 1.0\n" + "".join(
    f'portal_process_starts_total{{process="{name}",version="1"}} 1.0\n' for name in postflight.PROCESSES
)


# --- before -----------------------------------------------------------------------------------------------------------
def before(name: str, **options: str) -> Answer:
    [check] = [check for check in preflight.checklist(**options) if check.name == name]
    return dict(doctor.examine([check]))[name]


def test_the_packages_are_those_of_the_lock(monkeypatch: pytest.MonkeyPatch, repository: Path) -> None:
    assert before("dependencies").level == "ok"
    lock = preflight.locked(repository / "requirements.txt")
    assert len(lock) > 40 and "pywin32" not in lock and all(number[0].isdigit() for number in lock.values())
    monkeypatch.setattr(preflight, "locked", lambda _file: {"django": "1.0", "no-such-package": "1"})
    found = before("dependencies")
    assert found.level == "bad" and "instead of 1.0" in found.words and "no-such-package is missing" in found.words


def test_an_example_left_in_production_is_bad(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert before("settings").level == "warn"
    settings.PROFILE = "production"
    assert before("settings").level == "bad" and "CONTROLLER_NAME" in before("settings").words
    settings.CONTROLLER = dict.fromkeys(settings.CONTROLLER, "ours")
    settings.DEFAULT_FROM_EMAIL = "privacy@ours.example"
    assert before("settings").words == "not yet yours: AUDIT_LOG_ORIGIN, EMAIL_URL"
    settings.EMAIL_URL = "smtp://mail.example:587"
    assert before("settings").words == "not yet yours: AUDIT_LOG_ORIGIN"
    settings.AUDIT_LOG_ORIGIN = "ours.example/audit"
    found = before("settings")
    assert found.level == "warn" and "SUPERVISORY_AUTHORITY" in found.words, "people would be sent to Berlin's"
    for name in preflight.PLACES:
        monkeypatch.setenv(name, "ours")
    assert before("settings").level == "ok"


def test_a_deploy_check_that_says_something_is_bad() -> None:
    assert before("deploy check").level == "ok"
    with override_settings(PROFILE="production", SECURE_HSTS_SECONDS=0, SESSION_COOKIE_SECURE=False):
        found = before("deploy check")
    assert found.level == "bad" and "security.W004" in found.words


def test_the_deploy_check_of_a_production_without_fault_is_clean(repository: Path, tmp_path: Path) -> None:
    said = subprocess.run(
        [sys.executable, "manage.py", "check", "--deploy", "--fail-level", "WARNING"],
        cwd=repository, capture_output=True, text=True, check=False,
        env=os.environ | {
            "PROFILE": "production", "SECRET_KEY": "a1b2c3d4e5f6g7h8i9j0" * 3, "DATABASE_URL": "postgresql:///none",
            "BROKER_URL": "amqps://host//", "EMAIL_URL": "smtps://host", "BASE_URL": "https://portal.example",
            "ALLOWED_HOSTS": "portal.example", "RUN_DIR": str(tmp_path),
        },
    )  # fmt: skip
    assert said.returncode == 0, said.stderr


def test_static_files_that_were_not_collected_are_bad(settings: Any, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {
        "staticfiles": {"BACKEND": "django.contrib.staticfiles.storage.ManifestStaticFilesStorage"}
    }
    found = before("static files")
    assert found.level == "bad" and "collectstatic" in found.remedy
    call_command("collectstatic", interactive=False, verbosity=0)
    assert before("static files").level == "ok"
    manifest = tmp_path / "staticfiles.json"
    collected = json.loads(manifest.read_text())
    del collected["paths"]["favicon.svg"]  # as the version before collected them
    manifest.write_text(json.dumps(collected))
    assert before("static files").words.startswith("1 of ")


def test_an_address_that_is_not_served_is_bad(settings: Any) -> None:
    for name, value in STRONG.items():
        setattr(settings, name, value)
    assert before("endpoints") == Answer("ok", "https, portal.example, port 443")
    settings.TRUSTED_PROXY_COUNT = 0
    assert before("endpoints").level == "warn"
    settings.ALLOWED_HOSTS = ["other.example"]
    assert before("endpoints").level == "bad"


def test_a_port_that_is_taken_is_told(settings: Any) -> None:
    import socket

    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings.METRICS_PORT = taken.getsockname()[1]
        assert before("ports").level == "warn"
    assert before("ports").level == "ok"


@pytest.mark.parametrize(
    ("limit", "profile", "level"),
    [
        (0, "embedded", "ok"),
        (0, "production", "warn"),
        (128 << 20, "production", "bad"),
        (512 << 20, "production", "ok"),
    ],
)
def test_the_memory_limit_is_known(
    settings: Any, monkeypatch: pytest.MonkeyPatch, limit: int, profile: str, level: str
) -> None:
    settings.PROFILE = profile
    monkeypatch.setattr(lifetimes, "limit_bytes", lambda: limit)
    assert before("memory").level == level


@pytest.mark.django_db
def test_the_version_before_may_come_back_to_a_newer_schema_and_another_line_may_not() -> None:
    """Going back is deploying the image before, by the same script, which stops at what is bad."""
    recorder = MigrationRecorder(connection)
    [last] = MigrationLoader(connection).graph.leaf_nodes("erasure")
    assert before("migrations").words == "every migration is applied"
    recorder.record_applied("erasure", "9999_tomorrow")
    found = before("migrations")
    assert found.level == "warn" and "newer by 1" in found.words
    call_command("migrate", verbosity=0, interactive=False)
    recorder.record_unapplied(*last)
    assert before("migrations").level == "bad"
    with pytest.raises(CommandError, match="Nothing was changed"):
        call_command("migrate", verbosity=0, interactive=False)
    recorder.record_unapplied("erasure", "9999_tomorrow")
    assert before("migrations") == Answer("ok", "1 migrations will be applied")


def test_the_run_of_ci_is_in_the_ticket() -> None:
    assert before("continuous integration").level == "warn"
    found = before("continuous integration", ci="https://ci.example/1", coverage="93 %")
    assert found == Answer("ok", "https://ci.example/1, coverage 93 %")


@pytest.mark.django_db
def test_preflight_ends_with_1_while_something_is_bad(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "_ci", lambda *_: Answer("bad", "no", "Do."))
    out = io.StringIO()
    with pytest.raises(SystemExit) as ended:
        call_command("preflight", format="json", stdout=out)
    found = json.loads(out.getvalue())
    assert ended.value.code == 1 and found["passed"] is False
    assert found["checks"][-1] | {"entry": ""} == {
        "check": "continuous integration", "level": "bad", "words": "no", "remedy": "Do.", "entry": "",
    }  # fmt: skip


# --- after ------------------------------------------------------------------------------------------------------------
@pytest.fixture
def live(transactional_db: None, settings: Any) -> Iterator[Callable[..., postflight.Live]]:
    """`live(**answers)`: the real service behind its WSGI door; other hosts answer what is given (path -> JSON)."""
    settings.ALLOWED_HOSTS = ["portal.example"]
    wellknown.readiness.forget()
    service = httpx.WSGITransport(app=get_wsgi_application(), raise_app_exceptions=False)

    def make(client_id: str = "", client_secret: str = "", numbers: str = NUMBERS, **answers: Any) -> postflight.Live:
        def handle(request: httpx.Request) -> httpx.Response:
            if request.url.host == "portal.example":
                return service.handle_request(request)
            if request.url.host == "metrics.example":
                return httpx.Response(200, text=numbers)
            return httpx.Response(200, json=answers[request.url.path.rpartition("/")[2]])

        client = httpx.Client(transport=httpx.MockTransport(handle))
        return postflight.Live(
            base_url="http://portal.example", metrics_url="http://metrics.example/metrics", client=client,
            client_id=client_id, client_secret=client_secret,
        )  # fmt: skip

    yield make


def after(live: postflight.Live, name: str) -> Answer:
    [check] = [check for check in postflight.checklist(live) if check.name == name]
    return dict(doctor.examine([check]))[name]


@pytest.mark.parametrize("name", ["alive", "ready", "smoke journey", "headers", "API docs", "metrics"])
def test_a_service_that_is_well_passes(live: Any, catalogue: None, name: str) -> None:
    found = after(live(), name)
    assert found.level == "ok", found


def test_a_service_that_is_not_ready_is_bad(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(wellknown._CHECKS, "keys", lambda: False)
    found = after(live(), "ready")
    assert found.level == "bad" and found.words == "not ready: keys"


def test_a_page_that_is_not_what_it_should_be_is_named(live: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postflight, "STATIONS", {"/login": (200, "no such words"), "/no-such-page": (200, "")})
    found = after(live(), "smoke journey")
    assert found.level == "bad" and "/login" in found.words and "404 instead of 200" in found.words


def test_an_application_signs_in_and_its_token_is_revoked(live: Any, shop: Any) -> None:
    assert after(live(), "smoke application").level == "warn"
    found = after(live(client_id=shop.client_id, client_secret=shop.plain_secret), "smoke application")
    assert found.level == "ok" and "answers 200" in found.words
    assert after(live(client_id=shop.client_id, client_secret="wrong"), "smoke application").level == "bad"


def test_numbers_that_do_not_arrive_are_told(live: Any) -> None:
    assert after(live(numbers="up 1"), "metrics").level == "bad"
    lonely = 'portal_database_up 1.0\nportal_process_starts_total{process="web",version="1"} 1.0\n'
    assert after(live(numbers=lonely), "metrics").words == "no numbers of worker, scheduler, sequencer"


@pytest.fixture
def watched(settings: Any) -> None:
    settings.PROMETHEUS_URL = "http://prometheus.example"


def loaded(names: list[str], results: int = 1) -> dict[str, Any]:
    return {
        "rules": {"data": {"groups": [{"rules": [{"name": name} for name in names]}]}},
        "query": {"data": {"result": [{}] * results}},
    }


def test_alerts_that_are_not_loaded_are_told(live: Any, settings: Any, watched: None) -> None:
    every = [rule["alert"] for rule in test_pointers.alerts(settings.BASE_DIR)]
    assert after(live(**loaded(every)), "alerts loaded").level == "ok"
    found = after(live(**loaded(every[1:])), "alerts loaded")
    assert found.level == "bad" and every[0] in found.words
    assert after(live(**loaded(every, results=0)), "alerts loaded").level == "bad"
    settings.PROMETHEUS_URL = ""
    assert after(live(), "alerts loaded").level == "warn"
    settings.PROFILE = "production"
    assert after(live(), "alerts loaded").level == "bad"


@pytest.mark.parametrize(
    ("name", "severity", "state", "level"),
    [
        ("PortalErrors", "page", "firing", "bad"),
        ("PortalMailGivenUp", "ticket", "firing", "warn"),
        ("PortalErrors", "page", "pending", "ok"),
        ("SomebodyElses", "page", "firing", "ok"),
    ],
)
def test_what_fires_after_a_deployment_is_told(
    live: Any, watched: None, name: str, severity: str, state: str, level: str
) -> None:
    alerts = {"data": {"alerts": [{"labels": {"alertname": name, "severity": severity}, "state": state}]}}
    assert after(live(alerts=alerts), "alerts firing").level == level


def test_lines_that_do_not_arrive_are_told(live: Any, settings: Any, tmp_path: Path) -> None:
    settings.LOKI_URL = "http://loki.example"
    some, none = {"data": {"result": [{"value": [0, "12"]}]}}, {"data": {"result": []}}
    assert after(live(query=some), "logs") == Answer("ok", "12 lines of the last hour are in Loki")
    assert after(live(query=none), "logs").level == "bad"
    settings.LOKI_URL, settings.ELASTICSEARCH_URL = "", "http://elastic.example"
    assert after(live(_count={"count": 3}), "logs").level == "ok"
    assert after(live(_count={"count": 0}), "logs").level == "bad"
    settings.ELASTICSEARCH_URL, settings.RUN_DIR = "", tmp_path
    assert after(live(), "logs").level == "warn"
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "web.log").write_text("x")
    assert after(live(), "logs").level == "ok"


def test_a_watcher_that_is_down_is_bad_and_the_others_go_on(live: Any, watched: None) -> None:
    found = dict(doctor.examine(postflight.checklist(live())))  # the fixture knows no answer of Prometheus
    assert found["alerts loaded"].level == "bad" and "KeyError" in found["alerts loaded"].words
    assert found["alive"].level == "ok"


def test_who_is_called_must_be_known_in_production(settings: Any, monkeypatch: Any, live: Any, tmp_path: Path) -> None:
    assert after(live(), "on call").level == "warn"
    settings.PROFILE = "production"
    assert after(live(), "on call").level == "bad"
    (tmp_path / "on-call.md").write_text("| Privacy officer | Ms Example |")
    monkeypatch.setattr(postflight, "ON_CALL", tmp_path / "on-call.md")
    assert after(live(), "on call").level == "ok"


# --- the table --------------------------------------------------------------------------------------------------------
ROWS = [
    (Check("first", lambda: Answer("ok", "fine"), "Breach"), Answer("ok", "fine")),
    (Check("second", lambda: Answer("warn", "a|b", "Look."), "Breach"), Answer("warn", "a|b", "Look.")),
]


def test_the_table_fits_a_ticket() -> None:
    lines = table.render(ROWS, "markdown", title="Preflight").splitlines()
    assert lines[2:4] == ["| | check | found | to do |", "| --- | --- | --- | --- |"]
    assert lines[5] == "| WARN | second | a\\|b | Look. (docs/runbook.md, 'Breach') |"
    assert lines[-1] == "Passed: 0 bad, 1 to look at, 2 checks."
    assert json.loads(table.render(ROWS, "json", title="x"))["passed"] is True
    worse = [*ROWS, (ROWS[0][0], Answer("bad", "no", "Do."))]
    assert not table.passed(worse) and "NOT PASSED: 1 bad" in table.render(worse, "text", title="x")


@pytest.mark.django_db
def test_every_check_names_an_entry_of_the_runbook_or_none(repository: Path) -> None:
    page = (repository / "docs" / "runbook.md").read_text()
    nowhere = postflight.Live(base_url="", metrics_url="", client=httpx.Client())
    checks = [*preflight.checklist(), *postflight.checklist(nowhere)]
    assert len({check.name for check in checks}) > 25
    assert all(not check.entry or f"\n## {check.entry}\n" in page for check in checks)
    for name, some in (("preflight", preflight.checklist()), ("postflight", postflight.checklist(nowhere))):
        told = (repository / "docs" / f"{name}.md").read_text()
        assert [check.name for check in some if f"| {check.name} |" not in told] == []
