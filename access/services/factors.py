"""Second factors: TOTP authenticators (RFC 6238, SHA-1, 30 s, 6 digits) and one-use recovery codes.

Passkeys are in `access.services.passkeys`; what all have in common is here.

Secrets lie sealed under the account's data key, recovery codes only as keyed digests. A TOTP step is accepted once and
steps never go back, also when the clock does (NIST SP 800-63B 5.1.4.2, ASVS 6.5.1; threats T39 to T41).
"""

import base64
import hmac
import secrets
import time
from urllib.parse import quote

from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext as _
from django_otp.models import Device
from django_otp.oath import hotp

from access.models import Account, PasskeyDevice, RecoveryCode, RecoveryDevice, TotpDevice
from access.services import limits
from access.services.accounts import account_email, actor_of
from access.services.mail import send_mail_later
from audit import services as audit
from gdpr_portal import metrics
from gdpr_portal.errors import Missing, Refused, WrongState
from vault import services as vault
from vault.services import Place

STEP_SECONDS = 30
DRIFT = 1
"""Steps of 30 s a code may be early or late."""
SECRET_BYTES = 20
RECOVERY_CODES = 10
RECOVERY_BYTES = 15
"""So random that a keyed digest of a code may be kept, and no slow one need be (OWASP ASVS 6.5.2: 112 bits)."""
ISSUER = "GDPR Portal"


# --- TOTP -----------------------------------------------------------------------------------------------------------
def add_totp(account: Account) -> tuple[TotpDevice, str]:
    """An authenticator waits to be confirmed; returns it and its secret in base32. Earlier waiting ones are gone."""
    secret = secrets.token_bytes(SECRET_BYTES)
    with transaction.atomic():
        TotpDevice.objects.filter(user=account, confirmed=False).delete()
        device = TotpDevice.objects.create(user=account, name="", confirmed=False, secret_sealed=b"")
        # Sealed to its own row, whose number the database has just given.
        device.secret_sealed = vault.subject_key(account.id).seal(secret_place(device), secret)
        device.save(update_fields=["secret_sealed"])
    return device, _base32(secret)


def pending_totp(account: Account, device_id: int | None) -> tuple[TotpDevice, str]:
    """The authenticator of this number that waits to be confirmed, made now if there is none, and its secret in base32.

    Whoever was shown another one's secret does not know this one's: a secret seen in a session that has ended, a
    stranger's perhaps, is nobody's second factor later (threat T41).
    """
    device = TotpDevice.objects.filter(user=account, confirmed=False, pk=device_id).first()
    return add_totp(account) if device is None else (device, _base32(_secret(device)))


def provisioning_uri(secret: str) -> str:
    """What the QR code says to an authenticator app: issuer and secret, no name and no address."""
    issuer = quote(ISSUER)
    return f"otpauth://totp/{issuer}?secret={secret}&issuer={issuer}&algorithm=SHA1&digits=6&period={STEP_SECONDS}"


def confirm_totp(*, device: TotpDevice, code: str) -> bool:
    """The authenticator counts from now on if the code is right; the person is told by mail."""
    with transaction.atomic():
        if not verify_totp(device=device, code=code):
            return False
        device.confirmed = True
        device.save(update_fields=["confirmed"])
        record_factor("account.factor_added", device.user, "totp")
        tell("factor_added", device.user)
    return True


def verify_totp(*, device: TotpDevice, code: str) -> bool:
    """Whether the code is right, now and for the first time; its step and all before it are used up."""
    with transaction.atomic():
        row = TotpDevice.objects.select_for_update().get(pk=device.pk)
        step = _matching_step(_secret(row), code, after=row.last_step)
        if step is None:
            return False
        row.last_step = step
        row.save(update_fields=["last_step"])
    device.last_step = step
    return True


def confirmed_totps(account: Account) -> list[TotpDevice]:
    """The authenticators that count, oldest first."""
    return list(TotpDevice.objects.filter(user=account, confirmed=True).order_by("created_at"))


def remove_totp(*, account: Account, device_id: int) -> None:
    """The authenticator counts no more. Raises Missing, and WrongState("last_factor") rather than leave none (T41)."""
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        device = next((each for each in confirmed_totps(account) if each.pk == device_id), None)
        if device is None:
            raise Missing
        keep_one(account)
        device.delete()
        record_factor("account.factor_removed", account, "totp")
        tell("factor_removed", account)


# --- all factors ----------------------------------------------------------------------------------------------------
def count_factors(account: Account) -> int:
    """How many authenticators and passkeys count; recovery codes do not, they are for the day all others are lost."""
    totps = TotpDevice.objects.filter(user=account, confirmed=True).count()
    return totps + PasskeyDevice.objects.filter(user=account, confirmed=True).count()


def has_factor(account: Account) -> bool:
    """Whether the account was given a second factor, so that a password alone enrols none (threat T41).

    A passkey that was switched off as a copy is one: else who has the password would be let in by the alarm.
    """
    return count_factors(account) > 0 or PasskeyDevice.objects.filter(user=account).exists()


def ways(account: Account) -> dict[str, bool]:
    """By what the account can prove a factor now: `code` of an authenticator, `passkey`."""
    mine = {"user": account, "confirmed": True}
    return {
        "code": TotpDevice.objects.filter(**mine).exists(),
        "passkey": PasskeyDevice.objects.filter(**mine).exists(),
    }


