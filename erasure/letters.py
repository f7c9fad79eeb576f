"""The desk's form for what came by letter, telephone or in person; for staff, who type what somebody asked for."""

from datetime import date, datetime, time
from typing import Any

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from erasure.forms import RepresentativeForm, WishesForm, WordsForm
from gdpr_portal.formats.zones import today


class RecordForm(RepresentativeForm, WordsForm, WishesForm):
    """At the desk: what somebody asked for by letter, for themselves or with a mandate in another's name.

    A correction, a restriction and a decision to be looked at are asked for by saying what they are about.
    """

    SELF, OTHER = "person", "representative"
    MANDATE = ("kind", "name", "own_email", "document")
    """What has to be filled in about a representative."""

    who = forms.ChoiceField(
        label=_("Who asks?"),
        widget=forms.RadioSelect,
        choices=[
            (SELF, _("The person, and I am sure that it is them")),
            (OTHER, _("Somebody in their name, with a mandate")),
        ],
    )
    email = forms.EmailField(
        label=_("The person's e-mail address, as we know it"), widget=forms.EmailInput(attrs={"autocomplete": "off"})
    )
    received_on = forms.DateField(
        label=_("Received on"),
        required=False,
        help_text=_("Today, if left empty."),
        widget=forms.DateInput(attrs={"type": "date"}),
    )
    field_order = (
        "email", "received_on", "rights", "objections", "withdrawals", "ground", "field", "value", "decision", "who",
        "kind", "name", "own_email", "valid_until", "document",
    )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        del self.fields["purpose"]  # objections and withdrawals name theirs
        for name in self.MANDATE:
            self.fields[name].required = False
        self.fields["kind"].label = _("Kind of mandate")
        self.fields["name"].label = _("Name of the representative")
        self.fields["name"].widget.attrs = {"autocomplete": "off"}
        self.fields["own_email"].label = _("E-mail address of the representative")
        self.fields["own_email"].widget.attrs = {"autocomplete": "off"}

    def clean_document(self) -> bytes:
        """The bytes, or none for who asks for themselves."""
        return super().clean_document() if self.cleaned_data.get("document") else b""

    def clean_received_on(self) -> date | None:
        """A day that has come: one mistyped into the future would start the clock too late (Art. 12(3))."""
        day: date | None = self.cleaned_data["received_on"]
        if day is not None and day > today():
            raise forms.ValidationError(_("This day is still to come."))
        return day

    def clean(self) -> dict[str, Any]:
        """Something is wanted, said in full; with a mandate, all of it."""
        given = super().clean()
        if given.get("field") or given.get("value"):
            self.require_words("rectification")
        for name in self.MANDATE:
            if given.get("who") == self.OTHER and not given.get(name) and name not in self.errors:
                self.add_error(name, forms.ValidationError(self.fields[name].error_messages["required"]))
        return given

    def asks_for_something(self, given: dict[str, Any]) -> bool:
        return super().asks_for_something(given) or any(given.get(name) for name in ("ground", "field", "decision"))

    def wishes(self) -> list[tuple[str, dict[str, Any]]]:
        """Each right with its details; a correction says which field, and what it should be."""
        said = {"ground": "restriction", "field": "rectification", "decision": "human_review"}
        more = [right for name, right in said.items() if self.cleaned_data.get(name)]
        return super().wishes() + [(right, self.words_for(right)) for right in more]

    def received_at(self) -> datetime | None:
        """The end of the day named, or now: a day that is not over ends with this moment."""
        day: date | None = self.cleaned_data["received_on"]
        if day is None or day == today():
            return None
        return timezone.make_aware(datetime.combine(day, time.max))
