"""OpenDSR 2.0 as a processor (Art. 28(3)(e)): a controller's request becomes a rights request; its status and cancel.

The controller has verified the person (section 3.1), so its request runs as one an application vouches for. People are
found only if this controller gave them to us. Statuses: what nothing was done for yet is `pending`, and that alone can
be cancelled; a refusal ends as `cancelled`, for there is no other word.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import F, Q
from django.utils import timezone

from access.models import Application
from audit import actors
from audit import services as audit
from consent import webhook
from erasure.models import OpenDsrCallback, OpenDsrRequest, RightsRequest
from erasure.opendsr.messages import Asked
from erasure.services.requests import file_request, withdraw_request
from erasure.services.sweeping import each
from gdpr_portal.errors import DomainError, Flaw, Invalid, Missing, WrongState
from gdpr_portal.wake import wake
from subjects.models import Subject
from subjects.selectors import find_subject
from subjects.services import lock_subject
from vault import services as vault

PENDING, IN_PROGRESS, COMPLETED, CANCELLED = "pending", "in_progress", "completed", "cancelled"
FINAL = (COMPLETED, CANCELLED)
BATCH = 500


def receive(*, application: Application, asked: Asked, raw: bytes) -> OpenDsrRequest:
    """The request is received under the controller's id; the same body again is that one again.

    Somebody this controller did not give us has nothing here: received and completed at once. Raises Invalid for an id
    used for another body, identities of several people, addresses nothing may be sent to, and `right_not_available`.
    """
    _require_callable(asked.callback_urls)
    digest = vault.keyed_digest("erasure.opendsr.messages", raw)
    with transaction.atomic():
        Application.objects.select_for_update(no_key=True).get(pk=application.pk)  # two of one id at a time are one
        known = OpenDsrRequest.objects.filter(application=application, subject_request_id=asked.id).first()
        if known is not None:
            return _same_again(known, raw)
        subject = _subject(application, asked)
        row = OpenDsrRequest(
            application=application, subject_request_id=asked.id, kind=asked.kind, body_digest=digest,
            callback_urls=list(asked.callback_urls), received_at=timezone.now(),
        )  # fmt: skip
        if subject is not None:
            lock_subject(subject.pk)
            before = set(RightsRequest.objects.filter(subject=subject).values_list("pk", flat=True))
            row.request = file_request(
                subject=subject, right=asked.kind, details={}, verified_by=RightsRequest.VerifiedBy.ACCOUNT,
                received_at=asked.submitted_at, application=application, actor=actors.application(application.slug),
                is_own=True,
            )  # fmt: skip
            row.is_joined = row.request.pk in before
        row.save(force_insert=True)
        _record(row, "opendsr.received", right=asked.kind)
        wake("erasure.tasks.sweep_opendsr")
    return row


def request_of(*, application: Application, subject_request_id: UUID) -> OpenDsrRequest:
    """The controller's own request; Missing for any other id."""
    rows = OpenDsrRequest.objects.filter(application=application, subject_request_id=subject_request_id)
    found = rows.select_related("application", "request__subject").first()
    if found is None:
        raise Missing
    return found


def cancel(*, application: Application, subject_request_id: UUID) -> OpenDsrRequest:
    """Withdrawn at the controller's word, which it may give while the status is pending; repeating changes nothing.

    An erasure that somebody else wants too, or the same controller under another id, goes on without this one.

    Raises WrongState once something was done (section 9).
    """
    row = request_of(application=application, subject_request_id=subject_request_id)
    status = status_of(row)
    if status == CANCELLED:
        return row
    if status != PENDING or row.request is None:
        raise WrongState("wrong_state", "Only a request that is pending can be cancelled.")
    with transaction.atomic():
        lock_subject(row.request.subject_id)
        if not _is_wanted_besides(row):
            row.request = withdraw_request(request=row.request, actor=actors.application(application.slug))
        row.cancelled_at = timezone.now()
        row.save(update_fields=["cancelled_at"])
        _record(row, "opendsr.cancelled")
        wake("erasure.tasks.sweep_opendsr")
    return row


