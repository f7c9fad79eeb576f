"""May this be done with this person's data? Asked one by one or in batches; nothing personal is given out."""

from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.serializers import IdField, InstantField, StrictSerializer
from access.rest.views import ScopedView
from consent.decide import ALLOWED, CODES
from consent.services.counting import count_decisions
from consent.services.decisions import Decision, decide_many
from consent.services.facts import Question
from gdpr_portal.errors import Flaw, Invalid

MOST_FIELDS = 200
MOST_ITEMS = 1000
VERDICTS = (*CODES, ALLOWED)
RULE_OUTCOMES = ("passed", "refused")


class DecisionItem(StrictSerializer):
    """A person by the application's own id, a purpose, and perhaps a third party."""

    subject = IdField()
    purpose = serializers.CharField(max_length=200, trim_whitespace=False)
    recipient = serializers.CharField(max_length=200, trim_whitespace=False, allow_null=True, default=None)


class DecisionQuestion(DecisionItem):
    """As an item, with the fields each of which is told by itself."""

    fields_ = serializers.ListField(
        child=serializers.CharField(max_length=200, trim_whitespace=False),
        max_length=MOST_FIELDS,
        required=False,
        default=list,
    )

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a member here and an attribute of every serializer: it is declared under another name."""
        return _renamed(super().get_fields())


class DecisionBatch(StrictSerializer):
    """At most 1,000 questions."""

    items = DecisionItem(many=True, max_length=MOST_ITEMS)  # type: ignore[call-arg]  # goes to its ListSerializer


class DecisionQuery(StrictSerializer):
    """`explain=1` adds the trace; `at` asks about a past moment (inclusive, microseconds)."""

    explain = serializers.ChoiceField(choices=["0", "1"], default="0", help_text="1 adds `trace`.")
    at = InstantField(required=False, help_text="A past moment; the future is 400.")


class RuleLookedAtSerializer(StrictSerializer):
    """One rule that was looked at, in order."""

    rule = serializers.ChoiceField(choices=CODES)
    input = serializers.CharField()
    outcome = serializers.ChoiceField(choices=RULE_OUTCOMES)


class DecisionSerializer(StrictSerializer):
    """Yes, or no and the deciding code; good until `valid_until` at the latest."""

    allowed = serializers.BooleanField()
    code = serializers.ChoiceField(choices=VERDICTS)
    basis = serializers.CharField(allow_null=True)
    notice_version = serializers.IntegerField(allow_null=True)
    fields_ = serializers.DictField(child=serializers.ChoiceField(choices=VERDICTS))
    evaluated_at = serializers.DateTimeField()
    valid_until = serializers.DateTimeField()
    trace = RuleLookedAtSerializer(many=True, required=False)

    def get_fields(self) -> dict[str, Any]:
        """`fields` is a member here and an attribute of every serializer: it is declared under another name."""
        return _renamed(super().get_fields())


class DecisionsSerializer(StrictSerializer):
    """The decisions, in the order of the items."""

    results = DecisionSerializer(many=True)


class DecisionsView(ScopedView):
    """One decision. A refusal is an answer: 200 with `allowed: false` and the code that decided."""

    scopes: ClassVar[dict[str, str]] = {"POST": "decisions:read"}

    @extend_schema(
        operation_id="decide", parameters=[DecisionQuery], request=DecisionQuestion, responses=DecisionSerializer
    )
    def post(self, request: Request) -> Response:
        query, asked = self.query(DecisionQuery), self.read(DecisionQuestion)
        at = query.get("at")
        if at is not None and at > timezone.now():
            raise Invalid("invalid_parameter", "The future is not decided.", errors=[_FUTURE])
        question = Question(asked["subject"], asked["purpose"], asked["recipient"], tuple(asked["fields"]))
        [decision] = decide_many(application=self.application, questions=[question], at=at)
        count_decisions(application=self.application.slug, outcomes=[(question.purpose, decision.code)])
        return Response(rendered(decision, explain=query["explain"] == "1"))


class BatchView(ScopedView):
    """Up to 1,000 decisions at once, in a constant number of statements."""

    scopes: ClassVar[dict[str, str]] = {"POST": "decisions:read"}

    @extend_schema(operation_id="decide_batch", request=DecisionBatch, responses=DecisionsSerializer)
    def post(self, request: Request) -> Response:
        items = self.read(DecisionBatch)["items"]
        questions = [Question(item["subject"], item["purpose"], item["recipient"]) for item in items]
        decisions = decide_many(application=self.application, questions=questions)
        outcomes = [(asked.purpose, decision.code) for asked, decision in zip(questions, decisions, strict=True)]
        count_decisions(application=self.application.slug, outcomes=outcomes)
        return Response({"results": [rendered(decision) for decision in decisions]})


def rendered(decision: Decision, *, explain: bool = False) -> dict[str, Any]:
    """A decision as JSON values."""
    answer = {
        "allowed": decision.allowed,
        "code": decision.code,
        "basis": decision.basis,
        "notice_version": decision.notice_version,
        "fields": decision.fields,
        "evaluated_at": decision.evaluated_at,
        "valid_until": decision.valid_until,
    }
    if explain:
        answer["trace"] = [{"rule": step.rule, "input": step.input, "outcome": step.outcome} for step in decision.trace]
    return answer


def _renamed(fields: dict[str, Any]) -> dict[str, Any]:
    return {"fields" if name == "fields_" else name: field for name, field in fields.items()}


_FUTURE = Flaw("/at", "invalid_parameter", "The future is not decided.")
