"""HashiCorp Vault's transit engine and AWS KMS as far as the keyring needs them: real HTTP on a free port, real AES.

They check what the real ones check (token; AWS Signature Version 4; encryption context), number their keys' versions,
and say what the real ones say when they refuse. `orders` makes the next answers fail; `delay` makes them late.
"""

import base64
import hashlib
import hmac
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

TOKEN = "hvs.test-token"
ACCESS, SECRET = "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
REGION = "eu-central-1"


class Fake:
    """What both have: versions of one key, orders to fail, and a record of what was asked."""

    key = "gdpr-portal"

    def __init__(self) -> None:
        self.versions = {1: AESGCM(os.urandom(32))}
        self.oldest = 1
        self.orders: list[Any] = []
        self.delay = 0.0
        self.asked: list[dict[str, Any]] = []
        self.address = ""
        self.stop = lambda: None

    def rotate(self) -> None:
        self.versions[max(self.versions) + 1] = AESGCM(os.urandom(32))

    def seal(self, plain: bytes, associated: bytes) -> tuple[int, bytes]:
        version, nonce = max(self.versions), os.urandom(12)
        return version, nonce + self.versions[version].encrypt(nonce, plain, associated)

    def open(self, version: int, sealed: bytes, associated: bytes) -> bytes | None:
        if version not in self.versions or version < self.oldest:
            return None
        try:
            return self.versions[version].decrypt(sealed[:12], sealed[12:], associated)
        except InvalidTag:
            return None

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        raise NotImplementedError


class FakeTransit(Fake):
    """`POST /v1/transit/{encrypt,decrypt}/<key>` of a key of type aes256-gcm96."""

    name = "transit"
    REFUSED: ClassVar[list[Any]] = [400, 403, 404]
    OVERLOADED: ClassVar[list[Any]] = [429, 500, 502, 503]

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        if self.orders:
            return self.orders.pop(0), {"errors": ["ordered"]}
        if headers.get("X-Vault-Token") != TOKEN or headers.get("X-Vault-Request") != "true":
            return 403, {"errors": ["permission denied"]}
        parts, asked = path.split("/"), json.loads(body)
        if parts[:3] != ["", "v1", "transit"] or parts[4:] != [self.key]:
            return 404, {"errors": []}
        associated = base64.b64decode(asked["associated_data"])
        if parts[3] == "encrypt":
            version, sealed = self.seal(base64.b64decode(asked["plaintext"]), associated)
            text = f"vault:v{version}:{base64.b64encode(sealed).decode()}"
            return 200, {"data": {"ciphertext": text, "key_version": version}}
        prefix, version_text, sealed_text = asked["ciphertext"].split(":")
        assert prefix == "vault"
        plain = self.open(int(version_text[1:]), base64.b64decode(sealed_text), associated)
        if plain is None:
            return 400, {"errors": ["cipher: message authentication failed"]}
        return 200, {"data": {"plaintext": base64.b64encode(plain).decode()}}


class FakeKms(Fake):
    """`TrentService.Encrypt` and `.Decrypt` of a symmetric key; the version lies inside the ciphertext, as at AWS."""

    name = "kms"
    REFUSED: ClassVar[list[Any]] = [
        (400, "AccessDeniedException"), (400, "NotFoundException"), (400, "DisabledException"),
        (400, "KMSInvalidStateException"), (400, "InvalidCiphertextException"), (403, "ExpiredTokenException"),
    ]  # fmt: skip
    OVERLOADED: ClassVar[list[Any]] = [
        (400, "ThrottlingException"), (500, "KMSInternalException"), (503, "ServiceUnavailable"),
        (500, "DependencyTimeoutException"),
    ]  # fmt: skip

    def answer(self, path: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, Any]]:
        if self.orders:
            status, kind = self.orders.pop(0)
            return status, {"__type": kind, "message": "ordered"}
        if not signed("POST", path, headers, body, region=REGION, service="kms"):
            return 400, {"__type": "IncompleteSignatureException", "message": "bad signature"}
        assert headers["Content-Type"] == "application/x-amz-json-1.1"
        asked = json.loads(body)
        if asked["KeyId"] != self.key:
            return 400, {"__type": "NotFoundException", "message": "no such key"}
        context = json.dumps(asked["EncryptionContext"], sort_keys=True).encode()
        if headers["X-Amz-Target"] == "TrentService.Encrypt":
            version, sealed = self.seal(base64.b64decode(asked["Plaintext"]), context)
            return 200, {"KeyId": self.key, "CiphertextBlob": base64.b64encode(bytes([version]) + sealed).decode()}
        assert headers["X-Amz-Target"] == "TrentService.Decrypt"
        blob = base64.b64decode(asked["CiphertextBlob"])
        plain = self.open(blob[0], blob[1:], context)
        if plain is None:
            return 400, {"__type": "InvalidCiphertextException", "message": None}
        return 200, {"KeyId": self.key, "Plaintext": base64.b64encode(plain).decode()}


def signed(method: str, path: str, headers: Mapping[str, str], body: bytes, *, region: str, service: str) -> bool:
    """Whether the request bears AWS Signature Version 4 of `SECRET`, written from the specification."""
    scheme, _, rest = headers.get("Authorization", "").partition(" ")
    if scheme != "AWS4-HMAC-SHA256":
        return False
    parts = dict(part.strip().split("=", 1) for part in rest.split(","))
    moment = headers["X-Amz-Date"]
    scope = f"{moment[:8]}/{region}/{service}/aws4_request"
    if parts["Credential"] != f"{ACCESS}/{scope}" or "host" not in parts["SignedHeaders"].split(";"):
        return False
    names = parts["SignedHeaders"].split(";")
    lowered = {name.lower(): " ".join(value.split()) for name, value in headers.items()}
    lines = "".join(f"{name}:{lowered[name]}\n" for name in names)
    request = "\n".join([method, path, "", lines, parts["SignedHeaders"], hashlib.sha256(body).hexdigest()])
    text = "\n".join(["AWS4-HMAC-SHA256", moment, scope, hashlib.sha256(request.encode()).hexdigest()])
    key = b"AWS4" + SECRET.encode()
    for word in (*scope.split("/")[:3], "aws4_request"):
        key = hmac.digest(key, word.encode(), "sha256")
    return hmac.compare_digest(hmac.digest(key, text.encode(), "sha256").hex(), parts["Signature"])


@contextmanager
def serving(fake: Fake) -> Iterator[Fake]:
    """The fake answers at `fake.address` until the block ends or `fake.stop()`."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            fake.asked.append({"path": self.path, "headers": dict(self.headers), "body": body})
            time.sleep(fake.delay)
            status, said = fake.answer(self.path, self.headers, body)
            text = json.dumps(said).encode()
            try:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)
            except OSError:
                return  # whoever asked has given up

        def log_message(self, *args: Any) -> None:
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    fake.address = f"http://127.0.0.1:{server.server_address[1]}"

    def stop() -> None:
        server.shutdown()
        server.server_close()
        thread.join()
        fake.stop = lambda: None

    fake.stop = stop
    try:
        yield fake
    finally:
        fake.stop()
