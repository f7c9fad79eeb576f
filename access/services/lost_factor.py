"""The way back for who lost every second factor. A factor is never switched off: a new one takes the place of all old.

    asked -> (link in the mail) -> waiting, `settings.LOST_FACTOR_HOURS` -> open: password and link -> a new factor

What it takes: reading the mailbox, the password that was valid all the time, and that nobody who is signed in or reads
the mailbox ends it while it waits. So neither a stolen mailbox nor a stolen password is enough, and a password that was
itself set by mail is no second proof (threats T41, T50). Known and unknown addresses get the same answer by the same
statements: a row, an event, a mail (T11). A link shows a page and does nothing by itself. Staff have no waiting period:
an operator and an IRM reviewer agree, two persons and neither the owner (T16).

Locks: the account, then the row. A wrong guess at a link is counted in a transaction of its own.
"""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

from django.conf import settings
from django.db import transaction
from django.db.models import F
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext as _

from access import roles
from access.models import Account, AccountSession, FactorReset, PasskeyDevice, RecoveryDevice, TotpDevice
from access.services import limits
from access.services.accounts import account_by_email, account_email, actor_of, email_index, normalise_email
from access.services.factors import confirm_totp, tell, too_many
from access.services.mail import send_mail_later
from access.services.mail_links import dead_link, new_link, row_of
from access.services.passkeys import Answer, add_passkey
from audit import actors
from audit import services as audit
from gdpr_portal.errors import Missing, Refused

ASKED_FOR = timedelta(hours=1)
"""How long the first link can be followed."""
OPEN_FOR = timedelta(days=7)
"""How long the way is open once the waiting period is over; and how long one of two agreements waits for the other."""
OPEN_TO_STAFF = timedelta(hours=24)


# --- asked, waiting, ended --------------------------------------------------------------------------------------------
def ask(*, email: str, language: str, where: str) -> None:
    """A mail is on its way; only whoever reads it learns whether there is such an account.

    Raises Refused("throttled", 429), Invalid for no address.
    """
    address = normalise_email(email)
    turn = limits.take((limits.MAIL, email_index(address).hex()), (limits.ADDRESS, where))
    if turn.wait:
        raise too_many(turn.wait)
    known = account_by_email(address)
    with transaction.atomic():
        kind, owner = _answer_to(known)
        FactorReset.objects.filter(account=owner or uuid4()).delete()
        link = _new_link(FactorReset(account=owner, expires_at=timezone.now() + ASKED_FOR))
        context = {"link": link} if owner is not None else {}
        send_mail_later(kind, to=address, language=known.language if known else language, context=context)
        details = {"account": str(owner.id)} if owner is not None else {}
        audit.record("account.factor_reset_asked", actor=actors.system("web"), details=details)


def begin(*, reset_id: UUID, token: str) -> FactorReset:
    """The waiting period runs, and the address was told with the link that ends it. Idempotent; errors as `opened`."""
    found = opened(reset_id=reset_id, token=token)
    with transaction.atomic():
        reset = _locked(found)
        account = _owner(reset)
        if reset.due_at is not None:
            return reset
        hours = settings.LOST_FACTOR_HOURS
        reset.due_at = timezone.now() + timedelta(hours=hours)
        reset.expires_at = reset.due_at + OPEN_FOR
        reset.save(update_fields=["due_at", "expires_at"])
        _announce(account, reset)
        _record("started", account, hours=hours)
        link = settings.BASE_URL + reverse("lost_factor_link", args=[reset.id, token])
        _tell("lost_factor_waiting", account, {"link": link, "due": reset.due_at})
    return reset


def cancel(*, account: Account, reason: str) -> bool:
    """The way back is closed and the person told; whether there was one. Idempotent."""
    with transaction.atomic():
        locked = Account.objects.select_for_update().get(pk=account.pk)
        ended, _by_model = FactorReset.objects.filter(account=locked).delete()
        Account.objects.filter(pk=locked.pk).update(factor_reset_due_at=None)
        if ended:
            _record("cancelled", locked, reason=reason)
            tell("lost_factor_cancelled", locked)
    account.factor_reset_due_at = None
    return bool(ended)


