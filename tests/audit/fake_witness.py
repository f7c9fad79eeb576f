"""A witness as c2sp.org/tlog-witness describes it, on the loopback."""

import base64
import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

from audit import cosignatures, merkle, note
from audit import standalone_verifier as ed
from tests.audit.tools import sign

SEED = hashlib.sha256(b"the witness").digest()
NAME = "witness.example/w1"


def public_key(seed: bytes = SEED) -> bytes:
    digest = hashlib.sha512(seed).digest()
    scalar = int.from_bytes(digest[:32], "little") & (1 << 254) - 8 | 1 << 254
    return ed._compress(ed._multiply(scalar, ed.BASE))


def vkey(name: str = NAME, seed: bytes = SEED) -> str:
    public = public_key(seed)
    encoded = base64.b64encode(b"\x04" + public).decode()
    return f"{name}+{cosignatures.key_id(name, public).hex()}+{encoded}"


def cosign(text: str, timestamp: int = 1_800_000_000, seed: bytes = SEED, name: str = NAME) -> str:
    """The signature line over the checkpoint."""
    stamp = timestamp.to_bytes(8, "big")
    raw = cosignatures.key_id(name, public_key(seed)) + stamp + sign(cosignatures.message(text, timestamp), seed)
    return f"— {name} {base64.b64encode(raw).decode()}"


class FakeWitness:
    """Remembers the last tree head it signed, and everything it was sent."""

    def __init__(self, log_vkey: str) -> None:
        self.log_vkey = log_vkey
        self.head = note.TreeHead("", 0, merkle.EMPTY_ROOT)
        self.bodies: list[str] = []
        self.answer: tuple[int, str] | None = None
        self.url = ""

    def add_checkpoint(self, body: str) -> tuple[int, str]:
        self.bodies.append(body)
        if self.answer is not None:
            return self.answer
        first, _, text = body.partition("\n\n")
        old, *proof = first.split("\n")
        try:
            head = note.open_checkpoint(text, [self.log_vkey])
        except note.BadNote:
            return 403, "not by a key I know"
        if old != f"old {self.head.size}":
            return 409, f"{self.head.size}\n"
        if head.size == self.head.size and head.root != self.head.root:
            return 409, ""
        if self.head.size and not merkle.consistency_holds(
            first=self.head.size, second=head.size, first_root=self.head.root, second_root=head.root,
            proof=[base64.b64decode(line) for line in proof],
        ):  # fmt: skip
            return 422, "not consistent"
        self.head = head
        return 200, f"— somebody.else/w9 {base64.b64encode(bytes(76)).decode()}\n{cosign(text)}\n"


@contextmanager
def running(witness: FakeWitness) -> Iterator[FakeWitness]:
    """The witness answers on a port of the loopback, at `witness.url`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            assert self.path == "/prefix/add-checkpoint"
            status, text = witness.add_checkpoint(self.rfile.read(int(self.headers["Content-Length"])).decode())
            raw = text.encode()
            self.send_response(status)
            self.send_header("Content-Type", "text/x.tlog.size" if status == 409 else "text/plain")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def log_message(self, *args: Any) -> None:
            """Silence."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    witness.url = f"http://127.0.0.1:{server.server_address[1]}/prefix/"
    try:
        yield witness
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
