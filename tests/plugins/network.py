"""No test reaches another machine: only the loopback and unix sockets can be connected to."""

import ipaddress
import socket
from typing import Any

HERE = {"", "localhost", "testserver"}


class NetworkIsOff(RuntimeError):
    """A test tried to reach another machine. Not an OSError, so that no retry or fallback can swallow it."""


def is_here(host: object) -> bool:
    """Whether this host is the machine itself. A name other than localhost is not: asking a resolver is network."""
    if host is None:
        return True
    text = host.decode() if isinstance(host, bytes) else str(host)
    try:
        return ipaddress.ip_address(text.partition("%")[0]).is_loopback
    except ValueError:
        return text in HERE


def switch_off() -> None:
    """`connect` and `getaddrinfo` raise NetworkIsOff for anything but this machine, for the rest of the process."""
    if getattr(socket.socket, "_guarded", False):
        return
    _guard_method("connect")
    _guard_method("connect_ex")
    _guard_resolver()
    socket.socket._guarded = True  # type: ignore[attr-defined]


def _guard_method(name: str) -> None:
    original = getattr(socket.socket, name)

    def guarded(self: socket.socket, address: Any) -> Any:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not is_here(address[0]):
            raise NetworkIsOff(f"a test tried to connect to {address[0]}")
        return original(self, address)

    setattr(socket.socket, name, guarded)


def _guard_resolver() -> None:
    original = socket.getaddrinfo

    def guarded(host: Any, *args: Any, **kwargs: Any) -> Any:
        if not is_here(host) and not _is_address(host):
            raise NetworkIsOff(f"a test tried to resolve {host}")
        return original(host, *args, **kwargs)

    socket.getaddrinfo = guarded


def _is_address(host: Any) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
