"""What is asked of the time machine."""

from typing import Any
from uuid import UUID

from django import forms
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from access.models import Application
from consent.qa.fields import LocalField
from consent.qa.forms import offer_names
from consent.qa.past import find_person
from gdpr_portal.errors import Missing

REASONS = (
    ("complaint", _("A complaint or question of the person")),
    ("authority", _("A question of the supervisory authority")),
    ("incident", _("An incident is looked into")),
    ("sample", _("A sample is checked")),
)
"""Why somebody looks at a person's past: a code, because it stands in the log."""


class TimeMachineForm(forms.Form):
    """A person by reference, a purpose, a moment; and why somebody wants to know."""

    application = forms.ChoiceField(label=_("Application"))
    person = forms.UUIDField(
        label=_("Person"), help_text=_("The application's own id of the person, or the pseudonym of the audit log.")
    )
    purpose = forms.ChoiceField(label=_("Purpose"))
    recipient = forms.ChoiceField(label=_("Shared with"), required=False)
    at = LocalField(label=_("Moment"))
    known_at = LocalField(label=_("As known at"), required=False, help_text=_("Leaves out what arrived later."))
    reason = forms.ChoiceField(label=_("Why"), choices=[("", "-"), *REASONS])

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offer_names(self)

    def clean(self) -> dict[str, Any]:
        """The moments lie in the past, and the application knows the person."""
        given = super().clean() or {}
        for name in ("at", "known_at"):
            if given.get(name) and given[name] > timezone.now():
                self.add_error(name, _("This moment lies in the future."))
        application = Application.objects.filter(slug=given.get("application", "")).first()
        if application is not None and isinstance(given.get("person"), UUID):
            given["application"] = application
            self._find(application, given)
        return given

    def _find(self, application: Application, given: dict[str, Any]) -> None:
        try:
            given["subject"] = find_person(application, given["person"])
        except Missing:
            self.add_error("person", _("The application knows nobody by this reference."))
