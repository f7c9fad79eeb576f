"""The audit log for applications that may read it (scope `audit:read`): events, proofs, checkpoints."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from django.http import HttpResponse
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.pagination import invalid_cursor, limit_of, read_cursor, write_cursor
from access.rest.renderers import JSONRenderer, TextRenderer
from access.rest.serializers import IdField, InstantField, NumberField, PageQuery, StrictSerializer
from access.rest.views import ScopedView
from audit import canonical, entries, held, selectors
from audit.models import AuditEvent
from audit.vocabulary import VOCABULARY
from gdpr_portal.errors import WrongState

_PARTS = 2


class EventsQuery(PageQuery):
    """Which events; all conditions must hold. `from` is inclusive, `to` exclusive."""

    subject = IdField(required=False, help_text="The audit pseudonym of one person, as in `subject` of an event.")
    action = serializers.ChoiceField(choices=sorted(VOCABULARY), required=False)
    to = InstantField(required=False)

    def get_fields(self) -> dict[str, Any]:
        """`from` is a word of Python, so it cannot be declared like the others."""
        return {**super().get_fields(), "from": InstantField(required=False)}


class ConsistencyQuery(StrictSerializer):
    """Two sizes of the log, the smaller one in `from`."""

    to = NumberField(min_value=0, max_value=2**53)

    def get_fields(self) -> dict[str, Any]:
        """As in `EventsQuery`."""
        return {"from": NumberField(min_value=0, max_value=2**53), **super().get_fields()}


class EntriesQuery(ConsistencyQuery):
    """Entries from index `from` on, below `to`."""


class CheckpointQuery(StrictSerializer):
    """Which checkpoint: the latest, or the latest that a witness cosigned."""

    cosigned = serializers.BooleanField(default=False)


class AuditEventSerializer(serializers.Serializer[Any]):
    """One act, as recorded. `seq` is null until it is sealed (seconds)."""

    id = serializers.UUIDField()
    seq = serializers.IntegerField(allow_null=True)
    at = serializers.CharField(help_text="RFC 3339, UTC, microseconds, as in the leaf.")
    action = serializers.CharField()
    actor = serializers.CharField()
    subject = serializers.UUIDField(allow_null=True)
    request_id = serializers.CharField()
    purpose = serializers.CharField(allow_null=True)
    fields_ = serializers.ListField(child=serializers.CharField())
    details = serializers.DictField()

    def get_fields(self) -> dict[str, Any]:
        """The member is called `fields`, a word of the framework."""
        return {name.rstrip("_"): field for name, field in super().get_fields().items()}


class AuditEventPage(serializers.Serializer[Any]):
    """A page of events, newest first."""

    items = AuditEventSerializer(many=True)
    next = serializers.CharField(allow_null=True)


class InclusionProof(serializers.Serializer[Any]):
    """That an event is in the log; verify `leaf` and `inclusion` against `checkpoint` (RFC 9162 section 2.1.3)."""

    index = serializers.IntegerField()
    leaf = serializers.CharField(help_text="base64 of the RFC 8785 JSON that was hashed")
    inclusion = serializers.ListField(child=serializers.CharField())
    checkpoint = serializers.CharField()


class ConsistencyProof(serializers.Serializer[Any]):
    """That the log of size `to` begins with that of size `from` (RFC 9162 section 2.1.4)."""

    to = serializers.IntegerField()
    hashes = serializers.ListField(child=serializers.CharField())

    def get_fields(self) -> dict[str, Any]:
        """As in `EventsQuery`."""
        return {"from": serializers.IntegerField(), **super().get_fields()}


class EventsView(ScopedView):
    """`GET /api/v1/audit/events`."""

    scopes = {"GET": "audit:read"}

    @extend_schema(operation_id="list_audit_events", parameters=[EventsQuery], responses=AuditEventPage)
    def get(self, request: Request) -> Response:
        """The events asked for, newest first."""
        wanted = self.query(EventsQuery)
        limit = limit_of(request)
        found = list(
            selectors.events(
                subject=wanted.get("subject"),
                action=wanted.get("action"),
                since=wanted.get("from"),
                until=wanted.get("to"),
                after=_after(request),
            )[: limit + 1]
        )
        last = found[limit - 1] if len(found) > limit else None
        following = write_cursor(request, [last.xid, last.ordinal]) if last else None
        return Response({"items": [_event(row) for row in found[:limit]], "next": following})


class ProofView(ScopedView):
    """`GET /api/v1/audit/events/{id}/proof`."""

    scopes = {"GET": "audit:read"}
    problems = {"GET": ("409",)}

    @extend_schema(operation_id="prove_audit_event", responses=InclusionProof)
    def get(self, request: Request, event: UUID) -> Response:
        """The proof that the event is in the log; 409 `not_sequenced` in its first seconds."""
        proof = selectors.proof(event)
        [leaf] = selectors.as_text([proof.leaf])
        inclusion = selectors.as_text(proof.inclusion)
        return Response({"index": proof.index, "leaf": leaf, "inclusion": inclusion, "checkpoint": proof.checkpoint})


class CheckpointView(ScopedView):
    """`GET /api/v1/audit/checkpoint`."""

    scopes = {"GET": "audit:read"}
    problems = {"GET": ("409",)}
    renderer_classes = [TextRenderer, JSONRenderer]  # as with archives: there is one form, whoever asks

    @extend_schema(
        operation_id="get_audit_checkpoint",
        parameters=[CheckpointQuery],
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """What the log committed itself to last (C2SP tlog-checkpoint), with the cosignatures of witnesses.

        With `cosigned=true`, the latest that has one. 409 `not_sequenced` before the first.
        """
        head = held.latest_cosigned() if self.query(CheckpointQuery)["cosigned"] else selectors.last_checkpoint()
        if head is None:
            raise WrongState("not_sequenced", "The log has not been signed yet; ask again in a few seconds.")
        return HttpResponse(held.with_cosignatures(head), content_type="text/plain; charset=utf-8")


class EntriesView(ScopedView):
    """`GET /api/v1/audit/entries`."""

    scopes = {"GET": "audit:read"}
    renderer_classes = [TextRenderer, JSONRenderer]

    @extend_schema(
        operation_id="list_audit_entries",
        parameters=[OpenApiParameter("from", int, required=True), OpenApiParameter("to", int, required=True)],
        responses={(200, "text/plain"): OpenApiTypes.STR},
    )
    def get(self, request: Request) -> HttpResponse:
        """Sealed entries as JSON lines for the stand-alone verifier, at most 5,000; go on after the last index."""
        wanted = self.query(EntriesQuery)
        end = min(wanted["to"], selectors.latest_size())
        lines = "".join(entries.page(wanted["from"], end))
        return HttpResponse(lines, content_type="text/plain; charset=utf-8")


class ConsistencyView(ScopedView):
    """`GET /api/v1/audit/consistency`."""

    scopes = {"GET": "audit:read"}

    @extend_schema(
        operation_id="prove_audit_consistency",
        parameters=[OpenApiParameter("from", int, required=True), OpenApiParameter("to", int, required=True)],
        responses=ConsistencyProof,
    )
    def get(self, request: Request) -> Response:
        """The proof that nothing was taken back between two sizes."""
        sizes = self.query(ConsistencyQuery)
        hashes = selectors.as_text(selectors.consistency(sizes["from"], sizes["to"]))
        return Response({"from": sizes["from"], "to": sizes["to"], "hashes": hashes})


def _after(request: Request) -> tuple[int, int] | None:
    cursor = read_cursor(request, parts=_PARTS)
    if cursor is None:
        return None
    if not all(isinstance(part, int) for part in cursor):
        raise invalid_cursor()
    return cursor[0], cursor[1]


def _event(row: AuditEvent) -> Mapping[str, Any]:
    return {
        "id": row.id,
        "seq": getattr(row, "seq", None),
        "at": canonical.timestamp(row.at),
        "action": row.action,
        "actor": row.actor,
        "subject": row.subject,
        "request_id": row.request_id,
        "purpose": row.purpose,
        "fields": row.fields,
        "details": row.details,
    }
