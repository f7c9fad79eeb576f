"""Ids in addresses: opaque UUIDs, read in upper and lower case as RFC 9562 section 4 wants, written in lower case."""

import re
from uuid import UUID

from django.urls import register_converter


class IdConverter:
    """`<id:name>` in a route gives the view a UUID."""

    regex = "[0-9a-fA-F]{8}-(?:[0-9a-fA-F]{4}-){3}[0-9a-fA-F]{12}"

    @classmethod
    def read(cls, value: str) -> UUID:
        """The id; `ValueError` for what is none."""
        if not re.fullmatch(cls.regex, value):
            raise ValueError("no id")
        return UUID(value)

    def to_python(self, value: str) -> UUID:
        return UUID(value)

    def to_url(self, value: UUID) -> str:
        return str(value)


register_converter(IdConverter, "id")
