"""Mandates: shown, looked at by a reviewer, objected to by the person (Art. 12(2), 12(6), 80(1); law.md R27).

Before a reviewer accepted a mandate nothing of the person is told to the representative and nothing is done. The person
is told at once that somebody asked in their name, and has `MANDATE_OBJECTION_HOURS` to object, with one button, signed
in or not; whatever has not begun by then stands still for the desk. The person hears of everything; the representative
gets the answers only where the mandate says so.
"""

import hashlib
from datetime import date, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from access.services.accounts import account_email
from access.services.mail import send_mail_later
from audit import actors
from audit import services as audit
from erasure.models import Mandate, MandateLink, RightsRequest
from erasure.services import start
from erasure.services.escalations import desk_accounts
from erasure.services.files import kind_of, opened_file, sealed_file
from erasure.services.mandate_links import mandate_link
from erasure.services.mandate_words import Representative, document_place, representative_of, sealed_words
from erasure.services.records import move_request
from erasure.services.requests import go_on_with_mandate, refuse_locked
from erasure.states import MANDATE, OPEN_REQUEST, move
from gdpr_portal.errors import Gone, Invalid, Missing, Refused, WrongState
from gdpr_portal.formats.zones import today
from subjects.models import Subject
from subjects.selectors import email_of, ensure_not_erased
from subjects.services import lock_subject
from subjects.services.reveal import staff_reveal
from vault import services as vault

BY_LAW = frozenset({Mandate.Kind.PARENTAL.value, Mandate.Kind.GUARDIANSHIP.value})
"""Kinds that stand without the person's will: an objection stops them for the desk to decide, and does not end them."""
REASONS = ("is_it_valid", "complaint", "quality_check")
"""Why a reviewer looks at the document."""
LONGEST_NAME = 200


def add_mandate(
    *,
    subject: Subject,
    kind: str,
    who: Representative,
    document: bytes,
    valid_until: date | None = None,
    recorded_by: Account | None = None,
) -> Mandate:
    """The mandate waits for a reviewer, sealed; in the caller's transaction, the subject locked.

    Raises `too_large`, `invalid_value` for a document, kind, name or day that does not do.
    """
    media = kind_of(document)
    name = who.name.strip()
    if kind not in Mandate.Kind.values or not name or len(name) > LONGEST_NAME:
        raise Invalid("invalid_value", "Expected a kind from the list and a name.", status=422)
    if valid_until is not None and valid_until < today():
        raise Invalid("invalid_value", gettext_noop("This mandate is not valid any more."), status=422)
    row = Mandate(subject=subject, kind=kind, valid_until=valid_until, recorded_by=recorded_by, content_type=media)
    row.recorded_at = timezone.now()
    row.words_sealed = sealed_words(row, Representative(name, who.email))
    row.document_sealed = sealed_file(vault.subject_key(subject.pk), document_place(row), document)
    row.save(force_insert=True)
    actor = actors.REPRESENTATIVE if recorded_by is None else actors.staff(recorded_by.id)
    digest = f"sha256:{hashlib.sha256(document).hexdigest()}"
    until = valid_until.isoformat() if valid_until else None
    _record(row, "mandate.recorded", actor, until=until, digest=digest, bytes=len(document))
    return row


def tell_person(mandate: Mandate) -> None:
    """The person knows that somebody asked in their name, and has a link to object; in the caller's transaction."""
    address = email_of(mandate.subject)
    if address is None:
        return
    mandate.told_at = timezone.now()
    mandate.save(update_fields=["told_at"])
    context = _context(mandate) | {"link": mandate_link(mandate, MandateLink.Use.OBJECT)}
    send_mail_later("asked_in_your_name", to=address, language=_language(mandate), context=context)
    _record(mandate, "mandate.told", actors.system("web"))


def accept(*, mandate_id: UUID, reviewer: Account, answers_to_representative: bool) -> Mandate:
    """The representative may act; the requests go on as if the person had been verified, after their time to object.

    Raises `four_eyes` for who recorded it at the desk; `wrong_state` when it was decided, when the person objected to
    one that rests on their will, when it is not valid any more, or when an erasure of this person is open already;
    `erased`.
    """
    with transaction.atomic():
        mandate = _locked(mandate_id)
        ensure_not_erased(mandate.subject)
        if mandate.recorded_by_id == reviewer.pk:
            raise Refused("four_eyes", gettext_noop("A second person has to approve."))
        if mandate.state == "objected" and mandate.kind not in BY_LAW:
            raise WrongState(
                "wrong_state", "The person does not want this; a mandate that rests on their will has ended."
            )
        if mandate.valid_until is not None and mandate.valid_until < today():
            raise WrongState("wrong_state", "This mandate is not valid any more.")
        actor = _decided(mandate, reviewer, "accepted", answers_to_representative=answers_to_representative)
        _record(mandate, "mandate.accepted", actor, answers=answers_to_representative)
        for request in _open_requests(mandate):
            _require_only_erasure(request)
            go_on_with_mandate(request, reviewer=reviewer)
        _tell_both(mandate)
    return mandate


def refuse(*, mandate_id: UUID, reviewer: Account, reason: str) -> Mandate:
    """The representative may not act: the requests that have not begun are refused, the document is gone.

    Raises `invalid_value` for a reason that is not in the list, `wrong_state` when it was decided.
    """
    if reason not in Mandate.Refusal.values:
        raise Invalid("invalid_value", "A refusal needs a reason from the list.", status=422)
    with transaction.atomic():
        mandate = _locked(mandate_id)
        mandate.document_sealed = None
        actor = _decided(mandate, reviewer, "refused", refusal=reason, answers_to_representative=False)
        _record(mandate, "mandate.refused", actor, reason=reason)
        for request in _open_requests(mandate):
            if request.state == "in_review":
                refuse_locked(request, reviewer=reviewer, reason_code="A12IdentityFailure", tell=False)
        _tell_both(mandate)
        mandate.links.all().delete()
    return mandate


