"""Forms of the drafts: names in every language, choices out of the catalogue, wording exactly as it will be hashed."""

from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminTextareaWidget
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from consent.digests import body_digest
from consent.models import Component, DataContract, Notice, NoticeText, Purpose, Recipient
from consent.models.governance import SourceKind
from consent.selectors import APPROVED
from consent.wording import title_in

LONGEST_BODY = 50_000
"""Characters of a wording in one language; some twenty printed pages, and what the checks read within a second."""


class TitledForm(forms.ModelForm):
    """`titles` as one line a language."""

    title_en = forms.CharField(label=_("Name in English"), max_length=200)
    title_de = forms.CharField(label=_("Name in German"), max_length=200)
    title_fr = forms.CharField(label=_("Name in French"), max_length=200)

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for language, title in (self.instance.titles or {}).items():
            if f"title_{language}" in self.fields:
                self.fields[f"title_{language}"].initial = title

    def save(self, commit: bool = True) -> Any:
        """The lines are back in `titles`."""
        languages = [language for language, _name in settings.LANGUAGES]
        self.instance.titles = {language: self.cleaned_data[f"title_{language}"].strip() for language in languages}
        return super().save(commit)


def choices_of(form: forms.ModelForm, name: str, slugs: Any, current: list[str] | None) -> None:
    """The array `name` is chosen by ticking; nothing is ticked beforehand but what the draft holds."""
    known = [each if isinstance(each, tuple) else (each, each) for each in slugs]
    held = form.fields[name]
    form.fields[name] = forms.MultipleChoiceField(
        label=held.label, help_text=held.help_text, choices=known, initial=current, widget=forms.CheckboxSelectMultiple
    )


class ComponentForm(TitledForm):
    class Meta:
        model = Component
        fields = (
            "slug", "value_type", "max_length", "category", "necessity", "special_category", "supplied_by",
            "longest_retention_days", "may_name_others",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "supplied_by" in self.fields:
            choices_of(self, "supplied_by", SourceKind.choices, _held(self, "supplied_by"))


class PurposeForm(TitledForm):
    class Meta:
        model = Purpose
        fields = (
            "slug", "lawful_basis", "necessity", "fields", "retention_days", "retention_law", "special_category",
            "is_marketing", "validity_days", "double_opt_in", "necessary_for_service", "sources", "data_subjects",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "fields" in self.fields:
            choices_of(self, "fields", _approved(Component), self.instance.fields)
        if "sources" in self.fields:
            choices_of(self, "sources", SourceKind.choices, _held(self, "sources"))

    def clean(self) -> dict[str, Any] | None:
        """What the service cannot be given without never rests on consent (Art. 7(4))."""
        given = super().clean()
        if given and given.get("necessary_for_service") and given.get("lawful_basis") == Purpose.Basis.CONSENT:
            self.add_error("necessary_for_service", _("What is necessary for the service does not rest on consent."))
        return given


class RecipientForm(forms.ModelForm):
    class Meta:
        model = Recipient
        fields = (
            "slug", "name", "role", "country", "safeguard", "contact", "contract_reference", "purposes", "application",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "purposes" in self.fields:
            choices_of(self, "purposes", _approved(Purpose), self.instance.purposes)

    def clean_country(self) -> str:
        country: str = self.cleaned_data["country"].upper()
        return country


class DataContractForm(forms.ModelForm):
    class Meta:
        model = DataContract
        fields = ("application", "purpose", "fields", "reason", "owner", "expires_at")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "fields" in self.fields:
            choices_of(self, "fields", _approved(Component), self.instance.fields)


class NoticeForm(forms.ModelForm):
    class Meta:
        model = Notice
        fields = ("purpose", "is_major")


class NoticeTextForm(forms.ModelForm):
    body = forms.CharField(label=_("Body"), max_length=LONGEST_BODY, strip=False, widget=AdminTextareaWidget)

    class Meta:
        model = NoticeText
        fields = ("language", "title", "body")

    def clean_body(self) -> str:
        """Line ends as `\\n`, whatever the browser sends: the digest is over these bytes."""
        return "\n".join(self.cleaned_data["body"].splitlines()).strip() + "\n"

    def save(self, commit: bool = True) -> Any:
        self.instance.digest = body_digest(self.instance.body)
        return super().save(commit)


def _held(form: forms.ModelForm, name: str) -> list[str] | None:
    """What the draft holds; nothing for a new one, so that nothing is ticked beforehand."""
    return None if form.instance._state.adding else getattr(form.instance, name)


def _approved(model: type[Component | Purpose]) -> list[tuple[str, str]]:
    """Slug and name of each approved thing of this kind, by name."""
    rows = model.objects.filter(state__in=APPROVED).values_list("slug", "titles")
    named = [(slug, title_in(titles, get_language()) or slug) for slug, titles in rows]
    return sorted(named, key=lambda pair: pair[1].casefold())
