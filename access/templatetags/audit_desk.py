"""The last verification of the audit log, wherever a desk shows it."""

from typing import Any

from django import template

from access.audit_desk import selectors

register = template.Library()


@register.inclusion_tag("admin/audit/last.html")
def last_verification() -> dict[str, Any]:
    """`{% last_verification %}`: the result and its age, in a sentence."""
    return {"last": selectors.last_result()}
