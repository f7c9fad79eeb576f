"""The API of the catalogue, decisions, personal data, consents, sharing and deliveries, under /api/v1/."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
