"""No address a stranger writes reaches anything of ours (threat T25): an inner listener is reached 0 times."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

import httpcore
import pytest

from consent import webhook
from tests.consent.people import Receiver, listening

INNER = (
    "127.0.0.1", "127.0.0.2", "127.1", "127.0.1", "2130706433", "0x7f000001", "0x7f.0.0.1", "0177.0.0.1",
    "017700000001", "0x7f.1", "0", "0.0.0.0", "0.0.0.1", "localhost", "LOCALHOST", "localhost.", "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1", "172.31.255.255", "192.168.0.1", "169.254.169.254", "169.254.170.2", "100.64.0.1", "192.0.0.1",
    "192.0.2.1", "198.18.0.1", "198.51.100.7", "203.0.113.9", "224.0.0.1", "239.255.255.250", "240.0.0.1",
    "255.255.255.255", "2852039166", "0xa9fea9fe", "0251.0376.0251.0376",
    "[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::ffff:169.254.169.254]",
    "[::ffff:10.0.0.1]", "[::127.0.0.1]", "[64:ff9b::7f00:1]", "[64:ff9b:1::a00:1]", "[2002:7f00:1::]",
    "[2001:0:7f00:1::]", "[fe80::1]", "[fe80::1%25lo]", "[fc00::1]", "[fd12:3456::1]", "[fec0::1]", "[ff02::1]",
    "[2001:db8::1]", "[100::1]", "[5f00::1]",
    "①②⑦.⓪.⓪.①", "１２７.0.0.1", "127。0。0。1", "ⓛocalhost", "xn--", "-bad.example", "a..b.example", "1.2.3",
    "999.1.1.1", "inner.test", "both.test", "mapped.test", "metadata.test",
)  # fmt: skip
"""Hosts that are, or lead to, places of ours; the last four are names the test's resolver knows."""

TWISTED = (
    "https://user@127.0.0.1/", "https://user:secret@example.org/", "https://example.org@127.0.0.1/",
    "https://127.0.0.1#@example.org/", "https://example.org#@127.0.0.1/", "https://example.org\\@127.0.0.1/",
    "https:\\\\127.0.0.1/", "https:///127.0.0.1/", "https://", "//127.0.0.1/", "127.0.0.1", "", "http://example.org/",
    "http://public.test/", "ftp://example.org/", "file:///etc/passwd", "gopher://127.0.0.1/", "javascript:alert(1)",
    "https://public.test:22/", "https://public.test:6379/", "https://public.test:0/", "https://public.test:99999/",
    "https://public.test:-1/", "https://public.test:x/", "https://public.test/\r\nHost: inner",
    "https://public.test/ x", "https://public.test\t/", "https://[::1/", "https://[127.0.0.1]/", "https://" + "a" * 600,
)  # fmt: skip

NAMES = {
    "localhost": ["127.0.0.1", "::1"], "inner.test": ["10.1.2.3"], "both.test": ["93.184.216.34", "127.0.0.1"],
    "mapped.test": ["::ffff:127.0.0.1"], "metadata.test": ["169.254.169.254"], "public.test": ["93.184.216.34"],
    "rebinding.test": ["93.184.216.34"],
}  # fmt: skip


