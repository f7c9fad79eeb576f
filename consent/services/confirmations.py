"""The word by mail that a yes waits for: the person's own (double opt-in, Art. 7(1)) or a parent's (Art. 8(2)).

    yes -> event `pending` -> mail with a link -> page with a button -> event `confirm` or `authorise`, bound to it

The link is one of `access.services.mail_links`, good for LIFETIME and replaced whenever a mail is sent anew. Where both
words are needed each has its event, and the later one leads to `given`. An answer given in between wins.
"""

import secrets
import uuid
from datetime import date, timedelta
from uuid import UUID

from django.conf import settings
from django.db import transaction
from django.db.models import Sum
from django.utils import timezone

from access.services import limits
from access.services.limits import Limit
from access.services.mail import send_mail_later
from access.services.mail_links import dead_link, new_link, row_of
from audit.actors import SUBJECT
from audit.services import record
from consent.ages import may_consent_alone
from consent.models import Confirmation, ConsentEvent, Purpose, Standing
from consent.selectors import live_purpose
from consent.services.events import Act, NoticeSeen, write_event
from consent.services.objections import end_own_objection
from consent.states import Consent, answer
from gdpr_portal.errors import WrongState
from subjects.models import Subject
from subjects.selectors import birth_date_of, email_of, ensure_not_erased
from subjects.services import lock_subject

OWN, PARENT = Confirmation.Kind.OWN, Confirmation.Kind.PARENT
WAITING, CONFIRMED = Confirmation.State.WAITING, Confirmation.State.CONFIRMED
LIFETIME = timedelta(days=7)
KEPT_FOR = timedelta(days=30)
MAILS = 3
"""How many mails one yes is worth, the first included."""
PAUSE = timedelta(minutes=5)
"""Between two mails for one yes."""
MAIL = Limit("consent-mail", free=6, first_wait=600, longest=86400)
"""Mails of this kind to one mailbox, whatever they are about: nobody's mailbox is filled by saying yes and no."""
TEMPLATES = {OWN: "consent_confirmation", PARENT: "parental_authorisation"}


# --- what a yes waits for -------------------------------------------------------------------------------------------
def of_age(subject: Subject, day: date) -> bool:
    """Whether the person's own word is enough on that day (Art. 8(1)); without a birth date nothing speaks against."""
    born = birth_date_of(subject)
    return may_consent_alone(date.fromisoformat(born) if born else None, subject.country, day)


def waits_for(subject: Subject, purpose: Purpose, day: date) -> frozenset[str]:
    """Whose words by mail a yes of that day needs before it counts; empty for most.

    A mailbox that confirmed the consent which stands is not asked again for a newer wording or a longer time.
    """
    own = {OWN.value} if purpose.double_opt_in and not _confirmed_already(subject, purpose.slug) else set()
    return frozenset(own if of_age(subject, day) else own | {PARENT.value})


def still_missing(event: ConsentEvent) -> frozenset[str]:
    """Whose words a pending yes waits for, of those it waited for when it was given."""
    purpose = Purpose.objects.get(slug=event.purpose)
    needed = {OWN.value} if purpose.double_opt_in else set()
    if not of_age(event.subject, event.at.date()):
        needed.add(PARENT.value)
    given = Confirmation.objects.filter(event=root_of(event), state=CONFIRMED).values_list("kind", flat=True)
    return frozenset(needed - set(given))


def root_of(event: ConsentEvent) -> UUID:
    """The first yes, of itself or of a word that confirms it."""
    return event.confirms or event.event


def _confirmed_already(subject: Subject, purpose: str) -> bool:
    row = Standing.objects.filter(subject=subject, purpose=purpose, recipient="", state=Consent.GIVEN).first()
    if row is None:
        return False
    root = root_of(ConsentEvent.objects.get(event=row.event))
    return Confirmation.objects.filter(event=root, kind=OWN, state=CONFIRMED).exists()


# --- asking ---------------------------------------------------------------------------------------------------------
def ask_own(subject: Subject, event: ConsentEvent) -> None:
    """The person's mailbox is asked, or asked again as far as the bounds allow. Subject locked.

    Raises WrongState(`address_missing`) when no address of the person is known: then nobody could ever confirm.
    """
    address = email_of(subject)
    if address is None:
        raise WrongState("address_missing", "The purpose asks for a confirmation by mail, and no address is known.")
    if OWN not in still_missing(event):
        return
    row = Confirmation.objects.filter(event=root_of(event), kind=OWN, state=WAITING).first()
    send_link(row or new_row(subject, event, OWN), to=address, actor=event.actor)


def new_row(
    subject: Subject, event: ConsentEvent, kind: str, holder: bytes | None = None, **more: UUID
) -> Confirmation:
    """A row that waits, with a digest that fits nothing until its link is sent. Not saved yet."""
    now = timezone.now()
    return Confirmation(
        subject=subject, event=root_of(event), purpose=event.purpose, kind=kind, language=language_of(subject),
        holder_sealed=holder, digest=secrets.token_bytes(32), expires_at=now + LIFETIME, mailed_at=now, **more,
    )  # fmt: skip


