"""Who looked at a person's data, as the person reads it: the events that are such a look, and what was seen, in words.

Members of staff are told by their role, never by name (Art. 15(4); CJEU C-579/21). Looks of the person are none.
"""

from typing import Any

from django.db.models import QuerySet
from django.utils.translation import gettext_lazy as _

from audit import actors
from audit.models import AuditEvent
from audit.selectors import events

PROOF_READ = "consent.proof_read"
LOOKS = ("data.read", "data.revealed", "archive.downloaded", PROOF_READ)
COPY, PROOF = "copy", "proof"
SEEN: dict[str, Any] = {
    COPY: _("the copy of your data"),
    PROOF: _("the scan of a form you signed"),
    "conversation": _("what you and we wrote to each other"),
    "comments": _("our notes on your request"),
    "question": _("your question about an access"),
    "mandate": _("who acts in your name"),
    "is_it_valid": _("the mandate of who acts in your name"),
    "is_it_the_person": _("what you handed in to show who you are"),
    "whose_is_it": _("entries that belong to other people too"),
    "what_is_lost": _("entries that belong to other people too"),
}
"""What a member of staff saw, by the reason in the log."""
SOMETHING: Any = _("something about you")


def looks() -> QuerySet[AuditEvent]:
    """Every look at anybody's data by somebody else, newest first."""
    return events().filter(action__in=LOOKS).exclude(actor=actors.SUBJECT)


def seen_of(event: AuditEvent) -> str | None:
    """What was seen where the log names no fields: a code of SEEN, or the reason of the look."""
    if event.fields or event.action == "data.read":
        return None
    if event.action == PROOF_READ:
        return PROOF
    return COPY if event.action == "archive.downloaded" else str(event.details.get("reason") or "") or None


def seen_in_words(code: str) -> Any:
    """The same in the language in force."""
    return SEEN.get(code, SOMETHING)
