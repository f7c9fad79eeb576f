"""Datasets in the Fides format: what stands in which column of somebody else's database.

Pure: text in, `Dataset` out. A file that cannot be meant is refused as a whole, every flaw with its place.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, NamedTuple

import yaml

from erasure.connectors.masking import MaskingInvalid, Strategy
from gdpr_portal.errors import Flaw, Invalid

Direction = Literal["from", "to"]
CATEGORY = re.compile(r"[A-Za-z0-9_<>-]+(\.[A-Za-z0-9_<>-]+)*")
SCALARS = frozenset({"string", "integer", "float", "boolean", "object_id", "object"})


class Address(NamedTuple):
    """A collection of a dataset; written `dataset:collection`."""

    dataset: str
    collection: str

    def __str__(self) -> str:
        return f"{self.dataset}:{self.collection}"


@dataclass(frozen=True)
class Reference:
    """A field holds the same value as a field elsewhere; data flows `from` there, `to` there, or both ways."""

    to: Address
    field: str
    direction: Direction | None


@dataclass(frozen=True)
class Field:
    """One column, or a member of one (`path` by dots)."""

    path: str
    categories: frozenset[str] = frozenset()
    primary_key: bool = False
    identity: str | None = None
    references: tuple[Reference, ...] = ()
    length: int | None = None
    read_only: bool = False
    masking: Strategy | None = None
    may_name_others: bool = False
    nested: bool = False
    members: tuple["Field", ...] = ()

    @property
    def column(self) -> str:
        """The column it lies in."""
        return self.path.partition(".")[0]

    def leaves(self) -> Iterator["Field"]:
        """The scalars under this field, itself when it is one."""
        if not self.members:
            yield self
        for member in self.members:
            yield from member.leaves()


@dataclass(frozen=True)
class Collection:
    """One table."""

    address: Address
    fields: tuple[Field, ...]
    schema: str | None = None
    after: frozenset[Address] = frozenset()
    erase_after: frozenset[Address] = frozenset()
    skip: bool = False
    read_only: bool = False
    masking: Strategy | None = None

    @property
    def table(self) -> str:
        """The table's name without its schema."""
        return self.address.collection.rpartition(".")[2]

    def leaves(self) -> Sequence[Field]:
        """Every scalar field."""
        return self._leaves

    def leaf(self, path: str) -> Field | None:
        """The scalar field of that path."""
        return next((field for field in self._leaves if field.path == path), None)

    @cached_property
    def _leaves(self) -> tuple[Field, ...]:
        return tuple(leaf for field in self.fields for leaf in field.leaves())


@dataclass(frozen=True)
class Dataset:
    """The tables of one database that hold personal data."""

    key: str
    collections: tuple[Collection, ...]


def covers(wanted: str, category: str) -> bool:
    """Whether a category is the wanted one or below it, by dot segments: user.contact is not above user.contacts."""
    return category == wanted or category.startswith(f"{wanted}.")


def load(text: str) -> list[Dataset]:
    """The datasets of a YAML file; Invalid("invalid_dataset") with every flaw and its place."""
    reader = _Reader()
    found = reader.file(parsed(text))
    if not reader.flaws:
        _check_links(found, reader)
    if reader.flaws:
        raise Invalid("invalid_dataset", "The dataset cannot be used.", status=422, errors=reader.flaws)
    return found


def parsed(text: str) -> Any:
    """What the YAML says; Invalid("invalid_dataset") when it is none."""
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"line {mark.line + 1}" if mark else "file"
        raise Invalid(
            "invalid_dataset", "This is not YAML.", status=422, errors=[Flaw(place, "not_yaml", "This is not YAML.")]
        ) from None


