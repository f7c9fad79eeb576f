"""Values of Django's own lists and forms as the desks show them: named by column, in words, linked where one may go."""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any

from django import template
from django.contrib.admin import site
from django.contrib.admin.helpers import AdminReadonlyField
from django.contrib.admin.views.main import ChangeList
from django.core.exceptions import FieldDoesNotExist
from django.db.models import DateTimeField, ForeignKey, Model
from django.utils.formats import date_format, localize
from django.utils.html import conditional_escape, escape, format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

register = template.Library()
MARK = re.compile(r'<img src="[^"]*/icon-(yes|no|unknown)\.[^"]*" alt="[^"]*">')
"""How Django shows whether something is so: a picture in green or red, which says True or False in English."""


@register.filter
def labelled(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> Iterator[SafeString]:
    """`{% for cell in result|labelled:result_headers %}`: each `<td>` or `<th>` with its column as `data-label`."""
    for cell, header in zip(cells, headers, strict=False):
        label = capfirst(strip_tags(str(header["text"])).strip())
        given = format_html(' data-label="{}"', label) if label else ""
        cell = in_words(cell)
        yield mark_safe(f"{cell[:3]}{given}{cell[3:]}")  # noqa: S308 - Django's own cell, and an escaped label


@register.filter
def with_short_moments(results: Iterable[Iterable[str]], changelist: ChangeList) -> Iterator[list[str]]:
    """`{% for result in results|with_short_moments:cl %}`: a moment in a column is said as in every dense table.

    Django says it as on a page of its own, month in full, four of which no row has room for.
    """
    fields = {field.name: field for field in changelist.opts.fields}
    moments = [name for name in changelist.list_display if isinstance(fields.get(str(name)), DateTimeField)]
    for cells, row in zip(results, changelist.result_list, strict=True):
        forms = dict(_forms(getattr(row, str(name)) for name in moments))
        yield [_replaced(cell, forms) for cell in cells]


@register.simple_tag(takes_context=True)
def value_of(context: dict[str, Any], field: AdminReadonlyField) -> SafeString:
    """`{% value_of field %}`: what a form only shows; a link only for whoever may look at what it leads to."""
    other = _leads_to(field)
    if other is None:
        return mark_safe(in_words(conditional_escape(field.contents())))  # noqa: S308 - escaped where it was text
    pages = site._registry.get(type(other))
    may_look = pages is not None and pages.has_view_permission(context["request"], other)
    return conditional_escape(field.contents() if may_look else str(other))


@register.filter
def without_last_breaks(text: str) -> str:
    """A paragraph without the empty lines behind it, which a page shows as room."""
    return text.rstrip("\n")


def in_words(html: str) -> str:
    """Yes and No in the reader's language, in the place of Django's marks."""
    words = {"yes": _("Yes"), "no": _("No"), "unknown": "-"}
    return MARK.sub(lambda mark: str(words[mark[1]]), html)


def _forms(moments: Iterable[datetime | None]) -> Iterator[tuple[str, SafeString]]:
    """Each moment as Django says it, and as it stands in a dense table."""
    for moment in moments:
        if moment is not None:
            at = localtime(moment)
            short = date_format(at, "SHORT_DATETIME_FORMAT")
            yield f">{escape(localize(at))}<", format_html('><time datetime="{}">{}</time><', at.isoformat(), short)


def _replaced(cell: str, forms: Mapping[str, str]) -> str:
    for long, short in forms.items():
        cell = cell.replace(long, short)
    return cell


def _leads_to(field: AdminReadonlyField) -> Model | None:
    """The other thing whose name is the value, where it is one and, on the page of a new thing, is there yet."""
    thing, name = field.form.instance, field.field["name"]
    try:
        is_link = isinstance(thing._meta.get_field(name), ForeignKey)
    except FieldDoesNotExist:
        return None
    return getattr(thing, name, None) if is_link else None
