"""Places where a test may kill the process, to prove that the rows carry the work on. Ground floor.

`FAILPOINT=name` in the environment of a development profile ends the process with SIGKILL when it comes by.
"""

import os
import signal

from django.conf import settings


def failpoint(name: str) -> None:
    """The process is dead if `FAILPOINT` names this place, and nothing happened otherwise."""
    if settings.IS_LOCAL and os.environ.get("FAILPOINT") == name:
        os.kill(os.getpid(), signal.SIGKILL)
