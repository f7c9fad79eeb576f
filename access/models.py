"""Who may act: accounts of people and staff with their factors, applications with their tokens and endpoints."""

import uuid
from typing import Any, ClassVar

from django.contrib.auth.models import AbstractBaseUser, BaseUserManager, PermissionsMixin
from django.contrib.postgres.fields import ArrayField
from django.contrib.sessions.base_session import AbstractBaseSession, BaseSessionManager
from django.db import models
from django.db.models.functions import Now
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django_otp.models import Device, ThrottlingMixin

from access import roles


class AccountManager(BaseUserManager["Account"]):
    """Accounts are made by `access.services.accounts.create_account`, which seals the address."""

    def get_by_natural_key(self, username: str | None) -> "Account":
        return self.get(pk=username or "")


class Account(AbstractBaseUser, PermissionsMixin):
    """A person who signs in, staff or data subject. The e-mail address lies sealed under the account's own key."""

    NAME_LENGTH = 40

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    desk_name = models.CharField(max_length=NAME_LENGTH, blank=True, default="")
    """What colleagues call a member of staff; empty for everybody else. Seen at the desk alone, and not sealed."""
    email_index = models.BinaryField(unique=True, editable=False)
    email_sealed = models.BinaryField(editable=False)
    language = models.CharField(max_length=8, default="en")
    is_staff = models.BooleanField(_("staff"), default=False)
    is_active = models.BooleanField(_("active"), default=True)
    session_epoch = models.PositiveIntegerField(default=0, editable=False)
    password_by_mail = models.BooleanField(default=False, editable=False)
    """Set by whoever read a mail, and no second factor was proven beside it since: no proof beside that mailbox."""
    factor_reset_due_at = models.DateTimeField(null=True, editable=False)
    """When a way back for lost factors opens; whoever is signed in sees it on every page and can end it."""
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        indexes = [
            models.Index(fields=["created_at"], name="account_listed"),
            models.Index(fields=["created_at"], condition=models.Q(is_staff=True), name="account_of_staff"),
            models.Index(fields=["created_at"], condition=models.Q(is_active=False), name="account_shut"),
        ]

    USERNAME_FIELD = "id"
    REQUIRED_FIELDS: ClassVar[list[str]] = []
    objects = AccountManager()

    def __str__(self) -> str:
        return self.desk_name or gettext("account %(number)s") % {"number": str(self.id)[:8]}

    def get_short_name(self) -> str:
        return str(self)

    def has_role(self, role: str) -> bool:
        """Whether the account belongs to the role's group (`access.roles`)."""
        return role in self.roles

    @property
    def roles(self) -> frozenset[str]:
        """The names of the account's roles; looked up once for each loaded row."""
        if not hasattr(self, "_roles"):
            self._roles = frozenset(self.groups.values_list("name", flat=True)) & roles.ALL
        return self._roles

    def _get_session_auth_hash(self, secret: Any = None) -> str:
        """Sessions die when the password or the epoch changes (sign out everywhere)."""
        inherited: str = super()._get_session_auth_hash(secret)  # type: ignore[misc]  # the stubs lack it
        return f"{inherited}.{self.session_epoch}"


class AccountSession(AbstractBaseSession):
    """One browser that is signed in, or about to be. Holds references, times and the kind of browser, no address."""

    account_id = models.UUIDField(null=True, db_index=True)
    last_used_at = models.DateTimeField(db_default=Now())
    """To the hour (`access.sessions`)."""
    objects = BaseSessionManager()  # type: ignore[misc]  # the stubs declare the parent's a class variable

    @classmethod
    def get_session_store_class(cls) -> type[Any]:
        from access.sessions import SessionStore

        return SessionStore


class TotpDevice(ThrottlingMixin, Device):
    """A TOTP authenticator (RFC 6238, 30 s, 6 digits) whose secret lies sealed under the account's key."""

    secret_sealed = models.BinaryField(editable=False)
    last_step = models.BigIntegerField(default=-1, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)


class RecoveryDevice(ThrottlingMixin, Device):
    """The set of one-use recovery codes of an account; the codes lie here only as keyed digests."""

    created_at = models.DateTimeField(auto_now_add=True)


class RecoveryCode(models.Model):
    """One recovery code, as a digest, until it is used."""

    device = models.ForeignKey(RecoveryDevice, models.CASCADE, related_name="codes")
    digest = models.BinaryField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"recovery code {self.pk}"


