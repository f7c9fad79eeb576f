"""Forms of the drafts: names in every language, choices out of the catalogue, wording exactly as it will be hashed."""

from collections.abc import Iterable
from typing import Any

from django import forms
from django.conf import settings
from django.contrib.admin.widgets import AdminTextareaWidget
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from consent import categories
from consent.countries import COUNTRIES
from consent.digests import body_digest
from consent.models import Component, DataContract, Notice, NoticeText, Purpose, Recipient
from consent.models.governance import SourceKind
from consent.selectors import APPROVED
from consent.wording import country, title_in

LONGEST_BODY = 50_000
"""Characters of a wording in one language; some twenty printed pages, and what the checks read within a second."""


ROLES = (
    ("processor", _("Processor")),
    ("controller", _("Controller")),
    ("joint controller", _("Joint controller")),
)


class NamedForm(forms.ModelForm):
    """A short name is what applications say; one that cannot be is refused in words of the desk."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "slug" in self.fields:
            self.fields["slug"].help_text = _("How applications call it. Once it is approved it stays.")
            words = _("Letters from a to z, digits, hyphens and underscores alone, such as shoe_size.")
            self.fields["slug"].error_messages["invalid"] = words


class TitledForm(NamedForm):
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


def one_of(form: forms.ModelForm, name: str, known: Iterable[tuple[str, Any]], help_text: Any = "") -> None:
    """The column `name` is chosen from a list; what a draft holds besides stays to be chosen."""
    if (held := form.fields.get(name)) is None:
        return
    choices, current = [("", "---------"), *known], getattr(form.instance, name)
    if current and current not in dict(choices):
        choices.append((current, current))
    form.fields[name] = forms.ChoiceField(label=held.label, help_text=help_text, choices=choices, initial=current)


class ComponentForm(TitledForm):
    class Meta:
        model = Component
        fields = (
            "slug", "value_type", "max_length", "category", "necessity", "special_category", "supplied_by",
            "longest_retention_days", "may_name_others",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        one_of(
            self, "category", ((term, term) for term in sorted(categories.TERMS)), _("From a public list, Fideslang.")
        )
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


class RecipientForm(NamedForm):
    class Meta:
        model = Recipient
        fields = (
            "slug", "name", "role", "country", "safeguard", "contact", "contract_reference", "purposes", "application",
        )  # fmt: skip

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if "purposes" in self.fields:
            choices_of(self, "purposes", _approved(Purpose), self.instance.purposes)
        one_of(self, "role", ROLES)
        one_of(self, "country", _countries(), _("Where it receives the data."))


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


class Wording(forms.CharField):
    """A wording: the line ends of the browser are no change of it."""

    def has_changed(self, initial: str | None, data: str | None) -> bool:
        before, after = ("\n".join((text or "").splitlines()).strip() for text in (initial, data))
        return super().has_changed(before, after)


class NoticeTextForm(forms.ModelForm):
    body = Wording(
        label=_("Body"),
        max_length=LONGEST_BODY,
        strip=False,
        widget=AdminTextareaWidget,
        help_text=_("Each point of Art. 13 stands under its own heading, which is a line that begins with ##."),
    )

    class Meta:
        model = NoticeText
        fields = ("language", "title", "body")

    def clean_body(self) -> str:
        """Line ends as `\\n`, whatever the browser sends: the digest is over these bytes."""
        return "\n".join(self.cleaned_data["body"].splitlines()).strip() + "\n"

    def save(self, commit: bool = True) -> Any:
        self.instance.digest = body_digest(self.instance.body)
        return super().save(commit)


def _countries() -> list[tuple[str, str]]:
    """Code and name of each country, by name: a name typed into two letters would be another country."""
    named = [(code, country(code, get_language() or "")) for code in COUNTRIES]
    return sorted(named, key=lambda pair: pair[1].casefold())


def _held(form: forms.ModelForm, name: str) -> list[str] | None:
    """What the draft holds; nothing for a new one, so that nothing is ticked beforehand."""
    return None if form.instance._state.adding else getattr(form.instance, name)


def _approved(model: type[Component | Purpose]) -> list[tuple[str, str]]:
    """Slug and name of each approved thing of this kind, by name."""
    rows = model.objects.filter(state__in=APPROVED).values_list("slug", "titles")
    named = [(slug, title_in(titles, get_language()) or slug) for slug, titles in rows]
    return sorted(named, key=lambda pair: pair[1].casefold())
