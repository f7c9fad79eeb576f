"""What a body or query string may hold: every member known, of its own JSON type, and nothing converted in silence.

400 `unknown_member`, `missing_member`, `invalid_type`; 422 `invalid_value`, `batch_too_large`; for query strings 400
`invalid_parameter`. Each flaw has its JSON pointer (RFC 6901). Neither input values nor odd member names are repeated.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import Any

from rest_framework import serializers
from rest_framework.exceptions import ErrorDetail, ValidationError

from access.rest.converters import IdConverter
from gdpr_portal.errors import Flaw, Invalid, step
from gdpr_portal.formats.instants import read_instant

NON_FIELD = "non_field_errors"

SENTENCES = {
    "unknown_member": "This member is not known here.",
    "missing_member": "This member is missing.",
    "invalid_type": "This member has another JSON type.",
    "batch_too_large": "There are too many items.",
    "invalid_value": "This value does not fit.",
    "invalid_parameter": "This parameter is unknown or does not fit.",
}
"""Codes in the order in which one of them becomes the code of the whole answer, and what is said of each."""

_ID = re.compile(IdConverter.regex, re.ASCII)
_DAY = re.compile(r"\d{4}-\d\d-\d\d", re.ASCII)

_TYPES: list[tuple[type[serializers.Field[Any, Any, Any, Any]], tuple[type, ...]]] = [
    (serializers.BooleanField, (bool,)),
    (serializers.IntegerField, (int,)),
    (serializers.FloatField, (int, float)),
    (serializers.JSONField, (object,)),
    (serializers.ListField, (list,)),
    (serializers.ListSerializer, (list,)),
    (serializers.DictField, (dict,)),
    (serializers.BaseSerializer, (dict,)),
]


class StrictSerializer(serializers.Serializer[Any]):
    """A body whose members are exactly these, for `ScopedView.read`; or a query string, for `ScopedView.query`."""

    def to_internal_value(self, data: Any) -> Any:
        if not isinstance(data, Mapping):
            raise ValidationError({NON_FIELD: [_flaw("invalid_type")]})
        errors = dict(self._misfits(data))
        try:
            value = super().to_internal_value({name: item for name, item in data.items() if name not in errors})
        except ValidationError as error:
            found = error.detail if isinstance(error.detail, dict) else {NON_FIELD: error.detail}
            raise ValidationError({**found, **errors}) from None
        if errors:
            raise ValidationError(errors)
        return value

    def _misfits(self, data: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        for name, value in data.items():
            field = self.fields.get(name)
            if field is None or field.read_only:
                yield name, [_flaw("unknown_member")]
            elif not self.context.get("query"):
                misfit = _type_flaws(field, value)
                if misfit:
                    yield name, misfit


class NoBody(StrictSerializer):
    """A body without members, or none at all."""


class NumberField(serializers.IntegerField):
    """A whole number of a query string in the digits 0 to 9 alone; Python would read `1_0`, `+1` and `1.0` as well."""

    def to_internal_value(self, data: Any) -> int:
        if not isinstance(data, str) or not (data.isascii() and data.isdigit()):
            self.fail("invalid")
        number: int = super().to_internal_value(data)
        return number


class CursorField(serializers.CharField):
    """An opaque text as it came; whether it is one of ours is for `pagination.read_cursor`."""

    def run_validation(self, data: Any = serializers.empty) -> Any:
        return super().run_validation(data) if data is serializers.empty else data


class PageQuery(StrictSerializer):
    """The query string of every list: `limit` 1 to 200 and the opaque `cursor` of an earlier answer."""

    limit = NumberField(min_value=1, max_value=200, default=50, help_text="Items in one answer.")
    cursor = CursorField(required=False, help_text="`next` of the answer before.")


class InstantField(serializers.DateTimeField):
    """A moment in RFC 3339 with its offset, to the microsecond; comes in and goes out as UTC."""

    def to_internal_value(self, value: Any) -> datetime:
        if not isinstance(value, str):
            self.fail("invalid", format="RFC 3339")
        try:
            return read_instant(value)
        except ValueError:
            self.fail("invalid", format="RFC 3339")


class DayField(serializers.DateField):
    """A calendar day, `2026-11-23` and no other way of writing it."""

    def to_internal_value(self, value: Any) -> date:
        if not isinstance(value, str) or not _DAY.fullmatch(value):
            self.fail("invalid", format="YYYY-MM-DD")
        try:
            return date.fromisoformat(value)
        except ValueError:
            self.fail("invalid", format="YYYY-MM-DD")


class IdField(serializers.UUIDField):
    """An opaque id in its canonical form of 36 characters."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str) or not _ID.fullmatch(data):
            self.fail("invalid", value="")
        return uuid.UUID(data)


