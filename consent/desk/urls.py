"""The addresses of the sharing desk, below the admin."""

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path

from consent.desk import views

PAGES = (
    ("sharing/deliveries/", views.deliveries, "sharing_deliveries"),
    ("sharing/deliveries/<uuid:delivery>/again/", views.again, "sharing_again"),
    ("sharing/by-hand/", views.by_hand, "sharing_by_hand"),
    ("sharing/by-hand/<uuid:notice>/", views.note, "sharing_note"),
    ("sharing/latency/", views.latency, "sharing_latency"),
)


def patterns(site: AdminSite) -> list[URLPattern]:
    """The pages, each behind the admin's own door (both factors, staff)."""
    return [path(route, site.admin_view(view), name=name) for route, view, name in PAGES]
