"""Consents of a person over the API, and the receipt of each answer."""

from collections.abc import Mapping
from typing import Any, ClassVar
from uuid import UUID

from django.db import transaction
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.serializers import InstantField, StrictSerializer
from access.rest.views import ScopedView
from consent import receipts
from consent.models import ConsentEvent
from consent.selectors import told_of
from consent.services.consents import ACTIONS, record_consent_of
from consent.services.events import NoticeSeen
from consent.services.standing import Line, history_of, standing_of
from consent.states import Consent
from gdpr_portal.errors import Invalid, Missing
from subjects.selectors import ensure_not_erased, knows, pairwise_of, subject_for

CHANNEL = r"^[A-Za-z0-9._-]{1,40}\Z"
STATES = [state.value for state in Consent]


class NoticeShownSerializer(StrictSerializer):
    """The wording that was shown, word for word."""

    version = serializers.IntegerField(min_value=1, max_value=2**31 - 1)
    language = serializers.CharField(max_length=35)
    digest = serializers.CharField(max_length=200, help_text="`sha256:` + hex over the exact bytes of the body.")


class ConsentInput(StrictSerializer):
    """The person's answer. `notice` is needed to give; `channel` says where the person acted."""

    purpose = serializers.CharField(max_length=200, trim_whitespace=False)
    action = serializers.ChoiceField(choices=ACTIONS)
    notice = NoticeShownSerializer(required=False, allow_null=True, default=None)
    channel = serializers.RegexField(CHANNEL, required=False, default="api")
    explicit = serializers.BooleanField(required=False, default=False)
    recipient = serializers.CharField(max_length=200, required=False, allow_null=True, default=None)


class RecordedConsentSerializer(StrictSerializer):
    """The event that stands now; after a repeated answer the one that stood already."""

    event = serializers.UUIDField()
    purpose = serializers.SlugField()
    action = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    at = serializers.DateTimeField()
    receipt = serializers.CharField()


class AtQuery(StrictSerializer):
    """A past moment, inclusive."""

    at = InstantField(required=False)


class ConsentStandingSerializer(StrictSerializer):
    """How one purpose, or one recipient of it, stands."""

    purpose = serializers.SlugField()
    recipient = serializers.SlugField(allow_null=True)
    state = serializers.ChoiceField(choices=STATES)
    since = serializers.DateTimeField(allow_null=True)
    expires_at = serializers.DateTimeField(allow_null=True)
    notice = NoticeShownSerializer(allow_null=True)


class ConsentEventSerializer(StrictSerializer):
    """One answer of the past. `at` is when it holds from, `recorded_at` when it was written here."""

    event = serializers.UUIDField()
    purpose = serializers.SlugField()
    recipient = serializers.SlugField(allow_null=True)
    action = serializers.CharField()
    state = serializers.ChoiceField(choices=STATES)
    at = serializers.DateTimeField()
    recorded_at = serializers.DateTimeField()
    channel = serializers.CharField()
    explicit = serializers.BooleanField()
    notice = NoticeShownSerializer(allow_null=True)
    receipt = serializers.CharField()


class ConsentsSerializer(StrictSerializer):
    """What stands, and everything that led there, newest first."""

    standing = ConsentStandingSerializer(many=True)
    history = ConsentEventSerializer(many=True)


