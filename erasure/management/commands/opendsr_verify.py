"""manage.py opendsr_verify BODY SIGNATURE CERTIFICATE --domain DOMAIN --now TIME: was this said by that processor?"""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from gdpr_portal.errors import Invalid
from vault.x509 import verify_domain_signature


class Command(BaseCommand):
    """Exit code 0 when the answer of an OpenDSR 2.0 processor is genuine, else 1 and why."""

    help = "Checks the X-OpenDSR-Signature of a body against the processor's certificate (OpenDSR 2.0)."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("body", help="file with the exact bytes of the body")
        parser.add_argument("signature", help="file with the value of X-OpenDSR-Signature, or the value itself")
        parser.add_argument("certificate", help="file with the processor's certificate, PEM or DER")
        parser.add_argument("--domain", required=True, help="domain of the processor (X-OpenDSR-Processor-Domain)")
        parser.add_argument("--now", help="moment to check for, ISO 8601; by default now")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            verify_domain_signature(
                body=_read(options["body"]),
                signature=_signature(options["signature"]),
                certificate=_read(options["certificate"]),
                domain=options["domain"],
                at=_moment(options["now"]),
            )
        except Invalid as error:
            raise CommandError(f"not genuine: {error}", returncode=1) from None
        self.stdout.write("genuine")


def _read(path: str) -> bytes:
    try:
        return Path(path).read_bytes()
    except OSError as error:
        raise CommandError(f"{path} cannot be read: {error.strerror}", returncode=1) from None


def _signature(given: str) -> str:
    """The text of the file, or the text given when there is no such file."""
    try:
        raw = Path(given).read_bytes()
    except (OSError, ValueError):
        return given
    return raw.decode("ascii", "replace")


def _moment(given: str | None) -> datetime:
    if given is None:
        return timezone.now()
    try:
        moment = parse_datetime(given.upper())  # RFC 3339 allows small letters
    except ValueError:
        moment = None
    if moment is None:
        raise CommandError("--now is not a moment in ISO 8601", returncode=1)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
