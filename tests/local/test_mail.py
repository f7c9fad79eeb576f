"""Mail of the embedded profile: whole files, private, in the order of sending."""

import email
import email.policy
from pathlib import Path
from typing import Any

import pytest
from django.core.mail import EmailMessage

from gdpr_portal.mail import FolderBackend


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> Path:
    settings.MAIL_DIR = tmp_path / "mail"
    return tmp_path / "mail"


def test_every_message_is_a_file_that_can_be_read_back(folder: Path) -> None:
    messages = [EmailMessage(f"Nummer {i}", "Grüße, 123456", "a@example.org", ["b@example.org"]) for i in range(12)]
    assert FolderBackend().send_messages(messages) == 12
    files = sorted(folder.glob("*.eml"))
    read = [email.message_from_bytes(file.read_bytes(), policy=email.policy.default) for file in files]
    assert [message["Subject"] for message in read] == [f"Nummer {i}" for i in range(12)]
    assert "Grüße, 123456" in read[0].get_content()


def test_nobody_else_reads_them_and_nothing_half_written_is_left(folder: Path) -> None:
    FolderBackend().send_messages([EmailMessage("S", "B", "a@example.org", ["b@example.org"])])
    (only,) = folder.iterdir()
    assert only.suffix == ".eml"
    assert only.stat().st_mode & 0o777 == 0o600
