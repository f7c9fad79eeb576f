"""What the readable page of an archive calls things, in the language in force. `data.json` keeps names as they are."""

from typing import Any

from django.utils.translation import gettext_lazy as _

from consent.models import HandNotice, SharingAsk
from consent.wording import DELIVERIES
from erasure.forms import GROUNDS
from erasure.models import RightsRequest
from erasure.outcomes import OUTCOMES as REQUEST_OUTCOMES
from erasure.words import REQUEST_STATES

SECTIONS: dict[str, Any] = {
    "identity": _("Who you are"),
    "values": _("What is stored about you"),
    "applications": _("Which applications know you"),
    "restrictions": _("Restrictions of processing"),
    "retentions": _("What the law makes us keep"),
    "consents": _("Your answers about consent and sharing"),
    "deliveries": _("Whom we told"),
    "asks": _("What third parties asked you for"),
    "rights_requests": _("Your requests"),
    "cases": _("How we dealt with your requests"),
    "archives": _("Archives waiting for you"),
}
BLOCKS: dict[str, Any] = {
    "identifiers": _("How you are recognised"),
    "factors": _("What protects your account"),
    "sessions": _("Where you are signed in"),
    "standing": _("As it stands now"),
    "history": _("Everything you answered"),
    "objections": _("Your objections"),
    "told": _("Told by this service"),
    "told_by_hand": _("Told by our staff"),
    "asked": _("Questions"),
    "comments": _("Notes of our staff"),
}
"""Names of lists within a section; a list alone in its section needs none."""
COLUMNS: dict[str, Any] = {
    "kind": _("Kind"),
    "value": _("Value"),
    "application": _("Application"),
    "language": _("Language"),
    "country": _("Country"),
    "birth_date": _("Date of birth"),
    "since": _("Since"),
    "used_at": _("Last used"),
    "signed_in_at": _("Signed in"),
    "browser": _("Browser"),
    "system": _("System"),
    "field": _("Field"),
    "title": _("What"),
    "purposes": _("Purposes"),
    "purpose": _("Purpose"),
    "source": _("Where it comes from"),
    "source_name": _("From whom"),
    "updated_at": _("Last changed"),
    "name": _("Name"),
    "ground": _("Ground"),
    "lifted_at": _("Lifted"),
    "fields": _("Fields"),
    "article": _("Article of the GDPR"),
    "citation": _("Law"),
    "until": _("Until"),
    "state": _("State"),
    "expires_at": _("Ends by itself"),
    "recipient": _("Recipient"),
    "action": _("What you did"),
    "channel": _("Where"),
    "explicit": _("Explicit"),
    "notice_version": _("Version of the wording"),
    "notice_language": _("Language of the wording"),
    "notice_digest": _("Fingerprint of the wording"),
    "event": _("Reference"),
    "at": _("When"),
    "recorded_at": _("Written down"),
    "ended_at": _("Ended"),
    "receiver": _("Who was told"),
    "type": _("What about"),
    "queued_at": _("Queued"),
    "told_at": _("Told"),
    "confirmed_at": _("Confirmed"),
    "outcome": _("Outcome"),
    "asked_at": _("Asked"),
    "lapses_at": _("Counts as a no from"),
    "answered_at": _("Settled"),
    "request": _("Reference"),
    "right": _("Right"),
    "received_at": _("Received"),
    "due_at": _("Due"),
    "completed_at": _("Answered"),
    "details": _("What you wrote"),
    "text": _("Answer"),
    "attachments": _("Attachments"),
}
_CONSENT_STATES: dict[str, Any] = {
    "given": _("Agreed"),
    "refused": _("Refused"),
    "withdrawn": _("Withdrawn"),
    "expired": _("Expired"),
    "pending": _("Waiting for a parent"),
    "outdated": _("The wording changed"),
}
KINDS: dict[str, Any] = {
    "email": _("E-mail address"),
    "phone": _("Telephone number"),
    "customer_id": _("Customer number"),
    "totp": _("Authenticator app"),
    "passkey": _("Passkey"),
    "recovery_codes": _("Recovery codes"),
}
ACTIONS: dict[str, Any] = {
    "give": _("Agreed"),
    "refuse": _("Refused"),
    "withdraw": _("Withdrawn"),
    "expire": _("Expired"),
    "confirm": _("Confirmed by mail"),
    "authorise": _("Agreed to by a parent"),
}
SOURCES: dict[str, Any] = {
    "subject": _("you gave it"),
    "observed": _("seen while you used the service"),
    "derived": _("worked out from other data"),
    "third_party": _("from somebody else"),
}
TYPES: dict[str, Any] = {
    "consent.withdrawn": _("You withdrew consent"),
    "sharing.started": _("You switched sharing on"),
    "sharing.stopped": _("Sharing was switched off"),
    "erasure.requested": _("Your data is to be erased"),
    "rectification.made": _("Your data was corrected"),
    "restriction.set": _("Your data is restricted"),
    "restriction.lifted": _("A restriction was lifted"),
    "access.requested": _("You asked for a copy"),
}
OUTCOMES: dict[str, Any] = {
    "done": _("Done"),
    "nothing_held": _("Nothing was held"),
    "refused": _("Refused"),
    "failed": _("Failed"),
}
VALUES: dict[tuple[str, str], dict[str, Any]] = {
    ("identity", "kind"): KINDS,
    ("values", "source"): SOURCES,
    ("restrictions", "ground"): GROUNDS,
    ("consents", "state"): _CONSENT_STATES,
    ("consents", "action"): ACTIONS,
    ("deliveries", "state"): {
        **{state: words for state, (words, _tone) in DELIVERIES.items()},
        **dict(HandNotice.State.choices),
    },
    ("asks", "state"): dict(SharingAsk.State.choices),
    ("deliveries", "type"): TYPES,
    ("deliveries", "outcome"): OUTCOMES,
    ("rights_requests", "state"): {state: words for state, (words, _tone) in REQUEST_STATES.items()},
    ("rights_requests", "right"): dict(RightsRequest.Right.choices),
    ("rights_requests", "outcome"): REQUEST_OUTCOMES,
}
"""(section, column) -> code -> words."""
