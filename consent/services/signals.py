"""`Sec-GPC: 1`, the signal of a browser set to refuse sharing: an objection by automated means (Art. 21(5)).

It counts once for a person, the first time it is seen on a page they are signed in to: all sharing is off, each switch
with its event, and a row says when. From then on the person's own switches count. Whoever switches sharing on again
afterwards has said so for this recipient and purpose, and a signal that says something general does not undo it.
"""

from django.db import transaction
from django.utils import timezone

from audit.actors import SUBJECT
from audit.services import record
from consent.models import PrivacySignal, Standing
from consent.services.events import Act
from consent.services.sharing import stop_sharing
from consent.states import Consent
from subjects.models import Subject
from subjects.services import lock_subject

CHANNEL = "sec-gpc"


@transaction.atomic
def honour_signal(*, subject: Subject) -> bool:
    """Sharing is off and the row says so; False when the signal was honoured before. Recipients are told at once."""
    if PrivacySignal.objects.filter(pk=subject.pk).exists():
        return False
    person = lock_subject(subject.pk)
    if person.erased_at is not None or PrivacySignal.objects.filter(pk=person.pk).exists():
        return False
    now = timezone.now()
    on = Standing.objects.filter(subject=person, state=Consent.GIVEN).exclude(recipient="")
    purposes = sorted(set(on.values_list("purpose", flat=True)))
    act = Act(channel=CHANNEL, actor=SUBJECT, at=now, reason="privacy_signal")
    count = sum(len(stop_sharing(subject=person, purpose=purpose, act=act)) for purpose in purposes)
    PrivacySignal.objects.create(subject=person, at=now, switched_off=count)
    record("signal.honoured", actor=SUBJECT, subject=person.pseudonym, details={"signal": CHANNEL, "count": count})
    return True
