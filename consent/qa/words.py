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

CONFORMANCE = {
    "passed": (_("Every check passed"), "good"),
    "failed": (_("A check failed"), "bad"),
    "old": (_("Passed too long ago"), "warn"),
    "never": (_("Never shown"), "plain"),
}

CHECK_STATES = {
    "passed": (_("Passed"), "good"),
    "failed": (_("Failed"), "bad"),
    "missing": (_("Not looked at"), "warn"),
}

CHECKS = {
    "stops_after_withdrawal": _("Stops using data after a withdrawal"),
    "honours_restriction": _("Keeps restricted data and does not use it"),
    "erases_in_time": _("Erases, and says so in time"),
    "repeated_notice_once": _("Acts once on a notice that comes twice"),
    "older_notice_ignored": _("Lets an older notice change nothing"),
    "wrong_signature_refused": _("Refuses a notice signed by somebody else"),
    "altered_body_refused": _("Refuses a notice changed on its way"),
    "stale_notice_refused": _("Refuses a notice played again later"),
    "unsigned_notice_refused": _("Refuses a notice without a signature"),
    "either_secret_accepted": _("Takes notices while the secret changes"),
}

CHECK_REASONS = {
    "": "",
    "not_used_before": _("It did not use the data even while that was allowed"),
    "still_used": _("It went on using the data"),
    "used_again": _("It used the data again"),
    "not_kept": _("It no longer holds what it had to keep"),
    "notice_not_taken": _("It did not take a genuine notice"),
    "notice_taken": _("It took a notice it had to refuse"),
    "acted_on_it": _("It acted on a notice it had to refuse"),
    "acted_twice": _("It acted twice"),
    "never_acted": _("It did not act"),
    "still_held": _("It still holds something about the person"),
    "not_acknowledged": _("It did not say in time how it ended"),
    "refused_it": _("It said that it failed or refused"),
    "no_notice": _("The portal sent no notice"),
    "probe_failed": _("Its test interface did not answer as agreed"),
    "portal_failed": _("The portal refused something the kit needed"),
}
