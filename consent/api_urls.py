"""The API of the catalogue, decisions, personal data, consents, sharing and deliveries, under /api/v1/."""

from django.urls import URLPattern, path

from consent.api import (
    attestations,
    authorisations,
    catalogue,
    consents,
    data,
    decisions,
    deliveries,
    feed,
    records,
    sharing,
)

urlpatterns: list[URLPattern] = [
    path("purposes", catalogue.PurposesView.as_view(), name="purposes"),
    path("purposes/<slug:slug>/notice", catalogue.NoticeView.as_view(), name="purpose_notice"),
    path("recipients", catalogue.RecipientsView.as_view(), name="recipients"),
    path("decisions", decisions.DecisionsView.as_view(), name="decisions"),
    path("decisions/batch", decisions.BatchView.as_view(), name="decisions_batch"),
    path("decisions/snapshot", feed.SnapshotView.as_view(), name="decisions_snapshot"),
    path("decisions/changes", feed.ChangesView.as_view(), name="decisions_changes"),
    path("subjects/<id:subject>/data", data.DataView.as_view(), name="subject_data"),
    path("subjects/<id:subject>/consents", consents.ConsentsView.as_view(), name="subject_consents"),
    path(
        "subjects/<id:subject>/consents/authorisation",
        authorisations.AuthorisationView.as_view(),
        name="consent_authorisation_api",
    ),
    path("consents/<id:event>/receipt", consents.ReceiptView.as_view(), name="consent_receipt"),
    path("subjects/<id:subject>/sharing", sharing.SharingView.as_view(), name="subject_sharing"),
    path("subjects/<id:subject>/sharing/<slug:recipient>", sharing.SwitchView.as_view(), name="sharing_switch"),
    path("subjects/<id:subject>/sharing/<slug:recipient>/ask", sharing.AskView.as_view(), name="sharing_ask"),
    path("deliveries/<id:delivery>", deliveries.DeliveryView.as_view(), name="delivery"),
    path("deliveries/<id:delivery>/acknowledge", deliveries.AcknowledgeView.as_view(), name="delivery_acknowledge"),
    path("attestations", attestations.AttestationsView.as_view(), name="attestations"),
    path("records-of-processing", records.RecordsOfProcessingView.as_view(), name="records_of_processing"),
]
