"""What the next page says of an act: that it was done, or why it was refused, in the reader's language."""

from collections.abc import Iterator
from contextlib import contextmanager

from django.contrib import messages
from django.http import HttpRequest

from gdpr_portal.errors import DomainError


@contextmanager
def saying(request: HttpRequest, done: str = "", *, which: str = "") -> Iterator[None]:
    """The block's act is said to be `done`, if there is something to say, or refused; `which` tells it from others."""
    try:
        yield
    except DomainError as error:
        messages.error(request, which + error.in_words)
    else:
        if done:
            messages.success(request, which + done)
