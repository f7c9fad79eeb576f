"""The API of the catalogue, decisions, personal data, consents, sharing and deliveries, under /api/v1/."""

from django.urls import URLPattern, path

from consent.api import catalogue, data, decisions, records

urlpatterns: list[URLPattern] = [
    path("purposes", catalogue.PurposesView.as_view(), name="purposes"),
    path("purposes/<slug:slug>/notice", catalogue.NoticeView.as_view(), name="purpose_notice"),
    path("recipients", catalogue.RecipientsView.as_view(), name="recipients"),
    path("decisions", decisions.DecisionsView.as_view(), name="decisions"),
    path("decisions/batch", decisions.BatchView.as_view(), name="decisions_batch"),
    path("subjects/<uuid:subject>/data", data.DataView.as_view(), name="subject_data"),
    path("records-of-processing", records.RecordsOfProcessingView.as_view(), name="records_of_processing"),
]
