"""docs/settings.md says what the code reads."""

from pathlib import Path

from gdpr_portal.management.commands.settings_table import table


def test_the_page_of_settings_is_up_to_date(repository: Path) -> None:
    assert (repository / "docs" / "settings.md").read_text() == table()
