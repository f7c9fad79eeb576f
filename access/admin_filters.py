"""Filters of the desk's lists, in words."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import EmptyFieldListFilter, RelatedFieldListFilter
from django.contrib.admin.views.main import ChangeList
from django.utils.translation import gettext_lazy as _

from access import roles

WORDS = (_("All"), _("Not yet"), _("Yes"))


class WhetherDone(EmptyFieldListFilter):
    """By whether a moment is set: what has not happened yet, and what has."""

    def choices(self, changelist: ChangeList) -> Iterator[Any]:
        for choice, words in zip(super().choices(changelist), WORDS, strict=True):
            yield choice | {"display": words}


class ByRole(RelatedFieldListFilter):
    """By the role of staff, as people call it."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.title = _("Roles")

    def field_choices(self, *args: Any) -> list[tuple[str, str]]:
        return [(key, roles.in_words([str(name)])) for key, name in super().field_choices(*args)]
