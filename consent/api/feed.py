"""Decisions for local evaluation: a snapshot, then the changes, by long poll."""

import threading
import time
from dataclasses import fields
from operator import attrgetter
from typing import Any, ClassVar

from django.core import signing
from django.utils import timezone
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response

from access.rest.pagination import invalid_cursor
from access.rest.serializers import CursorField, NumberField, PageQuery, StrictSerializer
from access.rest.views import ScopedView
from consent.api.decisions import VERDICTS
from consent.services import feed

LONGEST_WAIT_SECONDS = 30
LOOKS_EVERY_SECONDS = 0.25
MOST_WAITING = 4
"""Requests of one process that may wait at once. Each holds a thread, of which the process has eight for everybody."""
_waiting = threading.BoundedSemaphore(MOST_WAITING)
_NAMES = tuple(each.name for each in fields(feed.Item))
_members = attrgetter(*_NAMES)
FROM_THE_FEED = "feed"
FROM_THE_SNAPSHOT = "snapshot"


class ChangesQuery(PageQuery):
    """`cursor` of a snapshot or of the changes before; `wait` seconds for something to happen."""

    cursor = CursorField(help_text="`next` while there is one, else `cursor`.")
    wait = NumberField(min_value=0, max_value=LONGEST_WAIT_SECONDS, default=0, help_text="Seconds.")


class DecisionChangeSerializer(StrictSerializer):
    """The decision about a person and purpose (and recipient) as it is now; later items replace earlier ones."""

    subject = serializers.UUIDField()
    purpose = serializers.SlugField()
    recipient = serializers.CharField(allow_null=True)
    state = serializers.CharField(allow_null=True, help_text="What the person last said; null where nobody is asked.")
    code = serializers.ChoiceField(choices=VERDICTS)
    seq = serializers.IntegerField()


class DecisionChangePage(StrictSerializer):
    """A page: go on from `next` while there is one, then from `cursor`."""

    items = DecisionChangeSerializer(many=True)
    next = serializers.CharField(allow_null=True)
    cursor = serializers.CharField(allow_null=True)


class SnapshotView(ScopedView):
    """Every decision the application may ask for, person by person. Its last page holds the cursor of the changes."""

    scopes: ClassVar[dict[str, str]] = {"GET": "decisions:read"}

    @extend_schema(operation_id="get_decisions_snapshot", parameters=[PageQuery], responses=DecisionChangePage)
    def get(self, request: Request) -> Response:
        limit = self.query(PageQuery)["limit"]
        begun = feed.microseconds(timezone.now())
        place, given, head, begun = _numbers(request, FROM_THE_SNAPSHOT) or (0, 0, feed.order_changes(), begun)
        items, reached = feed.snapshot(
            application=self.application, after=feed.Mark(place, given), head=head, limit=limit
        )
        return _page(
            items,
            next_=_cursor(request, FROM_THE_SNAPSHOT, *reached[:2], head, begun) if reached else None,
            cursor=None if reached else _cursor(request, FROM_THE_FEED, head, 0, begun, 0),
        )


class ChangesView(ScopedView):
    """What changed since a cursor; waits up to `wait` seconds for something to tell.

    An answer with nothing in it may come at once, where too many wait already: ask again after a second.
    """

    scopes: ClassVar[dict[str, str]] = {"GET": "decisions:read"}
    problems: ClassVar[dict[str, tuple[str, ...]]] = {"GET": ("410",)}

    @extend_schema(operation_id="get_decision_changes", parameters=[ChangesQuery], responses=DecisionChangePage)
    def get(self, request: Request) -> Response:
        query = self.query(ChangesQuery)
        numbers = _numbers(request, FROM_THE_FEED)
        if numbers is None:
            raise invalid_cursor()
        items, reached, more = self._look(feed.Mark(*numbers[:3]), query)
        if query["wait"] and not items and not more and _waiting.acquire(blocking=False):
            try:
                items, reached, more = self._wait(reached, query)
            finally:
                _waiting.release()
        cursor = _cursor(request, FROM_THE_FEED, *reached, 0)  # place, given, read at
        return _page(items, next_=cursor if more else None, cursor=None if more else cursor)

    def _look(self, after: feed.Mark, query: dict[str, Any]) -> tuple[list[feed.Item], feed.Mark, bool]:
        return feed.changes(application=self.application, after=after, limit=query["limit"])

    def _wait(self, after: feed.Mark, query: dict[str, Any]) -> tuple[list[feed.Item], feed.Mark, bool]:
        until = time.monotonic() + query["wait"]
        while True:
            time.sleep(LOOKS_EVERY_SECONDS)
            self.ensure_admitted()
            items, after, more = self._look(after, query)
            if items or more or time.monotonic() >= until:
                return items, after, more


def _page(items: list[feed.Item], *, next_: str | None, cursor: str | None) -> Response:
    told = [dict(zip(_NAMES, _members(item), strict=True)) for item in items]
    return Response({"items": told, "next": next_, "cursor": cursor})


def _cursor(request: Request, kind: str, *numbers: int) -> str:
    return signing.dumps([kind, *numbers], salt=_salt(request), compress=False)


def _numbers(request: Request, kind: str) -> tuple[int, int, int, int] | None:
    given = request.query_params.get("cursor")
    if given is None:
        return None
    try:
        values: Any = signing.loads(given, salt=_salt(request))
    except (signing.BadSignature, ValueError):
        raise invalid_cursor() from None
    if not isinstance(values, list) or len(values) != 5 or values[0] != kind:
        raise invalid_cursor()
    return int(values[1]), int(values[2]), int(values[3]), int(values[4])


def _salt(request: Request) -> str:
    """A cursor goes from the snapshot on to the changes, of one application."""
    return f"feed {request.user.pk}"
