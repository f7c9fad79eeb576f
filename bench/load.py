"""A load generator: so many keep-alive connections, each sends its next request when its answer has come.

A process of its own (`asked`), raw sockets and one `selectors` loop: some 20 microseconds a request, so that rates
above 40,000/s measure the generator; CPU microseconds of the server are right at any rate.
"""

import json
import selectors
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LONGEST = 60


def request(method: str, path: str, headers: dict[str, str], body: Any = None) -> bytes:
    """The bytes of one request."""
    content = b"" if body is None else json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", "Accept: */*", *(f"{k}: {v}" for k, v in headers.items())]
    if body is not None:
        lines += ["Content-Type: application/json", f"Content-Length: {len(content)}"]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + content


def asked(port: int, requests: list[bytes], *, seconds: float, connections: int, folder: Path) -> dict[str, float]:
    """Sends the requests, again from the first when they run out, for so long; on the last core.

    `{"rate", "median_ms", "p99_ms", "count", "failed"}`; `failed` counts answers that are no 2xx.
    """
    file = folder / "requests"
    file.write_bytes(b"".join(len(each).to_bytes(4, "big") + each for each in requests))
    command = [sys.executable, "-m", "bench.load", str(port), str(file), str(seconds), str(connections)]
    found: dict[str, float] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return found


def main(port: int, file: Path, seconds: float, connections: int) -> dict[str, float]:
    """The load of this process."""
    requests, raw = [], file.read_bytes()
    while raw:
        length = int.from_bytes(raw[:4], "big")
        requests.append(raw[4 : 4 + length])
        raw = raw[4 + length :]
    selector, sent, turn = selectors.DefaultSelector(), {}, 0
    times: list[float] = []
    failed = 0
    for _ in range(connections):
        made = socket.create_connection(("127.0.0.1", port))
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        selector.register(made, selectors.EVENT_READ, bytearray())
        made.sendall(requests[turn % len(requests)])
        sent[made], turn = time.perf_counter(), turn + 1
    began = now = time.perf_counter()
    while sent and now < began + seconds + LONGEST:  # who has been asked is heard out: the next row starts at rest
        for key, _ in selector.select(1):
            made: Any = key.fileobj
            received = made.recv(262_144)
            if not received:
                raise SystemExit("the server hung up")
            key.data.extend(received)
            status = complete(key.data)
            if status is None:
                continue
            key.data.clear()
            now = time.perf_counter()
            times.append(now - sent.pop(made))
            failed += not 200 <= status < 300
            if now < began + seconds:
                made.sendall(requests[turn % len(requests)])
                sent[made], turn = now, turn + 1
        now = time.perf_counter()
    took = now - began
    if not times:
        raise SystemExit("nothing was answered")
    times.sort()
    return {
        "rate": len(times) / took, "median_ms": 1000 * times[len(times) // 2], "count": len(times), "failed": failed,
        "p99_ms": 1000 * times[len(times) * 99 // 100],
    }  # fmt: skip


def complete(data: bytearray) -> int | None:
    """The status of an answer that is all there, else None. Every answer has its Content-Length, here."""
    head = data.find(b"\r\n\r\n")
    if head < 0:
        return None
    at = data.lower().find(b"content-length:", 0, head)
    length = int(data[at + 15 : data.find(b"\r\n", at)]) if at >= 0 else 0
    return int(data[9:12]) if len(data) >= head + 4 + length else None


if __name__ == "__main__":
    import os

    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    print(json.dumps(main(int(sys.argv[1]), Path(sys.argv[2]), float(sys.argv[3]), int(sys.argv[4]))))
