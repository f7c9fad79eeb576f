"""Filters of the desk's lists, in words."""

from collections.abc import Iterator
from typing import Any

from django.contrib.admin import EmptyFieldListFilter, RelatedFieldListFilter
from django.contrib.admin.views.main import ChangeList
from django.http import HttpRequest
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

    def field_choices(self, field: Any, request: HttpRequest, model_admin: Any) -> list[tuple[str, Any]]:
        found = super().field_choices(field, request, model_admin)
        return [(key, roles.in_words([str(name)])) for key, name in found]
