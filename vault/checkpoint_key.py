"""Lends the audit log its signature: keys live here, the log is a floor below, so they are registered from here.

Only the sequencer's process (DATABASE_ROLE=sequencer) reads the private key; every other one knows the public keys.
"""

import logging

from django.conf import settings

from audit import note
from audit import signing as audit_signing
from vault import keyfiles, providers, signing
from vault.keyring import KeyringError

logger = logging.getLogger(__name__)


def register(*, signs: bool | None = None) -> None:
    """The audit log knows the verifier keys and, in the process that signs, the signer. Idempotent.

    Missing files are no error here, before `keys init`: the log then says itself that it cannot sign. Signatures are
    checked by the vault from now on, in a hundredth of the time.
    """
    audit_signing.register_verify(signing.verifies)
    for name, public in _public_keys():
        audit_signing.register_public_key(name, public)
    if signs if signs is not None else settings.DATABASE_ROLE == "sequencer":
        _register_signer()


def _register_signer() -> None:
    try:
        key = keyfiles.read_checkpoint_key(settings.AUDIT_SIGNING_KEY_FILE)
    except (OSError, KeyringError) as error:
        logger.error("The checkpoint key cannot be used: %s.", type(error).__name__)
        return
    audit_signing.register_signer(key.origin, key.sign, key.public)


def _public_keys() -> list[tuple[str, bytes]]:
    vkeys = [note.decode_vkey(line) for line in keyfiles.read_vkeys(settings.VAULT_KEY_FILE)]
    if vkeys:
        return [(key.name, key.public_key) for key in vkeys]
    try:
        public = providers.keyring().audit_public
    except providers.Sealed:
        return []
    return [(settings.AUDIT_LOG_ORIGIN, public)] if public else []
