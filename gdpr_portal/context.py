"""What travels with one piece of work: its request id. Ground floor: everyone may import it."""

from contextvars import ContextVar

request_id: ContextVar[str | None] = ContextVar("request_id", default=None)
"""The id of the HTTP request or job under way, as in `X-Request-Id`, the logs and the audit log."""