def object_to_mandate(*, mandate_id: UUID) -> Mandate:
    """The person does not want it: what has not begun stands still, nothing reaches the representative, the desk knows.

    Again, it changes nothing. Raises `wrong_state` for a mandate that was refused.
    """
    with transaction.atomic():
        mandate = _locked(mandate_id)
        if mandate.state == "objected":
            return mandate
        move(mandate, "objected", MANDATE)
        mandate.objected_at, mandate.answers_to_representative = timezone.now(), False
        mandate.save()
        stopped = [request for request in _open_requests(mandate) if _stop(request)]
        mandate.links.filter(use=MandateLink.Use.COLLECT).delete()
        _record(mandate, "mandate.objected", actors.SUBJECT, stopped=len(stopped))
        _tell_desk(mandate)
    return mandate


def look(*, mandate_id: UUID, reviewer: Account, reason: str) -> tuple[Mandate, bytes]:
    """The document, opened; the log has who looked and why. The door asks for a fresh second factor first.

    Raises `reason_missing`, as `staff_reveal`, `not_found` when there is no document, or none any more.
    """
    if reason not in REASONS:
        raise Invalid("reason_missing", "Say why the file is looked at.", status=422)
    with staff_reveal(reviewer):
        mandate = _locked(mandate_id)
        data = opened_document(mandate)
        if data is None:
            raise Missing
        audit.record(
            "data.revealed", actor=actors.staff(reviewer.id), subject=mandate.subject.pseudonym,
            details={"reason": reason, "case": str(mandate.id), "count": 1},
        )  # fmt: skip
    return mandate, data


def opened_document(mandate: Mandate) -> bytes | None:
    """The document; None once it was refused or the person erased."""

    def opening(key: vault.SubjectKey, sealed: bytes | memoryview | None) -> bytes | None:
        return None if sealed is None else opened_file(key, document_place(mandate), bytes(sealed))

    again = Mandate.objects.filter(pk=mandate.pk).values_list("document_sealed", flat=True).first
    try:
        return vault.open_cells(mandate.subject_id, mandate.document_sealed, again, opening)
    except Gone:
        return None


def _locked(mandate_id: UUID) -> Mandate:
    subject_id = Mandate.objects.filter(pk=mandate_id).values_list("subject_id", flat=True).first()
    if subject_id is None:
        raise Missing
    lock_subject(subject_id)
    return Mandate.objects.select_for_update(of=("self",)).select_related("subject").get(pk=mandate_id)


def _open_requests(mandate: Mandate) -> list[RightsRequest]:
    """Copies before erasures: what is handed out is put together first."""
    rows = mandate.requests.select_for_update(of=("self",)).filter(state__in=OPEN_REQUEST)
    found = sorted(rows.select_related("subject"), key=lambda row: (row.right == "erasure", row.created_at))
    for row in found:
        row.mandate = mandate
    return found


def _decided(mandate: Mandate, reviewer: Account, to: str, **more: object) -> str:
    move(mandate, to, MANDATE)
    mandate.decided_by, mandate.decided_at = reviewer, timezone.now()
    for name, value in more.items():
        setattr(mandate, name, value)
    mandate.save()
    return actors.staff(reviewer.id)


def _require_only_erasure(request: RightsRequest) -> None:
    others = RightsRequest.objects.filter(subject=request.subject_id, right="erasure").exclude(pk=request.pk)
    under_way = others.filter(state="in_progress") | others.filter(mandate=None, state__in=OPEN_REQUEST)
    if request.right == "erasure" and under_way.exists():
        raise WrongState("wrong_state", "An erasure of this person is open already.")


def _stop(request: RightsRequest) -> bool:
    """The request waits for the desk, unless it is being carried out; whether it does."""
    if request.state == "in_progress" and start.is_in_undo_window(request):
        move_request(request, "in_review", actor=actors.SUBJECT)
    return request.state == "in_review"


def _tell_both(mandate: Mandate) -> None:
    """Person and representative know how it was decided; the mail names neither."""
    who, person = representative_of(mandate), email_of(mandate.subject)
    reason = Mandate.Refusal(mandate.refusal).label if mandate.refusal else ""
    context = _context(mandate) | {"accepted": mandate.state == "accepted", "reason": reason}
    if person is not None:
        send_mail_later("mandate_decided", to=person, language=_language(mandate), context=context)
    if who is not None and who.email:
        send_mail_later("mandate_decided_to_you", to=who.email, language=_language(mandate), context=context)


def _tell_desk(mandate: Mandate) -> None:
    for account in desk_accounts():
        to, language = account_email(account), account.language
        send_mail_later("mandate_objected", to=to, language=language, context={"reference": _reference(mandate)})


def _context(mandate: Mandate) -> dict[str, object]:
    hours = settings.MANDATE_OBJECTION_HOURS
    until = (mandate.told_at or mandate.recorded_at) + timedelta(hours=hours)
    return {"reference": _reference(mandate), "until": until}


def _reference(mandate: Mandate) -> str:
    """What people quote: the first request that rests on it."""
    return str(mandate.requests.order_by("created_at", "id").values_list("id", flat=True).first() or mandate.id)


def _language(mandate: Mandate) -> str:
    return mandate.subject.language or "en"


def _record(mandate: Mandate, action: str, actor: str, **details: str | int | bool | None) -> None:
    known: dict[str, str | int | bool | None] = {"mandate": str(mandate.id), "kind": mandate.kind}
    audit.record(action, actor=actor, subject=mandate.subject.pseudonym, details=known | details)