def cancel_by_link(*, reset_id: UUID, token: str) -> None:
    """Whoever has the link from the mail ends it. Errors as `opened`."""
    cancel(account=_owner(opened(reset_id=reset_id, token=token)), reason="by_link")


def purge() -> int:
    """What nobody followed in time is gone, and no page speaks of it any more; returns how many."""
    late = FactorReset.objects.filter(expires_at__lte=timezone.now())
    for account in Account.objects.filter(factor_reset__in=late):
        with transaction.atomic():
            Account.objects.select_for_update().get(pk=account.pk)
            if late.filter(account=account).delete()[0]:
                Account.objects.filter(pk=account.pk).update(factor_reset_due_at=None)
                _record("cancelled", account, reason="expired", actor=actors.system("worker"))
    return late.filter(account=None).delete()[0]


# --- the link ---------------------------------------------------------------------------------------------------------
def opened(*, reset_id: UUID, token: str) -> FactorReset:
    """What the link leads to; a wrong token is counted.

    Raises Gone("link_dead"), the same for a link that is unknown, wrong, late, ended or was guessed at too often.
    """
    row = row_of(FactorReset.objects.select_related("account"), reset_id, token)
    if row.account is None or row.expires_at <= timezone.now():
        raise dead_link()
    return row


def prove(*, reset_id: UUID, token: str, password: str, where: str) -> Account:
    """The account, for the link and its password once the waiting period is over.

    Raises Gone("link_dead"), Refused("too_early", "wrong_password", or "throttled" with 429).
    """
    reset = opened(reset_id=reset_id, token=token)
    account = _owner(reset)
    if not _is_open(reset):
        raise Refused("too_early", _("The waiting period is not over yet."))
    tries = ((limits.PASSWORD, f"reset {account.pk}"), (limits.ADDRESS, where))
    turn = limits.take(*tries)
    if turn.wait:
        raise too_many(turn.wait)
    if not account.is_active or not account.check_password(password):
        with transaction.atomic():
            details = {"account": str(account.id), "reason": "wrong_password"}
            audit.record("account.sign_in_refused", actor=actor_of(account), details=details)
        raise Refused("wrong_password", _("The password is not right."))
    limits.forget(tries[0])
    limits.give_back(tries[1])
    return account


# --- a new factor in the place of all old -----------------------------------------------------------------------------
def is_open_to(account: Account, reset_id: str | None) -> bool:
    """Whether this way back, proven in this session, still lets the account enrol a factor."""
    if not reset_id:
        return False
    reset = FactorReset.objects.filter(pk=reset_id, account=account).first()
    return reset is not None and _is_open(reset)


def enrol_totp(*, account: Account, reset_id: str, device: TotpDevice, code: str) -> bool:
    """Whether the code was right; then this authenticator is the only factor and every session has ended."""
    with transaction.atomic():
        _taken(account, reset_id)
        if not confirm_totp(device=device, code=code):
            return False
        _replace_all(account, device, "totp")
    return True


def enrol_passkey(*, account: Account, reset_id: str, answer: Answer, label: str) -> PasskeyDevice:
    """This passkey is the only factor and every session has ended. Errors as `add_passkey`, and Gone("link_dead")."""
    with transaction.atomic():
        _taken(account, reset_id)
        device = add_passkey(account=account, answer=answer, label=label)
        _replace_all(account, device, "passkey")
    return device


# --- staff ------------------------------------------------------------------------------------------------------------
def agree(*, account_id: UUID, by: Account) -> bool:
    """An operator or an IRM reviewer agrees that this member of staff enrols anew; whether both have by now.

    Then the link is on its way to the account's address. Idempotent for the same person.
    Raises Missing, Refused("not_own", "role_missing" or "four_eyes").
    """
    with transaction.atomic():
        account = Account.objects.select_for_update().filter(pk=account_id, is_staff=True, is_active=True).first()
        if account is None:
            raise Missing
        reset = _of_staff(account)
        role = _role_for(by, account, reset)
        if role is None:
            return reset.due_at is not None
        setattr(reset, role, by)
        reset.save()
        _record("agreed", account, actor=actor_of(by), desk="operator" if role == "operator" else "irm")
        if reset.operator_id is None or reset.reviewer_id is None:
            return False
        reset.due_at, reset.expires_at = timezone.now(), timezone.now() + OPEN_TO_STAFF
        link = _new_link(reset)
        _announce(account, reset)
        _tell("lost_factor_agreed", account, {"link": link})
    return True


