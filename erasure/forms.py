"""What people fill in to exercise a right: nothing ticked beforehand, nothing asked that is not needed (Art. 12(6))."""

from typing import Any, cast

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from consent.selectors import purposes_of_catalogue, title_in
from subjects.models import Restriction

PLAIN_WORDS: dict[str, Any] = {
    "access": _("Get a copy of my data"),
    "portability": _("Take my data elsewhere"),
    "rectification": _("Correct my data"),
    "erasure": _("Erase my data"),
    "restriction": _("Stop my data from being used for now"),
    "objection": _("Object to a use of my data"),
    "withdraw_consent": _("Withdraw a consent"),
    "human_review": _("Have a decision looked at by a person"),
}
"""The rights as people would ask for them."""

GROUNDS = {
    "accuracy_contested": _("My data is not correct and should not be used until that is settled"),
    "unlawful_processing": _("My data is used unlawfully, but I do not want it erased"),
    "legal_claims": _("I need the data for a legal claim"),
    "objection_pending": _("I have objected and wait for the decision"),
}


def offer(form: forms.Form, name: str, choices: list[tuple[str, Any]]) -> None:
    """The field can be answered with these."""
    cast(forms.ChoiceField, form.fields[name]).choices = choices


class NothingMore(forms.Form):
    """Rights that need no more than to be asked for."""

    def details(self) -> dict[str, Any]:
        """The details of the request."""
        return {}


class PurposeForm(NothingMore):
    """One purpose is chosen."""

    purpose = forms.ChoiceField(label=_("Which use of your data?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = get_language()
        offer(self, "purpose", [(row.slug, title_in(row.titles, language)) for row in purposes_of_catalogue()])

    def details(self) -> dict[str, Any]:
        return {"purpose": self.cleaned_data["purpose"]}


class RestrictionForm(NothingMore):
    """The ground of a restriction (Art. 18(1))."""

    ground = forms.ChoiceField(label=_("Why?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "ground", [(code, GROUNDS[code]) for code in Restriction.Ground.values])

    def details(self) -> dict[str, Any]:
        return {"ground": self.cleaned_data["ground"]}


class RectificationForm(NothingMore):
    """One field of one purpose gets another value."""

    purpose = forms.SlugField(widget=forms.HiddenInput)
    field = forms.SlugField(widget=forms.HiddenInput)
    value = forms.CharField(label=_("What it should be"), max_length=2000)

    def details(self) -> dict[str, Any]:
        given = self.cleaned_data
        return {"purpose": given["purpose"], "values": {given["field"]: given["value"]}}


class DecisionForm(NothingMore):
    """The decision a person should look at (Art. 22(3))."""

    decision = forms.RegexField(
        r"^[A-Za-z0-9._:-]{1,200}$",
        label=_("Reference of the decision"),
        help_text=_("As it stands in the message you received."),
    )

    def details(self) -> dict[str, Any]:
        return {"decision": self.cleaned_data["decision"]}


class PublicForm(forms.Form):
    """A request by somebody without an account (Art. 12(2)): who, and which right."""

    email = forms.EmailField(
        label=_("Your e-mail address"),
        help_text=_("The one we know you by. We send a code there, and the answer too."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    right = forms.ChoiceField(label=_("What do you want?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "right", [(right, PLAIN_WORDS[right]) for right in PUBLIC_RIGHTS])


class CodeForm(forms.Form):
    """The code from the mail, with the reference that stands beside it."""

    reference = forms.UUIDField(label=_("Reference"))
    code = forms.RegexField(
        r"^\s*\d{6}\s*$",
        label=_("Code from the mail"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


PUBLIC_RIGHTS = ("access", "portability", "erasure")
"""What can be asked for with nothing but an address; for the others one says which purpose or value, signed in."""

FORMS: dict[str, type[NothingMore]] = {
    "access": NothingMore,
    "portability": NothingMore,
    "erasure": NothingMore,
    "rectification": RectificationForm,
    "restriction": RestrictionForm,
    "objection": PurposeForm,
    "withdraw_consent": PurposeForm,
    "human_review": DecisionForm,
}
