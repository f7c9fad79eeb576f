"""The copy for somebody without an account (Art. 12(2), 15(3); law.md decision 6): by mail, in two steps.

The mail that says the copy is ready has a link. Its page tells nothing of anybody; one button sends a code, good for
CODE_LIFETIME, to the same mailbox, and link and code together open the download, once, for that browser. So a mail that
was forwarded, or is read by somebody else later, opens nothing. Who has an account collects with their second factor,
and by nothing less.
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.services.mail import send_mail_later
from access.services.mail_links import count_try, dead_link, give_back, new_link, row_of
from audit import actors
from audit import services as audit
from erasure.models import Archive, CopyLink, RightsRequest
from gdpr_portal.errors import Refused
from subjects.selectors import email_of
from vault import services as vault

CODE_LIFETIME = timedelta(minutes=15)
DIGEST = "erasure_copylink.code_digest"


def goes_by_mail(request: RightsRequest) -> bool:
    """Whether the person can collect it by mail alone: no sign-in is theirs, and no application collects for them."""
    here = request.subject.erased_at is None and request.subject.account_id is None
    return here and request.application_id is None


@dataclass(frozen=True)
class Waiting:
    """A copy that the person can collect: until when, and by which link; without one they sign in."""

    until: datetime | None
    link: str


def copies_waiting(requests: Sequence[RightsRequest]) -> dict[UUID, Waiting]:
    """The copies of these requests that wait for the person, each with a fresh link where it goes by mail.

    Older links to the same are dead; what an application collects for them is not theirs to collect here. In the
    caller's transaction, by two statements a link and one for all.
    """
    wanted = {request.id: request for request in requests if request.application_id is None}
    if not wanted:
        return {}
    ready = Archive.objects.filter(request__in=wanted, complete=True, collected_at=None, number=0)
    by_mail = {row.id for row in wanted.values() if goes_by_mail(row)}
    return {
        archive.request_id: Waiting(archive.expires_at, link_to(archive) if archive.request_id in by_mail else "")
        for archive in ready
    }


def link_to(archive: Archive) -> str:
    """The address of a fresh link to this archive; an older one is dead. In the caller's transaction."""
    CopyLink.objects.filter(archive=archive).delete()
    link = CopyLink(archive=archive, made_at=timezone.now())
    address = new_link(link, "copy-by-link")
    link.save(force_insert=True)
    return address


def opened_copy(link_id: UUID, token: str) -> CopyLink:
    """The link, with its archive and request; a wrong token is counted.

    Raises Gone(`link_dead`), the same for a link that is unknown, wrong, guessed at too often, or has nothing to give.
    """
    link = row_of(CopyLink.objects.select_related("archive__request__subject"), link_id, token)
    archive, now = link.archive, timezone.now()
    over = archive.collected_at is not None and (archive.window_until is None or archive.window_until <= now)
    if over or archive.expires_at is None or archive.expires_at <= now or not goes_by_mail(archive.request):
        raise dead_link()
    return link


def send_code(*, link: CopyLink) -> None:
    """A code is on its way to the address we know; the one before is void."""
    code = f"{secrets.randbelow(10**6):06d}"
    request = link.archive.request
    with transaction.atomic():
        link.code_digest, link.code_until = _digest(link, code), timezone.now() + CODE_LIFETIME
        link.save(update_fields=["code_digest", "code_until"])
        audit.record(
            "archive.code_sent",
            actor=actors.SUBJECT,
            subject=request.subject.pseudonym,
            details={"request": str(request.id), "archive": str(link.archive_id)},
        )
        address = email_of(request.subject)
        if address is not None:
            context = {"code": code, "minutes": int(CODE_LIFETIME.total_seconds() // 60)}
            send_mail_later("copy_code", to=address, language=request.subject.language or "en", context=context)


def require_code(*, link: CopyLink, code: str) -> None:
    """The code fits, and fits never again. Raises `code_wrong`, the same for one that is wrong, late or was used.

    A wrong one counts as a guess at the link.
    """
    if not count_try(link):
        raise _wrong()
    known, given = bytes(link.code_digest or b""), vault.keyed_digests(DIGEST, _value(link, code.strip()))
    fits = any(secrets.compare_digest(known, each) for each in given)
    if not fits or link.code_until is None or link.code_until <= timezone.now():
        raise _wrong()
    used = CopyLink.objects.filter(pk=link.pk, code_digest=link.code_digest).update(code_digest=None, code_until=None)
    if not used:  # another browser was faster
        raise _wrong()
    give_back(link)


def _wrong() -> Refused:
    return Refused("code_wrong", "This code does not fit, or it has expired.")


def _digest(link: CopyLink, code: str) -> bytes:
    return vault.keyed_digest(DIGEST, _value(link, code))


def _value(link: CopyLink, code: str) -> bytes:
    return link.id.bytes + code.encode()
