"""A moment on the pages of the desk."""

from datetime import UTC, datetime
from typing import Any

from django import forms
from django.utils import timezone


class UtcField(forms.DateTimeField):
    """What is typed without an offset is UTC, as the label says, whatever the controller's own time zone is."""

    def to_python(self, value: Any) -> datetime | None:
        with timezone.override(UTC):
            return super().to_python(value)