def _of_staff(account: Account) -> FactorReset:
    FactorReset.objects.filter(account=account, expires_at__lte=timezone.now()).delete()
    found = FactorReset.objects.filter(account=account).first()
    return found or FactorReset(account=account, expires_at=timezone.now() + OPEN_FOR)


def _role_for(by: Account, account: Account, reset: FactorReset) -> str | None:
    """The place `by` may still fill; None when they have agreed already."""
    if by.pk == account.pk:
        raise Refused("not_own", _("Nobody agrees to this for their own account."))
    mine = [name for name, role in (("operator", roles.OPERATOR), ("reviewer", roles.IRM)) if by.has_role(role)]
    if not mine:
        raise Refused("role_missing", _("This takes an operator and an IRM reviewer."))
    if by.pk in {reset.operator_id, reset.reviewer_id}:
        return None
    free = [name for name in mine if getattr(reset, f"{name}_id") is None]
    if not free:
        raise Refused("four_eyes", _("Somebody of your role has agreed already."))
    return free[0]


# --- parts ------------------------------------------------------------------------------------------------------------
def _answer_to(known: Account | None) -> tuple[str, Account | None]:
    """The mail, and whose way back it begins, if any. A running one is not begun again."""
    account = Account.objects.select_for_update().filter(pk=known.pk if known is not None else uuid4()).first()
    if account is None:
        return "lost_factor_none", None
    if account.is_staff or account.password_by_mail or not account.is_active:
        return "lost_factor_not_here", None
    if account.factor_reset_due_at is not None:
        return "lost_factor_under_way", None
    return "lost_factor_link", account


def _new_link(reset: FactorReset) -> str:
    link = new_link(reset, "lost_factor_link")
    reset.save()
    return link


def _locked(reset: FactorReset) -> FactorReset:
    """The row again, with its account locked first, as everybody does here."""
    Account.objects.select_for_update().get(pk=_owner(reset).pk)
    row = FactorReset.objects.select_for_update(of=("self",)).select_related("account").filter(pk=reset.pk).first()
    if row is None:
        raise dead_link()
    return row


def _taken(account: Account, reset_id: str) -> None:
    """The way back is used, once. Raises Gone("link_dead") when it is not open any more."""
    Account.objects.select_for_update().get(pk=account.pk)
    reset = FactorReset.objects.filter(pk=reset_id, account=account).first()
    if reset is None or not _is_open(reset):
        raise dead_link()


def _replace_all(account: Account, device: TotpDevice | PasskeyDevice, factor: str) -> None:
    TotpDevice.objects.filter(user=account).exclude(pk=device.pk if factor == "totp" else None).delete()
    PasskeyDevice.objects.filter(user=account).exclude(pk=device.pk if factor == "passkey" else None).delete()
    RecoveryDevice.objects.filter(user=account).delete()
    FactorReset.objects.filter(account=account).delete()
    AccountSession.objects.filter(account_id=account.pk).delete()
    Account.objects.filter(pk=account.pk).update(factor_reset_due_at=None, session_epoch=F("session_epoch") + 1)
    _record("done", account, factor=factor)
    tell("lost_factor_done", account)


def _is_open(reset: FactorReset) -> bool:
    now = timezone.now()
    return reset.due_at is not None and reset.due_at <= now < reset.expires_at


def _owner(reset: FactorReset) -> Account:
    if reset.account is None:
        raise dead_link()
    return reset.account


def _announce(account: Account, reset: FactorReset) -> None:
    account.factor_reset_due_at = reset.due_at
    account.save(update_fields=["factor_reset_due_at"])


def _tell(kind: str, account: Account, context: Mapping[str, Any]) -> None:
    send_mail_later(kind, to=account_email(account), language=account.language, context=context)


def _record(what: str, account: Account, *, actor: str | None = None, **details: str | int) -> None:
    about: dict[str, str | int] = {"account": str(account.id), **details}
    audit.record(f"account.factor_reset_{what}", actor=actor or actor_of(account), details=about)
