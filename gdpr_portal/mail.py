"""Mail of the embedded profile: one `.eml` file a message, so that people and drivers can read what was sent."""

import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path

from django.conf import settings
from django.core.mail.backends.base import BaseEmailBackend
from django.core.mail.message import EmailMessage

_counter = itertools.count()


class FolderBackend(BaseEmailBackend):
    """Every message lies complete in `MAIL_DIR`, under a name that sorts by the time of sending.

    A reader of the folder never meets half a message: each is written aside (a name starting with a dot) and renamed.
    Files are 0600; they hold what the mail holds.
    """

    def send_messages(self, email_messages: Sequence[EmailMessage]) -> int:
        folder = Path(settings.MAIL_DIR)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        for message in email_messages:
            self._write(folder, message.message().as_bytes())
        return len(email_messages)

    def _write(self, folder: Path, content: bytes) -> None:
        name = f"{time.time_ns():020d}-{os.getpid():07d}-{next(_counter):06d}.eml"
        aside = folder / f".{name}"
        with open(os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(content)
        aside.rename(folder / name)
