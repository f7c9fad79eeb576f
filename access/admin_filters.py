"""Filters of the desk's lists, in words."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import EmptyFieldListFilter
from django.contrib.admin.views.main import ChangeList
from django.utils.translation import gettext_lazy as _

WORDS = (_("All"), _("Not yet"), _("Yes"))


class WhetherDone(EmptyFieldListFilter):
    """By whether a moment is set: what has not happened yet, and what has."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice, words in zip(super().choices(changelist), WORDS, strict=True):
            yield choice | {"display": words}
