"""HashiCorp Vault's (or OpenBao's) transit engine as key service: `pip install gdpr-portal[transit]`.

    POST /v1/<mount>/encrypt/<key>  {"plaintext", "associated_data"}   -> "vault:v<version>:<ciphertext>"
    POST /v1/<mount>/decrypt/<key>  {"ciphertext", "associated_data"}  -> plaintext, both base64

The token is read from its file at every call, as Vault Agent renews it there; it is never in the environment. The key
must be of an AEAD type (aes256-gcm96, the default; chacha20-poly1305): others refuse associated data. Its policy:
`update` on encrypt/<key> and decrypt/<key>, nothing else.
"""

import base64
import binascii
import random
import time
from pathlib import Path
from typing import Any, Final

from vault.wrapping import Denied, Sealed, Unreachable

TIMEOUT_SECONDS: Final = 2.0
TRIES: Final = 3
PAUSE_SECONDS: Final = 0.2
_dice = random.SystemRandom()


class Transit:
    """One key of a transit engine."""

    name = "transit"

    def __init__(
        self, *, address: str, key: str, token_file: Path, mount: str = "transit", namespace: str = ""
    ) -> None:
        self.key = key
        self._address, self._token_file, self._mount, self._namespace = address, token_file, mount, namespace

    def wrap(self, key: bytes, associated: bytes) -> bytes:
        found = self._ask("encrypt_data", plaintext=_text(key), associated_data=_text(associated))
        return str(found["ciphertext"]).encode()

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        found = self._ask("decrypt_data", ciphertext=wrapped.decode("latin-1"), associated_data=_text(associated))
        return base64.b64decode(found["plaintext"], validate=True)

    def _ask(self, operation: str, **parts: str) -> dict[str, Any]:
        """The `data` of the answer; refusals are Denied at once, silence and overload are tried again."""
        for left in reversed(range(TRIES)):
            try:
                return self._asked(operation, parts)
            except Unreachable:
                if not left:
                    raise
                time.sleep(PAUSE_SECONDS * (TRIES - left) * _dice.uniform(0.5, 1.5))
        raise AssertionError("never reached")

    def _asked(self, operation: str, parts: dict[str, str]) -> dict[str, Any]:
        hvac, requests = _libraries()
        errors = hvac.exceptions
        refused = (
            errors.InvalidRequest, errors.Unauthorized, errors.Forbidden, errors.InvalidPath,
            errors.UnsupportedOperation, errors.PreconditionFailed,
        )  # fmt: skip
        with requests.Session() as session:
            session.trust_env = False  # no proxy, no .netrc: the address is the whole way
            client = hvac.Client(
                url=self._address, token=self._token(), namespace=self._namespace or None, timeout=TIMEOUT_SECONDS,
                session=session, allow_redirects=False,
            )  # fmt: skip
            try:
                answer = getattr(client.secrets.transit, operation)(self.key, mount_point=self._mount, **parts)
                data: dict[str, Any] = answer["data"]
            except refused as error:
                raise Denied(f"transit refuses its key ({type(error).__name__})") from None
            except (errors.VaultError, requests.RequestException) as error:
                raise Unreachable(f"transit does not answer ({type(error).__name__})") from None
            except (KeyError, TypeError, ValueError, binascii.Error, AttributeError):
                raise Unreachable("transit answers with something else") from None
        return data

    def _token(self) -> str:
        try:
            return self._token_file.read_text().strip()
        except OSError:
            raise Unreachable("the token file of transit cannot be read") from None


def _libraries() -> tuple[Any, Any]:
    try:
        import hvac
        import requests
    except ImportError:
        raise Sealed("the extra `transit` is not installed") from None
    return hvac, requests


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()
