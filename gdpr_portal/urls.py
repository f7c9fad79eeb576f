"""Every address of the service."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from access import docs, oauth
from gdpr_portal import views, wellknown

handler400 = "gdpr_portal.views.bad_request"
handler403 = "gdpr_portal.views.forbidden"
handler404 = "gdpr_portal.views.not_found"
handler500 = "gdpr_portal.views.server_error"

api: list[URLPattern | URLResolver] = [
    path("schema", docs.SchemaView.as_view(), name="api-schema"),
    path("", include("access.api_urls")),
    path("", include("subjects.api_urls")),
    path("", include("consent.api_urls")),
    path("", include("erasure.api_urls")),
]

urlpatterns = [
    path("api/v1/", include(api)),  # first, as every route before it costs each of its requests
    path("", views.home, name="home"),
    path("livez", wellknown.livez, name="livez"),
    path("readyz", wellknown.readyz, name="readyz"),
    path(".well-known/security.txt", wellknown.security_txt, name="security-txt"),
    path(".well-known/gpc.json", wellknown.gpc, name="gpc"),
    path(".well-known/jwks.json", wellknown.jwks, name="jwks"),
    path(".well-known/audit-vkey", wellknown.audit_vkey, name="audit-vkey"),
    path("oauth/token", oauth.token, name="oauth-token"),
    path("oauth/revoke", oauth.revoke, name="oauth-revoke"),
    path("api/docs", docs.page, name="api-docs"),
    path("api/docs/problems", docs.problems, name="api-docs-problems"),
    path("api/opendsr/v2/", include("erasure.opendsr.urls")),
    path("admin/", admin.site.urls),
    path("", include("access.urls")),
    path("", include("subjects.urls")),
    path("", include("consent.urls")),
    path("", include("erasure.urls")),
]
