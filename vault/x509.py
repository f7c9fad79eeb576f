"""Bodies signed by whoever holds a domain: a certificate (X.509), a name in it, an RSA signature; checked and made.

For OpenDSR 2.0, whose processors sign what they answer with RSA over SHA-256 (RSASSA-PKCS1-v1_5, RFC 8017) and publish
a certificate of their domain. Names are compared as RFC 6125 says: the alternative names alone where there are any,
else the common name; `*` stands for one whole left-most label. Who issued the certificate is not looked at: it was
fetched from the domain over TLS, or is pinned, and that is the caller's part.
"""

import base64
import binascii
from collections.abc import Callable
from datetime import datetime

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey, RSAPublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from cryptography.x509.oid import NameOID

from gdpr_portal.errors import Invalid

Signer = Callable[[bytes], str]
"""Signs a body: base64 of the signature."""

LEAST_BITS = 2048
"""Shorter RSA keys are no more accepted (NIST SP 800-131A, BSI TR-02102-1)."""
LABELS_BEHIND_WILDCARD = 2


def verify_domain_signature(*, body: bytes, signature: str, certificate: bytes, domain: str, at: datetime) -> None:
    """These very bytes were signed by the key of a certificate that was valid at `at` (aware) for the domain.

    The signature is base64 (RFC 4648, section 4), the certificate PEM or DER; of several in PEM the first counts.
    Raises Invalid: `bad_certificate`, `certificate_not_valid`, `certificate_of_another_domain`, `bad_key`,
    `bad_signature`.
    """
    found = read_certificate(certificate)
    if not found.not_valid_before_utc <= at <= found.not_valid_after_utc:
        raise Invalid("certificate_not_valid", "The certificate is not valid at this time.")
    if not any(names_match(name, domain) for name in names_of(found)):
        raise Invalid("certificate_of_another_domain", "The certificate is not one of this domain.")
    try:
        _signing_key(found).verify(_decoded(signature), body, PKCS1v15(), SHA256())
    except InvalidSignature:
        raise Invalid("bad_signature", "The signature does not fit the body and the certificate.") from None


def domain_signer(*, certificate: bytes, key: bytes, domain: str, at: datetime) -> Signer:
    """What signs bodies so that `verify_domain_signature` accepts them; `key` is the certificate's own, in PEM.

    Raises the errors of `verify_domain_signature`, and `bad_key` for a key that is none or another certificate's.
    """
    try:
        private = load_pem_private_key(key, None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise Invalid("bad_key", "This is not a private key in PEM.") from None
    if not isinstance(private, RSAPrivateKey):
        raise Invalid("bad_key", f"Expected an RSA key of at least {LEAST_BITS} bits that may sign.")

    def sign(body: bytes) -> str:
        return base64.b64encode(private.sign(body, PKCS1v15(), SHA256())).decode()

    try:
        verify_domain_signature(body=b"", signature=sign(b""), certificate=certificate, domain=domain, at=at)
    except Invalid as error:
        if error.code == "bad_signature":
            raise Invalid("bad_key", "The key is another certificate's.") from None
        raise
    return sign


def read_certificate(raw: bytes) -> x509.Certificate:
    """The certificate in PEM or DER; Invalid(`bad_certificate`) for anything else."""
    try:
        if b"-----BEGIN" in raw:
            return x509.load_pem_x509_certificates(raw)[0]
        return x509.load_der_x509_certificate(raw)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        raise _bad_certificate() from None


def names_of(certificate: x509.Certificate) -> list[str]:
    """The DNS names the certificate is for (RFC 6125, section 6.4): alternative names, without any the common name."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)
    except x509.ExtensionNotFound:
        common = certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
        return [str(common[-1].value)] if common else []
    except (ValueError, x509.DuplicateExtension):
        raise _bad_certificate() from None


def names_match(presented: str, domain: str) -> bool:
    """Whether a name of a certificate is the domain's; `*.example.org` is for `a.example.org` and nothing else."""
    name, wanted = _labels(presented), _labels(domain)
    if not name or not wanted or "*" in wanted[0]:
        return False
    if name[0] != "*":
        return "*" not in "".join(name) and name == wanted
    rest = name[1:]
    return len(rest) >= LABELS_BEHIND_WILDCARD and "*" not in "".join(rest) and rest == wanted[1:]


def _labels(name: str) -> list[str]:
    """The labels in their ASCII form (RFC 5890), lower case; none for what is no name."""
    labels = name.removesuffix(".").split(".")
    try:
        ascii_labels = [label.encode("idna").decode().lower() for label in labels]
    except UnicodeError:
        return []
    return ascii_labels if all(ascii_labels) else []


def _signing_key(certificate: x509.Certificate) -> RSAPublicKey:
    try:
        key = certificate.public_key()
        usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
        signs = usage.digital_signature or usage.content_commitment
    except x509.ExtensionNotFound:
        signs = True
    except (ValueError, UnsupportedAlgorithm, x509.DuplicateExtension):
        raise _bad_certificate() from None
    if not isinstance(key, RSAPublicKey) or key.key_size < LEAST_BITS or not signs:
        raise Invalid("bad_key", f"Expected an RSA key of at least {LEAST_BITS} bits that may sign.")
    return key


def _decoded(signature: str) -> bytes:
    try:
        return base64.b64decode("".join(signature.split()), validate=True)
    except (binascii.Error, ValueError):
        raise Invalid("bad_signature", "The signature is not base64.") from None


def _bad_certificate() -> Invalid:
    return Invalid("bad_certificate", "This is not an X.509 certificate.")
