"""Where the keyring comes from, and the one copy of it a process holds.

A provider answers two questions: a cheap `stamp()` that changes when the keyring may have, and `read()`. Both raise
`Sealed` with a reason in plain words. The holder asks for the stamp at most every `RECHECK_SECONDS`, so a key that is
taken away seals a running process within that time (fault F26), at no cost per call worth naming.
"""

import ctypes
import os
import stat
import sys
import threading
import time
from collections.abc import Hashable
from pathlib import Path
from typing import Final, Protocol

from django.conf import settings

from gdpr_portal.errors import Unavailable
from vault.keyring import Keyring, KeyringError, parse

RECHECK_SECONDS: Final = 0.25
ENVIRONMENT_VARIABLE: Final = "VAULT_KEYRING"
DESCRIPTOR_VARIABLE: Final = "VAULT_KEYRING_FD"
_PR_SET_DUMPABLE: Final = 4


class Sealed(Unavailable):
    """The keyring cannot be used; `reason` is for operators, the message for everybody else."""

    def __init__(self, reason: str) -> None:
        super().__init__("unavailable", "Personal data cannot be read or written at the moment.")
        self.reason = reason


class KeyProvider(Protocol):
    """A source of the keyring."""

    def stamp(self) -> Hashable:
        """A value that changes whenever the keyring may have changed; raises Sealed when it is gone."""
        ...

    def read(self) -> Keyring:
        """The keyring; raises Sealed with the reason why not."""
        ...


class KeyFile:
    """The keyring in a file that only its owner may read (0400)."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def stamp(self) -> Hashable:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            raise Sealed("the key file is missing") from None
        except OSError:
            raise Sealed("the key file cannot be reached") from None
        if not stat.S_ISREG(found.st_mode) or found.st_mode & 0o077:
            raise Sealed("the key file can be read by others than its owner: make it mode 0400")
        return found.st_ino, found.st_mtime_ns, found.st_ctime_ns, found.st_size

    def read(self) -> Keyring:
        self.stamp()
        try:
            return parse(self.path.read_bytes())
        except OSError:
            raise Sealed("the key file cannot be read by this process") from None
        except KeyringError as error:
            raise Sealed(f"the key file is damaged: {error}") from None


class Environment:
    """The keyring from a file descriptor (VAULT_KEYRING_FD) or the environment (VAULT_KEYRING), taken once.

    Both are read and removed at the first call, from `os.environ` and from what /proc shows of the process (threat T4).
    """

    def __init__(self) -> None:
        self._keyring: Keyring | None = None

    @property
    def offered(self) -> bool:
        """Whether this process was given a keyring this way."""
        return self._keyring is not None or not {ENVIRONMENT_VARIABLE, DESCRIPTOR_VARIABLE}.isdisjoint(os.environ)

    def stamp(self) -> Hashable:
        return "environment"

    def read(self) -> Keyring:
        if self._keyring is None:
            try:
                self._keyring = parse(self._take())
            except KeyringError as error:
                raise Sealed(f"the keyring handed over at the start is damaged: {error}") from None
        return self._keyring

    @staticmethod
    def _take() -> bytes:
        descriptor = os.environ.pop(DESCRIPTOR_VARIABLE, "")
        if descriptor:
            with os.fdopen(int(descriptor), "rb") as stream:
                return stream.read()
        text = os.environ.get(ENVIRONMENT_VARIABLE, "").encode()
        _wipe_variable(ENVIRONMENT_VARIABLE)
        return text


def _wipe_variable(name: str) -> None:
    """The variable is gone and its bytes in the process's first environment block, which /proc shows, are zero."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        libc.getenv.restype = ctypes.c_void_p
        address = libc.getenv(name.encode())
        if address:
            ctypes.memset(address, 0, len(ctypes.string_at(address)))
    os.environ.pop(name, None)


def _refuse_dumps() -> None:
    """No core dump and no debugger of the same user can read this process's memory (Linux; elsewhere nothing)."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


class _Holder:
    """The one keyring of this process, read again when its stamp changes and dropped when it is gone."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._environment = Environment()
        self._keyring: Keyring | None = None
        self._path: Path | None = None
        self._stamp: Hashable = None
        self._checked = 0.0

    def get(self, *, fresh: bool = False) -> Keyring:
        recent = time.perf_counter() - self._checked < RECHECK_SECONDS
        held = self._keyring
        if held is not None and recent and not fresh and self._path == settings.VAULT_KEY_FILE:
            return held
        with self._lock:
            return self._refreshed()

    def _refreshed(self) -> Keyring:
        provider = self._provider()
        try:
            stamp = provider.stamp()
            if self._keyring is None or stamp != self._stamp or self._path != settings.VAULT_KEY_FILE:
                self._keyring, self._stamp, self._path = provider.read(), stamp, settings.VAULT_KEY_FILE
                _refuse_dumps()
        except Sealed:
            self.forget()
            raise
        self._checked = time.perf_counter()
        return self._keyring

    def _provider(self) -> KeyProvider:
        return self._environment if self._environment.offered else KeyFile(settings.VAULT_KEY_FILE)

    @property
    def from_environment(self) -> bool:
        return self._environment.offered

    def forget(self) -> None:
        self._keyring, self._stamp, self._path = None, None, None


_holder = _Holder()


def keyring(*, fresh: bool = False) -> Keyring:
    """The keyring of this process; `fresh` looks at the source now. Raises Sealed (503)."""
    return _holder.get(fresh=fresh)


def forget() -> None:
    """The process holds no key; the next call reads the source again."""
    _holder.forget()


def from_environment() -> bool:
    """Whether the keyring was handed over at the start, so that there is no file to change."""
    return _holder.from_environment
