"""One answer for everybody takes one time for everybody (threat T11, figure G28; ASVS 6.3.8).

A form whose page does not say whether somebody is known does more for who is: it files, plans and seals. So its answer
waits for the next whole step of time since it was asked. By the clock of `python -m bench.enumeration` a request for an
erasure took a quarter longer for somebody known; a step holds all of it several times over.
"""

from collections.abc import Callable
from functools import wraps
from time import monotonic, sleep
from typing import Any

from django.http import HttpRequest, HttpResponse

STEP_SECONDS = 0.3
"""Of one thread of eight; the work itself takes a tenth of a second of a core, so that threads are not the bound."""


def evenly(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """Answers to what was sent come at a whole multiple of the step; a form that is only looked at comes at once."""

    @wraps(view)
    def even(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        began = monotonic()
        response = view(request, *args, **kwargs)
        if request.method == "POST":
            sleep(STEP_SECONDS - (monotonic() - began) % STEP_SECONDS)
        return response

    return even
