"""The columns of this app that follow a rotation of keys (docs/vault.md)."""

from access.models import Account, IdempotencyKey, MailCode, OutgoingMail, PasskeyDevice, WebhookEndpoint
from access.services.accounts import account_email, email_index
from access.services.applications import previous_secret_place, secret_place
from access.services.mail import place as mail_place
from access.services.passkeys import credential_index, credential_of
from vault.renewal import register_index, register_secret


def register_columns() -> None:
    """`keys rotate` knows them; codes from mails and kept answers are gone within a day by themselves."""
    register_index(Account, "email_index", lambda account: email_index(account_email(account)))
    register_index(MailCode, "email_index")
    register_index(PasskeyDevice, "credential_index", lambda row: credential_index(credential_of(row).credential_id))
    register_secret(MailCode, "email_sealed")
    register_secret(OutgoingMail, "sealed", lambda mail: mail_place(mail.pk))
    register_secret(IdempotencyKey, "body_sealed")
    register_secret(WebhookEndpoint, "secret_sealed", lambda row: secret_place(row.application))
    register_secret(WebhookEndpoint, "previous_secret_sealed", lambda row: previous_secret_place(row.application))
