"""Where the keyring comes from, and the one copy of it a process holds.

A provider answers two questions: a cheap `stamp()` that changes when the keyring may have, and `read()`. Both raise
`Sealed` with a reason in plain words. The holder asks for the stamp at most every `RECHECK_SECONDS`, so a key that is
taken away seals a running process within that time (fault F26), at no cost per call worth naming.

    VAULT_KEY_PROVIDER=file       `KeyFile`: the keyring itself, mode 0400
    VAULT_KEY_PROVIDER=transit    `WrappedFile`: wrapped (`vault.wrapping`), opened by HashiCorp Vault's transit engine
    VAULT_KEY_PROVIDER=kms        `WrappedFile`: wrapped, opened by AWS KMS
    VAULT_KEYRING_FD, VAULT_KEYRING in the environment go before any of them: `Environment`
"""

import ctypes
import logging
import os
import stat
import sys
import threading
import time
from collections.abc import Hashable
from pathlib import Path
from typing import Final, Protocol

from django.conf import settings

from gdpr_portal import breakers
from vault import wrapping
from vault.aws_kms import Kms
from vault.keyring import Keyring, KeyringError, parse
from vault.transit import Transit
from vault.wrapping import Denied, KeyService, Sealed, Unreachable

__all__ = [
    "KeyFile",
    "KeyProvider",
    "Sealed",
    "WrappedFile",
    "forget",
    "from_environment",
    "key_service",
    "keyring",
    "require_open",
]

BREAKER: Final = "keys"
RECHECK_SECONDS: Final = 0.25
CONFIRM_SECONDS: Final = 60.0
"""How often a key service is asked again whether it still opens the keyring that is in use."""
RETRY_SECONDS: Final = 5.0
"""How often a key service that did not open it is asked again."""
ENVIRONMENT_VARIABLE: Final = "VAULT_KEYRING"
DESCRIPTOR_VARIABLE: Final = "VAULT_KEYRING_FD"
_PR_SET_DUMPABLE: Final = 4
logger = logging.getLogger(__name__)


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
        document = self.document()
        if wrapping.is_wrapped(document):
            raise Sealed("the key file is wrapped: set VAULT_KEY_PROVIDER to the service that opens it")
        try:
            return parse(document)
        except KeyringError as error:
            raise Sealed(f"the key file is damaged: {error}") from None

    def document(self) -> bytes:
        """What is in the file; raises Sealed."""
        self.stamp()
        try:
            return self.path.read_bytes()
        except OSError:
            raise Sealed("the key file cannot be read by this process") from None


class WrappedFile:
    """The keyring in a file that a key service opens: at the start, and whenever the file has changed.

    The service is asked in the call that needs it once for each file; later it is asked in the background alone, so
    that no request waits for it: every `RETRY_SECONDS` while it did not open the file, every `CONFIRM_SECONDS` after.
    A service that says no seals a running process; one that does not answer does not.
    """

    def __init__(self, path: Path, service: KeyService) -> None:
        self._file, self._service = KeyFile(path), service
        self._tried: Hashable = None
        self._keyring: Keyring | None = None
        self._failure: Sealed | None = None
        self._asked_at = 0.0
        self._asking = threading.Lock()

    def stamp(self) -> Hashable:
        found = self._file.stamp()
        if found == self._tried:
            self._ask_again()
            if self._failure is not None:
                raise Sealed(self._failure.reason)
        return found

    def read(self) -> Keyring:
        found = self._file.stamp()
        if found != self._tried:
            with self._asking:
                self._open()
            self._tried = found
        if self._failure is not None or self._keyring is None:
            raise Sealed(self._failure.reason if self._failure else "the key service was not asked yet")
        return self._keyring

    def _ask_again(self) -> None:
        patience = CONFIRM_SECONDS if self._keyring is not None else RETRY_SECONDS
        if time.monotonic() - self._asked_at < patience or not self._asking.acquire(blocking=False):
            return
        if breakers.wait_seconds(BREAKER, self._service.name):
            self._asking.release()
        else:
            self._asked_at = time.monotonic()
            threading.Thread(target=self._in_background, name="key-service", daemon=True).start()

    def _in_background(self) -> None:
        try:
            self._open() if self._keyring is None else self._confirm()
        finally:
            self._asking.release()

    def _open(self) -> None:
        self._keyring, self._failure = None, None
        self._asked_at = time.monotonic()
        try:
            self._keyring = wrapping.opened_document(self._file.document(), self._service)
            breakers.told(BREAKER, self._service.name, answered=True)
        except KeyringError as error:
            self._failure = Sealed(f"the key file is damaged: {error}")
        except Sealed as error:
            breakers.told(BREAKER, self._service.name, answered=not isinstance(error, Unreachable))
            self._failure = error

    def _confirm(self) -> None:
        try:
            wrapping.confirm(self._file.document(), self._service)
            breakers.told(BREAKER, self._service.name, answered=True)
        except Unreachable as error:
            breakers.told(BREAKER, self._service.name, answered=False)
            logger.warning("The key service does not answer: %s. The keyring in use stays in use.", error.reason)
        except (Denied, KeyringError) as error:
            self._failure = error if isinstance(error, Denied) else Sealed("the key file is damaged")
            self._keyring = None
        except Sealed:
            return  # the file is gone: its stamp says so


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
        self._wrapped: tuple[tuple[Path, str], WrappedFile] | None = None

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
            self._drop()
            raise
        self._checked = time.perf_counter()
        return self._keyring

    def _provider(self) -> KeyProvider:
        if self._environment.offered:
            return self._environment
        service = key_service()
        if service is None:
            return KeyFile(settings.VAULT_KEY_FILE)
        which = (settings.VAULT_KEY_FILE, f"{service.name} {service.key}")
        if self._wrapped is None or self._wrapped[0] != which:
            self._wrapped = which, WrappedFile(settings.VAULT_KEY_FILE, service)
        return self._wrapped[1]

    @property
    def from_environment(self) -> bool:
        return self._environment.offered

    def forget(self) -> None:
        self._drop()
        self._wrapped = None

    def _drop(self) -> None:
        self._keyring, self._stamp, self._path = None, None, None


_holder = _Holder()


def key_service() -> KeyService | None:
    """The service that opens the key file, by the settings; None when the file is plain."""
    if settings.VAULT_KEY_PROVIDER == "transit":
        return Transit(
            address=settings.VAULT_TRANSIT_ADDRESS, key=settings.VAULT_SERVICE_KEY,
            token_file=Path(settings.VAULT_TRANSIT_TOKEN_FILE), mount=settings.VAULT_TRANSIT_MOUNT,
            namespace=settings.VAULT_TRANSIT_NAMESPACE,
        )  # fmt: skip
    if settings.VAULT_KEY_PROVIDER == "kms":
        return Kms(
            key=settings.VAULT_SERVICE_KEY, region=settings.VAULT_KMS_REGION, endpoint=settings.VAULT_KMS_ENDPOINT
        )
    return None


def keyring(*, fresh: bool = False) -> Keyring:
    """The keyring of this process; `fresh` looks at the source now. Raises Sealed (503)."""
    return _holder.get(fresh=fresh)


def require_open() -> None:
    """Nothing, when there is a keyring; Sealed otherwise. A look at the clock, and at most four `stat` a second."""
    keyring()


def forget() -> None:
    """The process holds no key; the next call reads the source again."""
    _holder.forget()


def from_environment() -> bool:
    """Whether the keyring was handed over at the start, so that there is no file to change."""
    return _holder.from_environment