def keep_one(account: Account, *, counts: bool = True) -> None:
    """Raises WrongState("last_factor") when without what is about to be removed none is left (threat T41).

    `counts` is False for a passkey that was switched off.
    """
    if count_factors(account) - counts < 1:
        raise WrongState("last_factor", _("Your last second factor cannot be removed. Add another one first."))


# --- recovery codes -------------------------------------------------------------------------------------------------
def new_recovery_codes(account: Account) -> list[str]:
    """Ten fresh codes of 120 bits, returned this once; all earlier ones are void and the person is told by mail."""
    codes = [_recovery_code() for _each in range(RECOVERY_CODES)]
    with transaction.atomic():
        Account.objects.select_for_update().get(pk=account.pk)
        RecoveryDevice.objects.filter(user=account).delete()
        device = RecoveryDevice.objects.create(user=account, name="", confirmed=True)
        RecoveryCode.objects.bulk_create(
            RecoveryCode(device=device, digest=vault.keyed_digest("recovery", _normal(account, code))) for code in codes
        )
        record_factor("account.factor_added", account, "recovery_codes")
        tell("recovery_made", account)
    return codes


def use_recovery_code(*, device: RecoveryDevice, code: str) -> bool:
    """Whether the code was one of the set and unused; it is used now, also when tried twice at once."""
    digests = vault.keyed_digests("recovery", _normal(device.user, code))
    now = timezone.now()
    return bool(RecoveryCode.objects.filter(device=device, digest__in=digests, used_at=None).update(used_at=now))


def recovery_codes_left(account: Account) -> int:
    """How many recovery codes can still be used."""
    return RecoveryCode.objects.filter(device__user=account, used_at=None).count()


# --- the proof ------------------------------------------------------------------------------------------------------
def prove_factor(*, account: Account, code: str, where: str, recovery: bool = False) -> Device:
    """The device that the code proved. Raises Refused("throttled", 429) or Refused("wrong_code").

    The try is counted before it is looked at. The owner is told by mail when the free tries are used up, and when a
    recovery code was used.
    """
    tries = ((limits.FACTOR, str(account.id)), (limits.ADDRESS, where))
    turn = limits.take(*tries)
    kind = "recovery" if recovery else "totp"
    if turn.wait:
        metrics.FACTOR_FAILURES.labels(kind, "throttled").inc()
        raise too_many(turn.wait)
    with transaction.atomic():
        device = _proven_by(account, code, recovery=recovery)
        if device is not None and recovery:
            tell("recovery_used", account)
        if device is None and turn.last_free:
            tell("tries_refused", account)
        if device is None:
            refused = {"account": str(account.id), "reason": "wrong_code"}
            audit.record("account.sign_in_refused", actor=actor_of(account), details=refused)
    if device is None:
        metrics.FACTOR_FAILURES.labels(kind, "wrong_code").inc()
        raise wrong_code()
    limits.forget(tries[0])
    limits.give_back(tries[1])
    return device


def record_factor(action: str, account: Account, factor: str, **more: str) -> None:
    """The log has what became of a factor of this account; call it in the transaction of the act."""
    details = {"account": str(account.id), "factor": factor, **more}
    audit.record(action, actor=actor_of(account), details=details)


def tell(kind: str, account: Account) -> None:
    """The person is told by mail, once the transaction commits."""
    send_mail_later(kind, to=account_email(account), language=account.language)


def wrong_code() -> Refused:
    """The refusal of a code, the same whether it was wrong, late or used."""
    return Refused("wrong_code", _("This code is not right, or it was used before. Wait for the next one."))


def too_many(wait: int) -> Refused:
    """The refusal that says how long to wait, in whole minutes (seconds below one)."""
    if wait < 60:
        message = _("Too many tries. Please wait %(count)d seconds and try again.") % {"count": wait}
    else:
        message = _("Too many tries. Please wait %(count)d minutes and try again.") % {"count": -(-wait // 60)}
    return Refused("throttled", message, status=429)


def _proven_by(account: Account, code: str, *, recovery: bool) -> Device | None:
    if recovery:
        sets = RecoveryDevice.objects.filter(user=account, confirmed=True)
        return next((each for each in sets if use_recovery_code(device=each, code=code)), None)
    return next((each for each in confirmed_totps(account) if verify_totp(device=each, code=code)), None)


def _matching_step(secret: bytes, code: str, *, after: int) -> int | None:
    typed = "".join(code.split())
    if len(typed) != 6 or not typed.isascii() or not typed.isdigit():
        return None
    now = int(time.time()) // STEP_SECONDS
    steps = range(max(now - DRIFT, after + 1, 0), now + DRIFT + 1)
    matches = [step for step in steps if hmac.compare_digest(f"{hotp(secret, step):06d}", typed)]
    return matches[0] if matches else None


def _recovery_code() -> str:
    text = _base32(secrets.token_bytes(RECOVERY_BYTES)).lower()
    return "-".join(text[start : start + 4] for start in range(0, len(text), 4))


def _normal(account: Account, code: str) -> bytes:
    letters = "".join(character for character in code.lower() if character.isalnum())
    return account.id.bytes + letters.encode()


def _secret(device: TotpDevice) -> bytes:
    return vault.subject_key(device.user_id).open(secret_place(device), bytes(device.secret_sealed))


def _base32(secret: bytes) -> str:
    return base64.b32encode(secret).decode().rstrip("=")


def secret_place(device: TotpDevice) -> Place:
    """The cell of the secret."""
    return Place("access_totpdevice", "secret_sealed", str(device.pk))
