"""Portal pages of this app."""

from django.urls import URLPattern, path

from consent import views

urlpatterns: list[URLPattern] = [
    path("consent", views.consent, name="consent"),
    path("sharing", views.sharing, name="sharing"),
    path("sharing/asks/<uuid:ask>", views.ask, name="sharing_answer"),
]