class _Reader:
    """Reads and notes what is wrong where, so that one pass tells all."""

    def __init__(self) -> None:
        self.flaws: list[Flaw] = []

    def flaw(self, place: str, code: str, detail: str) -> None:
        self.flaws.append(Flaw(place, code, detail))

    def file(self, body: Any) -> list[Dataset]:
        entries = body.get("dataset") if isinstance(body, Mapping) else None
        if isinstance(entries, Mapping):
            entries = [entries]
        if not isinstance(entries, list) or not entries:
            self.flaw("dataset", "missing", "A file holds a list under `dataset`.")
            return []
        found = [self.dataset(entry, f"dataset[{at}]") for at, entry in enumerate(entries)]
        self.unique([each.key for each in found], "dataset", "fides_key")
        return found

    def unique(self, names: list[str], place: str, what: str) -> None:
        for name in sorted({name for name in names if name and names.count(name) > 1}):
            self.flaw(f"{place}/{name}", "duplicate", f"This {what} stands here twice.")

    def dataset(self, body: Any, place: str) -> Dataset:
        if not isinstance(body, Mapping):
            self.flaw(place, "not_an_object", "A dataset is an object.")
            return Dataset("", ())
        key = self.text(body, "fides_key", place)
        place = key or place
        known = {"dataset": key, "categories": self.categories(body, place), "meta": self.meta(body, place)}
        collections = [
            self.collection(each, f"{place}/collections[{at}]", known)
            for at, each in enumerate(self.listed(body, "collections", place, required=True))
        ]
        self.unique([each.address.collection for each in collections], place, "collection")
        return Dataset(key, tuple(collections))

    def collection(self, body: Any, place: str, above: Mapping[str, Any]) -> Collection:
        if not isinstance(body, Mapping):
            self.flaw(place, "not_an_object", "A collection is an object.")
            return Collection(Address(above["dataset"], ""), ())
        name = self.text(body, "name", place)
        place = f"{above['dataset']}:{name}" if name else place
        meta, inherited = self.meta(body, place), self.categories(body, place) or above["categories"]
        fields = self.fields(body, place, inherited, "")
        schema = _schema(meta) or _schema(above["meta"]) or name.rpartition(".")[0] or None
        return Collection(
            address=Address(above["dataset"], name),
            fields=fields,
            schema=schema,
            after=self.addresses(body, meta, above["meta"], "after", place),
            erase_after=self.addresses(body, meta, {}, "erase_after", place),
            skip=self.flag(meta | _own(body, "skip_processing"), "skip_processing", place),
            read_only=self.flag(meta | _own(body, "read_only"), "read_only", place)
            or self.flag(above["meta"], "read_only", place),
            masking=self.masking(meta | _own(body, "masking_strategy_override"), place, whole_row=True),
        )

    def fields(self, body: Mapping[str, Any], place: str, inherited: frozenset[str], path: str) -> tuple[Field, ...]:
        entries = self.listed(body, "fields", place, required=not path)
        found = [self.field(each, f"{place}/fields[{at}]", inherited, path, place) for at, each in enumerate(entries)]
        self.unique([each.path for each in found], place, "field")
        return tuple(found)

    def field(self, body: Any, place: str, inherited: frozenset[str], above: str, collection: str) -> Field:
        if not isinstance(body, Mapping):
            self.flaw(place, "not_an_object", "A field is an object.")
            return Field("")
        name = self.text(body, "name", place)
        path = f"{above}.{name}" if above else name
        place = f"{collection.partition('/')[0]}/{path}" if name else place
        meta = self.meta(body, place)
        categories = self.categories(body, place) or inherited
        members = self.fields(body, place, categories, path) if body.get("fields") else ()
        self.data_type(meta, place, nested=bool(members))
        return Field(
            path=path,
            categories=categories,
            primary_key=self.flag(meta, "primary_key", place),
            identity=self.optional_text(meta, "identity", place),
            references=self.references(meta, place),
            length=self.length(meta, place),
            read_only=self.flag(meta, "read_only", place),
            masking=self.masking(meta | _own(body, "masking_strategy_override"), place, whole_row=False),
            may_name_others=self.flag(meta, "may_name_others", place),
            nested=bool(above),
            members=members,
        )

    # --- members ----------------------------------------------------------------------------------------------------
    def meta(self, body: Mapping[str, Any], place: str) -> dict[str, Any]:
        """What stands under `fides_meta`, or under its older name."""
        meta = body.get("fides_meta") or body.get("fidesops_meta") or {}
        if not isinstance(meta, Mapping):
            self.flaw(f"{place}/fides_meta", "not_an_object", "`fides_meta` is an object.")
            return {}
        return dict(meta)

    def text(self, body: Mapping[str, Any], member: str, place: str) -> str:
        value = body.get(member)
        if isinstance(value, str) and value:
            return value
        if value is None or value == "":
            self.flaw(f"{place}/{member}", "missing", f"`{member}` is a text that is not empty.")
        else:
            detail = f"`{member}` is a text. YAML takes a bare No, Yes, On, Off, number or date for no text: quote it."
            self.flaw(f"{place}/{member}", "not_a_text", detail)
        return ""

    def optional_text(self, body: Mapping[str, Any], member: str, place: str) -> str | None:
        return self.text(body, member, place) if body.get(member) is not None else None

    def listed(self, body: Mapping[str, Any], member: str, place: str, *, required: bool = False) -> list[Any]:
        value = body.get(member)
        if value is None and not required:
            return []
        if not isinstance(value, list) or (required and not value):
            self.flaw(f"{place}/{member}", "not_a_list", f"`{member}` is a list that is not empty.")
            return []
        return value

    def flag(self, body: Mapping[str, Any], member: str, place: str) -> bool:
        value = body.get(member)
        if value is not None and not isinstance(value, bool):
            self.flaw(f"{place}/{member}", "not_a_boolean", f"`{member}` is true or false.")
        return value is True

    def categories(self, body: Mapping[str, Any], place: str) -> frozenset[str]:
        values = self.listed(body, "data_categories", place)
        for value in values:
            if not isinstance(value, str) or not CATEGORY.fullmatch(value):
                self.flaw(f"{place}/data_categories", "invalid_category", "A category is words joined by dots.")
                return frozenset()
        return frozenset(values)

    def data_type(self, meta: Mapping[str, Any], place: str, *, nested: bool) -> None:
        value = meta.get("data_type")
        if value is None:
            return
        if not isinstance(value, str) or value.removesuffix("[]") not in SCALARS:
            self.flaw(
                f"{place}/data_type", "unknown_data_type", f"One of {', '.join(sorted(SCALARS))}, or a list of it."
            )
        elif nested and value.removesuffix("[]") != "object":
            self.flaw(f"{place}/data_type", "not_an_object_type", "A field with fields of its own is an object.")

    def length(self, meta: Mapping[str, Any], place: str) -> int | None:
        value = meta.get("length")
        if value is None:
            return None
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            self.flaw(f"{place}/length", "invalid_length", "`length` is a whole number above 0.")
            return None
        return value

    def masking(self, meta: Mapping[str, Any], place: str, *, whole_row: bool) -> Strategy | None:
        body = meta.get("masking_strategy_override")
        if body is None:
            return None
        place = f"{place}/masking_strategy_override"
        try:
            strategy = Strategy.from_override(body)
        except MaskingInvalid as error:
            self.flaw(place, "invalid_masking", str(error))
            return None
        if strategy.name == "delete" and not whole_row:
            self.flaw(place, "invalid_masking", "A row is deleted, not a field.")
        return strategy

    def references(self, meta: Mapping[str, Any], place: str) -> tuple[Reference, ...]:
        entries = self.listed(meta, "references", place)
        found = [self.reference(each, f"{place}/references[{at}]") for at, each in enumerate(entries)]
        return tuple(each for each in found if each is not None)

    def reference(self, body: Any, place: str) -> Reference | None:
        if not isinstance(body, Mapping):
            self.flaw(place, "not_an_object", "A reference is an object.")
            return None
        dataset, target = self.text(body, "dataset", place), self.text(body, "field", place)
        direction = body.get("direction")
        if direction not in {None, "from", "to"}:
            self.flaw(f"{place}/direction", "invalid_direction", "`from`, `to`, or nothing for both.")
        collection, dot, path = target.partition(".")
        if target and not (dot and collection and path):
            self.flaw(f"{place}/field", "invalid_reference", "A reference is written `collection.field`.")
            return None
        return Reference(Address(dataset, collection), path, direction)

    def addresses(
        self, body: Mapping[str, Any], meta: Mapping[str, Any], above: Mapping[str, Any], member: str, place: str
    ) -> frozenset[Address]:
        found = set()
        for source in (body, meta, above):
            for value in self.listed(source, member, place):
                dataset, dot, collection = str(value).partition(".")
                if source is above and not dot:
                    found.add(Address(dataset, "*"))
                elif not (dot and dataset and collection):
                    self.flaw(f"{place}/{member}", "invalid_collection_key", "Written `dataset.collection`.")
                else:
                    found.add(Address(dataset, collection))
        return frozenset(found)


