"""Answers of OpenDSR processors: only the right key, the right domain, at the right time, over the exact bytes."""

import base64
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.x509.oid import NameOID
from django.core.management import CommandError, call_command

from vault.x509 import names_match

NOW = datetime(2026, 11, 24, 10, tzinfo=UTC)
BODY = b'{"request_status": "completed", "n": "\xc3\xa9"}\n'
DOMAIN = "dsr.processor.example"
KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
OTHER_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)


def certificate(
    *names: str,
    key: Any = KEY,
    common_name: str = "Processor",
    since: datetime = NOW - timedelta(days=1),
    until: datetime = NOW + timedelta(days=1),
) -> bytes:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common_name)])
    made = x509.CertificateBuilder(subject, subject, key.public_key(), x509.random_serial_number(), since, until)
    if names:
        made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name) for name in names]), critical=False)
    return made.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM)


def signed(body: bytes = BODY, key: rsa.RSAPrivateKey = KEY, digest: Any = None) -> str:
    return base64.b64encode(key.sign(body, padding.PKCS1v15(), digest or hashes.SHA256())).decode()


@pytest.fixture
def verify(tmp_path: Path) -> Callable[..., None]:
    def run(
        body: bytes = BODY,
        signature: str | bytes | None = None,
        cert: bytes | None = None,
        domain: str = DOMAIN,
        now: str = NOW.isoformat(),
    ) -> None:
        given = signed() if signature is None else signature
        files = {"body": body, "signature": given if isinstance(given, bytes) else given.encode()}
        files["certificate"] = certificate(DOMAIN) if cert is None else cert
        for name, content in files.items():
            (tmp_path / name).write_bytes(content)
        paths = [str(tmp_path / name) for name in ("body", "signature", "certificate")]
        call_command("opendsr_verify", *paths, domain=domain, now=now)

    return run


def test_a_genuine_answer(verify: Any) -> None:
    verify()
    verify(signature=signed() + "\n")
    verify(cert=certificate("*.processor.example"))
    verify(cert=certificate("elsewhere.example", DOMAIN.upper()))
    verify(cert=certificate(common_name=DOMAIN))
    der = x509.load_pem_x509_certificate(certificate(DOMAIN)).public_bytes(serialization.Encoding.DER)
    verify(cert=der)
    verify(now="2026-11-24T10:00:00")
    verify(now="2026-11-24t10:00:00.123456789z")


@pytest.mark.parametrize(
    ("changed", "why"),
    [
        ({"cert": certificate(DOMAIN, until=NOW - timedelta(seconds=1))}, "certificate_not_valid"),
        ({"cert": certificate(DOMAIN, since=NOW + timedelta(seconds=1))}, "certificate_not_valid"),
        ({"domain": "other.example"}, "another_domain"),
        ({"domain": "processor.example"}, "another_domain"),
        ({"cert": certificate("*.example")}, "another_domain"),
        ({"cert": certificate("elsewhere.example", common_name=DOMAIN)}, "another_domain"),
        ({"body": BODY.strip()}, "bad_signature"),
        ({"body": BODY + b" "}, "bad_signature"),
        ({"body": b""}, "bad_signature"),
        ({"signature": signed(key=OTHER_KEY)}, "bad_signature"),
        ({"signature": signed(digest=hashes.SHA1())}, "bad_signature"),
        ({"cert": certificate(DOMAIN, key=OTHER_KEY)}, "bad_signature"),
        ({"signature": "!!! no base64"}, "bad_signature"),
        ({"signature": ""}, "bad_signature"),
        ({"signature": b"\xff\xfe\x00"}, "bad_signature"),
        ({"cert": b"garbage"}, "bad_certificate"),
        ({"cert": b""}, "bad_certificate"),
        ({"cert": b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"}, "bad_certificate"),
        ({"cert": certificate(DOMAIN, key=ec.generate_private_key(ec.SECP256R1()))}, "bad_key"),
        ({"now": "yesterday"}, "ISO 8601"),
        ({"now": "2026-13-45T10:00:00Z"}, "ISO 8601"),
    ],
)
def test_anything_else_is_refused(verify: Any, changed: dict[str, Any], why: str) -> None:
    verify()
    with pytest.raises(CommandError, match=why) as refused:
        verify(**changed)
    assert refused.value.returncode == 1


def test_a_short_key_is_refused(verify: Any) -> None:
    short = rsa.generate_private_key(public_exponent=65537, key_size=1024)
    with pytest.raises(CommandError, match="bad_key"):
        verify(cert=certificate(DOMAIN, key=short), signature=signed(key=short))


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(CommandError, match="cannot be read") as refused:
        call_command("opendsr_verify", str(tmp_path / "no"), "x", "y", domain=DOMAIN, now=NOW.isoformat())
    assert refused.value.returncode == 1


@pytest.mark.parametrize(
    ("presented", "domain", "same"),
    [
        ("a.example.org", "A.EXAMPLE.org.", True),
        ("*.example.org", "a.example.org", True),
        ("*.example.org", "example.org", False),
        ("*.example.org", "b.a.example.org", False),
        ("*.org", "example.org", False),
        ("*", "example", False),
        ("a*.example.org", "ab.example.org", False),
        ("b.*.example.org", "b.a.example.org", False),
        ("*.example.org", "*.example.org", False),
        ("xn--bcher-kva.example", "bücher.example", True),
        ("", "", False),
        ("a..example.org", "a..example.org", False),
    ],
)
def test_names_are_compared_as_rfc_6125_says(presented: str, domain: str, same: bool) -> None:
    assert names_match(presented, domain) is same
