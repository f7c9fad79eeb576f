"""A parent speaks for a child below the age of consent (Art. 8(2)), until the child is old enough to speak alone.

The child's yes waits. Somebody who holds parental responsibility is named by e-mail address, gets a link, and agrees on
a page: by name, and with the child's date of birth, which a stranger who got the mail by mistake does not know. Kept:
address and name (sealed under the child's key: they are another person's), the method, the time. With the same link the
parent can take the word back; from the child's birthday on nobody but the child can do anything.
"""

import hmac
import json
from datetime import date
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.services.mail_links import count_try, dead_link, give_back
from audit.actors import PARENT as ACTOR
from consent.models import Confirmation, ConsentEvent
from consent.services.confirmations import (
    CONFIRMED,
    PARENT,
    WAITING,
    may_mail,
    may_take_back,
    new_id,
    new_row,
    of_age,
    opened,
    send_link,
    still_missing,
    write_word,
)
from consent.services.consents import record_consent
from consent.services.events import Act
from consent.services.standing import state_of
from consent.states import Consent
from gdpr_portal.errors import Flaw, Invalid, Missing, Refused, WrongState
from subjects.models import Subject
from subjects.normalise import identifier
from subjects.selectors import birth_date_of, email_of, ensure_not_erased
from subjects.services import lock_subject
from vault.services import Place, open_cell, subject_key

METHOD = "mail-name-birth_date"
"""A link to the address named, the parent's name, and the child's date of birth (EDPB 05/2020, no 137: by the risk)."""
CHANNEL = "parent"


@transaction.atomic
def name_parent(*, subject: Subject, event: UUID, email: str, actor: str) -> Confirmation:
    """Who is to speak for the child is named and a mail is on its way; whoever was named before is not asked any more.

    Raises Missing for what is no yes of the person, WrongState(`not_awaiting_parent`), Invalid(`invalid_value`, 422)
    for no address, Invalid(`own_address`, 422) for the child's own, Refused(`throttled`, 429) past the bounds.
    """
    person = ensure_not_erased(lock_subject(subject.pk))
    found = _pending(person, event)
    address = _address(person, email)
    before = Confirmation.objects.filter(event=found.confirms or found.event, kind=PARENT, state=WAITING).first()
    if before is not None and not may_mail(before):
        raise Refused("throttled", "Mails about this consent were sent already. Try again later.", status=429)
    if before is not None:
        before.state, before.holder_sealed = Confirmation.State.REPLACED, None
        before.save(update_fields=["state", "holder_sealed"])
    row_id = new_id()
    row = new_row(person, found, PARENT, _sealed(person, row_id, {"email": address}), id=row_id)
    if not send_link(row, to=address, actor=actor):
        raise Refused("throttled", "Too many mails went to this address. Try again later.", status=429)
    return row


def authorise(*, confirmation_id: UUID, token: str, name: str, birth_date: date) -> ConsentEvent:
    """The parent's word is in: an event bound to the child's yes, which counts from now on.

    Raises Gone(`link_dead`), Invalid(`missing_member`) without a name, Refused(`wrong_birth_date`) for what is not the
    child's date of birth; that is counted like a wrong link.
    """
    row = opened(confirmation_id, token)
    if row.kind != PARENT or row.state != WAITING:
        raise dead_link()
    if not name.strip():
        raise Invalid("missing_member", "The name is missing.")
    if not count_try(row):
        raise dead_link()
    born = birth_date_of(row.subject) or ""
    if not hmac.compare_digest(born.encode(), birth_date.isoformat().encode()):
        raise Refused("wrong_birth_date", "This is not the date of birth of the child who named you.")
    with transaction.atomic():
        give_back(row)
        sealed = _sealed(row.subject, row.pk, holder_of(row) | {"name": name.strip()[:200]})
        act = Act(channel=CHANNEL, actor=ACTOR, at=timezone.now())
        return write_word(row, action="authorise", act=act, method=METHOD, holder=sealed)


def take_back(*, confirmation_id: UUID, token: str) -> ConsentEvent:
    """The parent withdrew what they had agreed to, as easily as it was given (Art. 7(3)), while the child is one."""
    found = opened(confirmation_id, token)
    with transaction.atomic():
        person = lock_subject(found.subject_id)
        row = Confirmation.objects.select_for_update(of=("self",)).get(pk=found.pk)
        if row.kind != PARENT or row.state != CONFIRMED or not may_take_back(row):
            raise dead_link()
        row.state = Confirmation.State.TAKEN_BACK
        row.save(update_fields=["state"])
        return record_consent(subject=person, purpose=row.purpose, action="withdraw", channel=CHANNEL, actor=ACTOR)


def holder_of(row: Confirmation) -> dict[str, str]:
    """Who spoke for the child: `email` and, once they answered, `name`; empty when nobody is kept."""
    cell = open_cell(row.subject_id, holder_place(row.pk), row, "holder_sealed")
    holder: dict[str, str] = {} if cell is None else json.loads(cell)
    return holder


def holder_place(row_id: UUID) -> Place:
    """The cell of the parent's address and name."""
    return Place("consent_confirmation", "holder_sealed", str(row_id))


def _sealed(subject: Subject, row_id: UUID, holder: dict[str, Any]) -> bytes:
    return subject_key(subject.pk).seal(holder_place(row_id), json.dumps(holder, sort_keys=True).encode())


def _pending(subject: Subject, event: UUID) -> ConsentEvent:
    found = ConsentEvent.objects.filter(subject=subject, event=event, recipient="").first()
    if found is None:
        raise Missing()
    waits = state_of(subject, found.purpose) is Consent.PENDING and PARENT in still_missing(found)
    if not waits or of_age(subject, timezone.now().date()):
        raise WrongState("not_awaiting_parent", "This consent does not wait for a parent.")
    return found


def _address(subject: Subject, email: str) -> str:
    try:
        address = identifier("email", email)
    except ValueError:
        raise _no_address("invalid_value", "This is no e-mail address.") from None
    if address == email_of(subject):
        raise _no_address("own_address", "The address of the parent is another than the child's.")
    return address


def _no_address(code: str, detail: str) -> Invalid:
    return Invalid(code, detail, status=422, errors=[Flaw("/email", code, detail)])
