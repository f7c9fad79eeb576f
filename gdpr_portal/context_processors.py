"""What every page knows."""

from typing import Any

from django.conf import settings
from django.http import HttpRequest


def controller(request: HttpRequest) -> dict[str, Any]:
    """Who is responsible (Art. 13(1)(a), (b), (d)): the controller, its officer, the authority."""
    return {"controller": settings.CONTROLLER}


def passkeys(request: HttpRequest) -> dict[str, Any]:
    """The domain passkeys belong to, and the origins they may be used at: the script keeps to them."""
    return {"passkey_domain": settings.PASSKEY_RP_ID, "passkey_origins": settings.PASSKEY_ORIGINS}
