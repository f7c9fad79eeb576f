"""Cells of Django's lists that say which column they stand in: in a narrow window a row becomes a card."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from django import template
from django.utils.html import format_html, strip_tags
from django.utils.safestring import SafeString, mark_safe
from django.utils.text import capfirst

register = template.Library()


@register.filter
def labelled(cells: Iterable[str], headers: Iterable[Mapping[str, Any]]) -> Iterator[SafeString]:
    """`{% for cell in result|labelled:result_headers %}`: each `<td>` or `<th>` with its column as `data-label`."""
    for cell, header in zip(cells, headers, strict=False):
        label = capfirst(strip_tags(str(header["text"])).strip())
        given = format_html(' data-label="{}"', label) if label else ""
        yield mark_safe(f"{cell[:3]}{given}{cell[3:]}")  # noqa: S308 - Django's own cell, and an escaped label
