"""Portal pages of this app."""

from django.urls import URLPattern, path

from consent import views, word_views

urlpatterns: list[URLPattern] = [
    path("consent", views.consent, name="consent"),
    path("consent/all", word_views.answer_all, name="consent_all"),
    path("consent/authorisation", word_views.authorisation, name="consent_authorisation"),
    path("consent/receipts/<uuid:event>", word_views.receipt, name="consent_receipt_own"),
    path("consent/receipts/<uuid:event>/signed", word_views.signed_receipt, name="consent_receipt_signed"),
    path("confirmation/<uuid:confirmation>/<str:token>", word_views.confirmation, name="confirmation"),
    path("privacy", views.privacy, name="privacy"),
    path("sharing", views.sharing, name="sharing"),
    path("sharing/asks/<uuid:ask>", views.ask, name="sharing_answer"),
]
