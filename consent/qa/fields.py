"""A moment on the pages of the desk."""

from typing import Any

from django import forms
from django.utils import timezone
from django.utils.functional import lazy
from django.utils.translation import gettext as _


def zone_told() -> str:
    """In which zone the page takes times."""
    return _("Local time, %(zone)s.") % {"zone": timezone.get_current_timezone_name()}


ZONE_TOLD = lazy(zone_told, str)()


class LocalField(forms.DateTimeField):
    """A moment as the desk tells all moments: in the controller's zone, which stands beside it; an offset counts.

    In UTC it was an hour or two beside what stood on the page from which somebody copied it.
    """

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs | {"help_text": kwargs.get("help_text") or ZONE_TOLD})
