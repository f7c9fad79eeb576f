"""What a route in front of Django is made of."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from access.models import Application


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """`name` is the template of Django's own route and `example` a path of it.

    `understand(match, query, body)` gives what is asked, None for what the view has to look at. `answer(application,
    asked)` gives the body of the 200; None, only where it `may_pass_on`, when the view has to answer after all: then it
    has written nothing.
    """

    name: str
    example: str
    method: str
    path: re.Pattern[str]
    scope: str
    understand: Callable[[re.Match[str], str, bytes], Any]
    answer: Callable[[Application, Any], bytes | None]
    most_bytes: int = 0
    may_pass_on: bool = False
