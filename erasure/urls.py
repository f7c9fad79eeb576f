"""The pages of rights requests."""

from django.urls import path

from erasure.views import answers, copies, joint, mandates, places, questions, transfers, unidentified
from erasure.views import requests as views

urlpatterns = [
    path("requests", views.overview, name="requests"),
    path("requests/together", joint.together, name="request-together"),
    path("requests/cases/<uuid:case_id>", joint.case, name="request-case"),
    path("requests/<uuid:request_id>/without-copy", joint.without_copy, name="request-without-copy"),
    path("requests/new/<slug:right>", views.ask, name="request-ask"),
    path("requests/<uuid:request_id>", views.show, name="request"),
    path("requests/<uuid:request_id>/withdraw", views.withdraw, name="request-withdraw"),
    path("requests/<uuid:request_id>/message", answers.message, name="request-message"),
    path("requests/<uuid:request_id>/object", mandates.object_here, name="request-object"),
    path("requests/<uuid:request_id>/archive", views.archive, name="request-archive"),
    path("requests/<uuid:request_id>/archive/revoke", views.revoke, name="request-archive-revoke"),
    path("requests/<uuid:request_id>/transfer", transfers.transfer, name="request-transfer"),
    path("requests/<uuid:request_id>/transfer/stop", transfers.stop, name="request-transfer-stop"),
    path("requests/<uuid:request_id>/receipt", views.receipt, name="request-receipt"),
    path("activity/<uuid:event>/question", questions.question, name="access_question"),
    path("request", views.public, name="public-request"),
    path("request/answer/<uuid:link>/<str:token>", answers.by_link, name="question-by-link"),
    path("request/copy/<uuid:link>/<str:token>", copies.by_link, name="copy-by-link"),
    path("request/more/<uuid:link>/<str:token>", unidentified.more, name="request-more"),
    path("request/for-somebody", mandates.for_somebody, name="request-for-somebody"),
    path("request/objection/<uuid:link>/<str:token>", mandates.by_link, name="mandate-by-link"),
    path("request/collect/<uuid:link>/<str:token>", mandates.collect, name="mandate-collect"),
    path("request/place/<uuid:link>/<str:token>", places.by_link, name="place-link"),
    path("request/place/<uuid:link>", places.answer, name="place-answer"),
    path("request/verify", views.public_verify, name="public-request-verify"),
]
