"""Codes of the catalogue and of cases in the words of the desk, for templates."""

from collections.abc import Mapping

from django import template
from django.conf import settings
from django.utils.functional import Promise
from django.utils.html import format_html
from django.utils.translation import gettext_lazy as _

from consent.explain import BASES
from consent.wording import FREE_WORDS
from erasure.models import SourceAnswer, Step
from erasure.states import REMOVED
from erasure.words import TEXT_FIELDS, at_the_desk, text_source

register = template.Library()

WORDS: dict[str, Promise] = {
    **TEXT_FIELDS,
    # whom a purpose is about (Art. 30(1)(c)), and what a recipient is, as most of them are called
    **FREE_WORDS,
    # what a purpose rests on (Art. 6(1))
    **BASES,
    # what a notice to a recipient says
    "sharing.started": _("Sharing was switched on"),
    "sharing.stopped": _("Sharing was switched off"),
    "consent.withdrawn": _("Consent was withdrawn"),
    "erasure.requested": _("Data is to be erased"),
    "rectification.made": _("Data was corrected"),
    "restriction.set": _("Processing is restricted"),
    "restriction.lifted": _("The restriction was lifted"),
    "access.requested": _("A copy of the data was asked for"),
    # who says that it is the person
    "account": _("Signed in, with both factors"),
    "document": _("A document was looked at"),
    "none": _("Not verified yet"),
    # why nothing may be destroyed
    "legal_claims": _("Legal claims"),
    "court_order": _("An order of a court"),
    "authority": _("An authority asked for it"),
    # why processing is restricted (Art. 18(1))
    "accuracy_contested": _("The person says that the data is wrong"),
    "unlawful_processing": _("Processing was unlawful"),
    "objection_pending": _("An objection is being looked at"),
    "erasure_pending": _("An erasure waits for the end of its undo window"),
    # what a second person agrees to
    "refusal": _("To refuse"),
    "fee": _("To ask for a fee"),
    # steps of a request
    "holding": _("Values held here"),
    "notify": _("Tell a recipient"),
    "manual": _("By hand"),
    "retention": _("Kept for a time"),
    "archive": _("The copy"),
    "key": _("Destroy the key"),
    "verify": _("Check that everything is gone"),
    "connector": _("In a connected system"),
    "queued": _("Not yet begun"),
    "in_progress": _("Being done"),
    "waiting": _("Waits"),
    "done": _("Done"),
    "failed": _("Failed"),
    "retained": _("Stays"),
}


WHY_FAILED: dict[str, Promise] = {
    **dict(SourceAnswer.Reason.choices),
    REMOVED: _("The place was removed"),
    "no_answer": _("No answer, although reminded"),
    "WorkerLost": _("The worker was lost while it was at it"),
    "Tampered": _("A value was changed outside the service"),
}
"""Why a step failed; what has no words is the name that stands in the logs."""


@register.filter
def why_failed(reason: str) -> object:
    """`{{ step.last_error|why_failed }}`: in words, or as the code operators look for; a dash for none."""
    if not reason:
        return "-"
    return WHY_FAILED.get(reason) or format_html("<code>{}</code>", reason)


@register.filter
def language_called(code: str) -> object:
    """`{{ finding.language|language_called }}`: the language by its name."""
    return dict(settings.LANGUAGES).get(code, code)


@register.filter
def called_in(code: str, names: Mapping[str, object]) -> object:
    """`{{ event.actor|called_in:who }}`: the name the page has for it; else the code itself."""
    return names.get(code, code)


@register.filter
def as_written(value: object) -> object:
    """A value of an entry of the log: lists in a row, yes and no in words, a dash for nothing."""
    if isinstance(value, bool):
        return _("Yes") if value else _("No")
    if isinstance(value, list):
        return ", ".join(str(each) for each in value) or "-"
    return "-" if value in (None, "") else value


@register.filter
def whose(step: Step) -> object:
    """`{{ step|whose }}`: who or what a step of a request is about, by its name."""
    return at_the_desk(step)


@register.filter
def place_in_words(code: str) -> object:
    """`{{ row.source|place_in_words }}`: where a text comes from, as the desk calls it."""
    return text_source(code)


@register.filter
def in_words(code: object) -> object:
    """`{{ row.kind|in_words }}`: the words for a code; what has none stays as it is."""
    return WORDS.get(str(code), code)
