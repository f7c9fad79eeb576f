"""Six-digit codes by mail: the proof that somebody reads an address (Art. 12(6)). 600 s, five tries, one use.

Known and unknown addresses get the same answer and the same work: a row, a seal, a mail. Only whoever reads the
mailbox learns which it was (threat T40, enumeration).
"""

import hmac
import secrets
import uuid
from datetime import timedelta
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _

from access.models import MailCode
from access.services.accounts import account_by_email, email_index, normalise_email
from access.services.mail import send_mail_later
from gdpr_portal.errors import Gone, Refused
from vault import services as vault
from vault.services import Place

SIGNUP, RESET = "signup", "reset"
LIFETIME = timedelta(seconds=600)
TRIES = 5
PROVEN_FOR = timedelta(minutes=30)
"""How long a proven code lets one finish what it was asked for."""


def send_code(*, reason: str, email: str, language: str) -> UUID:
    """A mail is on its way and its code waits to be typed; returns the id of the code. Raises Invalid for no address.

    Sign-up with a known address and reset with an unknown one send a mail that says so and a code that nobody knows.
    """
    address = normalise_email(email)
    known = account_by_email(address)
    code, code_id = f"{secrets.randbelow(10**6):06d}", uuid.uuid4()
    sends_code = (known is None) == (reason == SIGNUP)
    with transaction.atomic():
        MailCode.objects.create(
            id=code_id,
            reason=reason,
            email_index=email_index(address),
            email_sealed=vault.seal_secret(_place(code_id), address.encode()),
            digest=_digest(code_id, code if sends_code else secrets.token_hex()),
            language=language,
            expires_at=timezone.now() + LIFETIME,
        )
        kind = f"{reason}_code" if sends_code else f"{reason}_without_code"
        context = {"code": code, "minutes": LIFETIME.seconds // 60} if sends_code else {}
        send_mail_later(kind, to=address, language=known.language if known else language, context=context)
    purge()
    return code_id


def prove_code(*, code_id: UUID, reason: str, code: str) -> bool:
    """Whether this was the code; counts the try. A code is proven once, within its lifetime and its five tries."""
    now = timezone.now()
    with transaction.atomic():
        row = MailCode.objects.select_for_update().filter(id=code_id, reason=reason).first()
        if row is None or row.used_at or row.expires_at <= now or row.tries >= TRIES:
            return False
        row.tries += 1
        right = hmac.compare_digest(bytes(row.digest), _digest(code_id, code))
        row.used_at = now if right else None
        row.save(update_fields=["tries", "used_at"])
    return right


def wrong_code() -> Refused:
    """The refusal of a code, the same whether it was wrong, late, used or never sent."""
    return Refused("wrong_code", _("This code is not right or no longer valid. Check the mail or ask for a new code."))


def proven_email(*, code_id: UUID, reason: str) -> str:
    """The address a code was proven for. Raises Gone when it was not, or too long ago."""
    return _open(_proven(code_id, reason, lock=False))


def spend_code(*, code_id: UUID, reason: str) -> str:
    """The address a code was proven for, once: the row is gone. Call it in the transaction of what it was asked for."""
    row = _proven(code_id, reason, lock=True)
    address = _open(row)
    row.delete()
    return address


def purge() -> int:
    """Codes that serve no purpose any more are gone, and the addresses with them (Art. 5(1)(e)); returns how many."""
    return MailCode.objects.filter(expires_at__lt=timezone.now() - PROVEN_FOR).delete()[0]


def _proven(code_id: UUID, reason: str, *, lock: bool) -> MailCode:
    rows = MailCode.objects.select_for_update() if lock else MailCode.objects
    row = rows.filter(id=code_id, reason=reason, used_at__gt=timezone.now() - PROVEN_FOR).first()
    if row is None:
        raise Gone("code_expired", "This code has expired or was used.")
    return row


def _open(row: MailCode) -> str:
    return vault.open_secret(_place(row.id), bytes(row.email_sealed)).decode()


def _digest(code_id: UUID, code: str) -> bytes:
    return vault.keyed_digest("mailcode", code_id.bytes + code.encode())


def _place(code_id: UUID) -> Place:
    return Place("access_mailcode", "email_sealed", str(code_id))
