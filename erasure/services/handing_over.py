"""The copy for a representative: only by a valid mandate that says so, on two ways (law.md R27).

The mail holds a link, the desk has a code, shown once, that it gives the representative on another way. One alone opens
nothing. Collected, the archive is collected, as if by the person.
"""

import secrets
from uuid import UUID

from django.db import transaction
from django.utils.translation import gettext_noop

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from erasure.models import Archive, Mandate, MandateLink
from erasure.services.archives import Download, collect, ready
from erasure.services.locking import locked_request
from erasure.services.mandate_links import mandate_link, opened_mandate_link
from erasure.services.mandate_words import representative_address
from erasure.services.records import record_request
from gdpr_portal.errors import Gone, Refused

LETTERS = "ABCDEFGHJKMNPQRSTUVWXYZ23456789"
"""Without letters that are read for digits: the code is told by telephone or letter."""
CODE_LENGTH = 10


def hand_over(*, request_id: UUID, reviewer: Account) -> str:
    """The representative has a link by mail; returns the code that goes another way, which nobody can see again.

    It takes somebody else than who accepted the mandate: alone, a reviewer could send one by the public form, accept
    it, and have anybody's copy. Raises `four_eyes` for who accepted, `mandate_missing` unless a valid mandate says that
    answers go to the representative; `not_ready`, `expired`.
    """
    code = "".join(secrets.choice(LETTERS) for _letter in range(CODE_LENGTH))
    with transaction.atomic():
        request = locked_request(request_id)
        address, mandate = representative_address(request), request.mandate
        if address is None or mandate is None:
            raise Refused("mandate_missing", "No valid mandate says that answers go to the representative.")
        if mandate.decided_by_id == reviewer.pk:
            words = gettext_noop("Whoever accepted the mandate does not hand over the copy too: somebody else does.")
            raise Refused("four_eyes", words)
        until = ready(request).expires_at
        link = mandate_link(mandate, MandateLink.Use.COLLECT, request=request, code=code, expires_at=until)
        context = {"reference": str(request.id), "link": link, "until": until}
        language = request.subject.language or "en"
        send_mail_later("archive_for_representative", to=address, language=language, context=context)
        record_request(request, "mandate.handed_over", actor=actors.staff(reviewer.id), mandate=str(mandate.id))
    return code


def collect_by_link(*, link_id: UUID, token: str, code: str) -> tuple[Archive, Download]:
    """The archive, for whoever has the link and the code; once.

    Raises Gone(`link_dead`) for anything that does not do, also when the mandate ended meanwhile.
    """
    link = opened_mandate_link(link_id, token, MandateLink.Use.COLLECT, code.strip().upper())
    if link.request_id is None:
        raise Gone("link_dead", gettext_noop("This link is no longer valid."))
    with transaction.atomic():
        request = locked_request(link.request_id)
        mandate = Mandate.objects.select_for_update().get(pk=link.mandate_id)
        deleted, _kinds = MandateLink.objects.filter(pk=link.pk).delete()
        if not deleted or representative_address(request) is None:
            raise Gone("link_dead", gettext_noop("This link is no longer valid."))
        return collect(request=request, actor=actors.REPRESENTATIVE, mandate=mandate)
