"""The certificate and key that OpenDSR answers and callbacks are signed with, read from their files."""

import logging
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.utils import timezone

from gdpr_portal.errors import Invalid, Missing, Unavailable
from vault.x509 import Signer, domain_signer

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Identity:
    """Who we are to OpenDSR controllers: a domain, its certificate in PEM, and what signs for it."""

    domain: str
    certificate: bytes
    sign: Signer

    def headers(self, body: bytes) -> dict[str, str]:
        """The two headers that say who answered and that these are the bytes (sections 7.4, 8.3, 8.6)."""
        return {"X-OpenDSR-Processor-Domain": self.domain, "X-OpenDSR-Signature": self.sign(body)}


def identity() -> Identity:
    """Read anew at every call, so that a renewed certificate holds at once.

    Raises Missing where OpenDSR is not set up, Unavailable where certificate, key and domain do not fit together now.
    """
    try:
        certificate = Path(settings.OPENDSR_CERTIFICATE_FILE).read_bytes()
    except FileNotFoundError:
        raise Missing("not_found", "OpenDSR is not set up here.") from None
    except OSError as error:
        raise _cannot(type(error).__name__) from None
    try:
        key = Path(settings.OPENDSR_KEY_FILE).read_bytes()
        domain = settings.OPENDSR_DOMAIN or urlsplit(settings.BASE_URL).hostname or ""
        sign = domain_signer(certificate=certificate, key=key, domain=domain, at=timezone.now())
    except (OSError, Invalid) as error:
        raise _cannot(error.code if isinstance(error, Invalid) else type(error).__name__) from None
    return Identity(domain, certificate, sign)


def _cannot(reason: str) -> Unavailable:
    log.error("opendsr cannot sign", extra={"error": reason})
    return Unavailable("unavailable", "OpenDSR answers cannot be signed now.")
