"""Attestations of the conformance kit: taken in with their signature checked, and missed when none comes any more."""

import hashlib
from datetime import datetime, timedelta

from django.conf import settings
from django.db import transaction
from django.db.models import Max
from django.utils import timezone

from access.models import Application
from audit import actors
from audit.services import record
from consent import conformance
from consent.conformance import Attested
from consent.models import Attestation, Finding
from consent.services.findings import open_finding
from gdpr_portal.errors import Invalid, Refused
from vault.signing import public_of_jwk, thumbprint, verify_outside_jws

FAST_CLOCK = timedelta(minutes=5)
"""By how much the clock of who attests may be ahead."""


@transaction.atomic
def take_attestation(*, application: Application, document: str, key: str) -> tuple[Attestation, bool]:
    """The attestation stands at the QA desk, and one that does not pass has an open finding; whether it is new.

    `document` is a compact JWS (EdDSA, `conformance.TYP`), `key` the `x` of the Ed25519 JWK that signed it. Idempotent:
    the same document again changes nothing. Raises `Invalid` (`bad_signature` 400, `invalid_value` 422) and
    `Refused("not_yours")` for an attestation of another application.
    """
    public = public_of_jwk(key)
    attested = conformance.read(verify_outside_jws(document, public, typ=conformance.TYP))
    now = timezone.now()
    if attested.application != application.client_id:
        raise Refused("not_yours", "The attestation is about another application.")
    if attested.finished_at > now + FAST_CLOCK:
        raise Invalid("invalid_value", "The attestation is from the future.", status=422)
    row, is_new = Attestation.objects.get_or_create(
        application=application,
        digest="sha256:" + hashlib.sha256(document.encode()).hexdigest(),
        defaults=_columns(attested) | {"document": document, "key": thumbprint(public), "received_at": now},
    )
    if is_new:
        _record(row, attested)
        if not attested.passed and row == newest_of(application):
            open_finding(kind=Finding.Kind.CONFORMANCE, application=application.slug)
    return row, is_new


def newest_of(application: Application) -> Attestation | None:
    """The attestation that counts: of the latest run."""
    return application.attestations.order_by("-finished_at", "-received_at").first()


def find_old(*, now: datetime | None = None) -> int:
    """Applications whose last run is longer ago than `settings.ATTESTATION_DAYS` each have an open finding.

    Who never attested is listed at the desk and no finding: the kit is offered, the duty is the controller's to set.
    Returns how many. Idempotent.
    """
    moment = now or timezone.now()
    enabled = Application.objects.filter(enabled=True).annotate(last=Max("attestations__finished_at"))
    old = enabled.filter(last__lt=moment - timedelta(days=settings.ATTESTATION_DAYS))
    for application in old:
        open_finding(kind=Finding.Kind.ATTESTATION_OLD, application=application.slug, times=0, at=moment)
    return len(old)


def prune_attestations(*, now: datetime | None = None) -> int:
    """Runs older than `settings.ATTESTATION_KEPT_DAYS` are gone, but for the last of each application; how many.

    The audit log goes on to say of each that it came, with its digest and outcome (`attestation.received`). Idempotent.
    """
    moment = now or timezone.now()
    newest = Attestation.objects.order_by("application", "-finished_at", "-received_at").distinct("application")
    old = Attestation.objects.filter(finished_at__lt=moment - timedelta(days=settings.ATTESTATION_KEPT_DAYS))
    return old.exclude(pk__in=newest.values("pk")).delete()[0]


def _columns(attested: Attested) -> dict[str, object]:
    names = ("kit", "release", "portal", "passed", "finished_at")
    return {name: getattr(attested, name) for name in names} | {"checks": dict(attested.checks)}


def _record(row: Attestation, attested: Attested) -> None:
    record(
        "attestation.received",
        actor=actors.application(row.application.slug),
        details={
            "attestation": str(row.pk), "application": row.application.slug, "digest": row.digest, "kit": row.kit,
            "passed": row.passed, "failed": attested.failed, "missing": attested.missing, "key": row.key,
        },
    )  # fmt: skip
