"""The way from page to page of the portal, the same on every page of whoever is signed in with both factors."""

from typing import Any

from django import template
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

register = template.Library()
PAGES: tuple[tuple[str, Promise], ...] = (
    ("/", _("Overview")),
    ("/data", _("My data")),
    ("/consent", _("Consent")),
    ("/sharing", _("Sharing")),
    ("/requests", _("Requests")),
    ("/activity", _("Who saw my data")),
    ("/security", _("Security")),
)
DESK: tuple[str, Promise] = ("/admin/", _("Desk"))


@register.inclusion_tag("components/nav.html", takes_context=True)
def site_nav(context: dict[str, Any]) -> dict[str, Any]:
    """`{% site_nav %}`: every page with where one is (`page`), or below which (`true`); `here` names it."""
    request = context["request"]
    listed = (*PAGES, DESK) if request.user.is_staff else PAGES
    pages = [{"path": path, "label": label, "current": _current(path, request.path)} for path, label in listed]
    return {"pages": pages, "here": next((each["label"] for each in pages if each["current"]), None)}


def _current(path: str, here: str) -> str:
    if path == here:
        return "page"
    return "true" if path != "/" and here.startswith(f"{path}/") else ""
