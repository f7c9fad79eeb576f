"""One call to the outside, to an address somebody else chose, made so that it can reach nothing of ours.

What holds (threats T25, T26): https only, to a port of `PORTS`; the name is resolved once and every address of it must
be public; the connection goes to the very address that was checked, while SNI, certificate and `Host` are the name's;
no redirects, no proxies of the environment, no decoding; at most `READ_CAP_BYTES` of the answer are read and all of it
together, name look-up and connecting included, ends at the deadline. In the development profile alone loopback
addresses may be called, also over plain http and on any port. What goes wrong comes back as a code, never as a text.
"""

import email.utils
import ipaddress
import random
import re
import socket
import ssl
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeout
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import httpcore

from access.endpoints import LONGEST as LONGEST_URL
from access.endpoints import PORTS
from gdpr_portal import breakers, traces

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

READ_CAP_BYTES = 64 * 1024
BREAKER = "webhook"
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:DHE+AESGCM"
"""Of TLS 1.2 what keeps its secrecy when a certificate's key is stolen later, and authenticates; of 1.3 all do."""
_LABEL = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_NAME = re.compile(rf"(?=.{{1,253}}\Z)(?:{_LABEL}\.)*(?=[a-z]){_LABEL}", re.ASCII)
_VISIBLE = re.compile(r"[!-~]+", re.ASCII)
_TRANSLATED = tuple(
    ipaddress.ip_network(net)
    for net in (
        "::/96",
        "::ffff:0:0/96",
        "64:ff9b::/96",
        "64:ff9b:1::/48",
        "2001::/23",
        "2002::/16",
        "fec0::/10",
        "5f00::/16",
    )
)
"""IPv6 that wraps or leads to IPv4 (mapped, compatible, NAT64, Teredo, 6to4), and what is not routed."""


_SILENCE = frozenset({"timeout", "connect_failed", "tls_failed", "broken_answer", "name_unknown"})
_OLDER_SHARE = 0.1
"""What waits for a breaker waits that share of its age at least: an old heap does not stand in the way of the rest."""
_dice = random.SystemRandom()
_LOOPBACK_4 = ipaddress.ip_network("127.0.0.0/8")
_LOOPBACK_6 = ipaddress.ip_address("::1")


@dataclass(frozen=True)
class Outcome:
    """What came of a call: a status, or the code of what went wrong; and the pause the receiver asked for (s).

    `headers` have names in lower case, of a name said twice the first; `body` is empty unless it was to be kept, and
    cut at the cap. Both are the outside's words: to be checked, not to be shown or logged.
    """

    status: int | None = None
    error: str = ""
    retry_after: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def accepted(self) -> bool:
        return self.status is not None and 200 <= self.status < 300

    @property
    def is_down(self) -> bool:
        """Whether the receiver gave no answer that counts, or said that it can take no more."""
        return self.error in _SILENCE or self.status == 429 or (self.status or 0) >= 500

    @property
    def code(self) -> str:
        """A word for the row and the log: `http_503`, `timeout`, `address_not_allowed`, ..."""
        return self.error or f"http_{self.status}"


