"""States and reasons of the QA desk in plain words."""

from django.utils.translation import gettext_lazy as _

CELLS = {
    "allowed": (_("Allowed"), "good"),
    "withheld": (_("Withheld"), "plain"),
    "violation": (_("Violation"), "bad"),
    "gap": (_("Gap"), "warn"),
}
"""Cell -> (what it is called, tone of components/state.html)."""

REASONS = {
    "in_contract": _("A live data contract names it"),
    "no_contract": _("The application has no live data contract for this purpose"),
    "contract_ended": _("The data contract has ended"),
    "not_in_contract": _("The data contract does not name it"),
    "purpose_not_live": _("The purpose is not live"),
    "component_not_live": _("The collection component is not approved"),
    "not_of_purpose": _("The contract names a field that the purpose does not need"),
    "read_uncovered": _("It was read although no contract covered it, so many times in 90 days"),
    "purpose_unknown": _("The purpose is not in the catalogue"),
    "component_unknown": _("No collection component describes the field"),
    "application_unknown": _("The application is not registered"),
    "no_live_notice": _("The purpose has no live wording"),
}

ANSWERS = {
    "never_asked": _("Never asked"),
    "given": _("Gave consent"),
    "refused": _("Refused"),
    "withdrawn": _("Withdrew consent"),
    "expired": _("Consent has run out"),
    "pending": _("Waits for the parents"),
    "outdated": _("Answered to older wording"),
}

CODES = {
    "allowed": _("Given"),
    "unknown_subject": _("Withheld: the person is unknown"),
    "erased": _("Withheld: the person was erased"),
    "unknown_purpose": _("Withheld: there is no such purpose"),
    "purpose_not_approved": _("Withheld: the purpose is not approved"),
    "not_in_contract": _("Withheld: no data contract covers it"),
    "restricted": _("Withheld: processing is restricted"),
    "objected": _("Withheld: the person objected"),
    "consent_missing": _("Withheld: the person was never asked"),
    "consent_refused": _("Withheld: the person refused"),
    "consent_withdrawn": _("Withheld: the person withdrew consent"),
    "consent_expired": _("Withheld: the consent has run out"),
    "consent_pending": _("Withheld: the parents have not agreed"),
    "notice_outdated": _("Withheld: the wording has changed since"),
    "sharing_off": _("Withheld: sharing is switched off"),
}
