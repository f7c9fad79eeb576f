"""Bodies come whole or not at all (RFC 9112 section 8), and nothing of one is left behind (section 9.3).

A form whose last fields are missing would be another form. Granian gives what came as if it were everything.

Where an answer leaves bytes of a body unread, Granian closes the connection after it without saying so: the next
request of a client that keeps its connections gets no answer, and nobody can tell whether it was carried out.
"""

import threading
from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

Environ = dict[str, Any]
WSGI = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]

MOST_READ_FOR_NOTHING = 2 * 1024 * 1024
"""Bytes of a refused body that are read, so that the connection can go on; past them it is said to end."""
PIECE_BYTES = 64 * 1024
_reading = threading.BoundedSemaphore(2)
"""Threads that may read for nothing at once: who sends slowly what is refused anyway must not hold them all."""


class WholeBodies:
    """The application behind it gets `OSError` where a body ends early; Django makes a 4xx of it."""

    def __init__(self, application: WSGI) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        if length.isascii() and length.isdecimal():
            environ["wsgi.input"] = _Whole(environ["wsgi.input"], int(length))
        return self.application(environ, start_response)


class _Whole:
    """A body of so many bytes."""

    def __init__(self, stream: BinaryIO, length: int) -> None:
        self._stream, self._left = stream, length

    def read(self, size: int = -1) -> bytes:
        wanted = self._left if size < 0 else min(size, self._left)
        found = self._stream.read(wanted)
        self._left -= len(found)
        if len(found) < wanted:
            raise OSError("the body ended before it was complete")
        return found

    def readline(self, size: int = -1) -> bytes:
        found = self._stream.readline(self._left if size < 0 else min(size, self._left))
        self._left -= len(found)
        if self._left and not found:
            raise OSError("the body ended before it was complete")
        return found


class NothingLeftBehind:
    """What nobody read of a body is read before the answer, or the answer says `Connection: close`."""

    def __init__(self, application: WSGI) -> None:
        self.application = application

    def __call__(self, environ: Environ, start_response: Callable[..., Any]) -> Iterable[bytes]:
        length = environ.get("CONTENT_LENGTH") or ""
        if length in {"", "0"} and not environ.get("HTTP_TRANSFER_ENCODING"):
            return self.application(environ, start_response)
        body = _Counted(environ["wsgi.input"], int(length) if length.isascii() and length.isdecimal() else None)
        may_read = 0 if environ.get("HTTP_EXPECT") else MOST_READ_FOR_NOTHING  # who asks first has not sent it yet
        environ["wsgi.input"] = body

        def start(status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
            last = [] if _is_emptied(body, may_read) else [("Connection", "close")]
            return start_response(status, [*headers, *last], *more)

        return self.application(environ, start)


def _is_emptied(body: "_Counted", most: int) -> bool:
    """Whether nothing of it is left, after what may be read for nothing."""
    if body.is_emptied(0) or not _reading.acquire(blocking=False):
        return body.is_emptied(0)
    try:
        return body.is_emptied(most)
    finally:
        _reading.release()


class _Counted:
    """A body, and how much of it is left; None where nobody said how long it is, until its end was seen."""

    def __init__(self, stream: BinaryIO, length: int | None) -> None:
        self._stream, self._left = stream, length

    def read(self, size: int = -1) -> bytes:
        return self._seen(self._stream.read(size), size)

    def readline(self, size: int = -1) -> bytes:
        return self._seen(self._stream.readline(size), size)

    def is_emptied(self, most: int) -> bool:
        """Whether nothing is left, after reading up to `most` bytes more for nothing."""
        if self._left is not None and self._left > most:
            return False
        while self._left != 0 and most > 0:
            found = self.read(PIECE_BYTES)
            most -= len(found)
            if not found:
                break
        return self._left == 0

    def _seen(self, found: bytes, size: int) -> bytes:
        if self._left is not None:
            self._left = max(0, self._left - len(found))
        elif size < 0 or (size and not found):
            self._left = 0
        return found
