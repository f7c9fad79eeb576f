"""What a log line may say: a fixed sentence, the request's id, and members from one short list.

Nothing personal reaches a log (Art. 5(1)(c), (f)): members outside `MEMBERS` are dropped, free text of libraries is
reduced to the parts that cannot be a person's (`harmless`), tracebacks keep places and classes but not messages (a
database error quotes the row), and neither bodies nor query strings are logged at all.
"""

import logging
import logging.config
import re
import sys
import traceback
from collections.abc import Mapping
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, WrappedLogger

from gdpr_portal.context import request_id

MEMBERS = frozenset(
    {
        "event",
        "level",
        "logger",
        "timestamp",
        "request_id",
        "error",
        "trace",
        "code",
        "kind",
        "status",
        "method",
        "route",
        "duration_ms",
        "application",
        "task",
        "queue",
        "attempt",
        "attempts",
        "count",
        "rows",
        "seconds",
        "step",
        "request",
        "delivery",
        "dependency",
        "sequence",
        "size",
        "port",
        "name",
        "state",
        "version",
    }
)
"""Every member a line can have; references and numbers only."""

_WORD = re.compile(r"[A-Za-z0-9_.:/<>\[\]-]{0,120}", re.ASCII)
_PHRASE = re.compile(r"[A-Za-z0-9_.:/<>\[\] -]{0,160}", re.ASCII)


def harmless(value: object, pattern: re.Pattern[str] = _WORD) -> object:
    """`value` when it is a number, a flag or one plain word without `@`, `?` or blank; else only its type's name."""
    if value is None or isinstance(value, int | float):
        return value
    text = value if isinstance(value, str) else None
    if text is not None and pattern.fullmatch(text):
        return text
    return f"({type(value).__name__})"


class Template(logging.Filter):
    """A record of any library becomes its own sentence with harmless arguments; always passes."""

    def filter(self, record: logging.LogRecord) -> bool:
        pattern = _PHRASE if record.name.startswith("django.") else _WORD
        if isinstance(record.args, Mapping):
            record.args = {key: harmless(value, pattern) for key, value in record.args.items()}
        elif record.args:
            record.args = tuple(harmless(value, pattern) for value in record.args)
        if not isinstance(record.msg, str | dict):
            record.msg = f"({type(record.msg).__name__})"
        try:
            record.getMessage()
        except (TypeError, ValueError, KeyError):  # a numeric place in the sentence that got a type's name
            record.args = ()
        return True


def add_request_id(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """The line carries the id of the request under way, as in `X-Request-Id` and the audit log."""
    current = request_id.get()
    if current:
        event.setdefault("request_id", current)
    return event


def place_errors(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """An exception becomes `error` (its class) and `trace` (file:line function, innermost last), without messages."""
    found = event.pop("exc_info", None)
    if found is True:
        found = sys.exc_info()
    if isinstance(found, BaseException):
        found = (type(found), found, found.__traceback__)
    if isinstance(found, tuple) and found[0] is not None:
        kind = type(found[1].__cause__) if hasattr(found[1].__cause__, "sqlstate") else found[0]  # the driver's own
        event["error"] = f"{kind.__module__}.{kind.__qualname__}"
        event["trace"] = places(found[2])
    return event


def places(trace: TracebackType | None) -> list[str]:
    """Where the error passed: the last twelve frames as `file:line function`."""
    frames = traceback.extract_tb(trace)[-12:]
    return [f"{'/'.join(frame.filename.split('/')[-2:])}:{frame.lineno} {frame.name}" for frame in frames]


def keep_members(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Only listed members stay, each reduced to what is harmless; the sentence and the trace are ours already."""
    kept = {"event", "trace", "timestamp"}
    return {
        key: value if key in kept else harmless(value)
        for key, value in event.items()
        if key in MEMBERS or key.startswith("_")
    }


SHARED: list[Any] = [
    structlog.stdlib.add_log_level,
    structlog.stdlib.add_logger_name,
    structlog.processors.TimeStamper(fmt="iso", utc=True),
    add_request_id,
    place_errors,
    keep_members,
]

QUIET = {
    "django.request": "ERROR",
    "django.security.DisallowedHost": "CRITICAL",
    "django.db.backends": "WARNING",
    "celery.worker.strategy": "WARNING",
    "celery.app.trace": "WARNING",
    "celery.beat": "WARNING",
    "celery.redirected": "WARNING",
    "kombu": "WARNING",
    "kombu.connection": "ERROR",
    "pgmq": "WARNING",
    "psycopg.pool": "WARNING",
    "httpx": "WARNING",
    "httpcore": "WARNING",
    "asyncio": "WARNING",
    "fido2": "WARNING",  # it tells the ids of passkeys
}
"""Libraries that speak too much, and the level from which they are heard."""


def renderer(form: str) -> Any:
    """One JSON object a line, or readable text without colours."""
    if form == "json":
        return structlog.processors.JSONRenderer(sort_keys=True)
    return structlog.dev.ConsoleRenderer(colors=False, pad_event_to=0, sort_keys=True)


def configure(config: Mapping[str, str]) -> None:
    """Every logger of the process writes to standard output in `config["format"]` from `config["level"]` up.

    Both `logging.getLogger(...).info("sentence", extra={"count": 3})` and `structlog.get_logger().info("sentence",
    count=3)` are heard; both are cut to `MEMBERS`.
    """
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *SHARED,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=True,
    )
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [structlog.stdlib.ExtraAdder(MEMBERS), *SHARED],
        "processors": [structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer(config["format"])],
    }
    handler = {
        "class": "logging.StreamHandler",
        "stream": "ext://sys.stdout",
        "formatter": "line",
        "filters": ["template"],
    }
    logging.config.dictConfig(
        {
            "version": 1,
            "disable_existing_loggers": False,
            "filters": {"template": {"()": Template}},
            "formatters": {"line": formatter},
            "handlers": {"out": handler},
            "root": {"level": config["level"], "handlers": ["out"]},
            "loggers": {name: {"level": level} for name, level in QUIET.items()} | {"django": {"handlers": []}},
        }
    )
    logging.captureWarnings(True)
    if not sys.stderr.isatty():
        sys.excepthook = log_uncaught


def log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """What ends a process with nobody at the terminal is logged like any error: class and places, no message."""
    logging.getLogger("gdpr_portal").critical("ended by an error", exc_info=(kind, error, trace))
