"""A web process loads nothing that only workers need: each has its own memory (scale.md: under 150 MB)."""

import os
import subprocess
import sys
from pathlib import Path

WORKERS_ONLY = {"sqlalchemy", "sqlite3", "erasure.services.connector_runs", "erasure.services.steps"}
LOADED = """
import sys
from django.urls import get_resolver
import gdpr_portal.wsgi, gdpr_portal.quick, gdpr_portal.broker
pending = [get_resolver()]
while pending:
    pending += [each for each in pending.pop().url_patterns if hasattr(each, "url_patterns")]
application = gdpr_portal.wsgi.application
while application:
    print(type(application).__name__, end=" ")
    application = vars(application).get("django") or vars(application).get("application")
print()
print(*[name for name, module in sys.modules.items() if module])
import erasure.tasks
print(*[name for name, module in sys.modules.items() if module])
"""
"""Through what a request goes, what a process has loaded that serves every route and sends hints, and what it has once
it works."""


def test_a_web_process_loads_nothing_of_the_workers(repository: Path) -> None:
    environment = os.environ | {
        "SECRET_KEY": "light", "DATABASE_URL": "postgresql:///light", "BROKER_URL": "pgmq://", "PROFILE": "development",
        "PYTHONWARNINGS": "ignore", "LOG_LEVEL": "WARNING",
    }  # fmt: skip
    asked = [sys.executable, "-c", LOADED]
    said = subprocess.run(asked, cwd=repository, env=environment, capture_output=True, text=True, check=True)
    doors, *loaded = (line.split() for line in said.stdout.splitlines()[-3:])
    # nothing of a body is left behind, and none that was cut off gets to Django
    assert doors == ["NothingLeftBehind", "QuickAnswers", "WholeBodies", "WSGIHandler"]
    web, worker = map(set, loaded)
    assert {"erasure.services.connectors", "erasure.services.step_acts", "kombu.transport.pgmq"} <= web
    assert web & WORKERS_ONLY == set()
    assert worker >= WORKERS_ONLY  # seen where it is
