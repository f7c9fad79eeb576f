"""Links by mail about a mandate: one to object, one to collect; made and opened as `access.services.mail_links` says.

The one to object shows a page with one button. The one to collect opens nothing without a code that the desk gives the
representative on another way than by mail; link and code stand in one digest, so that a wrong one of either is a try.
"""

from datetime import datetime
from uuid import UUID

from django.utils import timezone

from access.services.mail_links import new_link
from erasure.models import Mandate, MandateLink, RightsRequest
from erasure.services.links import LIFETIME, fitting

_ROUTES = {MandateLink.Use.OBJECT: "mandate-by-link", MandateLink.Use.COLLECT: "mandate-collect"}


def mandate_link(
    mandate: Mandate,
    use: MandateLink.Use,
    *,
    request: RightsRequest | None = None,
    code: str = "",
    expires_at: datetime | None = None,
) -> str:
    """The address of a fresh link; an older one for the same is dead. In the caller's transaction."""
    MandateLink.objects.filter(mandate=mandate, use=use, request=request).delete()
    now = timezone.now()
    link = MandateLink(mandate=mandate, request=request, use=use, made_at=now, expires_at=expires_at or now + LIFETIME)
    address = new_link(link, _ROUTES[use], code)
    link.save(force_insert=True)
    return address


def opened_mandate_link(link_id: UUID, token: str, use: MandateLink.Use, code: str = "") -> MandateLink:
    """The link, with its mandate; a wrong token or code is counted.

    Raises Gone(`link_dead`), the same for a link that is unknown, wrong, late or was guessed at too often.
    """
    rows = MandateLink.objects.select_related("mandate__subject", "request").filter(use=use)
    return fitting(rows, link_id, token, code)
