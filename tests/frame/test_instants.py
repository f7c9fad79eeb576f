"""Moments as other people's libraries write them (RFC 3339 section 5.6 and 5.8)."""

from datetime import UTC, datetime

import pytest

from gdpr_portal.formats.instants import read_instant


@pytest.mark.parametrize(
    ("text", "moment"),
    [
        ("1985-04-12T23:20:50.52Z", datetime(1985, 4, 12, 23, 20, 50, 520000, UTC)),
        ("1996-12-19T16:39:57-08:00", datetime(1996, 12, 20, 0, 39, 57, 0, UTC)),
        ("2026-11-29t10:15:00z", datetime(2026, 11, 29, 10, 15, 0, 0, UTC)),
        ("2026-11-29T10:15:00.123456789Z", datetime(2026, 11, 29, 10, 15, 0, 123456, UTC)),
        ("2026-11-29T10:15:00." + "9" * 40 + "+00:00", datetime(2026, 11, 29, 10, 15, 0, 999999, UTC)),
        ("1990-12-31T23:59:60Z", datetime(1991, 1, 1, tzinfo=UTC)),
        ("1990-12-31T15:59:60-08:00", datetime(1991, 1, 1, tzinfo=UTC)),
    ],
)
def test_every_form_of_rfc_3339_is_read(text, moment):
    assert read_instant(text) == moment


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-29",
        "2026-11-29T10:15:00",
        "2026-11-29T10:15Z",
        "2026-11-29 10:15:00Z",
        "2026-11-29T10:15:00.Z",
        "2026-11-29T10:15:00,5Z",
        "2026-11-29T24:00:00Z",
        "2026-11-29T10:15:00+24:00",
        "2026-11-29T10:15:00+01:60",
        "2026-11-29T10:15:00+0100",
        "2026-11-29T10:15:60Z",
        "2026-02-29T10:15:00Z",
        "2026-11-29T10:15:00Z\n",
        "٢٠٢٦-11-29T10:15:00Z",
        "0001-01-01T00:00:00+00:01",
        "9999-12-31T23:59:59-00:01",
        "9999-12-31T23:59:60Z",
    ],
)
def test_whatever_else_is_refused(text):
    with pytest.raises(ValueError):
        read_instant(text)