def send_link(row: Confirmation, *, to: str, actor: str) -> bool:
    """A mail with a fresh link is on its way, once this commits; False when the bounds say not now."""
    if not row._state.adding and not may_mail(row):
        return False
    turn = limits.take((MAIL, f"{row.kind} {to}"))
    if turn.wait:
        row.save()
        return False
    link, now = new_link(row, "confirmation"), timezone.now()
    row.expires_at, row.mailed_at, row.mails = now + LIFETIME, now, row.mails + 1
    row.save()
    context = {"link": link, "days": LIFETIME.days}
    send_mail_later(TEMPLATES[Confirmation.Kind(row.kind)], to=to, language=row.language, context=context)
    record(
        "consent.confirmation_asked", actor=actor, subject=row.subject.pseudonym, purpose=row.purpose,
        details={"event": str(row.event), "confirmation": str(row.pk), "kind": row.kind, "mails": row.mails},
    )  # fmt: skip
    return True


def may_mail(row: Confirmation) -> bool:
    """Whether one more mail may go out for this yes now: MAILS in all, PAUSE apart."""
    rows = Confirmation.objects.filter(event=row.event, kind=row.kind)
    sent = rows.aggregate(total=Sum("mails"))["total"] or 0
    waited = not sent or row.mailed_at + PAUSE <= timezone.now()
    return sent < MAILS and waited


def language_of(subject: Subject) -> str:
    """The person's language, of those mails are written in; else the default one."""
    primary = subject.language.lower().split("-")[0]
    return primary if primary in dict(settings.LANGUAGES) else settings.LANGUAGE_CODE


# --- answering ------------------------------------------------------------------------------------------------------
def opened(confirmation_id: UUID, token: str) -> Confirmation:
    """The row the link leads to, if it may still be used; a wrong token is counted.

    Raises Gone(`link_dead`), the same for a link that is wrong, unknown, late, spent, or overtaken by another answer.
    """
    row = row_of(Confirmation.objects.all(), confirmation_id, token)
    if not _leads_on(row):
        raise dead_link()
    return row


def forget_unanswered() -> int:
    """Addresses of parents who never answered are gone KEPT_FOR after their link has died (Art. 5(1)(e)); how many."""
    before = timezone.now() - KEPT_FOR
    return (
        Confirmation.objects.filter(state=WAITING, expires_at__lt=before)
        .exclude(holder_sealed=None)
        .update(holder_sealed=None)
    )


def confirm(*, confirmation_id: UUID, token: str) -> ConsentEvent:
    """The person's own word is in: an event bound to the first, and consent is given unless a parent's is missing.

    Raises Gone(`link_dead`), WrongState or Refused when the purpose is in use no more.
    """
    row = opened(confirmation_id, token)
    if row.kind != OWN:
        raise dead_link()
    with transaction.atomic():
        return write_word(row, action="confirm", act=Act(channel="mail", actor=SUBJECT, at=timezone.now()))


def write_word(
    row: Confirmation, *, action: str, act: Act, method: str = "", holder: bytes | None = None
) -> ConsentEvent:
    """The word stands in an event of its own; the row is spent. In a transaction; locks the subject, then the row."""
    subject = ensure_not_erased(lock_subject(row.subject_id))
    row = Confirmation.objects.select_for_update(of=("self",)).get(pk=row.pk)
    if row.state != WAITING or not _stands(row, Consent.PENDING):
        raise dead_link()
    purpose, first = live_purpose(row.purpose), ConsentEvent.objects.get(event=row.event)
    row.state, row.confirmed_at, row.method = CONFIRMED, act.at, method
    row.holder_sealed = holder or row.holder_sealed
    row.save(update_fields=["state", "confirmed_at", "method", "holder_sealed"])
    state = answer(Consent.PENDING, action, confirmed=not still_missing(first))
    event, _ = write_event(
        subject=subject, purpose=purpose.slug, action=action, state=state, act=act, confirms=first.event,
        notice=NoticeSeen(first.notice_version or 0, first.notice_language, first.notice_digest),
        expires_at=act.at + timedelta(days=purpose.validity_days) if state is Consent.GIVEN else None,
    )  # fmt: skip
    if state is Consent.GIVEN:
        end_own_objection(subject=subject, purpose=purpose.slug, actor=act.actor)
    return event


def new_id() -> UUID:
    """The id of a row whose cells are sealed before it is written."""
    return uuid.uuid4()


def _leads_on(row: Confirmation) -> bool:
    """A yes that waits still; or, for a parent, one that stands and can be taken back until the child is of age."""
    if row.subject.erased_at is not None:
        return False
    if row.state == WAITING:
        return row.expires_at > timezone.now() and _stands(row, Consent.PENDING) and _parent_counts(row)
    return row.kind == PARENT and row.state == CONFIRMED and may_take_back(row)


def may_take_back(row: Confirmation) -> bool:
    """Whether the parent's word still bears the consent and the parent may still speak for the child."""
    return (_stands(row, Consent.GIVEN) or _stands(row, Consent.PENDING)) and _parent_counts(row)


def _parent_counts(row: Confirmation) -> bool:
    return row.kind != PARENT or not of_age(row.subject, timezone.now().date())


def _stands(row: Confirmation, state: Consent) -> bool:
    """Whether the yes the row is about, or a word that confirms it, is what stands."""
    standing = Standing.objects.filter(subject=row.subject_id, purpose=row.purpose, recipient="", state=state).first()
    return standing is not None and root_of(ConsentEvent.objects.get(event=standing.event)) == row.event
