"""The addresses of the audit desk, below the admin."""

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path

from access.audit_desk import views

PAGES = (
    ("audit/", views.desk, "audit_desk"),
    ("audit/checkpoint/", views.download, "audit_download"),
    ("audit/checkpoint/mail/", views.mail, "audit_mail"),
    ("audit/checkpoint/push/", views.push, "audit_push"),
    ("audit/verify/", views.verify, "audit_verify"),
    ("audit/verify/held/", views.verify_held, "audit_verify_held"),
    ("audit/compare/", views.compare_held, "audit_compare"),
    ("audit/verifications/<uuid:run_id>/", views.run, "audit_run"),
)


def patterns(site: AdminSite) -> list[URLPattern]:
    """The pages, each behind the admin's own door (both factors, staff)."""
    return [path(route, site.admin_view(view), name=name) for route, view, name in PAGES]
