"""Places run by hand as part of the catalogue: declared by one at the desk, approved by another, retired (Art. 30)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db import IntegrityError, transaction
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext_noop

from access.models import Account
from audit import actors
from audit import services as audit
from erasure.models import ManualPlace, RightsRequest
from erasure.models.places import MOST_DAYS, MOST_SHOWN_BY
from erasure.selectors import held_purposes
from gdpr_portal.errors import Invalid, Missing, Refused, WrongState
from subjects.models import Subject
from vault import services as vault

PREFIX = "place:"
"""What stands before a place's slug in the target of a step."""
ASKED_FOR = frozenset({"access", "portability", "erasure", "rectification", "restriction"})
"""The rights that have to be carried out where the data lies."""


@dataclass(frozen=True)
class Respondent:
    """Who answers for a place."""

    name: str
    email: str


def declare(
    *,
    slug: str,
    name: str,
    description: str,
    purposes: Sequence[str],
    identifiers: Sequence[str],
    respondent: Respondent,
    language: str,
    days: int,
    by: Account,
    staff: Sequence[Account] = (),
    may_name_others: bool = False,
    is_public: bool = False,
    shown_by: Sequence[str] = (),
) -> ManualPlace:
    """The place waits for somebody else's approval; nobody is asked yet. An older declaration of the slug is gone.

    Of what `is_public`, `shown_by` are those known to show, link to or copy it, whom an erasure tells (Art. 17(2)).
    Raises `invalid_value` for an address nobody has, no purpose, days outside 1 to 25, or `shown_by` that does not fit.
    """
    _check(respondent, purposes, days)
    _check_shown_by(is_public, shown_by)
    now = timezone.now()
    row = ManualPlace(slug=slug, name=name, description=description, purposes=sorted(set(purposes)), days=days)
    row.identifiers, row.language, row.declared_by, row.declared_at = sorted(set(identifiers)), language, by, now
    row.respondent_sealed, row.may_name_others = _sealed(row, respondent), may_name_others
    row.is_public, row.shown_by = is_public, sorted(set(shown_by))
    with transaction.atomic():
        older = ManualPlace.objects.select_for_update().filter(slug=slug, approved_at=None, retired_at=None)
        older.update(retired_by=by, retired_at=now)
        row.save(force_insert=True)
        row.staff.set(staff)
        _record(row, "place.declared", by)
    return row


def approve(*, place_id: UUID, by: Account) -> ManualPlace:
    """The place is asked from now on, instead of what stood under its slug. Raises `four_eyes` for who declared it."""
    try:
        with transaction.atomic():
            row = _locked(place_id)
            if row.approved_at is not None or row.retired_at is not None:
                raise WrongState("wrong_state", "This was decided already.")
            now = timezone.now()
            before = ManualPlace.objects.filter(slug=row.slug, approved_at__isnull=False, retired_at=None)
            before.update(retired_by=by, retired_at=now)
            row.approved_by, row.approved_at = by, now
            row.save(update_fields=["approved_by", "approved_at"])
            _record(row, "place.approved", by)
    except IntegrityError:
        raise Refused("four_eyes", "Whoever declares a place cannot approve it as well.") from None
    return row


def retire(*, place_id: UUID, by: Account) -> ManualPlace:
    """The place is not asked any more; what it was asked before stays open."""
    with transaction.atomic():
        row = _locked(place_id)
        if row.retired_at is not None:
            raise WrongState("wrong_state", "This was decided already.")
        row.retired_by, row.retired_at = by, timezone.now()
        row.save(update_fields=["retired_by", "retired_at"])
        _record(row, "place.retired", by)
    return row


def respondent_of(place: ManualPlace) -> Respondent:
    """Who answers for the place, opened."""
    return Respondent(**json.loads(vault.open_secret(respondent_place(place), bytes(place.respondent_sealed))))


def respondent_place(place: ManualPlace) -> vault.Place:
    """Where the name and address of who answers lie."""
    return vault.Place("erasure_manualplace", "respondent_sealed", str(place.id))


def live_places() -> list[ManualPlace]:
    """The places that are asked, by slug."""
    return list(ManualPlace.objects.filter(approved_at__isnull=False, retired_at=None).order_by("slug"))


def places_for(request: RightsRequest, portable: frozenset[str], live: Sequence[ManualPlace]) -> list[ManualPlace]:
    """Those of the live places that hold something of the person for a purpose the request is about.

    `portable` are the lawful bases of Art. 20(1): a portability request reaches purposes on these alone.
    """
    if request.right not in ASKED_FOR:
        return []
    held = held_purposes(request.subject) if live else []
    if request.right == "portability":
        held = [each for each in held if each.lawful_basis in portable]
    slugs = {each.purpose for each in held}
    if request.right == "rectification":
        slugs &= {request.purpose or ""}
    return [place for place in live if slugs & set(place.purposes)]


def places_of(subject: Subject) -> list[ManualPlace]:
    """The places that hold something of the person, for whatever purpose."""
    slugs = {each.purpose for each in held_purposes(subject)}
    return [place for place in live_places() if slugs & set(place.purposes)]


def latest(target: str) -> ManualPlace:
    """The place a step's target means: as it is, or was when it was asked last. Missing when there was none."""
    row = _approved(target).first()
    if row is None:
        raise Missing
    return row


def named(target: str) -> str:
    """The name of the place a step's target means."""
    row = _approved(target).first()
    return row.name if row else target


def _approved(target: str) -> QuerySet[ManualPlace]:
    rows = ManualPlace.objects.filter(slug=target.removeprefix(PREFIX), approved_at__isnull=False)
    return rows.order_by("-approved_at")


def _check(respondent: Respondent, purposes: Sequence[str], days: int) -> None:
    try:
        validate_email(respondent.email)
    except ValidationError:
        raise Invalid("invalid_value", "Enter a valid e-mail address.", status=422) from None
    if not respondent.name.strip() or not purposes or not 1 <= days <= MOST_DAYS:
        raise Invalid("invalid_value", "A place has a respondent, a purpose, and 1 to 25 days to answer.", status=422)


def _check_shown_by(is_public: bool, shown_by: Sequence[str]) -> None:
    if (shown_by and not is_public) or len(shown_by) > MOST_SHOWN_BY or any(len(name) > 120 for name in shown_by):
        words = gettext_noop("Only of what is public, and at most 20 names of 120 letters.")
        raise Invalid("invalid_value", words, status=422)


def _sealed(row: ManualPlace, respondent: Respondent) -> bytes:
    words = json.dumps({"name": respondent.name.strip(), "email": respondent.email}).encode()
    return vault.seal_secret(respondent_place(row), words)


def _locked(place_id: UUID) -> ManualPlace:
    row = ManualPlace.objects.select_for_update().filter(pk=place_id).first()
    if row is None:
        raise Missing
    return row


def _record(row: ManualPlace, action: str, by: Account) -> None:
    details: dict[str, Any] = {"place": row.slug, "row": str(row.id), "days": row.days, "purposes": row.purposes}
    audit.record(action, actor=actors.staff(by.id), details=details)
