"""A throw-away MariaDB for tests: the server of the machine, or the one `MARIADBD` names."""

import os
import platform
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pymysql
import sqlalchemy as sa

UNPACKED = Path(sys.prefix) / "mariadb"
LIBRARIES = f"{platform.machine()}-linux-gnu"


def program() -> str | None:
    """The server's binary, or None where there is none; unpacked ones lie in the virtual environment."""
    found = os.environ.get("MARIADBD") or shutil.which("mariadbd") or shutil.which("mysqld")
    unpacked = UNPACKED / "usr" / "sbin" / "mariadbd"
    return found or (str(unpacked) if unpacked.exists() else None)


@contextmanager
def server(binary: str) -> Iterator[sa.URL]:
    """A server that lets everybody in, on a free port of the loopback, its data gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="maria-") as folder, socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        probe.close()
        process = subprocess.Popen(
            _command(binary, Path(folder), port),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            env=os.environ | {"LD_LIBRARY_PATH": str(Path(binary).resolve().parents[1] / "lib" / LIBRARIES)},
        )
        try:
            _wait(port)
            yield sa.URL.create("mysql", username="root", password="any", host="127.0.0.1", port=port)
        finally:
            process.terminate()
            process.wait(30)


def _command(binary: str, folder: Path, port: int) -> list[str]:
    (folder / "data").mkdir()
    messages = Path(binary).resolve().parents[1] / "share" / "mysql"
    places = [f"--datadir={folder}/data", f"--socket={folder}/s.sock", f"--pid-file={folder}/pid", f"--port={port}"]
    where = [f"--lc-messages-dir={messages}", f"--character-sets-dir={messages}/charsets"] if messages.exists() else []
    return [binary, "--no-defaults", "--user=root", "--skip-grant-tables", "--bind-address=127.0.0.1", *places, *where]


def _wait(port: int) -> None:
    deadline = time.monotonic() + 120
    while True:
        try:
            pymysql.connect(host="127.0.0.1", port=port, user="root").close()
            return
        except pymysql.Error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)
