"""Nobody slips one request into another: our server and HTTP/1.1, HTTP/2 (OWASP ASVS 4.2.1 to 4.2.4)."""

import socket
import struct
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

HOST = b"Host: localhost\r\n"
SECOND = b"GET /second HTTP/1.1\r\n" + HOST + b"\r\n"
FORM = b"POST / HTTP/1.1\r\n" + HOST
TWO_READINGS = {
    "two lengths": FORM + b"Content-Length: 4\r\nContent-Length: 6\r\n\r\nabcdef",
    "another coding": FORM + b"Transfer-Encoding: xchunked\r\nContent-Length: 4\r\n\r\nabcd" + SECOND,
    "a blank before the colon": FORM + b"Transfer-Encoding : chunked\r\nContent-Length: 4\r\n\r\nabcd",
    "a negative length": FORM + b"Content-Length: -1\r\n\r\n",
    "a length with a sign": FORM + b"Content-Length: +4\r\n\r\nabcd",
    "a bare CR": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\rX-B: b\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\n" + HOST + b"X-A: a\0b\r\n\r\n",
}
PROGRAM = """
def app(environ, start_response):
    body = environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/plain"), ("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Our server as the entrypoint starts it, with a program that gives back what it read."""
    folder = tmp_path_factory.mktemp("wire")
    (folder / "echo.py").write_text(PROGRAM)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = int(free.getsockname()[1])
    command = [
        sys.executable, "-m", "granian", "--interface", "wsgi", "--workers", "1", "--blocking-threads", "2",
        "--no-ws", "--http", "auto", "--host", "127.0.0.1", "--port", str(port), "echo:app",
    ]  # fmt: skip
    with subprocess.Popen(command, cwd=folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            until_it_listens(port)
            yield port
        finally:
            process.terminate()


def until_it_listens(port: int) -> None:
    for _try in range(300):
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise AssertionError("it does not listen")


def said(port: int, raw: bytes) -> bytes:
    """Everything that comes back until the server ends the connection or is silent for a while."""
    found = b""
    with socket.create_connection(("127.0.0.1", port), timeout=2) as wire:
        wire.sendall(raw)
        try:
            while data := wire.recv(65536):
                found += data
        except (TimeoutError, ConnectionResetError):
            pass
    return found


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """RFC 9113, section 4.1."""
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def over_http2(port: int, *more: tuple[bytes, bytes]) -> bytes:
    """What comes back on a GET with these headers besides, each a literal without Huffman (RFC 7541, 6.2.2)."""
    plain = [(b":method", b"GET"), (b":scheme", b"http"), (b":path", b"/"), (b":authority", b"localhost"), *more]
    block = b"".join(b"\0" + bytes([len(name)]) + name + bytes([len(value)]) + value for name, value in plain)
    start = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, b"")
    return said(port, start + frame(1, 5, 1, block))


def kinds(raw: bytes) -> list[int]:
    """The types of the frames of stream 1 and of the connection: 1 HEADERS, 3 RST_STREAM, 7 GOAWAY."""
    found = []
    while len(raw) >= 9:
        length = int.from_bytes(raw[:3], "big")
        found.append(raw[3])
        raw = raw[9 + length :]
    return found


def test_of_two_lengths_the_coding_counts_and_the_connection_ends(server: int) -> None:
    """As RFC 9112, 6.3 has it: what would be the next request for somebody else is nobody's."""
    answer = said(server, FORM + b"Content-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + SECOND)
    assert answer.count(b"HTTP/1.1 ") == 1 and b"connection: close" in answer.lower()


@pytest.mark.parametrize("name", TWO_READINGS)
def test_what_could_be_read_in_two_ways_is_refused(server: int, name: str) -> None:
    answer = said(server, TWO_READINGS[name])
    assert answer.startswith(b"HTTP/1.1 400 "), answer[:80]
    assert answer.count(b"HTTP/1.1 ") == 1, "what stood in the body is no request of its own"


def test_a_plain_request_is_answered_with_its_true_length(server: int) -> None:
    answer = said(server, FORM + b"Connection: close\r\nContent-Length: 4\r\n\r\nabcd")
    assert answer.startswith(b"HTTP/1.1 200 ") and answer.endswith(b"\r\n\r\nabcd")
    assert b"content-length: 4" in answer.lower() and b"transfer-encoding" not in answer.lower()


def test_a_plain_request_over_http2_is_answered(server: int) -> None:
    found = kinds(over_http2(server))
    assert 1 in found and 3 not in found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        (b"transfer-encoding", b"chunked"),
        (b"connection", b"close"),
        (b"x-a", b"a\r\nx-b: b"),
        (b"x-a", b"a\nb"),
        (b"x-a\r\nx-b", b"b"),
    ],
)
def test_headers_that_http2_does_not_know_are_refused(server: int, name: bytes, value: bytes) -> None:
    found = kinds(over_http2(server, (name, value)))
    assert 3 in found or 7 in found, "the stream or the connection is ended"
    assert 1 not in found, "and nothing is answered"


def test_the_server_is_started_as_the_entrypoint_does(repository: Path) -> None:
    entrypoint = (repository / "deploy/container/entrypoint").read_text()
    assert "--no-ws --http auto" in entrypoint
