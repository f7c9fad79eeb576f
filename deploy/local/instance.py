"""One instance on this machine: where its files lie, which port it has, which secrets its processes are told.

Everything of an instance lies under `RUN_DIR`; two instances share nothing but the code and the virtual environment.
"""

import errno
import fcntl
import json
import os
import secrets
import socket
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

ROOT = Path(__file__).resolve().parents[2]
MARK = "LOCAL_INSTANCE"
"""Variable that every process of an instance carries, its RUN_DIR as value: the next start finds what is left by it."""


class Refusal(Exception):
    """The start ends here; the message is for the person at the terminal."""


@dataclass
class Instance:
    """Port, folder and secrets of one instance."""

    port: int
    run_dir: Path
    https: bool = False
    secrets: dict[str, str] = field(default_factory=dict, repr=False)
    _lock: IO[str] | None = field(default=None, repr=False)

    @property
    def base_url(self) -> str:
        return f"{'https' if self.https else 'http'}://127.0.0.1:{self.port}"

    @property
    def spoken_url(self) -> str:
        """The address people are told: browsers take passkeys at a name, never at an IP address (WebAuthn, RP ID)."""
        return self.base_url.replace("127.0.0.1", "localhost")

    def lock(self) -> None:
        """This process is the only one that runs `RUN_DIR`; the lock ends with it, however it ends."""
        self.run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle = open(self.run_dir / "lock", "a+", encoding="ascii")  # noqa: SIM115 - the lock is as long as the process
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            handle.close()
            raise Refusal(
                f"An instance is running on {self.run_dir} already. Stop it, or set another RUN_DIR."
            ) from None
        self._lock = handle

    def unlock(self) -> None:
        """Another start may have `RUN_DIR`."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def secret(self, name: str) -> str:
        """The secret of that name, made at the first asking and kept in `RUN_DIR/secrets.json` (0600)."""
        if name not in self.secrets:
            self.secrets[name] = secrets.token_urlsafe(40)
            write_private(self.run_dir / "secrets.json", self.secrets)
        return self.secrets[name]


def from_environment() -> Instance:
    """The instance that PORT, RUN_DIR and HTTPS ask for. Raises Refusal for a PORT that is none."""
    text = os.environ.get("PORT") or "8000"
    if not text.isdigit() or not 0 < int(text) < 65536:
        raise Refusal(f"PORT must be a number from 1 to 65535, not {text!r}.")
    run_dir = Path(os.environ.get("RUN_DIR") or ROOT / ".run").expanduser().absolute()
    https = os.environ.get("HTTPS", "").lower() in {"1", "true", "yes", "on"}
    return Instance(int(text), run_dir, https)


def load_secrets(instance: Instance) -> None:
    """The secrets of earlier starts are known again."""
    path = instance.run_dir / "secrets.json"
    if path.exists():
        instance.secrets = json.loads(path.read_text())


def write_private(path: Path, content: dict[str, Any]) -> None:
    """`path` holds `content` as JSON, readable by its owner alone; never seen half written."""
    aside = path.with_name(f".{path.name}.new")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8") as file:
        json.dump(content, file, indent=2)
        file.write("\n")
    aside.replace(path)


def hindrance(port: int) -> str:
    """Why no server can listen on this port of the loopback; empty when one can."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:
            return f"Port {port} is not for this user: those below 1024 are root's."
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return f"Port {port} is taken."
            return f"Port {port} of 127.0.0.1 cannot be had: {error.strerror}."
    return ""


def free_port() -> int:
    """A port of the loopback that was free a moment ago."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
