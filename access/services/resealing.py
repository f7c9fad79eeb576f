"""What lies under an account's data key follows its renewal (vault.datakeys)."""

from access.models import Account, PasskeyDevice, TotpDevice
from access.services.accounts import email_place
from access.services.factors import secret_place
from access.services.passkeys import device_place
from vault.datakeys import register_cell


def register_sealed() -> None:
    """`keys rotate data` knows the columns. The recovery codes in a session are shown before their key is gone."""
    register_cell(Account, "email_sealed", owner="pk", place=email_place)
    register_cell(TotpDevice, "secret_sealed", owner="user_id", place=secret_place)
    register_cell(PasskeyDevice, "sealed", owner="user_id", place=lambda row: device_place(row, "sealed"))
    register_cell(PasskeyDevice, "name_sealed", owner="user_id", place=lambda row: device_place(row, "name_sealed"))