def _own(body: Mapping[str, Any], member: str) -> dict[str, Any]:
    return {member: body[member]} if body.get(member) is not None else {}


def _schema(meta: Mapping[str, Any]) -> str | None:
    """The schema of a namespace, by the names its dialects give it."""
    namespace = meta.get("namespace")
    if not isinstance(namespace, Mapping):
        return None
    named = (namespace.get(name) for name in ("schema", "schema_name", "dataset_id"))
    return next((str(name) for name in named if name), None)


def _check_links(datasets: list[Dataset], reader: _Reader) -> None:
    """References and orders inside one file lead somewhere; to other files they are looked at when a request runs."""
    known = {each.address: each for dataset in datasets for each in dataset.collections}
    keys = {dataset.key for dataset in datasets}
    for collection in known.values():
        for field in collection.leaves():
            for reference in field.references:
                _check_reference(f"{collection.address}/{field.path}", reference, known, keys, reader)
        for address in collection.after | collection.erase_after:
            if address.dataset in keys and address.collection != "*" and address not in known:
                reader.flaw(str(collection.address), "unknown_collection", f"There is no collection {address}.")


def _check_reference(
    place: str, reference: Reference, known: Mapping[Address, Collection], keys: set[str], reader: _Reader
) -> None:
    if reference.to.dataset not in keys:
        return
    target = known.get(reference.to)
    if target is None:
        reader.flaw(place, "unknown_collection", f"There is no collection {reference.to}.")
    elif target.leaf(reference.field) is None:
        reader.flaw(place, "unknown_field", f"There is no field {reference.field} in {reference.to}.")
