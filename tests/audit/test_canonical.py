"""Leaf bytes are RFC 8785, the same from Python and from the row, whatever the writer did."""

import uuid
from datetime import UTC, datetime, timedelta, timezone

import pytest
import rfc8785
from django.db import connection, transaction

from audit import canonical, services
from audit.models import AuditEvent

ROW = (
    "68745f38-43c4-4ad4-818e-78e0058fc1cc", "2026-11-24T00:17:31.918045Z", "data.read", "application:shop", None,
    "req-1", "newsletter", ["email", "given_name"], '{"count": 2, "application": "shop"}',
)  # fmt: skip


def test_the_bytes_of_an_event() -> None:
    assert canonical.leaf_bytes(ROW) == (
        b'{"action":"data.read","actor":"application:shop","at":"2026-11-24T00:17:31.918045Z",'
        b'"details":{"application":"shop","count":2},"fields":["email","given_name"],'
        b'"id":"68745f38-43c4-4ad4-818e-78e0058fc1cc","purpose":"newsletter","request_id":"req-1","subject":null}'
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [  # RFC 8785 section 3.2.2 and appendix B, through the library this log relies on
        ([333333333.33333329, 1e30, 4.50, 2e-3, 1e-27],
         b"[333333333.3333333,1e+30,4.5,0.002,1e-27]"),
        ("\u20ac$\u000f\nA'B\"\\\\\"/", b'"\xe2\x82\xac$\\u000f\\nA\'B\\"\\\\\\\\\\"/"'),
        ([None, True, False], b"[null,true,false]"),
        ({"\u20ac": 1, "\r": 2, "\ufb33": 3, "1": 4, "\U0001f600": 5, "\u0080": 6, "\u00f6": 7},
         '{"\\r":2,"1":4,"\u0080":6,"\u00f6":7,"\u20ac":1,"\U0001f600":5,"\ufb33":3}'.encode()),
    ],
)  # fmt: skip
def test_published_vectors_of_the_canonical_form(value: object, expected: bytes) -> None:
    assert rfc8785.dumps(value) == expected  # type: ignore[arg-type]


@pytest.mark.parametrize("details", ['{"n": 9007199254740993}', '{"n": 1e400}', '{"n": ', "null"])
def test_what_no_leaf_can_hold_is_told_apart(details: str) -> None:
    row = (*ROW[:-1], details)
    if details == "null":
        assert canonical.leaf_bytes(row) != canonical.leaf_bytes(ROW)
        return
    with pytest.raises(canonical.NotCanonical):
        canonical.leaf_bytes(row)


@pytest.mark.parametrize("columns", [ROW[:-1], (*ROW[:-1], ROW[-1], ROW[-1])], ids=["one too few", "one too many"])
def test_a_row_of_other_columns_is_no_event(columns: tuple[object, ...]) -> None:
    with pytest.raises(ValueError, match="argument"):
        canonical.leaf_bytes(columns)


def test_times_are_utc_with_six_digits() -> None:
    berlin = timezone(timedelta(hours=1))
    assert canonical.timestamp(datetime(2026, 11, 24, 1, 0, tzinfo=berlin)) == "2026-11-24T00:00:00.000000Z"
    assert canonical.timestamp(datetime(2026, 1, 1, microsecond=7, tzinfo=UTC)) == "2026-01-01T00:00:00.000007Z"


@pytest.mark.django_db
def test_the_row_gives_the_bytes_of_what_was_recorded() -> None:
    subject = uuid.uuid4()
    with transaction.atomic():
        event = services.record(
            "consent.given", actor="subject", subject=subject, purpose="newsletter", fields=("b", "a"),
            details={"notice_version": 3, "explicit": True, "recipient": None, "channel": "web"},
        )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {canonical.COLUMNS} FROM audit_event e WHERE id = %s", [event])
        columns = cursor.fetchone()
    row = AuditEvent.objects.get(pk=event)
    assert canonical.leaf_bytes(columns) == rfc8785.dumps(
        {
            "id": str(event), "at": canonical.timestamp(row.at), "action": "consent.given", "actor": "subject",
            "subject": str(subject), "request_id": "", "purpose": "newsletter", "fields": ["b", "a"],
            "details": {"notice_version": 3, "explicit": True, "recipient": None, "channel": "web"},
        }
    )  # fmt: skip
