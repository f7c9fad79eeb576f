"""The steps of signing in, as acts: each is limited before it is evaluated and recorded after."""

from uuid import UUID

from django.contrib.auth import authenticate
from django.db import transaction
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django_otp.models import Device

from access.models import Account, PasskeyDevice
from access.services import limits, lost_factor, mailcodes, passkeys
from access.services.accounts import (
    account_by_email,
    account_email,
    actor_of,
    change_password,
    mailbox_of,
    normalise_email,
    register_verified,
)
from access.services.factors import prove_factor, too_many
from access.services.mail import send_mail_later
from access.services.passkeys import Answer
from audit import actors
from audit import services as audit
from gdpr_portal.errors import Refused


def prove_password(*, request: HttpRequest, email: str, password: str, where: str) -> Account:
    """The account whose password this is. Raises Refused: "throttled" (429) or "wrong_sign_in" for all causes."""
    about = mailbox_of(email)
    tries = (
        (limits.PASSWORD, f"{about}{where}"),
        (limits.PASSWORD_OF_ACCOUNT, about),
        (limits.ADDRESS, where),
    )
    turn = limits.take(*tries)
    if turn.wait:
        raise too_many(turn.wait)
    account = authenticate(request, email=email, password=password)
    if not isinstance(account, Account):
        with transaction.atomic():
            audit.record("account.sign_in_refused", actor=actors.system("web"), details={"reason": "wrong_sign_in"})
        raise Refused("wrong_sign_in", _("The e-mail address or the password is not right."))
    limits.forget(*tries[:2])
    limits.give_back(tries[2])
    return account


def sign_in_by_factor(*, account: Account, code: str, where: str, recovery: bool = False) -> Device:
    """The second factor is proven and the sign-in recorded; returns the device. Errors as `prove_factor`."""
    device = prove_factor(account=account, code=code, where=where, recovery=recovery)
    with transaction.atomic():
        _password_is_theirs(account)
        _record("account.signed_in", account, "recovery_code" if recovery else "totp")
    return device


def sign_in_by_passkey(*, answer: Answer, where: str, account: Account | None = None) -> Device:
    """The sign-in is recorded; returns the passkey. Without `account` it is the whole sign-in: two factors in one.

    A passkey in place of password and code must have verified the person (PIN, finger, face); after a password its
    possession is enough. Errors as `passkeys.prove_passkey`, and Refused("throttled", 429).
    """
    device = _by_passkey(answer, where, passkeys.SIGN_IN if account is None else passkeys.SECOND, account)
    with transaction.atomic():
        if account is not None:
            _password_is_theirs(account)
        _record("account.signed_in", device.user, "passkey")
    return device


def step_up_by_passkey(*, account: Account, answer: Answer, where: str) -> Device:
    """The person was here just now: a passkey of theirs signed. Errors as `sign_in_by_passkey`."""
    device = _by_passkey(answer, where, passkeys.STEP_UP, account)
    _record("account.stepped_up", account, "passkey")
    return device


def step_up_by_factor(*, account: Account, code: str, where: str) -> Device:
    """The person was here just now: a factor, proven again. Errors as `prove_factor`."""
    device = prove_factor(account=account, code=code, where=where)
    _record("account.stepped_up", account, "totp")
    return device


def send_code(*, reason: str, email: str, language: str, where: str) -> str:
    """A mail code is on its way; returns its id. Raises Refused("throttled", 429), Invalid for no address."""
    normalise_email(email)
    limits.purge()
    turn = limits.take((limits.MAIL, mailbox_of(email)), (limits.ADDRESS, where))
    if turn.wait:
        raise too_many(turn.wait)
    return str(mailcodes.send_code(reason=reason, email=email, language=language))


def sign_up(*, code_id: str, password: str, language: str) -> Account:
    """The account of a proven address exists. Raises Gone("code_expired"), WrongState("account_exists")."""
    with transaction.atomic():
        email = mailcodes.spend_code(code_id=UUID(code_id), reason=mailcodes.SIGNUP)
        return register_verified(email=email, password=password, language=language)


def reset_password(*, code_id: str, password: str) -> None:
    """The password of a proven address is new, every session dead; factors stay as they are (threat T41)."""
    with transaction.atomic():
        account = account_by_email(mailcodes.spend_code(code_id=UUID(code_id), reason=mailcodes.RESET))
        if account is not None and account.has_usable_password():  # an invitation takes more than a mailbox (staff)
            new_password(account=account, password=password)
            Account.objects.filter(pk=account.pk).update(password_by_mail=True)


def change_own_password(*, account: Account, current: str, password: str, where: str) -> None:
    """The password is changed by who knows the old one. Raises Refused: "throttled" (429) or "wrong_password".

    A fresh factor is not enough: of a device left open it could be the passkey that anybody at it can use.
    """
    about = str(account.id)
    tries = ((limits.PASSWORD, about), (limits.ADDRESS, where))
    turn = limits.take(*tries)
    if turn.wait:
        raise too_many(turn.wait)
    if not account.check_password(current):
        with transaction.atomic():
            details = {"account": about, "reason": "wrong_password"}
            audit.record("account.sign_in_refused", actor=actor_of(account), details=details)
        raise Refused("wrong_password", _("The current password is not right."))
    limits.forget(tries[0])
    limits.give_back(tries[1])
    new_password(account=account, password=password)


def new_password(*, account: Account, password: str) -> None:
    """The password is changed and the person told by mail; a way back for lost factors ends, it took the old one."""
    with transaction.atomic():
        change_password(account=account, password=password)
        _password_is_theirs(account)  # chosen after a fresh factor; `reset_password` says otherwise
        lost_factor.cancel(account=account, reason="password_changed")
        send_mail_later("password_changed", to=account_email(account), language=account.language)


def _by_passkey(answer: Answer, where: str, ceremony: str, account: Account | None) -> PasskeyDevice:
    tries = (limits.ADDRESS, where)
    turn = limits.take(tries)
    if turn.wait:
        raise too_many(turn.wait)
    device = passkeys.prove_passkey(answer=answer, ceremony=ceremony, account=account)
    limits.give_back(tries)
    return device


def _record(action: str, account: Account, factor: str) -> None:
    details = {"account": str(account.id), "factor": factor}
    with transaction.atomic():
        audit.record(action, actor=actor_of(account), details=details)


def _password_is_theirs(account: Account) -> None:
    """Whoever set the password by mail holds a factor too, as both were proven in one sign-in.

    A passkey in place of the password says nothing about it: a reader of the mailbox may have set it (T41).
    """
    Account.objects.filter(pk=account.pk, password_by_mail=True).update(password_by_mail=False)
