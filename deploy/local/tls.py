"""A certificate authority of this instance's own, and a server certificate for 127.0.0.1 and localhost.

The authority's key is thrown away once the server certificate is signed: whoever trusts `ca.pem` trusts nothing more
than this one certificate. Both are renewed when less than a week of their 90 days is left.
"""

import datetime as dt
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFETIME, RENEW_BEFORE = dt.timedelta(days=90), dt.timedelta(days=7)


def certificates(run_dir: Path) -> tuple[Path, Path, Path]:
    """(authority, server certificate, server key in PKCS#8), valid for another week at least."""
    authority, server, key = run_dir / "ca.pem", run_dir / "tls" / "server.pem", run_dir / "tls" / "server.key"
    if not all(path.exists() for path in (authority, server, key)) or expires_soon(server):
        server.parent.mkdir(mode=0o700, exist_ok=True)
        make(authority, server, key)
    return authority, server, key


def expires_soon(path: Path) -> bool:
    """Whether the certificate ends within a week."""
    end = x509.load_pem_x509_certificate(path.read_bytes()).not_valid_after_utc
    return end - dt.datetime.now(dt.UTC) < RENEW_BEFORE


def make(authority: Path, server: Path, key: Path) -> None:
    """A new authority and a server certificate signed by it."""
    authority_key, server_key = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
    root_name = name("GDPR portal, local authority")
    root = (
        builder(root_name, root_name, authority_key.public_key())
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage(sign_certificates=True), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    leaf = (
        builder(name("127.0.0.1"), root_name, server_key.public_key())
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(x509.SubjectAlternativeName(addresses()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(authority_key.public_key()), critical=False)
        .sign(authority_key, hashes.SHA256())
    )
    write(key, private(server_key), 0o600)
    write(server, pem(leaf) + pem(root), 0o644)
    write(authority, pem(root), 0o644)


def builder(subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + LIFETIME)
    )


def name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def addresses() -> list[x509.GeneralName]:
    """The names an instance is reached by."""
    loopback = [ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")]
    return [x509.DNSName("localhost"), *(x509.IPAddress(address) for address in loopback)]


def usage(*, sign_certificates: bool) -> x509.KeyUsage:
    """An authority signs certificates and a server handshakes; neither does anything else (RFC 5280, 4.2.1.3)."""
    return x509.KeyUsage(
        digital_signature=not sign_certificates,
        key_cert_sign=sign_certificates,
        crl_sign=sign_certificates,
        content_commitment=False,
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        encipher_only=False,
        decipher_only=False,
    )


def pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def private(key: ec.EllipticCurvePrivateKey) -> bytes:
    """PKCS#8 in PEM, the form the web server takes."""
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return key.private_bytes(*form)


def write(path: Path, content: bytes, mode: int) -> None:
    """`path` holds `content`, never half of it."""
    aside = path.with_name(f".{path.name}.new")
    with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "wb") as file:
        file.write(content)
    aside.replace(path)
