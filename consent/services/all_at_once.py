"""One click on every question: an event for each purpose, as if each had been answered by itself (Art. 4(11), 6(1)(a)).

Yes to all answers what is open, and leaves out special categories, which take an explicit yes of their own (Art.
9(2)(a)), and what was refused before. No to all refuses what is open and withdraws what stands, whatever it is.
"""

from collections.abc import Mapping

from django.db import transaction

from consent.models import ConsentEvent, Purpose
from consent.services.consents import record_consent
from consent.services.events import NoticeSeen
from consent.services.standing import standing_of
from consent.states import Consent
from subjects.models import Subject
from subjects.services import lock_subject

OPEN = frozenset({Consent.NEVER_ASKED, Consent.OUTDATED, Consent.EXPIRED})
"""States in which a question waits for an answer."""
STANDING = frozenset({Consent.GIVEN, Consent.PENDING})


def accept_all(*, subject: Subject, shown: Mapping[str, NoticeSeen], channel: str, actor: str) -> list[ConsentEvent]:
    """Every open question among those shown is answered with yes, but for special categories; all or none.

    `shown`: purpose -> the wording the person saw. Raises what `record_consent` raises for a wording that changed.
    """
    with transaction.atomic():
        special = set(Purpose.objects.filter(special_category=True).values_list("slug", flat=True))
        wanted = [slug for slug in _in_state(subject, OPEN) if slug in shown and slug not in special]
        return [
            record_consent(
                subject=subject, purpose=slug, action="give", notice=shown[slug], channel=channel, actor=actor
            )
            for slug in wanted
        ]


def reject_all(*, subject: Subject, shown: Mapping[str, NoticeSeen], channel: str, actor: str) -> list[ConsentEvent]:
    """Every open question among those shown is answered with no, and every yes among them is withdrawn (Art. 7(3))."""
    with transaction.atomic():
        acts = dict.fromkeys(_in_state(subject, OPEN), "refuse") | dict.fromkeys(
            _in_state(subject, STANDING), "withdraw"
        )
        return [
            record_consent(subject=subject, purpose=slug, action=act, notice=shown[slug], channel=channel, actor=actor)
            for slug, act in sorted(acts.items())
            if slug in shown
        ]


def _in_state(subject: Subject, states: frozenset[Consent]) -> list[str]:
    lines = standing_of(lock_subject(subject.pk))
    return sorted(line.purpose for line in lines if not line.recipient and line.state in states)
