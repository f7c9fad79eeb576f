"""The grounds a person may give, in their words: of a restriction (Art. 18(1)) and of an erasure (Art. 17(1))."""

from typing import Any

from django.utils.translation import gettext_lazy as _

GROUNDS: dict[str, Any] = {
    "accuracy_contested": _("My data is not correct and should not be used until that is settled"),
    "unlawful_processing": _("My data is used unlawfully, but I do not want it erased"),
    "legal_claims": _("I need the data for a legal claim"),
    "objection_pending": _("I have objected and wait for the decision"),
}
ERASURE_GROUNDS: dict[str, Any] = {
    "no_longer_needed": _("You no longer need my data"),
    "consent_withdrawn": _("I have withdrawn my consent, or do so with this"),
    "objection_raised": _("I have objected to the use of my data"),
    "unlawful_processing": _("My data is used unlawfully"),
    "legal_obligation": _("A law says that it has to be erased"),
    "collected_from_child": _("You got it from me when I was a child"),
}
"""Art. 17(1)(a) to (f) in this order; nobody has to say."""
