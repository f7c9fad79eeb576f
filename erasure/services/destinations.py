"""Controllers that archives may be sent to (Art. 20(2)): proposed by one, approved by another, retired by anybody."""

import base64
import binascii
from uuid import UUID

from django.conf import settings
from django.db import IntegrityError, transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from audit import actors
from audit import services as audit
from consent import webhook
from erasure.models import Destination
from gdpr_portal.errors import Flaw, Invalid, Missing, Refused, WrongState
from vault import services as vault

LEAST_SECRET_BYTES = 32


def propose(*, destination: Destination, secret: str, by: Account) -> Destination:
    """The destination waits for a second person. `secret` is base64 of at least 32 bytes, agreed with its controller.

    Raises Invalid(`invalid_value`) for an address that nothing may be sent to or a secret that is too short.
    """
    key = checked(url=destination.url, obstacle=destination.obstacle, secret=secret)
    destination.proposed_by, destination.proposed_at = by, timezone.now()
    destination.approved_by = destination.approved_at = destination.retired_at = None
    destination.secret_sealed = vault.seal_secret(secret_place(destination), key) if key else None
    try:
        with transaction.atomic():
            destination.save(force_insert=True)
            _record(destination, "destination.proposed", by)
    except IntegrityError:
        raise _flaw("/slug", gettext_noop("There is a destination of this name.")) from None
    return destination


def checked(*, url: str, obstacle: str, secret: str) -> bytes:
    """The key in bytes, empty where something is in the way; Invalid(`invalid_value`) for what does not fit."""
    if obstacle and (url or secret):
        raise _flaw("/url", gettext_noop("Where something is in the way there is neither address nor key."))
    if not obstacle and webhook.check(url, bool(settings.WEBHOOK_LOOPBACK_ALLOWED)):
        raise _flaw("/url", gettext_noop("Nothing can be sent to this address: https, a name, no user or fragment."))
    return b"" if obstacle else _decoded(secret)


def approve(*, destination_id: UUID, by: Account) -> Destination:
    """People may have their data sent there. Raises `four_eyes` for whoever proposed it, and `wrong_state`."""
    with transaction.atomic():
        row = _locked(destination_id)
        if row.approved_at is not None:
            raise WrongState("wrong_state", gettext_noop("This destination is approved already."))
        if row.proposed_by_id == by.id:
            raise Refused("four_eyes", gettext_noop("A second person has to approve."))
        row.approved_by, row.approved_at = by, timezone.now()
        row.save()
        _record(row, "destination.approved", by)
    return row


def retire(*, destination_id: UUID, by: Account) -> Destination:
    """Nothing more is sent there; what is under way ends at its next turn."""
    with transaction.atomic():
        row = _locked(destination_id)
        row.retired_at = timezone.now()
        row.save()
        _record(row, "destination.retired", by)
    return row


def offered() -> list[Destination]:
    """What people are shown: the feasible ones to choose, the others with the reason why not."""
    rows = Destination.objects.filter(approved_at__isnull=False, retired_at=None)
    return list(rows.order_by("obstacle", "name"))


def secret_of(destination: Destination) -> bytes:
    """The secret shared with the other controller."""
    return vault.open_secret(secret_place(destination), bytes(destination.secret_sealed or b""))


def secret_place(destination: Destination) -> vault.Place:
    """Where the secret lies, for the seal."""
    return vault.Place("erasure_destination", "secret_sealed", str(destination.id))


def _locked(destination_id: UUID) -> Destination:
    row = Destination.objects.select_for_update().filter(pk=destination_id).first()
    if row is None:
        raise Missing
    if row.retired_at is not None:
        raise WrongState("wrong_state", gettext_noop("This destination is retired."))
    return row


def _decoded(secret: str) -> bytes:
    try:
        raw = base64.b64decode(secret.strip(), validate=True)
    except (binascii.Error, ValueError):
        raw = b""
    if len(raw) < LEAST_SECRET_BYTES:
        raise _flaw("/secret", gettext_noop("The key is base64 of at least 32 random bytes."))
    return raw


def _flaw(pointer: str, detail: str) -> Invalid:
    return Invalid("invalid_value", detail, status=422, errors=[Flaw(pointer, "invalid_value", detail)])


def _record(row: Destination, action: str, by: Account) -> None:
    details = {"destination": row.slug, "obstacle": row.obstacle or None}
    audit.record(action, actor=actors.staff(by.id), details=details)
