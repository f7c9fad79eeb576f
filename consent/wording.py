"""States, acts and codes in plain words, for the pages people read. Pure but for the language in force."""

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from consent.countries import COUNTRIES

STATES = {
    "given": (_("You gave consent"), "good"),
    "refused": (_("You refused"), "plain"),
    "withdrawn": (_("You withdrew consent"), "plain"),
    "expired": (_("Your consent has expired"), "warn"),
    "pending": (_("Waiting for your parents"), "wait"),
    "outdated": (_("The wording has changed, please answer again"), "warn"),
    "never_asked": (_("Not answered: this means no"), "plain"),
}
"""Consent state -> (what the person reads, tone of components/state.html)."""
WAITING_FOR_MAIL = _("Waiting for your confirmation by mail")
"""`pending`, where nobody's word but the person's own is missing."""

ACTS = {
    "give": _("You gave consent"),
    "refuse": _("You refused"),
    "withdraw": _("You withdrew consent"),
    "expire": _("Your consent expired"),
    "confirm": _("You confirmed your consent by mail"),
    "authorise": _("A parent agreed for you"),
}
SHARING_ACTS = {"give": _("You switched sharing on"), "withdraw": _("Sharing was switched off")}

DELIVERIES = {
    "queued": (_("Waiting to be told"), "wait"),
    "sending": (_("Being told now"), "wait"),
    "sent": (_("Told, not confirmed yet"), "wait"),
    "acknowledged": (_("Told and confirmed"), "good"),
    "refused": (_("Told, the recipient refused"), "bad"),
    "failed": (_("Told, the recipient failed"), "bad"),
    "abandoned": (_("Could not be reached"), "bad"),
    "cancelled": (_("Not sent: it no longer holds"), "plain"),
}

WHY_NOT = {
    "restricted": _("Processing of your data is restricted at the moment."),
    "objected": _("You objected to this purpose."),
    "consent_missing": _("This purpose needs your consent first."),
    "consent_refused": _("You refused consent for this purpose."),
    "consent_withdrawn": _("You withdrew consent for this purpose."),
    "consent_expired": _("Your consent for this purpose has expired."),
    "consent_pending": _("Your consent waits for a confirmation by mail."),
    "notice_outdated": _("The wording has changed in the meantime. Please read it again."),
    "purpose_not_approved": _("This purpose is not in use any more."),
    "not_found": _("This recipient is not in use any more."),
    "erased": _("Your data has been erased."),
    "address_missing": _("This purpose asks for a confirmation by mail, and we know no address of yours."),
    "own_address": _("The address of the parent has to be another than yours."),
    "invalid_value": _("This is not an e-mail address."),
    "throttled": _("Mails about this were sent already. Please try again later."),
    "not_awaiting_parent": _("This consent does not wait for a parent any more."),
    "wrong_state": _("This question is not open any more."),
}
"""Deciding code -> what the person reads."""

FREE_WORDS = {
    "customers": _("customers"),
    "employees": _("employees"),
    "processor": _("processor"),
    "controller": _("controller"),
    "joint controller": _("joint controller"),
}
"""Whom a purpose is about and what a recipient is are written freely; these are the words nearly all use."""

PARTS = {
    "processor": _("It works for us and does with your data only what we tell it."),
    "controller": _("It decides by itself what it does with your data, within what you allow here."),
    "joint controller": _("It decides together with us. You can turn to either of us with your rights (Art. 26 GDPR)."),
}
"""A recipient's role -> what it means for the person."""


def country(code: str, language: str) -> str:
    """The country's name in the language (English otherwise), from the two letters of ISO 3166."""
    names = COUNTRIES.get(code.upper(), {})
    return names.get(language.split("-")[0]) or names.get("en") or code


def title_in(titles: dict[str, str], language: str | None) -> str:
    """The name in the language, else in the default language, else any."""
    primary = (language or "").lower().split("-")[0]
    return titles.get(primary) or titles.get(settings.LANGUAGE_CODE) or next(iter(titles.values()), "")