class _Refusal(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(frozen=True)
class Target:
    """A checked address: what to connect to, under which name."""

    scheme: str
    host: str
    port: int
    path: str
    address: str


def post(
    url: str, body: bytes, headers: Mapping[str, str], allow_loopback: bool = False, *, timeout_seconds: float = 10.0
) -> Outcome:
    """The body was sent at most once and the answer's status is told; never raises for anything the outside does."""
    return call("POST", url, body, headers, allow_loopback, timeout_seconds=timeout_seconds)


def call(
    method: str,
    url: str,
    body: bytes,
    headers: Mapping[str, str],
    allow_loopback: bool = False,
    *,
    timeout_seconds: float = 10.0,
    keep_body: bool = False,
) -> Outcome:
    """The same for any method; with `keep_body` the answer's body too, as far as the cap. Its breaker is told."""
    with traces.span("webhook", host=place_of(url)):
        outcome = _called(method, url, body, headers, allow_loopback, timeout_seconds, keep_body)
    if outcome.is_down or outcome.status is not None:  # an address we refuse ourselves says nothing about its host
        breakers.told(BREAKER, place_of(url), answered=not outcome.is_down)
    return outcome


def pause_seconds(url: str, waiting_since: datetime) -> float:
    """0 when the host of this address may be called now, else how long a row that waits since then waits on.

    Whoever gets 0 makes the call (gdpr_portal.breakers).
    """
    left = breakers.wait_seconds(BREAKER, place_of(url))
    if not left:
        return 0.0
    age = (datetime.now(UTC) - waiting_since).total_seconds()
    return max(left, age * _OLDER_SHARE) * _dice.uniform(1.0, 1.0 + breakers.JITTER)


def place_of(url: str) -> str:
    """Host and port of an address: what has a breaker."""
    try:
        parts = urlsplit(url)
        return f"{parts.hostname or ''}:{parts.port or ''}".rstrip(":")
    except ValueError:
        return ""


def _called(
    method: str, url: str, body: bytes, headers: Mapping[str, str], allow_loopback: bool, timeout_seconds: float,
    keep_body: bool,
) -> Outcome:  # fmt: skip
    deadline = time.monotonic() + timeout_seconds
    try:
        return _send(method, resolve(url, allow_loopback, deadline), body, headers, deadline, keep_body)
    except _Refusal as refusal:
        return Outcome(error=refusal.code)
    except (httpcore.TimeoutException, TimeoutError):
        return Outcome(error="timeout")
    except httpcore.ConnectError as error:
        return Outcome(error="tls_failed" if _is_tls(error) else "connect_failed")
    except (httpcore.NetworkError, httpcore.ProtocolError, OSError):
        return Outcome(error="broken_answer")


def check(url: str, allow_loopback: bool = False) -> str:
    """The code of what is wrong with the address as it is written, empty if nothing is; no name is looked up."""
    try:
        _parsed(url, allow_loopback)
    except _Refusal as refusal:
        return refusal.code
    return ""


def resolve(url: str, allow_loopback: bool, deadline: float) -> Target:
    """The one address the call will go to. Refused when any address of the name is a place of ours."""
    scheme, host, port, path = _parsed(url, allow_loopback)
    addresses = _addresses(host, port, deadline)
    if not addresses:
        raise _Refusal("name_unknown")
    if not all(is_public(address) or (allow_loopback and _is_loopback(address)) for address in addresses):
        raise _Refusal("address_not_allowed")
    on_loopback = all(_is_loopback(address) for address in addresses)
    if not on_loopback and (scheme != "https" or port not in PORTS):
        raise _Refusal("https_only" if scheme != "https" else "port_not_allowed")
    return Target(scheme, host, port, path, str(addresses[0]))


def is_public(address: Address) -> bool:
    """Whether the address belongs to the open internet, and is no wrapping of another one."""
    if address.version == 6 and (address.scope_id or any(address in net for net in _TRANSLATED)):
        return False
    return address.is_global and not (address.is_multicast or address.is_reserved or address.is_unspecified)


def _is_loopback(address: Address) -> bool:
    return address in _LOOPBACK_4 or address == _LOOPBACK_6


def _parsed(url: str, allow_loopback: bool) -> tuple[str, str, int, str]:
    if len(url) > LONGEST_URL or not _VISIBLE.fullmatch(url) or "\\" in url or "#" in url:
        raise _Refusal("address_malformed")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise _Refusal("address_malformed") from None
    if parts.scheme != "https" and not (allow_loopback and parts.scheme == "http"):
        raise _Refusal("https_only")
    if "@" in parts.netloc or not parts.hostname or port == 0:
        raise _Refusal("address_malformed")
    host = _host(parts.hostname, bracketed=parts.netloc.startswith("["))
    path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, host, port or (443 if parts.scheme == "https" else 80), path


def _host(host: str, *, bracketed: bool) -> str:
    """A name or an address written in the one canonical way; decimal, octal, hex and short forms are none of them."""
    if bracketed:
        try:
            return str(ipaddress.IPv6Address(host))
        except ValueError:
            raise _Refusal("address_malformed") from None
    if _NAME.fullmatch(host.lower()):
        return host.lower()
    try:
        return str(ipaddress.IPv4Address(host))
    except ValueError:
        raise _Refusal("address_malformed") from None


def _addresses(host: str, port: int, deadline: float) -> list[Address]:
    """Every address of the name, looked up once; the look-up itself ends at the deadline."""
    pool = ThreadPoolExecutor(1, thread_name_prefix="resolve")
    try:
        answers = pool.submit(_look_up, host, port).result(timeout=max(0.0, deadline - time.monotonic()))
    except FutureTimeout:
        raise _Refusal("timeout") from None
    except (OSError, UnicodeError):
        raise _Refusal("name_unknown") from None
    finally:
        pool.shutdown(wait=False)
    return list(dict.fromkeys(ipaddress.ip_address(answer) for answer in answers))


def _look_up(host: str, port: int) -> list[str]:
    return [str(entry[4][0]) for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)]


