"""Certificates at their edges, and the signer that is refused at the start rather than at the first answer."""

from datetime import timedelta
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import NameOID

from gdpr_portal.errors import Invalid
from tests.erasure.test_opendsr_verify import BODY, DOMAIN, KEY, NOW, OTHER_KEY, certificate, signed
from vault.x509 import domain_signer, names_match, names_of, read_certificate, verify_domain_signature


def pem(key: Any) -> bytes:
    plain = serialization.NoEncryption()
    return bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain))


def of_use(*, digital_signature: bool, content_commitment: bool) -> bytes:
    """A certificate whose key is for this alone."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, DOMAIN)])
    made = x509.CertificateBuilder(name, name, KEY.public_key(), 1, NOW, NOW + timedelta(days=1))
    usage = x509.KeyUsage(
        digital_signature=digital_signature, content_commitment=content_commitment, key_encipherment=True,
        data_encipherment=False, key_agreement=False, key_cert_sign=False, crl_sign=False, encipher_only=False,
        decipher_only=False,
    )  # fmt: skip
    return made.add_extension(usage, critical=True).sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def verified(**changed: Any) -> None:
    given = {"body": BODY, "signature": signed(), "certificate": certificate(DOMAIN), "domain": DOMAIN, "at": NOW}
    verify_domain_signature(**(given | changed))


def signer(**changed: Any) -> Any:
    return domain_signer(
        **({"certificate": certificate(DOMAIN), "key": pem(KEY), "domain": DOMAIN, "at": NOW} | changed)
    )


def test_the_first_and_the_last_second_count() -> None:
    verified(certificate=certificate(DOMAIN, since=NOW))
    verified(certificate=certificate(DOMAIN, until=NOW))


def test_a_key_must_be_for_signing_where_the_certificate_says_what_it_is_for() -> None:
    verified(certificate=of_use(digital_signature=True, content_commitment=False))
    verified(certificate=of_use(digital_signature=False, content_commitment=True))
    with pytest.raises(Invalid) as refused:
        verified(certificate=of_use(digital_signature=False, content_commitment=False))
    assert refused.value.code == "bad_key"


def test_each_refusal_has_its_code_and_words() -> None:
    for changed, code, words in (
        ({"signature": "!!!!"}, "bad_signature", "The signature is not base64."),
        ({"signature": signed() + "!"}, "bad_signature", "The signature is not base64."),
        ({"certificate": b"garbage"}, "bad_certificate", "This is not an X.509 certificate."),
        ({"domain": ""}, "certificate_of_another_domain", "The certificate is not one of this domain."),
    ):
        with pytest.raises(Invalid) as refused:
            verified(**changed)
        assert (refused.value.code, refused.value.message) == (code, words)
    verified(signature=" \n".join(signed()))


def test_a_certificate_without_any_name_is_of_nobody() -> None:
    empty = x509.Name([])
    made = x509.CertificateBuilder(empty, empty, KEY.public_key(), 1, NOW, NOW + timedelta(days=1))
    raw = made.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.DER)
    assert names_of(read_certificate(raw)) == []


@pytest.mark.parametrize(
    ("presented", "domain"), [("b.*.example.org", "b.*.example.org"), ("*.*.example.org", "a.*.example.org")]
)
def test_a_star_elsewhere_is_no_name_even_of_itself(presented: str, domain: str) -> None:
    assert names_match(presented, domain) is False


def test_a_signer_signs_what_is_accepted() -> None:
    sign = signer()
    verified(signature=sign(BODY))
    verified(body=b"", signature=sign(b""))
    with pytest.raises(Invalid):
        verified(body=b"x", signature=sign(BODY))


@pytest.mark.parametrize(
    ("changed", "code", "says"),
    [
        ({"key": b"garbage"}, "bad_key", "not a private key"),
        ({"key": pem(ec.generate_private_key(ec.SECP256R1()))}, "bad_key", "RSA key of at least 2048"),
        ({"key": pem(OTHER_KEY)}, "bad_key", "another certificate's"),
        ({"domain": "other.example"}, "certificate_of_another_domain", "this domain"),
        ({"at": NOW + timedelta(days=2)}, "certificate_not_valid", "not valid"),
        ({"certificate": b"garbage"}, "bad_certificate", "X.509"),
    ],
)
def test_a_signer_that_nobody_would_believe_is_refused_at_the_start(changed: Any, code: str, says: str) -> None:
    with pytest.raises(Invalid, match=says) as refused:
        signer(**changed)
    assert refused.value.code == code


def test_a_short_key_does_not_sign() -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(Invalid) as refused:
        signer(key=pem(short), certificate=certificate(DOMAIN, key=short))
    assert refused.value.code == "bad_key"
