"""Times say their zone as the reader's language calls it."""

from datetime import UTC, datetime
from typing import Any

import pytest
from django.template import Context, Template
from django.utils import timezone, translation

from gdpr_portal.formats.zones import NamedZone

WINTER, SUMMER = datetime(2026, 1, 15, 12, tzinfo=UTC), datetime(2026, 7, 15, 12, tzinfo=UTC)
BERLIN = "Europe/Berlin"


@pytest.mark.parametrize(
    ("language", "zone", "moment", "said"),
    [
        ("en", BERLIN, WINTER, "15 January 2026, 13:00 CET"),
        ("de", BERLIN, WINTER, "15. Januar 2026, 13:00 MEZ"),
        ("de", BERLIN, SUMMER, "15. Juli 2026, 14:00 MESZ"),
        ("fr", BERLIN, WINTER, "15 janvier 2026, 13:00 CET"),
        ("fr", BERLIN, SUMMER, "15 juillet 2026, 14:00 CEST"),
        ("de", "Europe/Helsinki", SUMMER, "15. Juli 2026, 15:00 OESZ"),
        ("de", "Europe/Dublin", SUMMER, "15. Juli 2026, 13:00 UTC+1"),
        ("en", "Europe/Dublin", WINTER, "15 January 2026, 12:00 UTC"),
        ("fr", "America/St_Johns", WINTER, "15 janvier 2026, 08:30 UTC-3:30"),
        ("de", "America/Sao_Paulo", WINTER, "15. Januar 2026, 09:00 UTC-3"),
        ("de", "UTC", WINTER, "15. Januar 2026, 12:00 UTC"),
    ],
)
def test_a_time_names_its_zone(language: str, zone: str, moment: datetime, said: str) -> None:
    with translation.override(language), timezone.override(NamedZone(zone)):
        shown = Template('{{ at|date:"DATETIME_FORMAT" }}').render(Context({"at": moment, "autoescape": False}))
    assert shown == said


def test_the_zone_itself_keeps_its_key() -> None:
    with timezone.override(NamedZone(BERLIN)):
        assert timezone.get_current_timezone_name() == BERLIN


@pytest.mark.django_db
def test_pages_are_in_the_controllers_zone_by_name(alice: Any, catalogue: None) -> None:
    from tests.erasure.people import file

    alice.account.language = "de"
    alice.account.save(update_fields=["language"])
    row = file(alice.subject, "access", received_at=WINTER)
    page = alice.browser().get(f"/requests/{row.id}").content.decode()
    assert "15. Januar 2026, 13:00 MEZ" in page and "CET" not in page


@pytest.mark.parametrize(
    ("language", "said"),
    [("en", "15 Jul 2026, 14:00 CEST"), ("de", "15.07.2026, 14:00 MESZ"), ("fr", "15/07/2026, 14:00 CEST")],
)
def test_a_time_in_a_dense_table_is_short_and_names_its_zone(language: str, said: str) -> None:
    with translation.override(language), timezone.override(NamedZone(BERLIN)):
        assert Template('{{ at|date:"SHORT_DATETIME_FORMAT" }}').render(Context({"at": SUMMER})) == said