def _send(
    method: str, target: Target, body: bytes, headers: Mapping[str, str], deadline: float, keep_body: bool
) -> Outcome:
    host = f"[{target.host}]" if ":" in target.host else target.host
    url = httpcore.URL(scheme=target.scheme, host=target.host, port=target.port, target=target.path)
    sent = [("Host", f"{host}:{target.port}" if target.port not in (80, 443) else host), *headers.items()]
    sent += [("Content-Length", str(len(body))), ("Connection", "close"), ("Accept-Encoding", "identity")]
    backend = _Pinned(target.address, deadline)
    with (
        httpcore.ConnectionPool(ssl_context=_tls(), network_backend=backend, http2=False) as pool,
        pool.stream(method, url, headers=sent, content=body) as response,
    ):
        kept = _drain(response.iter_stream(), keep_body)
        answered = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in response.headers[::-1]}
        pause = _retry_after(response.headers)
        return Outcome(status=response.status, retry_after=pause, headers=answered, body=kept)


@cache
def _tls() -> ssl.SSLContext:
    """Made once in a process: reading the machine's authorities costs more than the rest of a call."""
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)
    return context


def _drain(chunks: Iterable[bytes], keep: bool) -> bytes:
    """Reads what the receiver says, no further than the cap, and keeps it only for whoever needs it."""
    read, kept = 0, bytearray()
    for chunk in chunks:
        read += len(chunk)
        if keep:
            kept += chunk
        if read >= READ_CAP_BYTES:
            break
    return bytes(kept[:READ_CAP_BYTES])


def _retry_after(headers: Iterable[tuple[bytes, bytes]]) -> float | None:
    """Seconds from `Retry-After` (RFC 9110 section 10.2.3), as a number or a date; None when absent or unreadable."""
    value = next((value for name, value in headers if name.lower() == b"retry-after"), b"").decode("latin-1").strip()
    if re.fullmatch(r"[0-9]{1,9}", value, re.ASCII):
        return float(value)
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except (TypeError, ValueError):
        return None
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _is_tls(error: BaseException) -> bool:
    return isinstance(error.__cause__, ssl.SSLError) or isinstance(error.__context__, ssl.SSLError)


class _Pinned(httpcore.NetworkBackend):
    """Connects to the checked address whatever name is asked for, and lets nothing last past the deadline."""

    def __init__(self, address: str, deadline: float) -> None:
        self._address, self._deadline, self._sockets = address, deadline, httpcore.SyncBackend()

    def connect_tcp(
        self, host: str, port: int, timeout: float | None = None, local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:  # fmt: skip
        stream = self._sockets.connect_tcp(self._address, port, timeout=_left(self._deadline))
        return _Bounded(stream, self._deadline)


class _Bounded(httpcore.NetworkStream):
    """A connection each of whose operations may last as long as there is time left in all."""

    def __init__(self, stream: httpcore.NetworkStream, deadline: float) -> None:
        self._stream, self._deadline = stream, deadline

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        return self._stream.read(max_bytes, timeout=_left(self._deadline))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        self._stream.write(buffer, timeout=_left(self._deadline))

    def close(self) -> None:
        self._stream.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        stream = self._stream.start_tls(ssl_context, server_hostname, timeout=_left(self._deadline))
        return _Bounded(stream, self._deadline)

    def get_extra_info(self, info: str) -> Any:
        return self._stream.get_extra_info(info)


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left
