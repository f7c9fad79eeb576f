"""The addresses of the QA desk, below the admin."""

from django.contrib.admin import AdminSite
from django.urls import URLPattern, path

from consent.qa import conformance_views, past_views, views

PAGES = (
    ("qa/matrix/", views.access_matrix, "qa_matrix"),
    ("qa/usage/", views.usage, "qa_usage"),
    ("qa/usage/<uuid:contract>/narrow/", views.narrow, "qa_narrow"),
    ("qa/simulator/", views.simulator, "qa_simulator"),
    ("qa/time-machine/", past_views.time_machine, "qa_time_machine"),
    ("qa/conformance/", conformance_views.overview, "qa_conformance"),
    ("qa/conformance/<uuid:application>/", conformance_views.application, "qa_conformance_of"),
    ("qa/conformance/attestations/<uuid:attestation>/", conformance_views.document, "qa_attestation"),
    ("qa/findings/", views.findings, "qa_findings"),
    ("qa/findings/<uuid:finding>/", views.finding, "qa_finding"),
    ("qa/samples/", views.samples, "qa_samples"),
    ("qa/samples/<uuid:sample>/", views.sample, "qa_sample"),
    ("qa/entries/<int:entry>/", views.mark, "qa_mark"),
)


def patterns(site: AdminSite) -> list[URLPattern]:
    """The pages, each behind the admin's own door (both factors, staff)."""
    return [path(route, site.admin_view(view), name=name) for route, view, name in PAGES]
