"""The pages of rights requests."""

from django.urls import path

from erasure import answer_views, joint_views, mandate_views, place_views, question_views, transfer_views, views

urlpatterns = [
    path("requests", views.overview, name="requests"),
    path("requests/together", joint_views.together, name="request-together"),
    path("requests/cases/<uuid:case_id>", joint_views.case, name="request-case"),
    path("requests/<uuid:request_id>/without-copy", joint_views.without_copy, name="request-without-copy"),
    path("requests/new/<slug:right>", views.ask, name="request-ask"),
    path("requests/<uuid:request_id>", views.show, name="request"),
    path("requests/<uuid:request_id>/withdraw", views.withdraw, name="request-withdraw"),
    path("requests/<uuid:request_id>/message", answer_views.message, name="request-message"),
    path("requests/<uuid:request_id>/object", mandate_views.object_here, name="request-object"),
    path("requests/<uuid:request_id>/archive", views.archive, name="request-archive"),
    path("requests/<uuid:request_id>/archive/revoke", views.revoke, name="request-archive-revoke"),
    path("requests/<uuid:request_id>/transfer", transfer_views.transfer, name="request-transfer"),
    path("requests/<uuid:request_id>/transfer/stop", transfer_views.stop, name="request-transfer-stop"),
    path("requests/<uuid:request_id>/receipt", views.receipt, name="request-receipt"),
    path("activity/<uuid:event>/question", question_views.question, name="access_question"),
    path("request", views.public, name="public-request"),
    path("request/answer/<uuid:link>/<str:token>", answer_views.by_link, name="question-by-link"),
    path("request/for-somebody", mandate_views.for_somebody, name="request-for-somebody"),
    path("request/objection/<uuid:link>/<str:token>", mandate_views.by_link, name="mandate-by-link"),
    path("request/collect/<uuid:link>/<str:token>", mandate_views.collect, name="mandate-collect"),
    path("request/place/<uuid:link>/<str:token>", place_views.by_link, name="place-link"),
    path("request/place/<uuid:link>", place_views.answer, name="place-answer"),
    path("request/verify", views.public_verify, name="public-request-verify"),
]