class ConsentsView(ScopedView):
    """A person's consents."""

    scopes: ClassVar[dict[str, str]] = {"GET": "consent:read", "POST": "consent:write"}

    @extend_schema(operation_id="get_consents", parameters=[AtQuery], responses=ConsentsSerializer)
    def get(self, request: Request, subject: UUID) -> Response:
        at = self.query(AtQuery).get("at")
        if at is not None and at > timezone.now():
            raise Invalid("invalid_parameter", "`at` lies in the future.")
        person = ensure_not_erased(subject_for(application=self.application, pairwise=subject))
        is_told = told_of(self.application)
        standing = [_line(line) for line in standing_of(person, at) if is_told(line.recipient)]
        history = [_event(event) for event in history_of(person, at) if is_told(event.recipient)]
        return Response({"standing": standing, "history": history})

    @extend_schema(operation_id="record_consent", request=ConsentInput, responses={201: RecordedConsentSerializer})
    def post(self, request: Request, subject: UUID) -> Response:
        body = self.read(ConsentInput)
        event = record_consent_of(
            pairwise=subject, purpose=body["purpose"], action=body["action"], channel=body["channel"],
            explicit=body["explicit"], recipient=body["recipient"] or "", actor=self.actor,
            application=self.application, notice=NoticeSeen(**body["notice"]) if body["notice"] else None,
        )  # fmt: skip
        return Response(recorded(event), status=201)


def recorded(event: ConsentEvent) -> dict[str, Any]:
    """What is said of an answer that stands."""
    names = ("event", "purpose", "action", "state", "at")
    return {name: getattr(event, name) for name in names} | {"receipt": _receipt(event)}


class _Bytes(BaseRenderer):
    """The receipt exactly as it was made: a signature is over its bytes."""

    charset = None

    def render(
        self, data: Any, accepted_media_type: str | None = None, renderer_context: Mapping[str, Any] | None = None
    ) -> bytes:
        return bytes(data)


class KantaraRenderer(_Bytes):
    """Kantara Consent Receipt 1.1."""

    media_type, format = "application/json", "json"
    make = staticmethod(receipts.kantara)


class DpvRenderer(_Bytes):
    """DPV profile of ISO/IEC TS 27560:2023."""

    media_type, format = "application/ld+json", "jsonld"
    make = staticmethod(receipts.dpv)


class JoseRenderer(_Bytes):
    """The Kantara receipt, signed."""

    media_type, format = "application/jose", "jose"
    make = staticmethod(receipts.signed)


class ReceiptView(ScopedView):
    """The receipt of one answer, in the form `Accept` asks for."""

    scopes: ClassVar[dict[str, str]] = {"GET": "consent:read"}
    renderer_classes = [KantaraRenderer, DpvRenderer, JoseRenderer]

    @extend_schema(operation_id="get_receipt",
        responses={
            (200, "application/json"): dict, (200, "application/ld+json"): dict, (200, "application/jose"): str
        }
    )  # fmt: skip
    def get(self, request: Request, event: UUID) -> Response:
        found = ConsentEvent.objects.select_related("subject").filter(event=event).first()
        is_known = found is not None and knows(self.application, found.subject)
        if found is None or not is_known or not told_of(self.application)(found.recipient):
            raise Missing()
        ensure_not_erased(found.subject)
        renderer: Any = request.accepted_renderer
        receipt = renderer.make(found, str(pairwise_of(self.application, found.subject)))
        with transaction.atomic():
            receipts.record_issue(found, receipt, renderer.format, actor=self.actor)
        return Response(receipt)


def _line(line: Line) -> dict[str, Any]:
    return {
        "purpose": line.purpose, "recipient": line.recipient or None, "state": line.state, "since": line.since,
        "expires_at": line.expires_at, "notice": _notice(line),
    }  # fmt: skip


def _event(event: ConsentEvent) -> dict[str, Any]:
    names = ("event", "purpose", "action", "state", "at", "recorded_at", "channel", "explicit")
    told = {name: getattr(event, name) for name in names}
    return told | {"recipient": event.recipient or None, "notice": _notice(event), "receipt": _receipt(event)}


def _notice(seen: Line | ConsentEvent) -> dict[str, Any] | None:
    if not seen.notice_version:
        return None
    return {"version": seen.notice_version, "language": seen.notice_language, "digest": seen.notice_digest}


def _receipt(event: ConsentEvent) -> str:
    return f"/api/v1/consents/{event.event}/receipt"
