"""AWS KMS as key service: `pip install gdpr-portal[aws-kms]`.

    TrentService.Encrypt {"KeyId", "Plaintext", "EncryptionContext"}        -> CiphertextBlob
    TrentService.Decrypt {"KeyId", "CiphertextBlob", "EncryptionContext"}   -> Plaintext

Signed by AWS Signature Version 4 with whatever credentials botocore finds (instance role, container role, files,
environment). KMS rotates the bytes of a key by itself and opens what every earlier version sealed. The key's policy:
`kms:Encrypt` and `kms:Decrypt` for the service's role, best with a condition on the encryption context.
"""

import base64
from typing import Any, Final

from vault.wrapping import Denied, Sealed, Unreachable

TIMEOUT_SECONDS: Final = 2.0
TRIES: Final = 3
CONTEXT: Final = "gdpr-portal"
OVERLOADED: Final = frozenset({
    "ThrottlingException", "LimitExceededException", "KMSInternalException", "DependencyTimeoutException",
    "KeyUnavailableException", "ServiceUnavailable", "RequestTimeout", "InternalFailure",
})  # fmt: skip


class Kms:
    """One symmetric key of AWS KMS, by id, ARN or alias."""

    name = "kms"

    def __init__(self, *, key: str, region: str, endpoint: str = "") -> None:
        self.key = key
        self._region, self._endpoint = region, endpoint
        self._client: Any = None

    def wrap(self, key: bytes, associated: bytes) -> bytes:
        return bytes(self._ask("encrypt", associated, Plaintext=key)["CiphertextBlob"])

    def unwrap(self, wrapped: bytes, associated: bytes) -> bytes:
        return bytes(self._ask("decrypt", associated, CiphertextBlob=wrapped)["Plaintext"])

    def _ask(self, operation: str, associated: bytes, **parts: bytes) -> dict[str, Any]:
        exceptions = _library().exceptions
        context = {CONTEXT: base64.b64encode(associated).decode()}
        try:
            ask = getattr(self._connected(), operation)
            answer: dict[str, Any] = ask(KeyId=self.key, EncryptionContext=context, **parts)
        except exceptions.ClientError as error:
            raise _told(error) from None
        except (exceptions.NoCredentialsError, exceptions.PartialCredentialsError):
            raise Denied("KMS was asked without credentials") from None
        except (exceptions.BotoCoreError, exceptions.HTTPClientError) as error:
            raise Unreachable(f"KMS does not answer ({type(error).__name__})") from None
        return answer

    def _connected(self) -> Any:
        if self._client is None:
            botocore = _library()
            patience = botocore.config.Config(
                connect_timeout=TIMEOUT_SECONDS, read_timeout=TIMEOUT_SECONDS,
                retries={"total_max_attempts": TRIES, "mode": "standard"},
            )  # fmt: skip
            session = botocore.session.get_session()
            self._client = session.create_client(
                "kms", region_name=self._region, endpoint_url=self._endpoint or None, config=patience
            )
        return self._client


def _told(error: Any) -> Sealed:
    code = str(error.response.get("Error", {}).get("Code", ""))
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if code in OVERLOADED or status >= 500 or status == 429:
        return Unreachable(f"KMS is overloaded ({code or status})")
    return Denied(f"KMS refuses its key ({code or status})")


def _library() -> Any:
    try:
        import botocore.config
        import botocore.exceptions
        import botocore.session
    except ImportError:
        raise Sealed("the extra `aws-kms` is not installed") from None
    return botocore
