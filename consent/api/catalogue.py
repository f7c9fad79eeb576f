"""The live catalogue: purposes, their wording, the recipients. Read only; IRM maintains it in the admin."""

from collections import defaultdict
from typing import Any, ClassVar

from django.conf import settings
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.pagination import page
from access.rest.serializers import PageQuery, StrictSerializer
from access.rest.views import ScopedView
from consent.models import Purpose, Recipient
from consent.rights import rights_offered
from consent.selectors import live_notice, live_purpose, live_recipients, purposes_of_catalogue, text_in
from consent.wording import title_in

BASES = Purpose.Basis.values
LANGUAGE = r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$"


class LanguageQuery(StrictSerializer):
    """`language` of the wording; one without translation answers in the default language."""

    language = serializers.RegexField(LANGUAGE, required=False, max_length=35, help_text="Language tag (RFC 5646).")


class CatalogueQuery(PageQuery, LanguageQuery):
    """A page of the catalogue, in a language."""


class NoticeReferenceSerializer(StrictSerializer):
    """The live wording of a purpose, by what binds a consent to it."""

    version = serializers.IntegerField()
    digest = serializers.CharField(help_text="`sha256:` + hex over the exact UTF-8 bytes of the body.")
    language = serializers.CharField()


class PurposeSerializer(StrictSerializer):
    """A purpose that IRM approved and published."""

    slug = serializers.SlugField()
    title = serializers.CharField()
    lawful_basis = serializers.ChoiceField(choices=BASES)
    fields_ = serializers.ListField(child=serializers.SlugField())
    retention_days = serializers.IntegerField()
    special_category = serializers.BooleanField()
    recipients = serializers.ListField(child=serializers.SlugField())
    rights = serializers.ListField(child=serializers.CharField())
    notice = NoticeReferenceSerializer()

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a member here and an attribute of every serializer: it is declared under another name."""
        return {"fields" if name == "fields_" else name: field for name, field in super().get_fields().items()}


class PurposePageSerializer(StrictSerializer):
    """A page of purposes."""

    items = PurposeSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class NoticeSerializer(StrictSerializer):
    """The live wording of a purpose."""

    purpose = serializers.SlugField()
    version = serializers.IntegerField()
    language = serializers.CharField()
    digest = serializers.CharField()
    title = serializers.CharField()
    body = serializers.CharField()
    published_at = serializers.DateTimeField()


class RecipientSerializer(StrictSerializer):
    """A third party data can be shared with, and the safeguard where it is outside the EEA (Art. 46)."""

    slug = serializers.SlugField()
    name = serializers.CharField()
    role = serializers.CharField()
    country = serializers.CharField()
    safeguard = serializers.CharField(allow_blank=True)
    purposes = serializers.ListField(child=serializers.SlugField())


class RecipientPageSerializer(StrictSerializer):
    """A page of recipients."""

    items = RecipientSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class PurposesView(ScopedView):
    """The live purposes with fields, recipients, rights and wording."""

    scopes: ClassVar[dict[str, str]] = {"GET": "catalogue:read"}

    @extend_schema(operation_id="list_purposes", parameters=[CatalogueQuery], responses=PurposePageSerializer)
    def get(self, request: Request) -> Response:
        language = self.query(CatalogueQuery).get("language", settings.LANGUAGE_CODE)
        found = page(purposes_of_catalogue(), request=request, key=("slug",))
        recipients = _recipients_by_purpose()
        items = [_purpose(row, recipients[row.slug], language) for row in found["items"]]
        return Response({"items": items, "next": found["next"]})


class NoticeView(ScopedView):
    """The exact wording people are shown, in a language."""

    scopes: ClassVar[dict[str, str]] = {"GET": "catalogue:read"}

    @extend_schema(operation_id="get_notice", parameters=[LanguageQuery], responses=NoticeSerializer)
    def get(self, request: Request, slug: str) -> Response:
        text = live_notice(live_purpose(slug), self.query(LanguageQuery).get("language"))
        return Response(
            {
                "purpose": slug,
                "version": text.notice.version,
                "language": text.language,
                "digest": text.digest,
                "title": text.title,
                "body": text.body,
                "published_at": text.notice.published_at,
            }
        )


class RecipientsView(ScopedView):
    """The third parties that data can be shared with."""

    scopes: ClassVar[dict[str, str]] = {"GET": "catalogue:read"}

    @extend_schema(operation_id="list_recipients", parameters=[PageQuery], responses=RecipientPageSerializer)
    def get(self, request: Request) -> Response:
        self.query(PageQuery)
        return Response(page(live_recipients(), request=request, key=("slug",), render=_recipient))


def _purpose(purpose: Any, recipients: list[str], language: str) -> dict[str, Any]:
    text = text_in(purpose.live_notices[0].texts.all(), language) if purpose.live_notices else None
    return {
        "slug": purpose.slug,
        "title": title_in(purpose.titles, language),
        "lawful_basis": purpose.lawful_basis,
        "fields": purpose.fields,
        "retention_days": purpose.retention_days,
        "special_category": purpose.special_category,
        "recipients": recipients,
        "rights": rights_offered(purpose.lawful_basis, purpose.is_marketing),
        "notice": text
        and {"version": purpose.live_notices[0].version, "digest": text.digest, "language": text.language},
    }


def _recipients_by_purpose() -> dict[str, list[str]]:
    found: dict[str, list[str]] = defaultdict(list)
    for slug, purposes in live_recipients().values_list("slug", "purposes"):
        for purpose in purposes:
            found[purpose].append(slug)
    return found


def _recipient(recipient: Recipient) -> dict[str, Any]:
    names = ("slug", "name", "role", "country", "safeguard", "purposes")
    return {name: getattr(recipient, name) for name in names}
