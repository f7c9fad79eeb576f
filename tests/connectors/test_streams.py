"""A person with 200,000 wide rows is handed out in batches: the process that does it stays small."""

import json
import subprocess
import sys
from collections.abc import Callable

import pytest
import sqlalchemy as sa
from django.conf import settings

from tests.plugins.exhaustive import its_turn

ROWS, LIMIT_MB = 200_000, 200
PROGRAM = """
import json, re, sys
from pathlib import Path
from django.conf import settings
settings.configure(IS_LOCAL=False)
from erasure.connectors.dataset import load
from erasure.connectors.engine import Order, Source, running
order = Order(right="access", identities={"email": frozenset(["wide@example.org"])}, categories=("user",))
with running([Source("wide", sys.argv[1], tuple(load(sys.argv[2])))], order) as run:
    rows = size = 0
    for _address, row in run.rows:
        rows, size = rows + 1, size + len(json.dumps(row))
status = Path("/proc/self/status").read_text()
peak = int(re.search(r"VmHWM:\\s+(\\d+) kB", status)[1]) / 1024  # ru_maxrss begins with what the parent had
print(json.dumps({"rows": rows, "mb": size / 2**20, "peak": peak, "state": run.report.state}))
"""
DATASET = """
dataset:
  - fides_key: wide
    collections:
      - name: person
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - {name: email, data_categories: [user.contact.email], fides_meta: {identity: email}}
      - name: note
        fields:
          - {name: id, data_categories: [system.operations], fides_meta: {primary_key: True}}
          - name: person_id
            data_categories: [system.operations]
            fides_meta: {references: [{dataset: wide, field: person.id, direction: from}]}
          - {name: body, data_categories: [user.content]}
          - {name: more, data_categories: [user.content]}
"""


@pytest.mark.slow
@its_turn(0)
def test_two_hundred_thousand_wide_rows_fit_into_200_megabytes(postgres_url: Callable[[], sa.URL]) -> None:
    url = postgres_url()
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE person (id INTEGER PRIMARY KEY, email TEXT)")
        connection.exec_driver_sql("INSERT INTO person VALUES (1, 'wide@example.org')")
        connection.exec_driver_sql(
            "CREATE TABLE note (id INTEGER PRIMARY KEY, person_id INTEGER, body TEXT, more TEXT)"
        )
        connection.exec_driver_sql(
            f"INSERT INTO note SELECT n, 1, repeat('x', 1500), 'more ' || n FROM generate_series(1, {ROWS}) n"
        )
    engine.dispose()
    where = url.render_as_string(hide_password=False)
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, where, DATASET],
        cwd=settings.BASE_DIR, capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["rows"], told["state"]) == (ROWS + 1, "completed") and told["mb"] > LIMIT_MB, told
    assert told["peak"] < LIMIT_MB, told
