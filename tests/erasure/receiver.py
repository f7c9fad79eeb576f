"""Another controller that receives archives: the receiver of docs/transfer.md, and misbehaviour on order."""

import re
import threading
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils import timezone

from erasure.models import Destination
from erasure.services.destinations import approve, propose

KEY = bytes(range(32))
SECRET = b64encode(KEY).decode()


@dataclass
class Other:
    """The other controller as a test sees it. `misbehave(handler)` may answer instead; True: it has."""

    folder: Path
    url: str = ""
    calls: list[tuple[str, str, int]] = field(default_factory=list)
    misbehave: Callable[[Any], bool] = lambda handler: False

    def uploads(self) -> list[Path]:
        """What was created, whether it is whole or not."""
        return sorted(path for path in self.folder.iterdir() if not path.suffix)

    def held(self) -> bytes:
        """The bytes of the one upload."""
        (upload,) = self.uploads()
        return upload.read_bytes()

    def sent_bytes(self) -> int:
        """How many bytes came over the wire as pieces, doubled ones counted doubly."""
        return sum(size for method, _path, size in self.calls if method == "PATCH")


def documented() -> Any:
    """The receiver of the documentation, as it stands there."""
    text = (settings.BASE_DIR / "docs" / "transfer.md").read_text()
    (code,) = re.findall(r"```python\n(.*?)```", text, re.DOTALL)
    scope: dict[str, Any] = {}
    exec(compile(code, "docs/transfer.md", "exec"), scope)
    return scope["Receiver"]


@contextmanager
def receiving(folder: Path, key: bytes = KEY) -> Iterator[Other]:
    """The other controller on a free port of this machine, gone afterwards."""
    folder.mkdir(exist_ok=True)
    other, base = Other(folder), documented()
    lock = threading.Lock()

    class Handler(base):  # type: ignore[misc, valid-type]
        def _counted(self, act: Callable[[], None]) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            with lock:
                other.calls.append((self.command, self.path, size))
                if not other.misbehave(self):
                    act()

        def do_POST(self) -> None:
            self._counted(super().do_POST)

        def do_HEAD(self) -> None:
            self._counted(super().do_HEAD)

        def do_PATCH(self) -> None:
            self._counted(super().do_PATCH)

        def log_message(self, *args: Any) -> None:
            """Quiet."""

    Handler.folder, Handler.key = folder, key
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    other.url = f"http://127.0.0.1:{server.server_port}/uploads"
    try:
        yield other
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def destination(url: str, *, by: Any, approved_by: Any, slug: str = "rival", **more: Any) -> Destination:
    """A controller proposed by one and approved by the other."""
    row = Destination(slug=slug, name=slug.title(), contact="privacy@rival.example", url=url, **more)
    propose(destination=row, secret="" if more.get("obstacle") else SECRET, by=by.account)
    return approve(destination_id=row.id, by=approved_by.account)


def due_again() -> None:
    """Every pause is over."""
    from erasure.models import Transfer

    Transfer.objects.filter(ended_at=None).update(next_at=timezone.now())
