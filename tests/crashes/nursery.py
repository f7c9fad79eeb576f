"""A process with the service loaded that forks workers on demand, as Celery's own pool does: starts cost milliseconds.

Line by line: `{"code": ..., "env": {...}}` answers the worker's pid, `{"wait": pid}` how it ended (minus the signal).
It never opens a connection itself, so that each worker has its own.
"""

import gc
import json
import os
import sys
import traceback

import django


def serve() -> None:
    """Orders are taken until standard input closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what workers print is not an answer
    django.setup()
    _load()
    for line in sys.stdin:
        order = json.loads(line)
        answer = _ended(order["wait"]) if "wait" in order else _forked(order["code"], order["env"])
        print(answer, file=answers, flush=True)


def _load() -> None:
    """What every worker would load for itself: the tasks, the addresses mails link to, the catalogues they speak."""
    from django.conf import settings
    from django.urls import reverse
    from django.utils import translation

    import consent.tasks  # noqa: F401
    import erasure.tasks  # noqa: F401

    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            translation.gettext("")
            reverse("home")
    gc.freeze()


def _forked(code: str, env: dict[str, str]) -> int:
    pid = os.fork()
    if pid:
        return pid
    status = 1
    try:
        os.environ.update(env)
        exec(code, {})
        status = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(status)


def _ended(pid: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


if __name__ == "__main__":
    serve()
