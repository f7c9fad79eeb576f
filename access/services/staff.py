"""Staff: invited, given roles, and gone again. Done by operators with `manage.py staff`, never from a page.

An invitation takes two things that go two ways: the link in the mail, and a code that the operator tells by voice or in
person (ASVS 2.3.1). Whoever has both chooses a password, and is led to set up a second factor before anything else
opens. Neither a stolen mailbox nor an overheard code is enough. The account has no usable password until then.

Who has left keeps their row: approvals and the log refer to it. Everything they could sign in with is gone.
"""

import secrets
from collections.abc import Collection
from datetime import timedelta
from uuid import UUID

from django.contrib.auth.models import Group
from django.db import transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from access import roles as all_roles
from access.models import Account, AccountSession, PasskeyDevice, RecoveryDevice, StaffInvitation, TotpDevice
from access.services import limits
from access.services.accounts import account_by_email, account_email, actor_of, create_account
from access.services.factors import too_many
from access.services.mail import send_mail_later
from access.services.mail_links import new_link, row_of
from audit import actors
from audit import services as audit
from gdpr_portal.errors import Gone, Invalid, Missing, WrongState

HOLDS = timedelta(days=7)
"""How long an invitation can be accepted."""
LETTERS = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ"
CODE_LENGTH = 10
"""50 random bits, and ten tries (`mail_links.TRIES`)."""
OPERATOR = actors.system("operator")


def invite(*, email: str, name: str, roles: Collection[str], language: str = "en") -> str:
    """The account exists with its roles, and its invitation is on its way; returns the code to be told.

    `name` is what colleagues see at the desk, at most 40 characters: no data subject sees it, and it is not sealed.
    Raises Invalid for no address, name or role, WrongState("account_exists").
    """
    _require_roles(roles)
    if not 0 < len(name.strip()) <= Account.NAME_LENGTH:
        raise Invalid("invalid_value", _("The name has 1 to 40 characters."), status=422)
    with transaction.atomic():
        account = create_account(
            email=email, password=secrets.token_urlsafe(32), language=language, is_staff=True, roles=sorted(roles),
            desk_name=name.strip(),
        )  # fmt: skip
        account.set_unusable_password()
        account.save(update_fields=["password"])
        return _invited(account)


def invite_again(*, email: str) -> str:
    """A new link is on its way and the old one dead; returns the new code. For who has not accepted yet.

    Raises Missing, WrongState("invitation_accepted").
    """
    with transaction.atomic():
        account = _locked(email)
        if account.has_usable_password():
            raise WrongState("invitation_accepted", _("This invitation was accepted."))
        _changed(account, "invitation")
        return _invited(account)


def accept(*, invitation_id: UUID, token: str, code: str, password: str, where: str) -> Account:
    """The account has this password; the first second factor comes next. Once only.

    Raises Invalid("invitation_refused"), the same for a wrong link and a wrong code, and Refused("throttled", 429).
    """
    turn = limits.take((limits.ADDRESS, where))
    if turn.wait:
        raise too_many(turn.wait)
    try:
        row = row_of(StaffInvitation.objects.select_related("account"), invitation_id, token, _plain(code))
    except Gone as dead:
        raise _not_together() from dead
    if row.expires_at <= timezone.now() or not row.account.is_active:
        raise _not_together()
    with transaction.atomic():
        account = Account.objects.select_for_update().get(pk=row.account_id)
        if not StaffInvitation.objects.filter(pk=row.pk).delete()[0]:
            raise _not_together()
        account.set_password(password)
        account.save(update_fields=["password"])
        audit.record("account.verified", actor=actor_of(account), details={"account": str(account.id)})
    limits.give_back((limits.ADDRESS, where))
    return account


def set_roles(*, email: str, roles: Collection[str]) -> Account:
    """The account has exactly these roles, and every browser of it is signed out. Raises Missing, Invalid."""
    _require_roles(roles)
    with transaction.atomic():
        account = _locked(email)
        _set_groups(account, roles)
        _sign_out(account)
        _changed(account, "roles")
    return account


def leave(*, email: str) -> Account:
    """The account signs in no more: no roles, factors, sessions or invitation. Idempotent. Raises Missing."""
    with transaction.atomic():
        account = _locked(email)
        if account.is_active:
            Account.objects.filter(pk=account.pk).update(is_active=False)
            account.set_unusable_password()
            account.save(update_fields=["password"])
            _set_groups(account, ())
            _sign_out(account)
            for kind in (TotpDevice, RecoveryDevice, PasskeyDevice):
                kind.objects.filter(user=account).delete()
            StaffInvitation.objects.filter(account=account).delete()
            details = {"account": str(account.id), "reason": "left"}
            audit.record("account.disabled", actor=OPERATOR, details=details)
        account.refresh_from_db()
    return account


def purge() -> int:
    """Invitations that nobody accepted in time are gone; returns how many."""
    return StaffInvitation.objects.filter(expires_at__lte=timezone.now()).delete()[0]


def _invited(account: Account) -> str:
    code = "".join(secrets.choice(LETTERS) for _ in range(CODE_LENGTH))
    StaffInvitation.objects.filter(account=account).delete()
    invitation = StaffInvitation(account=account, expires_at=timezone.now() + HOLDS)
    link = new_link(invitation, "staff_invitation", code)
    invitation.save()
    context = {"link": link, "until": invitation.expires_at}
    send_mail_later("staff_invited", to=account_email(account), language=account.language, context=context)
    return f"{code[:5]}-{code[5:]}"


def _not_together() -> Invalid:
    """The same whatever is wrong: a guesser learns neither that the link holds nor that the code was near."""
    words = _("This code does not open this invitation. Check the code, and that you opened the newest mail.")
    return Invalid("invitation_refused", words, status=422)


def _plain(code: str) -> str:
    """As it is kept, however it was typed."""
    return "".join(letter for letter in code.upper() if letter in LETTERS)


def _locked(email: str) -> Account:
    found = account_by_email(email)
    if found is None or not found.is_staff:
        raise Missing("not_found", _("There is no member of staff with this address."))
    return Account.objects.select_for_update().get(pk=found.pk)


def _require_roles(roles: Collection[str]) -> None:
    if not roles or not set(roles) <= all_roles.ALL:
        known = ", ".join(sorted(all_roles.ALL))
        raise Invalid("invalid_value", _("One role at least, of: %(known)s.") % {"known": known}, status=422)


def _set_groups(account: Account, roles: Collection[str]) -> None:
    account.groups.set([Group.objects.get_or_create(name=role)[0] for role in sorted(roles)])


def _changed(account: Account, what: str) -> None:
    groups = sorted(account.groups.values_list("name", flat=True))
    details = {"account": str(account.id), "changed": what, "groups": groups}
    audit.record("account.changed", actor=OPERATOR, details=details)


def _sign_out(account: Account) -> None:
    Account.objects.filter(pk=account.pk).update(session_epoch=F("session_epoch") + 1)
    AccountSession.objects.filter(account_id=account.pk).delete()
