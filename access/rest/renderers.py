"""Answers in JSON, UTF-8, times in RFC 3339 UTC."""

from rest_framework import renderers
from rest_framework.utils.encoders import JSONEncoder


class JSONRenderer(renderers.JSONRenderer):
    """Compact UTF-8; `datetime` ends in Z, UUID and Decimal are text."""

    charset = None
    ensure_ascii = False
    compact = True
    strict = True
    encoder_class = JSONEncoder
