"""An archive as a bag (RFC 8493, BagIt 1.0): every file bound by a manifest, the manifests by a signature.

    bagit.txt, bag-info.txt    what it is; nothing in them is about the person
    data/                      payload: what others answered, word for word
    manifest-sha256.txt        the files of the payload
    index.html, data.json ...  tag files, at the top where people and programs look for them (docs/decisions/0042)
    tagmanifest-sha256.txt     the tag files, `manifest-sha256.txt` among them
    tagmanifest-sha256.jws     our signature over it (RFC 7515, detached)

Files pass by once, hashed on their way into the ZIP; the manifests come last.
"""

import hashlib
import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from django.conf import settings
from django.utils import timezone

from vault.signing import sign_jws

PAYLOAD: Final = "data/"
DECLARATION: Final = b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n"
SIGNED: Final = "archive-manifest+jws"


@dataclass(frozen=True)
class Passed:
    """A file that is in the ZIP."""

    sha256: str
    size: int


class Bag:
    """The files that passed into one archive, and the manifests over them."""

    def __init__(self) -> None:
        self.files: dict[str, Passed] = {}

    def passing(self, path: str, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """The same pieces; once they are through, the file is known to the manifests that follow."""
        digest, size = hashlib.sha256(), 0
        for piece in pieces:
            digest.update(piece)
            size += len(piece)
            yield piece
        self.files[path] = Passed(digest.hexdigest(), size)

    def info(self, external: str) -> Iterator[bytes]:
        """`bag-info.txt`: when, by whom, and how much the payload is (octets and files)."""
        payload = [each for path, each in self.files.items() if path.startswith(PAYLOAD)]
        told = {
            "Source-Organization": " ".join(str(settings.CONTROLLER["name"]).split()),
            "External-Identifier": external,
            "Bagging-Date": timezone.now().date().isoformat(),
            "Payload-Oxum": f"{sum(each.size for each in payload)}.{len(payload)}",
            "Bag-Software-Agent": "GDPR Portal",
        }
        yield "".join(f"{label}: {value}\n" for label, value in told.items()).encode()

    def manifest(self, form: str) -> Iterator[bytes]:
        """`manifest.json`: every file until here, for programs that know nothing of bags."""
        files: list[dict[str, Any]] = [
            {"path": path, "sha256": each.sha256, "bytes": each.size} for path, each in sorted(self.files.items())
        ]
        yield json.dumps({"format": form, "files": files}, indent=2, sort_keys=True).encode()

    def lines(self, *, payload: bool) -> Iterator[bytes]:
        """A manifest of the payload, or of the tag files that passed."""
        for path, each in sorted(self.files.items()):
            if path.startswith(PAYLOAD) == payload:
                yield f"{each.sha256}  {path}\n".encode()


class Signed:
    """A manifest, made when its turn comes, and the detached signature over it (verified as docs/receipts.md says)."""

    def __init__(self, lines: Iterator[bytes]) -> None:
        self._lines, self._text = lines, b""

    def text(self) -> Iterator[bytes]:
        self._text = b"".join(self._lines)
        yield self._text

    def signature(self) -> Iterator[bytes]:
        yield sign_jws(self._text, typ=SIGNED, detached=True).encode()
