"""Lists by cursor: `{"items": [...], "next": "<cursor>" or null}`, in constant time however far one has come.

A cursor is signed and holds the sort key of the last item; it belongs to one application, path and set of filters.
"""

import uuid
from collections.abc import Callable, Sequence
from datetime import date, datetime
from typing import Any

from django.core import signing
from django.db.models import Model, Q, QuerySet
from rest_framework.request import Request

from access.rest.serializers import PageQuery, validated
from gdpr_portal.errors import Invalid


def page(
    *parts: QuerySet[Any, Any],
    request: Request,
    key: Sequence[str] = ("id",),
    descending: bool = False,
    render: Callable[[Any], Any] = lambda row: row,
) -> dict[str, Any]:
    """The items after the request's cursor, at most its limit, each through `render`, and the cursor that goes on.

    `key` names columns that together are unique; the rows are sorted by them. Of several parts each is read by
    its own index, and a row that is in two of them stands once. Raises `Invalid`: `invalid_cursor`,
    `invalid_parameter` (both 400).
    """
    limit = limit_of(request)
    after = read_cursor(request, parts=len(key))
    signs = [f"-{name}" if descending else name for name in key]
    beyond = Q() if after is None else _beyond(key, after, "lt" if descending else "gt")
    found = [row for rows in parts for row in rows.order_by(*signs).filter(beyond)[: limit + 1]]
    if len(parts) > 1:
        each = {tuple(_key_of(row, key)): row for row in found}
        found = [each[of] for of in sorted(each, reverse=descending)]
    more = len(found) > limit
    last = _key_of(found[limit - 1], key) if more else None
    return {
        "items": [render(row) for row in found[:limit]],
        "next": write_cursor(request, last) if last is not None else None,
    }


def limit_of(request: Request) -> int:
    """The `limit` asked for, 1 to 200, or the default; else `Invalid("invalid_parameter")`."""
    given = {"limit": request.query_params["limit"]} if "limit" in request.query_params else {}
    limit: int = validated(PageQuery(data=given, context={"query": True}), is_query=True)["limit"]
    return limit


def write_cursor(request: Request, values: Sequence[Any]) -> str:
    """An opaque signed cursor for these values (ids, numbers, times; never anything personal)."""
    return signing.dumps([_plain(value) for value in values], salt=_salt(request), compress=False)


def read_cursor(request: Request, *, parts: int) -> list[Any] | None:
    """The values of the request's cursor, as text and numbers; None without one. `Invalid("invalid_cursor")`."""
    given = request.query_params.get("cursor")
    if given is None:
        return None
    try:
        values = signing.loads(given, salt=_salt(request))
    except (signing.BadSignature, ValueError):
        raise invalid_cursor() from None
    if not isinstance(values, list) or len(values) != parts:
        raise invalid_cursor()
    return values


def invalid_cursor() -> Invalid:
    return Invalid("invalid_cursor", "The cursor does not belong to this list.")


def _salt(request: Request) -> str:
    filters = sorted(
        (name, value) for name, value in request.query_params.items() if name not in {"cursor", "limit", "wait"}
    )
    return f"cursor {request.user.pk} {request.path} {filters}"


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return str(value) if isinstance(value, uuid.UUID) else value


def _key_of(row: Any, key: Sequence[str]) -> list[Any]:
    return [getattr(row, name) if isinstance(row, Model) else row[name] for name in key]


def _beyond(key: Sequence[str], values: Sequence[Any], sign: str) -> Q:
    """The rows after `values` in the order of `key`; the first column stands alone too, so that its index is used."""
    beyond = Q()
    for at, name in enumerate(key):
        equal = dict(zip(key[:at], values[:at], strict=True))
        beyond |= Q(**equal, **{f"{name}__{sign}": values[at]})
    return Q(**{f"{key[0]}__{sign}e": values[0]}) & beyond
