"""The routes of the audit log under /api/v1/ (the audit room itself has no doors)."""

from django.urls import path

from access import api

urlpatterns = [
    path("audit/events", api.EventsView.as_view(), name="api-audit-events"),
    path("audit/events/<id:event>/proof", api.ProofView.as_view(), name="api-audit-proof"),
    path("audit/checkpoint", api.CheckpointView.as_view(), name="api-audit-checkpoint"),
    path("audit/entries", api.EntriesView.as_view(), name="api-audit-entries"),
    path("audit/consistency", api.ConsistencyView.as_view(), name="api-audit-consistency"),
]
