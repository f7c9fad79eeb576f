"""What a route in front of Django is made of."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from access.models import Application


@dataclass(frozen=True, kw_only=True, slots=True)
class Route:
    """`name` is the template of Django's own route and `example` a path of it.

    `understand(match, query, body)` gives what is asked, None for what the view has to look at. `answer(application,
    asked)` gives the body of the answer with `status`; None, only where it `may_pass_on`, when the view has to answer
    after all: then it has written nothing. One that `writes` is called in a transaction (gdpr_portal.quick.writing).
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
    status: int = 200
    writes: bool = False


class Said(NamedTuple):
    """An answer, without the headers that all of its route carry."""

    status: int
    body: bytes
    content_type: str = "application/json"
    headers: tuple[tuple[str, str], ...] = ()
