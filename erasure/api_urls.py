"""The routes of rights requests under `/api/v1/`."""

from django.urls import path

from erasure import api

urlpatterns = [
    path("requests", api.RequestsView.as_view(), name="api-requests"),
    path("requests/<id:request_id>", api.RequestView.as_view(), name="api-request"),
    path("requests/<id:request_id>/withdraw", api.WithdrawView.as_view(), name="api-request-withdraw"),
    path("requests/<id:request_id>/archive", api.ArchiveView.as_view(), name="api-request-archive"),
]
