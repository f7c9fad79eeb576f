"""Members of a dataset file that are not known here: a later version of Fides, or a slip of the pen. Pure.

Fides ignores them, and so do we, but not in silence: `read_onyl: true` would let a row be erased that was to stay.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from erasure.connectors.dataset import parsed
from erasure.connectors.report import Problem

SHARED = {"name", "description", "data_categories", "data_qualifier", "retention", "fides_meta", "fidesops_meta"}
MEMBERS = {
    "dataset": SHARED
    | {"fides_key", "organization_fides_key", "tags", "meta", "collections", "joint_controller"}
    | {"third_country_transfers"},
    "collection": SHARED
    | {"fields", "after", "erase_after", "skip_processing", "read_only", "masking_strategy_override"},
    "field": SHARED | {"fields", "masking_strategy_override"},
}
META = {
    "dataset": {"resource_id", "after", "namespace", "read_only"},
    "collection": {"after", "erase_after", "skip_processing", "read_only", "masking_strategy_override", "partitioning"}
    | {"namespace"},
    "field": {"references", "identity", "primary_key", "data_type", "length", "read_only", "return_all_elements"}
    | {"masking_strategy_override", "custom_request_field", "redact", "may_name_others"},
}
"""What may stand under `fides_meta`, ours included."""


def unknown_members(text: str) -> list[Problem]:
    """Each member of the file that nothing reads, with its place; of a file that `load` takes."""
    entries = parsed(text)["dataset"]
    return [found for entry in ([entries] if isinstance(entries, Mapping) else entries) for found in _dataset(entry)]


def _dataset(entry: Mapping[str, Any]) -> Iterator[Problem]:
    key = entry["fides_key"]
    yield from _strangers("dataset", entry, key)
    for collection in entry["collections"]:
        place = f"{key}:{collection['name']}"
        yield from _strangers("collection", collection, place)
        yield from _fields(collection, f"{place}/")


def _fields(body: Mapping[str, Any], above: str) -> Iterator[Problem]:
    for field in body.get("fields") or ():
        place = f"{above}{field['name']}"
        yield from _strangers("field", field, place)
        yield from _fields(field, f"{place}.")


def _strangers(kind: str, body: Mapping[str, Any], place: str) -> Iterator[Problem]:
    found = [str(name) for name in body if name not in MEMBERS[kind]]
    for meta in (body.get("fides_meta"), body.get("fidesops_meta")):
        found += [f"fides_meta.{name}" for name in meta or () if name not in META[kind]]
    for name in found:
        yield Problem(place, "unknown_member", f"`{name}` is not known and has no effect.")
