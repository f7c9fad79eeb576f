"""The embedded server: as root and not, with passwords, after a kill, and silent about values."""

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from deploy.local import postgres
from deploy.local.postgres import LONGEST_SOCKET_PATH, NAMESPACE, OTHER_USER, SUPERUSER, Cluster, throw_away
from tests.plugins.exhaustive import its_turn

pytestmark = [pytest.mark.slow, its_turn(2)]
PASSWORD = "a password with ' and \\ in it"
ROOT = Path(__file__).resolve().parents[2]


def ways() -> list[object]:
    """Each way to run the server that this machine allows; the others are skipped by name."""
    if os.geteuid() != 0:
        return [pytest.param([], id="ordinary user")]
    return [
        pytest.param(
            prefix, id=prefix[0], marks=pytest.mark.skipif(not postgres.works(prefix), reason="not allowed here")
        )
        for prefix in (NAMESPACE, OTHER_USER)
    ]


@pytest.fixture(params=ways())
def prefix(request: pytest.FixtureRequest) -> list[str]:
    return list(request.param)


def test_a_server_starts_guards_itself_and_stops(tmp_path: Path, prefix: list[str]) -> None:
    with throw_away(tmp_path / "pg", PASSWORD, prefix) as cluster:
        address = cluster.address(SUPERUSER, PASSWORD, "postgres")
        with psycopg.connect(address) as connection:
            assert connection.execute("SHOW listen_addresses").fetchone() == ("",)
        with pytest.raises(psycopg.OperationalError, match="password"):
            psycopg.connect(cluster.address(SUPERUSER, "wrong", "postgres"))
        assert cluster.data.stat().st_mode & 0o777 == 0o700
        assert cluster.sockets.stat().st_mode & 0o777 == 0o700
    assert not (cluster.data / "postmaster.pid").exists()


def test_a_folder_with_a_long_name_gets_its_socket_elsewhere_and_remembers_where(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 60) / ("y" * 60)
    with throw_away(deep, PASSWORD) as cluster:
        short = cluster.sockets
        assert len(os.fsencode(short)) < LONGEST_SOCKET_PATH
        assert Cluster(deep).sockets == short
        psycopg.connect(cluster.address(SUPERUSER, PASSWORD, "postgres")).close()
    shutil.rmtree(short)


def test_a_killed_server_is_no_obstacle_and_what_was_committed_stays(tmp_path: Path, prefix: list[str]) -> None:
    cluster = Cluster(tmp_path / "pg", prefix)
    cluster.create(PASSWORD, sync=False)
    server = start(cluster)
    execute(cluster, "CREATE TABLE kept (word text)")
    execute(cluster, "INSERT INTO kept VALUES ('still here')")
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    assert (cluster.data / "postmaster.pid").exists(), "the stale file is what this test is about"
    again = start(cluster)
    with psycopg.connect(cluster.address(SUPERUSER, PASSWORD, "postgres")) as connection:
        assert connection.execute("SELECT word FROM kept").fetchall() == [("still here",)]
    stop(again)


def test_a_server_that_outlived_its_guard_is_stopped(tmp_path: Path, prefix: list[str]) -> None:
    cluster = Cluster(tmp_path / "pg", prefix)
    cluster.create(PASSWORD, sync=False)
    server = start(cluster)
    assert cluster.stop_orphan() is not None
    assert server.wait(120) == 0
    assert cluster.stop_orphan() is None


def test_a_stale_id_that_belongs_to_another_process_now_does_it_no_harm(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "pg", [])
    cluster.data.mkdir(parents=True)
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        (cluster.data / "postmaster.pid").write_text(f"{stranger.pid}\n{cluster.data}\n")
        assert cluster.stop_orphan() is None
        assert stranger.poll() is None
        stranger.kill()


def test_the_number_of_a_killed_server_may_be_somebody_elses_by_now(tmp_path: Path, prefix: list[str]) -> None:
    cluster = Cluster(tmp_path / "pg", prefix)
    cluster.create(PASSWORD, sync=False)
    server = start(cluster)
    lock = (cluster.data / "postmaster.pid").read_text()
    os.killpg(server.pid, signal.SIGKILL)
    server.wait()
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"]) as stranger:
        (cluster.data / "postmaster.pid").write_text("\n".join([str(stranger.pid), *lock.split("\n")[1:]]))
        assert cluster.stop_orphan() is None
        stop(start(cluster))
        stranger.kill()


def test_half_a_database_of_a_start_cut_short_is_made_anew(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "pg")
    (cluster.folder / "data.new").mkdir(parents=True)
    (cluster.folder / "data.new" / "PG_VERSION").write_text("18")
    with throw_away(cluster.folder, PASSWORD):
        execute(cluster, "SELECT 1")


def test_a_database_of_another_version_is_refused_in_words(tmp_path: Path) -> None:
    cluster = Cluster(tmp_path / "pg", [])
    cluster.data.mkdir(parents=True)
    (cluster.data / "PG_VERSION").write_text("13\n")
    with pytest.raises(postgres.Refusal, match="PostgreSQL 13"):
        cluster.create(PASSWORD)


def test_the_log_of_the_server_holds_no_values(tmp_path: Path) -> None:
    secret = "ada@lovelace.example"
    with throw_away(tmp_path / "pg", PASSWORD) as cluster:
        execute(cluster, "CREATE TABLE people (email text UNIQUE, age int CHECK (age > 0))")
        execute(cluster, "INSERT INTO people VALUES (%s, 36)", secret)
        for statement in ("INSERT INTO people VALUES (%s, 36)", "INSERT INTO people VALUES (%s, -1)"):
            with pytest.raises(psycopg.IntegrityError):
                execute(cluster, statement, secret)
    log = (tmp_path / "pg" / "log").read_text()
    assert "people_email_key" in log, "the errors were logged"
    assert secret not in log


def start(cluster: Cluster) -> "subprocess.Popen[bytes]":
    with open(cluster.folder / "log", "ab") as log:
        server = subprocess.Popen(
            cluster.command(), stdout=log, stderr=log, env=postgres.environment(), start_new_session=True
        )
    postgres.wait_until_it_answers(cluster, PASSWORD, server)
    return server


def stop(server: "subprocess.Popen[bytes]") -> None:
    server.send_signal(signal.SIGINT)
    assert server.wait(120) == 0


def execute(cluster: Cluster, statement: str, *parameters: str) -> None:
    with psycopg.connect(cluster.address(SUPERUSER, PASSWORD, "postgres")) as connection:
        connection.execute(statement, parameters or None)  # type: ignore[call-overload]


def test_the_server_dies_with_whoever_started_it(tmp_path: Path, prefix: list[str]) -> None:
    cluster = Cluster(tmp_path / "pg", prefix)
    cluster.create(PASSWORD, sync=False)
    code = (
        "import pathlib, sys, subprocess, time\n"
        "from deploy.local.postgres import Cluster, environment\n"
        "cluster = Cluster(pathlib.Path(sys.argv[1]), sys.argv[2:])\n"
        "subprocess.Popen(cluster.command(), env=environment(), start_new_session=True)\n"
        "time.sleep(600)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(cluster.folder), *prefix], cwd=ROOT, stderr=subprocess.DEVNULL
    ) as guard:
        end = time.monotonic() + 120
        while not cluster.answers(PASSWORD):
            assert time.monotonic() < end
            time.sleep(0.05)
        guard.kill()
    end = time.monotonic() + 120
    while cluster._server() is not None:
        assert time.monotonic() < end, "the server outlived the guard"
        time.sleep(0.05)
