"""The portal pages about what is held, and who saw it."""

from django.urls import path

from subjects import views

urlpatterns = [
    path("data", views.data, name="data"),
    path("activity", views.activity, name="activity"),
    path("activity/<uuid:event>/proof", views.access_proof, name="access_proof"),
]
