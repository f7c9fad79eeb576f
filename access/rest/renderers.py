"""Answers in JSON, UTF-8, times in RFC 3339 UTC."""

from typing import Any

from rest_framework import renderers
from rest_framework.utils.encoders import JSONEncoder


class JSONRenderer(renderers.JSONRenderer):
    """Compact UTF-8; `datetime` ends in Z, UUID and Decimal are text."""

    charset = None
    ensure_ascii = False
    compact = True
    strict = True
    encoder_class = JSONEncoder


class ZipRenderer(renderers.BaseRenderer):
    """For views that stream a ZIP of their own; only what `Accept` may ask for is said here."""

    media_type = "application/zip"
    format = "zip"
    charset = None

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return bytes(data)


class TextRenderer(renderers.BaseRenderer):
    """`text/plain` in UTF-8, for views that answer with a text of their own."""

    media_type = "text/plain"
    format = "txt"
    charset = "utf-8"

    def render(self, data: Any, accepted_media_type: str | None = None, renderer_context: Any = None) -> bytes:
        return str(data).encode()
