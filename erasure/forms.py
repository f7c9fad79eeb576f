"""What people fill in to exercise a right: nothing ticked beforehand, nothing asked that is not needed (Art. 12(6))."""

from collections.abc import Collection
from datetime import date
from typing import Any, ClassVar, cast

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from consent.models import Purpose
from consent.pages import field_names
from consent.rights import rights_offered
from consent.selectors import purposes_of_catalogue
from consent.wording import title_in
from erasure.grounds import ERASURE_GROUNDS, GROUNDS
from erasure.models import Mandate
from erasure.services.files import MOST_BYTES, kind_of
from erasure.services.mandate_words import Representative
from erasure.services.mandates import LONGEST_NAME
from erasure.services.on_behalf import Shown
from erasure.words import PLAIN_WORDS
from gdpr_portal.errors import Invalid
from gdpr_portal.formats.zones import today


def offer(form: forms.Form, name: str, choices: list[tuple[str, Any]]) -> None:
    """The field can be answered with these."""
    cast(forms.ChoiceField, form.fields[name]).choices = choices


class NothingMore(forms.Form):
    """Rights that need no more than to be asked for."""

    def details(self) -> dict[str, Any]:
        """The details of the request."""
        return {}


class PurposeForm(NothingMore):
    """One purpose is chosen, of those whose basis gives the right: others would be a dead end."""

    right = ""
    purpose = forms.ChoiceField(label=_("Which use of your data?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language, catalogue = get_language(), purposes_of_catalogue()
        offered = [(row.slug, title_in(row.titles, language)) for row in catalogue if self.right in _offered(row)]
        offer(self, "purpose", offered)

    def details(self) -> dict[str, Any]:
        return {"purpose": self.cleaned_data["purpose"]}


class ObjectionForm(PurposeForm):
    """The use that is objected to (Art. 21)."""

    right = "objection"


class WithdrawalForm(PurposeForm):
    """The consent that is withdrawn (Art. 7(3))."""

    right = "withdraw_consent"


class RestrictionForm(NothingMore):
    """The ground of a restriction (Art. 18(1))."""

    ground = forms.ChoiceField(label=_("Why?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "ground", list(GROUNDS.items()))

    def details(self) -> dict[str, Any]:
        return {"ground": self.cleaned_data["ground"]}


class ErasureForm(NothingMore):
    """The ground of an erasure, if the person wants to say it (Art. 17(1))."""

    ground = forms.ChoiceField(
        label=_("Why? You need not say"),
        required=False,
        widget=forms.RadioSelect,
        choices=list(ERASURE_GROUNDS.items()),
    )
    after_copies = forms.BooleanField(label=_("Wait until I have collected my copy"), required=False)

    def no_copy_waits(self) -> None:
        """There is nothing an erasure could wait for."""
        del self.fields["after_copies"]

    def details(self) -> dict[str, Any]:
        ground = self.cleaned_data["ground"]
        return {"ground": ground} if ground else {}


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
        help_text=_("As shown in the message you received."),
        error_messages={"invalid": _("A reference has letters, digits and . _ : - alone.")},
    )

    def details(self) -> dict[str, Any]:
        return {"decision": self.cleaned_data["decision"]}


class WordsForm(forms.Form):
    """What some rights need to know beside their name, for forms in which any right can be asked for."""

    MORE = ("purpose", "ground", "field", "value", "decision")
    NEEDS: ClassVar[dict[str, tuple[str, ...]]] = {
        "rectification": ("field", "value"),
        "restriction": ("ground",),
        "objection": ("purpose",),
        "withdraw_consent": ("purpose",),
        "human_review": ("decision",),
    }
    purpose = forms.ChoiceField(label=_("To object, or to withdraw a consent: which use of your data?"), required=False)
    ground = forms.ChoiceField(label=_("To stop a use for now: why?"), required=False)
    field = forms.ChoiceField(label=_("To correct something: what?"), required=False)
    value = forms.CharField(label=_("What it should be"), required=False, max_length=2000)
    decision = forms.RegexField(
        r"^[A-Za-z0-9._:-]{1,200}$",
        label=_("To have a decision looked at: its reference"),
        required=False,
        help_text=_("As shown in the message you received."),
        error_messages={"invalid": _("A reference has letters, digits and . _ : - alone.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language, nothing = get_language() or "en", ("", "-")
        titles = [(row.slug, title_in(row.titles, language)) for row in purposes_of_catalogue()]
        offer(self, "purpose", [nothing, *titles])
        offer(self, "ground", [nothing, *GROUNDS.items()])
        named = field_names(language, approved=True)
        offer(self, "field", [nothing, *sorted(named.items(), key=lambda pair: pair[1].casefold())])

    def words_for(self, right: str) -> dict[str, Any]:
        """What was said about this right, and nothing else."""
        return {name: self.cleaned_data[name] for name in self.NEEDS.get(right, ())}

    def require_words(self, right: str) -> None:
        """What this right needs was said; the form has an error where it was not."""
        for name in self.NEEDS.get(right, ()):
            if not self.cleaned_data.get(name) and name not in self.errors:
                self.add_error(name, forms.ValidationError(self.fields[name].error_messages["required"]))


class PublicForm(WordsForm):
    """A request by somebody without an account (Art. 12(2)): who, and which right."""

    email = forms.EmailField(
        label=_("Your e-mail address"),
        help_text=_("The one we know you by. We send a code there, and the answer too."),
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    right = forms.ChoiceField(label=_("What do you want?"), widget=forms.RadioSelect)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "right", list(PLAIN_WORDS.items()))

    def clean(self) -> dict[str, Any]:
        """With what the right needs to know."""
        given: dict[str, Any] = super().clean() or {}
        self.require_words(given.get("right", ""))
        return given

    def wished(self) -> dict[str, Any]:
        """What was said about the right that is asked for."""
        return self.words_for(self.cleaned_data["right"])


class RepresentativeForm(forms.Form):
    """Who asks in somebody else's name, and what they show for it."""

    kind = forms.ChoiceField(label=_("What allows you to act for them?"), widget=forms.RadioSelect)
    name = forms.CharField(
        label=_("Your name, or that of your association"),
        max_length=LONGEST_NAME,
        widget=forms.TextInput(attrs={"autocomplete": "name"}),
    )
    own_email = forms.EmailField(
        label=_("Your own e-mail address"), widget=forms.EmailInput(attrs={"autocomplete": "email"})
    )
    valid_until = forms.DateField(
        label=_("Valid until, if it says so"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    document = forms.FileField(
        label=_("The document that says so"),
        help_text=_("PDF, PNG or JPEG, at most 5 MiB. Only a reviewer sees it."),
        widget=forms.FileInput(attrs={"accept": "application/pdf,image/png,image/jpeg"}),
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer(self, "kind", list(Mandate.Kind.choices))

    def clean_valid_until(self) -> date | None:
        """A day that has passed is told to everybody alike, before anything is looked up."""
        day: date | None = self.cleaned_data["valid_until"]
        if day is not None and day < today():
            raise forms.ValidationError(_("This mandate is not valid any more."))
        return day

    def clean_document(self) -> bytes:
        """The bytes of the file, as it will be kept."""
        data: bytes = self.cleaned_data["document"].read(MOST_BYTES + 1)
        try:
            kind_of(data)
        except Invalid as error:
            raise forms.ValidationError(error.in_words) from None
        return data

    def shown(self) -> Shown:
        """What is shown, for the service."""
        given = self.cleaned_data
        who = Representative(name=given["name"].strip(), email=given["own_email"])
        return Shown(kind=given["kind"], who=who, document=given["document"], valid_until=given["valid_until"])


class ForSomebodyForm(RepresentativeForm, PublicForm):
    """A request in somebody else's name, without an account."""

    field_order = ("email", "right", *WordsForm.MORE, "kind", "name", "own_email", "valid_until", "document")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = _("The e-mail address of the person you ask for")
        self.fields["email"].help_text = _("The one we may know them by. We tell them there that you asked.")
        self.fields["email"].widget.attrs = {"autocomplete": "off"}


class WishesForm(forms.Form):
    """Several rights asked for together."""

    rights = forms.MultipleChoiceField(label=_("What is wanted?"), required=False, widget=forms.CheckboxSelectMultiple)
    objections = forms.MultipleChoiceField(
        label=_("Object to these uses"), required=False, widget=forms.CheckboxSelectMultiple
    )
    withdrawals = forms.MultipleChoiceField(
        label=_("Withdraw these consents"), required=False, widget=forms.CheckboxSelectMultiple
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        language = get_language()
        purposes = [(row, (row.slug, title_in(row.titles, language))) for row in purposes_of_catalogue()]
        offer(self, "rights", [(right, PLAIN_WORDS[right]) for right in PLAIN_RIGHTS])
        offer(self, "objections", [pair for row, pair in purposes if "objection" in _offered(row)])
        offer(self, "withdrawals", [pair for row, pair in purposes if "withdraw_consent" in _offered(row)])

    def clean(self) -> dict[str, Any]:
        """Something is wanted."""
        given: dict[str, Any] = super().clean() or {}
        if not self.asks_for_something(given):
            raise forms.ValidationError(_("Choose at least one."))
        return given

    def asks_for_something(self, given: dict[str, Any]) -> bool:
        """Whether any right is asked for."""
        return any(given.get(name) for name in ("rights", "objections", "withdrawals"))

    def wishes(self) -> list[tuple[str, dict[str, Any]]]:
        """Each right with its details."""
        given = self.cleaned_data
        plain: list[tuple[str, dict[str, Any]]] = [(right, {}) for right in given["rights"]]
        plain += [("objection", {"purpose": slug}) for slug in given["objections"]]
        return plain + [("withdraw_consent", {"purpose": slug}) for slug in given["withdrawals"]]

    def in_words(self, wishes: list[tuple[str, dict[str, Any]]]) -> list[tuple[Any, str]]:
        """Each wish as people say it, with the use it is about."""
        titles = {row.slug: title_in(row.titles, get_language()) for row in purposes_of_catalogue()}
        return [(PLAIN_WORDS[right], titles.get(details.get("purpose", ""), "")) for right, details in wishes]


def _offered(purpose: Purpose) -> Collection[str]:
    return rights_offered(purpose.lawful_basis, purpose.is_marketing)


class MoreForm(forms.Form):
    """What else somebody may be known by, whose address we do not know (Art. 11(2)); one is enough."""

    email = forms.EmailField(
        label=_("Another e-mail address of yours"),
        required=False,
        widget=forms.EmailInput(attrs={"autocomplete": "email"}),
    )
    phone = forms.CharField(
        label=_("Your telephone number"),
        help_text=_("With the code of the country, such as +49."),
        required=False,
        max_length=40,
        widget=forms.TextInput(attrs={"autocomplete": "tel", "inputmode": "tel"}),
    )
    customer_id = forms.CharField(label=_("Your customer number"), required=False, max_length=200)

    def clean(self) -> dict[str, Any]:
        """Something was said."""
        given: dict[str, Any] = super().clean() or {}
        if not self.errors and not any(given.values()):
            raise forms.ValidationError(_("Fill in at least one."))
        return given

    def identifiers(self) -> dict[str, str]:
        """What was said, by kind of identifier."""
        return {kind: value for kind, value in self.cleaned_data.items() if value}


class CodeForm(forms.Form):
    """The code from the mail, with the reference that stands beside it."""

    reference = forms.UUIDField(label=_("Reference"))
    code = forms.RegexField(
        r"^\s*\d{6}\s*$",
        label=_("Code from the mail"),
        widget=forms.TextInput(attrs={"inputmode": "numeric", "autocomplete": "one-time-code"}),
    )


PLAIN_RIGHTS = ("access", "portability", "erasure")
"""What can be asked for without another word."""

FORMS: dict[str, type[NothingMore]] = {
    "access": NothingMore,
    "portability": NothingMore,
    "erasure": ErasureForm,
    "rectification": RectificationForm,
    "restriction": RestrictionForm,
    "objection": ObjectionForm,
    "withdraw_consent": WithdrawalForm,
    "human_review": DecisionForm,
}
