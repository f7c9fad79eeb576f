"""A TCP proxy of our own in front of a unix socket: passes on, delays, swallows, cuts."""

import contextlib
import socket
import struct
import threading
import time
from pathlib import Path
from typing import Literal

Mode = Literal["pass", "delay", "black hole", "down"]
_RESET = struct.pack("ii", 1, 0)
"""SO_LINGER that makes a close a reset."""


class Proxy:
    """Listens on a free port of this machine. `mode` holds for what is under way too; `cut()` resets it all."""

    def __init__(self, target: Path) -> None:
        self.target, self.mode, self.seconds = target, "pass", 0.0
        self._pairs: list[tuple[socket.socket, socket.socket]] = []
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=256)
        self.port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    def set(self, mode: Mode, seconds: float = 0.0) -> None:
        """From now on, for every piece of data; `seconds` of a delay, in the direction of the database."""
        self.mode, self.seconds = mode, seconds

    def cut(self) -> int:
        """Every connection ends by a reset; how many."""
        with self._lock:
            pairs, self._pairs = self._pairs, []
        for pair in pairs:
            for end in pair:
                with contextlib.suppress(OSError):
                    end.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
                with contextlib.suppress(OSError):
                    end.shutdown(socket.SHUT_RDWR)
                end.close()
        return len(pairs)

    def close(self) -> None:
        """Nobody is served any more."""
        self._listener.close()
        self.cut()

    def _accept(self) -> None:
        while True:
            try:
                inner, _address = self._listener.accept()
            except OSError:
                return
            outer = socket.socket(socket.AF_UNIX)
            try:
                if self.mode == "down":
                    raise ConnectionRefusedError
                outer.connect(str(self.target))
            except OSError:
                inner.close()
                outer.close()
                continue
            with self._lock:
                self._pairs.append((inner, outer))
            threading.Thread(target=self._carry, args=(inner, outer, True), daemon=True).start()
            threading.Thread(target=self._carry, args=(outer, inner, False), daemon=True).start()

    def _carry(self, source: socket.socket, sink: socket.socket, is_inward: bool) -> None:
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                if self.mode == "delay" and is_inward:
                    time.sleep(self.seconds)
                while self.mode == "black hole":  # neither an answer nor a reset
                    time.sleep(0.05)
                sink.sendall(data)
        for end in (source, sink):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)
