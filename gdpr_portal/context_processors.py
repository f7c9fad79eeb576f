"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def controller(request: HttpRequest) -> dict[str, Any]:
    """Who is responsible (Art. 13(1)(a), (b), (d)): the controller, its officer, the authority."""
    return {"controller": settings.CONTROLLER}
