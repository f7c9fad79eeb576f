"""Accounts: made, found and erased. The address lies sealed under the account's own data key, found by blind index."""

import uuid
from collections.abc import Sequence
from uuid import UUID

from django.conf import settings
from django.contrib.auth.models import Group
from django.db import IntegrityError, transaction
from django.utils.translation import gettext as _
from email_validator import EmailNotValidError, validate_email

from access import hooks
from access.models import Account, AccountSession, MailCode, PasskeyDevice, RecoveryDevice, TotpDevice
from access.sessions import SIGNED_IN
from audit import actors
from audit import services as audit
from gdpr_portal.errors import Invalid, Missing, WrongState
from vault import services as vault
from vault.services import Place

EMAIL_COLUMN = "access_account.email"


def normalise_email(email: str) -> str:
    """The address as it is kept: RFC 5321 syntax checked without DNS, domain lower-cased. Raises Invalid."""
    try:
        checked = validate_email(email.strip(), check_deliverability=False, test_environment=settings.IS_LOCAL)
    except EmailNotValidError:
        raise Invalid("invalid_value", _("This is not an e-mail address."), status=422) from None
    return checked.normalized


def email_index(email: str) -> bytes:
    """The blind index of an address, blind to its case too: nobody runs mailboxes that differ by case alone.

    In lower case and not folded: `straße.example` and `strasse.example` are two owners' domains (T11, T41).
    """
    return vault.blind_index(EMAIL_COLUMN, normalise_email(email).lower())


def mailbox_of(email: str) -> str:
    """By what mails to one mailbox, and tries at its account, are counted; in whatever case its address is written."""
    try:
        return email_index(email).hex()
    except Invalid:
        return email.strip().lower()


def create_account(
    *,
    email: str,
    password: str,
    language: str = "en",
    is_staff: bool = False,
    roles: Sequence[str] = (),
    desk_name: str = "",
) -> Account:
    """The account exists, with its own data key and its roles. Raises WrongState("account_exists").

    Whoever calls has proof of the address; `register_verified` is the way for people who sign up themselves.
    """
    address = normalise_email(email)
    account = Account(
        id=uuid.uuid4(), language=language, is_staff=is_staff, desk_name=desk_name, email_index=email_index(address)
    )
    account.set_password(password)
    with transaction.atomic():
        if account_by_email(address) is not None:
            raise _exists()
        account.email_sealed = vault.create_data_key(account.id).seal(email_place(account), address.encode())
        _insert(account)
        account.groups.set([Group.objects.get_or_create(name=role)[0] for role in roles])
        kind = "staff" if is_staff else "person"
        details = {"account": str(account.id), "kind": kind, "groups": sorted(roles)}
        audit.record("account.created", actor=actors.system("web"), details=details)
    return account


def register_verified(*, email: str, password: str, language: str = "en") -> Account:
    """The account of somebody who proved to read the address exists, and every floor above knows (Art. 12(6))."""
    with transaction.atomic():
        account = create_account(email=email, password=password, language=language)
        audit.record("account.verified", actor=actor_of(account), details={"account": str(account.id)})
        for tell in hooks.account_ready:
            tell(account, normalise_email(email))
    return account


def account_by_email(email: str) -> Account | None:
    """The account of this address, in any case of letters; None when there is none or it is no address at all."""
    try:
        address = normalise_email(email)
    except Invalid:
        address = ""
    return Account.objects.filter(email_index__in=vault.blind_indexes(EMAIL_COLUMN, address.lower())).first()


def account_email(account: Account) -> str:
    """The address, opened. Raises Gone("erased") when the data key is gone."""
    return vault.subject_key(account.id).open(email_place(account), bytes(account.email_sealed)).decode()


def actor_of(account: Account) -> str:
    """Who acted, as the audit log names this account: staff, or a person at the doors of the portal."""
    return actors.staff(account.id) if account.is_staff else actors.account(account.id)


def erase_account(*, account_id: UUID) -> None:
    """Row, factors, sessions, mailed codes and data key of the account are gone (Art. 17(1)). Idempotent."""
    with transaction.atomic():
        account = Account.objects.select_for_update().filter(pk=account_id).first()
        AccountSession.objects.filter(account_id=account_id).delete()
        destroyed = vault.destroy_data_key(account_id)
        if account is not None:
            TotpDevice.objects.filter(user=account).delete()
            RecoveryDevice.objects.filter(user=account).delete()
            PasskeyDevice.objects.filter(user=account).delete()
            MailCode.objects.filter(email_index=account.email_index).delete()
            account.delete()
        if account is not None or destroyed:
            details = {"account": str(account_id), "reason": "erasure"}
            audit.record("account.erased", actor=actors.system("worker"), details=details)


def change_password(*, account: Account, password: str) -> None:
    """The password is the new one and every session made with the old one is dead (ASVS 7.4.3)."""
    account.set_password(password)
    with transaction.atomic():
        account.session_epoch = _locked(account).session_epoch + 1
        account.save(update_fields=["password", "session_epoch"])
        audit.record("account.password_changed", actor=actor_of(account), details=_about(account))


def sign_out_everywhere(*, account: Account, actor: str = "") -> None:
    """Every session of the account is dead from its next request on; by its owner, if no other `actor` is named."""
    with transaction.atomic():
        account.session_epoch = _locked(account).session_epoch + 1
        account.save(update_fields=["session_epoch"])
        AccountSession.objects.filter(account_id=account.id).delete()
        audit.record("account.signed_out", actor=actor or actor_of(account), details=_about(account))


def sign_out_browser(*, account: Account, sign_in: UUID) -> None:
    """The session of this sign-in is dead from its next request on. Raises Missing, for another's as for none."""
    with transaction.atomic():
        rows = AccountSession.objects.filter(account_id=account.id)
        keys = [row.pk for row in rows if row.get_decoded().get(SIGNED_IN, {}).get("id") == str(sign_in)]
        if not rows.filter(pk__in=keys).delete()[0]:
            raise Missing("not_found", _("This browser is not signed in any more."))
        audit.record("account.browser_signed_out", actor=actor_of(account), details=_about(account))


def set_language(*, account: Account, language: str) -> None:
    """Pages, mail and copies for the account are in this language from now on (`access.hooks.language_chosen`)."""
    account.language = language
    with transaction.atomic():
        account.save(update_fields=["language"])
        for chosen in hooks.language_chosen:
            chosen(account)


def _insert(account: Account) -> None:
    try:
        with transaction.atomic():
            account.save(force_insert=True)
    except IntegrityError:
        raise _exists() from None


def _exists() -> WrongState:
    return WrongState("account_exists", _("There is an account for this address already."))


def _locked(account: Account) -> Account:
    return Account.objects.select_for_update().get(pk=account.pk)


def _about(account: Account) -> dict[str, str]:
    return {"account": str(account.id)}


def email_place(account: Account) -> Place:
    """The cell of the address."""
    return Place("access_account", "email_sealed", str(account.id))