@pytest.fixture
def resolver(monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    """Names are answered by the table above, and each asking is counted."""
    asked: dict[str, int] = {}

    def look_up(host: str, port: int) -> list[str]:
        asked[host] = asked.get(host, 0) + 1
        if host in NAMES:
            return NAMES[host]
        try:
            return [socket.inet_ntoa(socket.inet_aton(host))]  # as a lenient resolver would: 127.1, decimal, octal
        except OSError:
            return [host] if ":" in host or host.replace(".", "").isdigit() else []

    monkeypatch.setattr(webhook, "_look_up", look_up)
    return asked


@pytest.fixture
def canary() -> Iterator[Receiver]:
    """A listener inside, whose port every forbidden address is tried with."""
    with listening() as receiver:
        yield receiver


@pytest.fixture
def connections(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Every connection that would have been opened."""
    tried: list[tuple[str, int]] = []

    def connect(self: Any, host: str, port: int, **options: Any) -> Any:
        tried.append((host, port))
        raise httpcore.ConnectError("not in a test")

    monkeypatch.setattr(httpcore.SyncBackend, "connect_tcp", connect)
    return tried


def port_of(receiver: Receiver) -> str:
    return receiver.url.rsplit(":", 1)[1].split("/")[0]


@pytest.mark.usefixtures("resolver")
@pytest.mark.parametrize("host", INNER)
@pytest.mark.parametrize("scheme", ["https", "http"])
def test_no_inner_host_is_connected_to(
    connections: list[tuple[str, int]], canary: Receiver, scheme: str, host: str
) -> None:
    for port in ("", f":{port_of(canary)}", ":443"):
        outcome = webhook.post(f"{scheme}://{host}{port}/", b"{}", {}, timeout_seconds=2)
        assert outcome.status is None and outcome.error, outcome
    assert connections == []
    assert canary.heard == []


@pytest.mark.usefixtures("resolver")
@pytest.mark.parametrize("url", TWISTED)
def test_no_twisted_address_is_connected_to(connections: list[tuple[str, int]], canary: Receiver, url: str) -> None:
    assert webhook.post(url, b"{}", {}, timeout_seconds=2).error
    assert connections == []
    assert canary.heard == []


@pytest.mark.usefixtures("resolver")
def test_a_public_name_is_connected_to_by_the_address_that_was_checked(connections: list[tuple[str, int]]) -> None:
    assert webhook.post("https://public.test/hook", b"{}", {}, timeout_seconds=2).error == "connect_failed"
    assert connections == [("93.184.216.34", 443)]


def test_a_name_is_looked_up_once_so_that_rebinding_finds_nothing(
    resolver: dict[str, int], connections: list[tuple[str, int]], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = webhook._look_up

    def flips(host: str, port: int) -> list[str]:
        answers = first(host, port)
        NAMES["rebinding.test"] = ["127.0.0.1"]
        return answers

    monkeypatch.setattr(webhook, "_look_up", flips)
    webhook.post("https://rebinding.test/", b"{}", {}, timeout_seconds=2)
    assert resolver["rebinding.test"] == 1
    assert connections == [("93.184.216.34", 443)]
    NAMES["rebinding.test"] = ["93.184.216.34"]


def test_teeth_without_the_guard_the_canary_is_reached(canary: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    assert webhook.post(canary.url, b"{}", {}).error == "https_only"
    assert canary.heard == []
    monkeypatch.setattr(webhook, "_parsed", lambda url, loopback: ("http", "127.0.0.1", int(port_of(canary)), "/"))
    monkeypatch.setattr(webhook, "is_public", lambda address: True)
    webhook.post(canary.url, b"{}", {})
    assert len(canary.heard) == 1


def test_development_may_call_this_machine_and_nothing_else_inside(canary: Receiver) -> None:
    assert webhook.post(canary.url, b"{}", {"webhook-id": "x"}, allow_loopback=True).accepted
    assert canary.heard[0][0]["webhook-id"] == "x"
    for url in ("http://10.0.0.1/", "https://192.168.1.1/", "http://[fe80::1]/", "http://93.184.216.34/"):
        assert webhook.post(url, b"{}", {}, allow_loopback=True, timeout_seconds=1).error


def test_a_redirect_is_an_answer_and_is_not_followed(canary: Receiver) -> None:
    with listening() as outside:
        outside.answers, outside.headers = [302], {"Location": canary.url}
        outcome = webhook.post(outside.url, b"{}", {}, allow_loopback=True)
    assert (outcome.status, outcome.accepted, outcome.code) == (302, False, "http_302")
    assert canary.heard == []


def test_proxies_of_the_environment_are_not_asked(canary: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, canary.url)
    with listening() as outside:
        assert webhook.post(outside.url, b"{}", {}, allow_loopback=True).accepted
        assert len(outside.heard) == 1
    assert canary.heard == []


# --- what the other side may do to us (threat T26) --------------------------------------------------------------------
@pytest.fixture
def rude() -> Iterator[Callable[[Callable[[socket.socket], None]], str]]:
    """`rude(act)`: the address of a server that does this to whoever connects."""
    listeners: list[socket.socket] = []
    threads: list[threading.Thread] = []

    def serve(listener: socket.socket, act: Callable[[socket.socket], None]) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(65536)
            with suppress(OSError):  # the caller hangs up, as it should
                act(connection)

    def start(act: Callable[[socket.socket], None]) -> str:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        threads.append(threading.Thread(target=serve, args=(listener, act)))
        threads[-1].start()
        return f"http://127.0.0.1:{listener.getsockname()[1]}/"

    yield start
    for thread in threads:
        thread.join(timeout=10)
    for listener in listeners:
        listener.close()


HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n"


def test_an_endless_body_is_read_no_further_than_the_cap(rude: Any) -> None:
    sent = []

    def endless(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"Content-Length: 1000000000\r\n\r\n")
        for _ in range(4000):
            sent.append(connection.send(b"x" * 16384))

    assert webhook.post(rude(endless), b"{}", {}, allow_loopback=True, timeout_seconds=5).accepted
    assert sum(sent) < 16 * 1024 * 1024  # what the socket buffers took; 1 GB was on offer


@pytest.mark.parametrize("drip", [b"X", b"X-A: b\r\n"])
def test_a_slow_drip_ends_at_the_deadline(rude: Any, drip: bytes) -> None:
    import time

    def slow(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\n")
        for _ in range(600):
            connection.sendall(drip)
            time.sleep(0.1)

    started = time.monotonic()
    assert webhook.post(rude(slow), b"{}", {}, allow_loopback=True, timeout_seconds=1).error == "timeout"
    assert time.monotonic() - started < 40


def test_a_bomb_of_headers_and_nonsense_are_codes_and_no_texts(rude: Any) -> None:
    def bomb(connection: socket.socket) -> None:
        connection.sendall(HEAD + b"".join(b"X-%d: %s\r\n" % (at, b"y" * 1000) for at in range(2000)))

    def nonsense(connection: socket.socket) -> None:
        connection.sendall(b"alice@example.org is not HTTP\r\n\r\n")

    def hangs_up(connection: socket.socket) -> None:
        connection.shutdown(socket.SHUT_RDWR)

    for act in (bomb, nonsense, hangs_up):
        outcome = webhook.post(rude(act), b"{}", {}, allow_loopback=True, timeout_seconds=3)
        assert (outcome.status, outcome.error) == (None, "broken_answer")


@pytest.mark.parametrize(
    ("value", "low", "high"),
    [
        ("120", 120, 120),
        ("0", 0, 0),
        ("soon", None, None),
        ("-5", None, None),
        ("Fri, 31 Dec 2100 23:59:59 GMT", 1e9, 1e10),
    ],
)
def test_retry_after_is_read_as_seconds_or_a_date(value: str, low: float | None, high: float | None) -> None:
    with listening() as outside:
        outside.answers, outside.headers = [503], {"Retry-After": value}
        outcome = webhook.post(outside.url, b"{}", {}, allow_loopback=True)
    assert outcome.status == 503
    assert outcome.retry_after is None if low is None else low <= (outcome.retry_after or 0) <= (high or 0)
