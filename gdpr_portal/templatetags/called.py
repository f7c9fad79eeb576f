"""Plain names in the place of slugs, in templates."""

from collections.abc import Iterable
from typing import Any

from django import template

from consent.names import Names

register = template.Library()


@register.simple_tag(takes_context=True)
def called(context: dict[str, Any], kind: str, slugs: str | Iterable[str] | None) -> str:
    """`{% called "purpose" row.purpose %}`: the name of one thing or of several; a dash for none.

    The catalogue is asked once a page, however many names stand on it.
    """
    if not slugs:
        return "-"
    request = context["request"]
    if not hasattr(request, "names"):
        request.names = Names()
    each = [slugs] if isinstance(slugs, str) else slugs
    return ", ".join(request.names.of(kind, slug) for slug in each)
