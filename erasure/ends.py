"""When what is held for a purpose is over: one rule in SQL, for the sweep that erases and the page that tells (R65).

A value is over for a purpose `retention_days` after it was last given (Art. 5(1)(e)), or once its consent has ended. Of
a value held for several purposes the last one counts (`erasure.services.periods`).
"""

from collections.abc import Mapping
from datetime import datetime
from typing import NamedTuple

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.translation import gettext as _

from erasure.rights import RETAINED_UNDER
from gdpr_portal.prepared import Prepared
from subjects.hooks import Until
from subjects.models import Subject

ENDS = "GREATEST(link.since, held.updated_at) + purpose.retention_days * interval '1 day'"
"""When the period of `held` for the purpose of `link` is over."""
ENDED = """COALESCE(purpose.lawful_basis = 'consent' AND (standing.state IN ('withdrawn', 'expired', 'refused')
                OR standing.expires_at <= %(now)s), false)"""
"""Whether it rests on a consent that has ended."""
ITS_PURPOSE = """JOIN consent_purpose purpose ON purpose.slug = link.purpose
        LEFT JOIN consent_standing standing ON standing.subject_id = held.subject_id
            AND standing.purpose = link.purpose AND standing.recipient = ''"""
"""What both are reckoned from, beside `held` and `link`."""

_OF_ONE = Prepared(f"""
SELECT held.field, link.purpose, {ENDS}, {ENDED}, purpose.lawful_basis, purpose.retention_law,
    CASE WHEN standing.state = 'given' THEN standing.expires_at END
FROM subjects_personalvalue held JOIN subjects_valuepurpose link ON link.value_id = held.id
        {ITS_PURPOSE}
WHERE held.subject_id = %(subject)s
""")  # noqa: S608 - constants


class End(NamedTuple):
    """The end of one value for one purpose, as the rule gives it."""

    at: datetime
    consent_ended: bool
    lawful_basis: str
    law: str
    consent_until: datetime | None
    """Until when the consent given stands; None where none does."""


def ends_of(subject: Subject) -> Mapping[tuple[str, str], Until]:
    """Until when each (field, purpose) of the person is kept, in words of the language of the page. One statement."""
    now = timezone.now()
    rows = _OF_ONE.all(subject=subject.pk, now=now)
    return {(field, purpose): in_words(End(*end), now) for field, purpose, *end in rows}


def in_words(end: End, now: datetime) -> Until:
    """The end as the person reads it; with law and article where an erasure leaves it till then."""
    if end.at <= now:
        return Until(_("The time is over. It goes once nothing else needs it."))
    if end.consent_ended:
        return Until(_("Your consent has ended. It goes once it is clear that nothing else needs it."))
    if end.consent_until is not None and end.lawful_basis == "consent":
        last = _day(min(end.at, end.consent_until))
        return Until(_("As long as your consent stands, until %(day)s at the latest") % {"day": last})
    article = f"Art. {RETAINED_UNDER[end.lawful_basis]}" if end.lawful_basis in RETAINED_UNDER else ""
    law = end.law if article else ""
    return Until(_("Until %(day)s") % {"day": _day(end.at)}, law, "" if article in law else article)


def _day(moment: datetime) -> str:
    return date_format(timezone.localtime(moment))
