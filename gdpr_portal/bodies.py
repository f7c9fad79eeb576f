"""Bodies come whole or not at all (RFC 9112 section 8): what was cut off on the way is not taken for what was meant.

A form whose last fields are missing would be another form. Granian gives what came as if it were everything.
"""

from collections.abc import Callable, Iterable
from typing import Any, BinaryIO

Environ = dict[str, Any]
WSGI = Callable[[Environ, Callable[..., Any]], Iterable[bytes]]


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
