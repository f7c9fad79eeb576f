"""The routes of OpenDSR 2.0 under `/api/opendsr/v2/`."""

from django.urls import path

from erasure.opendsr import api as opendsr_api

urlpatterns = [
    path("discovery", opendsr_api.discovery_page, name="opendsr-discovery"),
    path("certificate.pem", opendsr_api.certificate, name="opendsr-certificate"),
    path("callbacks/<uuid:step_id>", opendsr_api.callback, name="opendsr-callback"),
    path("opendsr_requests", opendsr_api.OpenDsrRequestsView.as_view(), name="opendsr-requests"),
    path("opendsr_requests/<str:subject_request_id>", opendsr_api.OpenDsrRequestView.as_view(), name="opendsr-request"),
    path(
        "opendsr_requests/<str:subject_request_id>/results",
        opendsr_api.OpenDsrResultsView.as_view(),
        name="opendsr-results",
    ),
]
