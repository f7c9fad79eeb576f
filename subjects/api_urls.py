"""The API routes of people, under /api/v1/."""

from django.urls import path

from subjects import api

urlpatterns = [
    path("subjects", api.SubjectsView.as_view(), name="api-subjects"),
    path("subjects/lookup", api.LookUpView.as_view(), name="api-subjects-lookup"),
    path("subjects/<id:subject_id>", api.SubjectView.as_view(), name="api-subject"),
]