class PasskeyDevice(Device):
    """A passkey (WebAuthn): credential id, public key, user handle and name, sealed under the account's key.

    `confirmed` is False once it was seen to be copied: it counts no more, and waits to be removed.
    """

    credential_index = models.BinaryField(unique=True, editable=False)
    sealed = models.BinaryField(editable=False)
    name_sealed = models.BinaryField(editable=False)
    sign_count = models.BigIntegerField(default=0, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    last_used_at = models.DateTimeField(null=True)
    label = ""
    """The name, opened; set by `access.services.passkeys.passkeys_of`."""


class StaffInvitation(models.Model):
    """An account of staff that waits for its person: a link by mail, and a code told on another way, as one digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField(Account, models.CASCADE, related_name="invitation")
    digest = models.BinaryField()
    tries = models.PositiveSmallIntegerField(default=0)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"invitation {str(self.id)[:8]}"


class PasskeyChallenge(models.Model):
    """A challenge that no passkey has answered yet, by its keyed digest: answered once, within minutes."""

    digest = models.BinaryField(primary_key=True)
    ceremony = models.CharField(max_length=20)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"{self.ceremony} until {self.expires_at:%H:%M:%S}"


class FactorReset(models.Model):
    """The way back for an account whose factors are lost: asked, waiting, then open to the password and the link.

    Without an account it is one of a stranger's address, kept so that known and unknown ones are the same work. Staff
    accounts have no waiting period but two who agree: an operator and an IRM reviewer, neither of them the owner.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    account = models.OneToOneField(Account, models.CASCADE, null=True, related_name="factor_reset")
    digest = models.BinaryField(default=b"")
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(null=True)
    expires_at = models.DateTimeField(db_index=True)
    operator = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="+")
    reviewer = models.ForeignKey(Account, models.SET_NULL, null=True, related_name="+")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=~models.Q(operator=models.F("reviewer")) | models.Q(operator=None) | models.Q(reviewer=None),
                name="factor_reset_four_eyes",
            ),
            models.CheckConstraint(
                condition=~models.Q(operator=models.F("account")) | models.Q(operator=None),
                name="factor_reset_not_own_operator",
            ),
            models.CheckConstraint(
                condition=~models.Q(reviewer=models.F("account")) | models.Q(reviewer=None),
                name="factor_reset_not_own_reviewer",
            ),
        ]

    def __str__(self) -> str:
        return f"factor reset {str(self.id)[:8]}"


class MailCode(models.Model):
    """A six-digit code sent to an address, to prove that somebody reads it. Bounded in tries and lifetime."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4)
    reason = models.CharField(max_length=20)
    email_index = models.BinaryField(db_index=True)
    email_sealed = models.BinaryField()
    digest = models.BinaryField()
    language = models.CharField(max_length=8, default="en")
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField()
    used_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.reason} {str(self.id)[:8]}"


class Attempt(models.Model):
    """Failed proofs counted in a window, by a keyed digest of who or where; shared by every process."""

    key = models.BinaryField(primary_key=True)
    count = models.PositiveIntegerField(default=0)
    window_ends_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.count} tries"


class Application(models.Model):
    """A business application or third party that uses the API. Its secret lies here only as a keyed digest."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    client_id = models.CharField(max_length=80, unique=True)
    secret_digest = models.BinaryField(editable=False)
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    requests_per_minute = models.PositiveIntegerField(default=6000)
    requests_per_second = models.PositiveIntegerField(null=True, help_text="How much of it at once; none: all of it.")
    enabled = models.BooleanField(default=True)
    is_third_party = models.BooleanField(default=False)
    created_at = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.name or self.slug


class AccessToken(models.Model):
    """A bearer token (RFC 6750) of an application; only its keyed digest is kept."""

    digest = models.BinaryField(primary_key=True)
    application = models.ForeignKey(Application, models.CASCADE, related_name="tokens")
    scopes = ArrayField(models.CharField(max_length=40), default=list)
    created_at = models.DateTimeField(auto_now_add=True)
    expires_at = models.DateTimeField(db_index=True)

    def __str__(self) -> str:
        return f"token of {self.application_id}"


class WebhookEndpoint(models.Model):
    """Where an application receives its signed notices (Standard Webhooks); the secret is sealed by the vault."""

    application = models.OneToOneField(Application, models.CASCADE, related_name="endpoint", primary_key=True)
    url = models.URLField(max_length=500)
    secret_sealed = models.BinaryField(editable=False)
    previous_secret_sealed = models.BinaryField(null=True, editable=False)
    previous_until = models.DateTimeField(null=True)
    disabled_at = models.DateTimeField(null=True)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return f"endpoint of {self.application_id}"


class OutgoingMail(models.Model):
    """A mail that no mail server has taken yet; address and words are sealed, and gone with the row."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=40)
    sealed = models.BinaryField(editable=False)
    tries = models.PositiveSmallIntegerField(default=0)
    created_at = models.DateTimeField(auto_now_add=True)
    due_at = models.DateTimeField(db_index=True)
    given_up_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return f"{self.kind} {self.id}"


class IdempotencyKey(models.Model):
    """The first answer to a key, kept for 24 hours; written with its effect or not at all."""

    application = models.ForeignKey(Application, models.CASCADE)
    method = models.CharField(max_length=8)
    path = models.CharField(max_length=300)
    key = models.CharField(max_length=255)
    fingerprint = models.BinaryField()
    status = models.PositiveSmallIntegerField(null=True)
    content_type = models.CharField(max_length=100, default="")
    body_sealed = models.BinaryField(default=b"")
    created_at = models.DateTimeField(auto_now_add=True, db_index=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["application", "method", "path", "key"], name="idempotency_once")
        ]

    def __str__(self) -> str:
        return f"answer to {self.method} {self.path}"


class ThrottleWindow(models.Model):
    """Requests of one application in one minute and one second; one row an application, moved on in place."""

    application = models.OneToOneField(Application, models.CASCADE, primary_key=True)
    window_started_at = models.DateTimeField()
    used = models.PositiveIntegerField(default=0)
    second_started_at = models.DateTimeField(null=True)
    used_in_second = models.PositiveIntegerField(db_default=0)

    def __str__(self) -> str:
        return f"window of {self.application_id}"
