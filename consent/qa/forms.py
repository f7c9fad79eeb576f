"""What is asked on the pages of the desk."""

from typing import Any

from django import forms
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from access.models import Account
from consent.ages import AGES
from consent.models import Finding
from consent.names import Names
from consent.qa import words
from consent.qa.fields import LocalField
from consent.qa.matrix import STATES
from consent.qa.sampling import SEED
from consent.qa.simulation import STATES as ANSWERS
from consent.services.findings import KEEPERS
from consent.wording import country


class MatrixForm(forms.Form):
    """Which part of the matrix."""

    application = forms.ChoiceField(label=_("Application"), required=False)
    purpose = forms.ChoiceField(label=_("Purpose"), required=False)
    state = forms.ChoiceField(label=_("State"), required=False)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        names, everything = Names(), ("", _("All"))
        for kind in ("application", "purpose"):
            self.fields[kind].choices = [everything, *names.choices(kind)]  # type: ignore[attr-defined]
        states = [(state, words.CELLS[state][0]) for state in STATES]
        self.fields["state"].choices = [everything, *states]  # type: ignore[attr-defined]


class SimulatorForm(forms.Form):
    """A person who does not exist, and who asks about them."""

    application = forms.ChoiceField(label=_("Application"))
    purpose = forms.ChoiceField(label=_("Purpose"))
    recipient = forms.ChoiceField(label=_("Shared with"), required=False)
    answer = forms.ChoiceField(label=_("Consent"), choices=[(each, words.ANSWERS[each]) for each in ANSWERS])
    age = forms.IntegerField(label=_("Age"), required=False, min_value=0, max_value=120)
    country = forms.ChoiceField(label=_("Country"), required=False)
    restricted = forms.BooleanField(label=_("Processing is restricted (Art. 18)"), required=False, label_suffix="")
    objected = forms.BooleanField(label=_("Objected to the purpose (Art. 21)"), required=False, label_suffix="")
    erased = forms.BooleanField(label=_("Was erased (Art. 17)"), required=False, label_suffix="")
    sharing = forms.BooleanField(label=_("Sharing is switched on"), required=False, label_suffix="")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_names(self)
        countries = sorted((country(code, get_language() or ""), code) for code in AGES)
        self.fields["country"].choices = [("", "-"), *((code, name) for name, code in countries)]  # type: ignore[attr-defined]


class SampleForm(forms.Form):
    """What a sample is drawn from."""

    seed = forms.RegexField(SEED, label=_("Seed"), help_text=_("Any word; the same seed draws the same sample again."))
    size = forms.IntegerField(label=_("Entries"), min_value=1, max_value=500, initial=25)
    since = LocalField(label=_("From"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))
    until = LocalField(label=_("To"), widget=forms.DateTimeInput(attrs={"type": "datetime-local"}))


class FindingForm(forms.Form):
    """What becomes of a finding."""

    state = forms.ChoiceField(label=_("State"), choices=Finding.State.choices)
    owner = forms.ModelChoiceField(Account.objects.none(), label=_("Owner"), required=False)
    note = forms.CharField(
        label=_("Note"), required=False, max_length=2000, widget=forms.Textarea(attrs={"rows": 3}),
        help_text=_("Name nobody whose data it is about."),
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        keepers = Account.objects.filter(is_active=True, groups__name__in=KEEPERS).distinct()
        self.fields["owner"].queryset = keepers.order_by("created_at")  # type: ignore[attr-defined]


def offer_names(form: forms.Form) -> None:
    """Applications, purposes and recipients by their names, as the form offers them; a recipient may be nobody."""
    names = Names()
    for kind in ("application", "purpose"):
        form.fields[kind].choices = names.choices(kind)  # type: ignore[attr-defined]
    form.fields["recipient"].choices = [("", _("Nobody")), *names.choices("recipient")]  # type: ignore[attr-defined]