def _is_wanted_besides(row: OpenDsrRequest) -> bool:
    """Whether the person, an application, or another OpenDSR request not cancelled stands behind the request too."""
    every = OpenDsrRequest.objects.filter(request=row.request_id)
    filed_by_opendsr = every.filter(is_joined=False).exists()
    others = every.filter(cancelled_at=None).exclude(pk=row.pk).exists()
    wanted_by_person = RightsRequest.objects.filter(pk__in=[row.request_id], by_person=True).exists()
    asked_again = row.request is not None and row.request.also_asked_by.exists()
    return others or asked_again or wanted_by_person or not filed_by_opendsr


def status_of(row: OpenDsrRequest) -> str:
    """How the request stands, in OpenDSR's words (section 8)."""
    request = row.request
    if row.cancelled_at is not None:
        return CANCELLED
    if request is None or request.state == "completed":
        return COMPLETED
    if request.state in {"refused", "withdrawn", "expired_unverified"}:
        return CANCELLED
    return IN_PROGRESS if request.state == "in_progress" and request.steps.exists() else PENDING


def expected_at(row: OpenDsrRequest) -> datetime:
    """When it is done at the latest: the statutory due date."""
    return row.request.due_at if row.request is not None else row.received_at


def results_url(row: OpenDsrRequest) -> str | None:
    """Where the archive can be collected with the same token, while it is there."""
    archive = row.request.archive if row.request is not None else None
    if archive is None or not archive.complete or archive.expires_at is None or archive.expires_at <= timezone.now():
        return None
    return f"{settings.BASE_URL}/api/opendsr/v2/opendsr_requests/{row.subject_request_id}/results"


def notice_changes() -> int:
    """Whoever asked for callbacks has one queued for every status that is new; returns how many requests changed."""
    rows = OpenDsrRequest.objects.exclude(told__in=FINAL).filter(~Q(callback_urls=[]))
    ids = list(rows.order_by(F("looked_at").asc(nulls_first=True)).values_list("pk", flat=True)[:BATCH])
    changed = each(ids, _notice)
    OpenDsrRequest.objects.filter(pk__in=ids).update(looked_at=timezone.now())  # the others are first the next time
    return changed


def _notice(row_id: UUID) -> bool:
    with transaction.atomic():
        rows = OpenDsrRequest.objects.select_for_update(skip_locked=True, of=("self",)).select_related("request")
        row = rows.filter(pk=row_id).first()
        status = status_of(row) if row is not None else ""
        if row is None or status == row.told:
            return False
        now = timezone.now()
        callbacks = [
            OpenDsrCallback(about=row, url=url, status=status, created_at=now, next_at=now) for url in row.callback_urls
        ]
        OpenDsrCallback.objects.bulk_create(callbacks, ignore_conflicts=True)
        row.told = status
        row.save(update_fields=["told"])
    return True


def _same_again(known: OpenDsrRequest, raw: bytes) -> OpenDsrRequest:
    if bytes(known.body_digest) not in vault.keyed_digests("erasure.opendsr.messages", raw):
        raise Invalid("invalid_value", "This subject_request_id was used for another request.")
    return known


def _subject(application: Application, asked: Asked) -> Subject | None:
    found: dict[UUID, Subject] = {}
    for kind, value in asked.identities:
        try:
            subject = find_subject(application=application, kind=kind, value=value)
        except Missing:
            continue
        except DomainError:
            detail = "A value is none of its identity type."
            raise Invalid(
                "invalid_value", detail, errors=[Flaw("/subject_identities", "invalid_value", detail)]
            ) from None
        if subject.erased_at is None:
            found[subject.pk] = subject
    if len(found) > 1:
        raise Invalid("identity_conflict", "The identities are not of one person.")
    return next(iter(found.values()), None)


def _require_callable(urls: tuple[str, ...]) -> None:
    if any(webhook.check(url, bool(settings.WEBHOOK_LOOPBACK_ALLOWED)) for url in urls):
        detail = "Nothing can be sent to an address in status_callback_urls."
        raise Invalid("invalid_value", detail, errors=[Flaw("/status_callback_urls", "invalid_value", detail)])


def _record(row: OpenDsrRequest, action: str, **details: Any) -> None:
    known = {"request": str(row.request_id or row.id), "application": row.application.slug}
    subject = row.request.subject.pseudonym if row.request is not None else None
    audit.record(action, actor=actors.application(row.application.slug), subject=subject, details=known | details)
