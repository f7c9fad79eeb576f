"""What nobody may choose as a password, besides what is too short or common (docs/security-rules.md, Passwords)."""

import hashlib
import os
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

WORDS = frozenset(
    {
        "gdpr", "dsgvo", "rgpd", "portal", "privacy", "datenschutz", "consent", "einwilligung", "consentement",
        "password", "passwort", "motdepasse", "welcome", "willkommen", "bienvenue",
        "admin", "operator", "reviewer", "controller", "officer",
    }
)  # fmt: skip
"""Words of this service and its trade; those of the installation are added (`context_words`)."""
SHORTEST_WORD = 4
LEFT_OVER = 8
"""Letters and digits that have to be left of a password without such words."""


class ContextWords:
    """Refuses a password of which little is left without the words anybody would try here (OWASP ASVS 6.2.11)."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError("context_words")."""
        left = password.casefold()
        for word in sorted(context_words(), key=len, reverse=True):
            left = left.replace(word, "")
        if len(left) < len(password.casefold()) and sum(map(str.isalnum, left)) < LEFT_OVER:
            raise ValidationError(self.get_help_text(), code="context_words")

    def get_help_text(self) -> str:
        """What is wrong with it."""
        return _("This password is made of words that others would try here. Please choose other words.")


class Breached:
    """Refuses a password of the list in `BREACHED_PASSWORDS_FILE`, if there is one; nobody outside is asked."""

    def validate(self, password: str, user: Any = None) -> None:
        """Raises ValidationError("breached"); OSError when the file is named and cannot be read."""
        path = settings.BREACHED_PASSWORDS_FILE
        # The list names passwords by SHA-1; nothing is protected by it here.
        digest = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
        if path and _stands_in(Path(path), digest):
            raise ValidationError(self.get_help_text(), code="breached")

    def get_help_text(self) -> str:
        """What is wrong with it."""
        return _("This password became known in a breach elsewhere. Please choose another one.")


def context_words() -> frozenset[str]:
    """The words of this service, of the controller's name and of the portal's host."""
    host = urlsplit(settings.BASE_URL).hostname or ""
    own = "".join(sign if sign.isalnum() else " " for sign in f"{settings.CONTROLLER['name']} {host}").casefold()
    return WORDS | {word for word in own.split() if len(word) >= SHORTEST_WORD}


def _stands_in(path: Path, digest: bytes) -> bool:
    """Whether a line of the sorted file begins with the digest, by halving."""
    with path.open("rb") as file:
        low, high = 0, file.seek(0, os.SEEK_END)
        while low < high:  # what begins before `low` is smaller, what begins from `high` on is not
            middle = (low + high) // 2
            file.seek(max(middle - 1, 0))
            if middle:
                file.readline()
            line = file.readline()
            low, high = (file.tell(), high) if line and line[: len(digest)].upper() < digest else (low, middle)
        file.seek(low)
        return file.readline()[: len(digest)].upper() == digest
