"""Refusing, or asking a fee, because a request is unfounded or excessive: one proposes, another decides (Art. 12(5)).

The database keeps that the two are different people, that a proposal is decided once, and that no refusal with such a
reason stands without it; also under races and from a shell.
"""

import re
from uuid import UUID

from django.db import IntegrityError, transaction
from django.utils import timezone

from access.models import Account
from access.services.mail import send_mail_later
from audit import actors
from erasure.models import RightsRequest, SecondOpinion
from erasure.services.addresses import address_of, language_of
from erasure.services.locking import locked_open_request
from erasure.services.records import record_request
from erasure.services.requests import refuse_locked
from gdpr_portal.errors import Invalid, Missing, Refused, WrongState

EXCESSIVE = ("A12ManifestlyUnfounded", "A12ManifestlyExcessive")
MOST_CENTS = 100_000
EUROS = re.compile(r"([0-9]{1,6})(?:[.,]([0-9]{1,2}))?")
"""An amount as people type it: 12, 12.5, 12.50 or 12,50."""


def propose(
    *, request_id: UUID, reviewer: Account, kind: str, reason_code: str, fee_cents: int | None = None
) -> SecondOpinion:
    """A refusal or fee waits for another reviewer; nothing is decided, and the clock runs on."""
    if reason_code not in EXCESSIVE or kind not in SecondOpinion.Kind.values:
        raise Invalid("invalid_value", "Expected one of the reasons of Art. 12(5).", status=422)
    if (kind == SecondOpinion.Kind.FEE) != (fee_cents is not None and 0 < fee_cents <= MOST_CENTS):
        raise Invalid("invalid_value", "A fee is above 0 and at most 1000 EUR; a refusal has none.", status=422)
    with transaction.atomic():
        request = locked_open_request(request_id)
        if request.state != "in_review":
            raise WrongState("wrong_state", "This request is not waiting for a review.")
        if request.opinions.filter(agreed=None).exists():
            raise WrongState("wrong_state", "A proposal is open already.")
        opinion = SecondOpinion.objects.create(
            request=request,
            kind=kind,
            reason_code=reason_code,
            fee_cents=fee_cents,
            proposed_by=reviewer,
            proposed_at=timezone.now(),
        )
        _record(request, opinion, "opinion.proposed", reviewer)
    return opinion


def decide(*, opinion_id: UUID, reviewer: Account, agreed: bool) -> SecondOpinion:
    """The proposal is agreed to or not, by somebody else; agreed, the request is refused or the person told the fee.

    Raises `four_eyes` for who proposed it, `wrong_state` when it was decided.
    """
    request_id = SecondOpinion.objects.filter(pk=opinion_id).values_list("request_id", flat=True).first()
    if request_id is None:
        raise Missing
    try:
        with transaction.atomic():
            request = locked_open_request(request_id)
            opinion = SecondOpinion.objects.select_for_update().get(pk=opinion_id)
            if opinion.agreed is not None:
                raise WrongState("wrong_state", "This proposal was decided.")
            opinion.decided_by, opinion.decided_at, opinion.agreed = reviewer, timezone.now(), agreed
            opinion.save()
            _record(request, opinion, "opinion.decided", reviewer, agreed=agreed)
            if agreed:
                _carry_out(request, opinion, reviewer)
    except IntegrityError:
        raise Refused("four_eyes", "Whoever proposes cannot decide as well.") from None
    return opinion


def _carry_out(request: RightsRequest, opinion: SecondOpinion, reviewer: Account) -> None:
    if opinion.kind == SecondOpinion.Kind.REFUSAL:
        refuse_locked(request, reviewer=reviewer, reason_code=opinion.reason_code)
        return
    address = address_of(request)
    if address is not None:
        context = {
            "reference": str(request.id),
            "right": request.right_label,
            "fee": opinion.fee_in_euros,
            "reason": opinion.reason_code,
        }
        send_mail_later("fee_asked", to=address, language=language_of(request), context=context)


def cents_of(euros: str) -> int:
    """The cents of an amount typed in euros, with a point or a comma; raises `invalid_value` for anything else."""
    typed = EUROS.fullmatch(euros.strip())
    if typed is None:
        raise Invalid("invalid_value", "Write the fee in euros, such as 12.50.", status=422)
    return int(typed[1]) * 100 + int((typed[2] or "").ljust(2, "0"))


def fee_asked(request: RightsRequest) -> SecondOpinion | None:
    """The fee two people agreed on, if they did (Art. 12(5))."""
    return request.opinions.filter(kind=SecondOpinion.Kind.FEE, agreed=True).order_by("decided_at").last()


def _record(request: RightsRequest, opinion: SecondOpinion, action: str, by: Account, **details: bool) -> None:
    record_request(
        request,
        action,
        actor=actors.staff(by.id),
        kind=opinion.kind,
        reason=opinion.reason_code,
        cents=opinion.fee_cents,
        **details,
    )