class CommaListField(serializers.ListField):
    """For query strings: `fields=email,given_name` as a list without repetitions, in the order given."""

    def to_internal_value(self, data: Any) -> list[Any]:
        parts = data.split(",") if isinstance(data, str) else data
        return list(dict.fromkeys(super().to_internal_value(parts)))


def validated(serializer: serializers.BaseSerializer[Any], *, is_query: bool = False) -> Any:
    """What the serializer made of its data, or `Invalid` with every flaw in it."""
    if serializer.is_valid():
        return serializer.validated_data
    flaws = [_parameter(flaw) if is_query else flaw for flaw in _flaws(serializer.errors, "")]
    code = min((flaw.code for flaw in flaws), key=list(SENTENCES).index)
    status = 422 if code in {"invalid_value", "batch_too_large"} else 400
    raise Invalid(code, _SUMMARY.get(code, SENTENCES[code]), status=status, errors=flaws)


_SUMMARY = {
    "unknown_member": "The body holds members that are not known here.",
    "missing_member": "Members are missing.",
    "invalid_type": "Members have another JSON type.",
    "invalid_value": "Values do not fit.",
    "invalid_parameter": "Query parameters are unknown or do not fit.",
}


def _parameter(flaw: Flaw) -> Flaw:
    return Flaw(flaw.pointer, "invalid_parameter", SENTENCES["invalid_parameter"])


def _flaw(code: str) -> ErrorDetail:
    return ErrorDetail(SENTENCES[code], code=code)


def _type_flaws(field: Any, value: Any) -> Any:
    """The flaws of one member's JSON type, its items included; nothing when all is well."""
    if value is None:
        return [] if field.allow_null else [_flaw("invalid_type")]
    expected: tuple[type, ...] = next((types for kind, types in _TYPES if isinstance(field, kind)), (str,))
    if not _is_one_of(value, expected):
        return [_flaw("invalid_type")]
    most = getattr(field, "max_length", None)
    if isinstance(field, serializers.ListSerializer) and most is not None and len(value) > most:
        return [_flaw("batch_too_large")]
    if isinstance(field, serializers.ListSerializer | serializers.ListField):
        return {at: found for at, item in enumerate(value) if (found := _type_flaws(field.child, item))}
    if isinstance(field, serializers.DictField):
        return {name: found for name, item in value.items() if (found := _type_flaws(field.child, item))}
    return []


def _is_one_of(value: Any, types: tuple[type, ...]) -> bool:
    """Whether the value has one of the types; true and false are no numbers."""
    if isinstance(value, bool):
        return bool in types or object in types
    return isinstance(value, types)


def _flaws(detail: Any, pointer: str) -> Iterator[Flaw]:
    """Every error of the framework's nested lists and dicts, as pointer, code of ours and sentence of ours."""
    if isinstance(detail, Mapping):
        for name, inner in detail.items():
            yield from _flaws(inner, pointer if name == NON_FIELD else f"{pointer}{step(name)}")
    elif isinstance(detail, list):
        for at, inner in enumerate(detail):
            yield from _flaws(inner, pointer if isinstance(inner, ErrorDetail) else f"{pointer}/{at}")
    else:
        code = _code(getattr(detail, "code", ""))
        yield Flaw(pointer, code, SENTENCES[code])


def _code(code: str) -> str:
    known = {
        "required": "missing_member",
        "null": "invalid_type",
        "not_a_list": "invalid_type",
        "not_a_dict": "invalid_type",
    }
    return code if code in SENTENCES else known.get(code, "invalid_value")
