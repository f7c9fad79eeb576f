"""The parts of a fleet on this machine: HAProxy, PgBouncer, RabbitMQ, from Debian's packages, on loopback."""

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from string import Template
from typing import Any

from deploy.local.instance import free_port
from deploy.local.postgres import Cluster
from tests.faults.ground import ROOT, wait_for

PROGRAMS = ("haproxy", "pgbouncer", "rabbitmq-server")
CONFIGURATION = ROOT / "deploy" / "fleet"
RABBITMQ = Path("/usr/lib/rabbitmq/bin/rabbitmq-server")


def install() -> list[str]:
    """The programs are there, installed by apt-get where they were not; returns which are still missing."""
    missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    if missing and os.geteuid() == 0 and shutil.which("apt-get"):
        for words in (["update", "-qq"], ["install", "-y", "-qq", "--no-install-recommends", *missing]):
            subprocess.run(["apt-get", *words], env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"}, check=False)
        missing = [name for name in PROGRAMS if shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") is None]
    return missing


@dataclass
class Part:
    """One child of ours, its log beside it; it ends by SIGTERM, at the latest by SIGKILL after so many seconds."""

    name: str
    command: list[str]
    folder: Path
    env: dict[str, str] = field(default_factory=lambda: dict(os.environ))
    patience: float = 30.0
    process: Any = None

    def start(self) -> "Part":
        with open(self.folder / f"{self.name}.log", "ab") as log:
            self.process = subprocess.Popen(
                self.command, cwd=ROOT, env=self.env, stdout=log, stderr=log, stdin=subprocess.DEVNULL
            )
        return self

    def stop(self) -> int | None:
        if self.process is None:
            return None
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(self.patience)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait(10)
        return int(self.process.returncode)

    def kill(self) -> None:
        """kill -9, with the children it has now."""
        pid = self.process.pid
        for each in [*Path(f"/proc/{pid}/task/{pid}/children").read_text().split(), str(pid)]:
            os.kill(int(each), signal.SIGKILL)
        self.process.wait(10)


def answers(port: int) -> bool:
    """Whether somebody listens there."""
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def is_ready(port: int) -> bool:
    """Whether a web process would take traffic."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def pgbouncer(folder: Path, cluster: Cluster, user: str, password: str) -> tuple[Part, int]:
    """PgBouncer in front of the cluster; its port. It does not run as root, so it takes the cluster's way."""
    port, users = free_port(), folder / "users.txt"
    users.write_text(f'"{user}" "{password}"\n')
    users.chmod(0o644)
    log = folder / "pgbouncer.own.log"
    log.touch(mode=0o666)
    text = Template((CONFIGURATION / "pgbouncer.ini").read_text()).substitute(
        host=cluster.sockets, port="5432", dbname="postgres", listen=port, users=users, log=log
    )
    (folder / "pgbouncer.ini").write_text(text)
    command = [*cluster.prefix, "pgbouncer", "-q", str(folder / "pgbouncer.ini")]
    part = Part("pgbouncer", command, folder).start()
    wait_for(lambda: answers(port), 20, "pgbouncer does not listen")
    return part, port


def haproxy(folder: Path, ports: list[int]) -> tuple[Part, int]:
    """HAProxy in front of the two web processes; its port."""
    port = free_port()
    env = os.environ | {
        "FLEET_BIND": f"127.0.0.1:{port}", "FLEET_WEB_1": f"127.0.0.1:{ports[0]}",
        "FLEET_WEB_2": f"127.0.0.1:{ports[1]}", "FLEET_STATS": str(folder / "haproxy.sock"),
    }  # fmt: skip
    program = shutil.which("haproxy", path=f"{os.environ['PATH']}:/usr/sbin") or "haproxy"
    part = Part("haproxy", [program, "-db", "-f", str(CONFIGURATION / "haproxy.cfg")], folder, env).start()
    wait_for(lambda: answers(port), 20, "haproxy does not listen")
    return part, port


def rabbitmq(folder: Path) -> tuple[list[Part], str]:
    """RabbitMQ with a port mapper of its own, both ours to end; its address for BROKER_URL."""
    ports = [free_port() for _ in range(3)]
    home = folder / "rabbitmq"
    home.mkdir()
    env = os.environ | {
        "HOME": str(home), "RABBITMQ_NODENAME": "fleet@localhost", "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
        "RABBITMQ_NODE_PORT": str(ports[0]), "RABBITMQ_DIST_PORT": str(ports[1]), "ERL_EPMD_PORT": str(ports[2]),
        "ERL_EPMD_ADDRESS": "127.0.0.1", "RABBITMQ_MNESIA_BASE": str(home / "data"),
        "RABBITMQ_LOG_BASE": str(home / "log"), "RABBITMQ_ENABLED_PLUGINS_FILE": str(home / "plugins"),
        "RABBITMQ_CONFIG_FILE": str(home / "none"), "RABBITMQ_CONF_ENV_FILE": str(home / "none.env"),
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+S 1:1 +sbwt none",
    }  # fmt: skip
    (home / "plugins").write_text("[].\n")
    mapper = Part("epmd", ["epmd", "-port", str(ports[2]), "-address", "127.0.0.1"], folder, env).start()
    wait_for(lambda: answers(ports[2]), 20, "epmd does not listen")
    broker = Part("rabbitmq", [str(RABBITMQ)], folder, env).start()
    wait_for(lambda: answers(ports[0]), 180, "RabbitMQ does not listen")
    return [broker, mapper], f"amqp://guest:guest@127.0.0.1:{ports[0]}//"


def python(name: str, words: list[str], folder: Path, env: dict[str, str]) -> Part:
    """A process of the service."""
    return Part(name, [sys.executable, "-W", "ignore", "-m", *words], folder, env, patience=40.0)


def pause(seconds: float) -> None:
    """The load goes on meanwhile."""
    time.sleep(seconds)
