"""What every desk has in common: what its lists may be asked by, and that a row has one page."""

from functools import cached_property
from typing import Any, NoReturn, cast

from django.contrib import admin
from django.core.paginator import Paginator
from django.db.models import QuerySet
from django.http import Http404, HttpRequest

MOST_LISTED = 10_000
"""So many rows of a list can be gone through page by page; a filter finds what comes after."""
_ASKS = frozenset({"", "__exact", "__in", "__isnull", "__isempty", "__gte", "__lt", "__id__exact"})
"""What Django's filters put behind the name of their column."""


class Capped(Paginator):
    """Pages of the first `MOST_LISTED` rows: no list counts or walks through a table of a million people."""

    @cached_property
    def count(self) -> int:
        """How many rows can be gone through."""
        return min(self._counted, MOST_LISTED)

    @property
    def is_capped(self) -> bool:
        """Whether there are more."""
        return self._counted > MOST_LISTED

    @cached_property
    def _counted(self) -> int:
        rows = cast("QuerySet[Any]", self.object_list).order_by().values("pk")
        return rows[: MOST_LISTED + 1].count()


class DeskAdmin(admin.ModelAdmin):
    """A desk whose list is asked by its own filters and by nothing else, and counts no further than a page needs.

    Django answers for every column of the row: `?password__startswith=` told a digest letter by letter (threat T17).
    """

    paginator = Capped
    show_full_result_count = False
    show_facets = admin.ShowFacets.NEVER

    def lookup_allowed(self, lookup: str, value: str, request: HttpRequest) -> bool:
        """Whether one of this list's filters asks so."""
        return any(lookup == f"{name}{asked}" for name in map(_name, self.get_list_filter(request)) for asked in _ASKS)


class OwnPages(DeskAdmin):
    """A desk whose rows open on pages of its own; its `get_urls` names them `..._change`.

    Django's form shows and takes every column. Its address fits what ours does not, an id in capitals or without
    hyphens, so it is shut: it asked for no factor, for no second person, and the log knew of nothing (T16, T17).
    """

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        """Nobody: what is changed goes through the page's acts."""
        return False

    def change_view(self, request: HttpRequest, *args: Any, **kwargs: Any) -> NoReturn:
        """404, however the id is written."""
        raise Http404


def _name(offered: Any) -> str:
    if isinstance(offered, tuple):
        return str(offered[0])
    return str(getattr(offered, "parameter_name", offered))
