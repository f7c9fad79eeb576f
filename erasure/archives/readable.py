"""The archive's own page: the same content as `data.json`, with titles, dates and states in the person's language."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from itertools import islice, takewhile
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils.formats import date_format
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from access.models import Application
from consent.models import Purpose, Recipient
from consent.pages import field_names
from consent.wording import country, title_in
from erasure.archives.others import WHY
from erasure.archives.tables import ON_PAGE, first_of, is_table, length_of, path_of
from erasure.archives.words import BLOCKS, COLUMNS, SECTIONS, VALUES
from erasure.services.places import PREFIX
from erasure.services.sources import Source
from erasure.words import SOURCE_STATES
from gdpr_portal.formats.zones import controllers_zone
from subjects.holdings import Rows
from subjects.looks import seen_in_words

WITHOUT_WORDS = {"values": {"field"}, "applications": {"application"}}
"""Columns another one beside them says in words."""
MOST_COLUMNS = 7
"""A table with more is shown row by row."""
LOOKED_BY = {"staff": gettext_lazy("our staff"), "representative": gettext_lazy("who acts in your name")}
"""Who is told by what they are to the person, not by name."""
IN_SECTION, IN_ANSWER, IN_CELL = 2_000_000, 100_000, 20_000
"""So many letters a section has on the page, what one of those asked has answered, and one value."""


@dataclass(frozen=True)
class Block:
    """A table, under a title of its own if it needs one."""

    title: Any
    columns: list[Any]
    rows: list[list[str]]
    total: int = 0
    file: str = ""
    """Where all of its `total` rows are; the page has the first ones of a long table."""
    is_shortened: bool = False
    """Whether long values stand here with their beginning only."""

    @property
    def labelled(self) -> list[list[tuple[str, str]]]:
        """Its rows, each cell behind the name of its column."""
        names = [str(column) for column in self.columns]
        return [list(zip(names, row, strict=True)) for row in self.rows]

    @property
    def is_cut(self) -> bool:
        """Whether there are more rows than stand here."""
        return self.total > len(self.rows) or self.is_shortened

    @property
    def is_wide(self) -> bool:
        """Whether its rows are easier to read one below the other."""
        return len(self.columns) > MOST_COLUMNS


@dataclass(frozen=True)
class Section:
    """What one Holding gave out."""

    title: Any
    blocks: list[Block]

    @property
    def entries(self) -> int:
        """How many rows its tables have together."""
        return sum(max(block.total, len(block.rows)) for block in self.blocks)


class _Room:
    """How many letters a part of the page may still have."""

    def __init__(self, left: int) -> None:
        self.left = left
        self.shortened = 0

    def take(self, text: str) -> str:
        """As much of the text as there is room for."""
        shown = text[: min(self.left, IN_CELL)]
        self.left -= len(shown)
        if len(shown) == len(text):
            return text
        self.shortened += 1
        return f"{shown}…"


class Reader:
    """Turns the values of an archive into words of one language."""

    def __init__(self, language: str) -> None:
        self.language = language
        purposes = Purpose.objects.values_list("slug", "titles")
        self.names: dict[str, dict[str, str]] = {
            "purpose": {slug: title_in(titles, language) for slug, titles in purposes},
            "field": field_names(language),
            "recipient": dict(Recipient.objects.values_list("slug", "name")),
            "application": dict(Application.objects.values_list("slug", "name")),
        }

    def sections(self, data: Mapping[str, Any]) -> list[Section]:
        """Every section that holds something, in the order of the archive."""
        found = [
            Section(SECTIONS.get(name, plain(name)), list(self._blocks(name, body, _Room(IN_SECTION))))
            for name, body in data.items()
        ]
        return [section for section in found if section.blocks]

    def answer(self, source: Source, words: Mapping[str, Any]) -> Section:
        """What somebody who was asked has answered, under their name."""
        files, whole = f"{source.kind} {source.step.target.removeprefix(PREFIX)}", f"{source.folder}/answer.json"
        blocks = list(self._blocks("", words, _Room(IN_ANSWER), files, whole))
        return Section(_("From %(name)s") % {"name": source.name}, blocks)

    def _blocks(
        self, section: str, body: Any, room: _Room, files: str = "", whole: str = "data.json"
    ) -> Iterator[Block]:
        parts = body if isinstance(body, Mapping) else {section: body}
        tables = {name: value for name, value in parts.items() if isinstance(value, list | Rows)}
        facts = {name: value for name, value in parts.items() if name not in tables and value is not None}
        for name, rows in tables.items():
            if rows and is_table(rows):
                file = path_of(files or section, name if isinstance(body, Mapping) else "")
                yield self._table(section, name, rows, room, file)
            elif rows:
                yield self._list(section, name, rows, room, whole)
        if facts:
            before = room.shortened
            told = [
                [str(COLUMNS.get(name, plain(name))), room.take(self.words(section, name, facts[name]))]
                for name in facts
            ]
            yield Block("", [], told, file=whole, is_shortened=room.shortened > before)

    def _list(self, section: str, name: str, rows: Any, room: _Room, file: str) -> Block:
        before = room.shortened
        told = [[room.take(self.words(section, name, row))] for row in self._as_long_as(room, rows)]
        title, total = BLOCKS.get(name, plain(name)), length_of(rows)
        return Block(title, [], told, total, file, is_shortened=room.shortened > before)

    @staticmethod
    def _as_long_as(room: _Room, rows: Any) -> Iterator[Any]:
        """The first rows, one at a time, until the room is taken."""
        return takewhile(lambda _row: room.left > 0, islice(rows, ON_PAGE))

    def _table(self, section: str, name: str, rows: Any, room: _Room, file: str) -> Block:
        before, hidden = room.shortened, WITHOUT_WORDS.get(section, set())
        told: list[dict[str, str]] = []
        for row in self._as_long_as(room, rows):
            filled = [column for column in row if column not in hidden and row[column] not in (None, "", [])]
            told.append({column: room.take(self.words(section, column, row[column])) for column in filled})
        columns = list(dict.fromkeys(column for row in told for column in row))
        cells = [[row.get(column, "") for column in columns] for row in told]
        titles = [COLUMNS.get(column, plain(column)) for column in columns]
        is_shortened = room.shortened > before
        return Block(BLOCKS.get(name, ""), titles, cells, length_of(rows), file, is_shortened)

    def words(self, section: str, column: str, value: Any) -> str:
        """One value as it is read: dates by locale, codes by their words, lists with commas."""
        if value is None:
            return ""
        if isinstance(value, bool):
            return _("yes") if value else _("no")
        if isinstance(value, Mapping):
            return "; ".join(
                f"{self._label(key)}: {self.words(section, key, each)}" for key, each in value.items() if each
            )
        if isinstance(value, list):
            return ", ".join(self.words(section, column.removesuffix("s"), each) for each in value)
        return self._word(section, column, str(value))

    def _label(self, key: str) -> str:
        """What a member of a value is called: as a column is, or as the field it names."""
        return str(COLUMNS.get(key) or self.names["field"].get(key) or plain(key))

    def _word(self, section: str, column: str, value: str) -> str:
        if column in self.names:
            return self.names[column].get(value, value)
        if column == "country":
            return country(value, self.language)
        if column in {"language", "notice_language"}:
            return str(dict(settings.LANGUAGES).get(value, value))
        if (section, column) == ("rights_requests", "reason"):
            return render_to_string("erasure/reason.html", {"reason": value}).strip()
        known = VALUES.get((section, column), {})
        return str(known[value]) if value in known else self._moment(column, value)

    def _moment(self, column: str, value: str) -> str:
        return moment(value) if column.endswith(("_at", "_date")) or column in {"at", "since", "until"} else value


def moment(value: str) -> str:
    """An ISO 8601 moment or day by locale, in the controller's time zone; anything else as it is."""
    try:
        if len(value) == len("2026-01-31"):
            return date_format(date.fromisoformat(value))
        at = datetime.fromisoformat(value).astimezone(controllers_zone())
    except ValueError:
        return value
    return date_format(at, "DATETIME_FORMAT")


def plain(name: str) -> str:
    """A name without its underscores, for what nobody has put into words yet."""
    return name.replace("_", " ").capitalize()


def readable(
    content: Mapping[str, Any], reader: Reader, found: Mapping[Source, Mapping[str, Any]] | None = None
) -> dict[str, Any]:
    """What the page shows beside `content`: sections, those asked and their answers, accesses, purposes, recipients."""
    own = {name: body for name, body in content["data"].items() if not name.startswith("connector ")}
    others = [reader.answer(each, words) for each, words in (found or {}).items() if words]
    info = content.get("information") or {}
    bases, accesses = dict(Purpose.Basis.choices), content.get("accesses", [])
    sections = [*reader.sections(own), *others]
    return {
        "made_at": moment(content["made_at"]),
        "sections": sections,
        "is_cut": length_of(accesses) > ON_PAGE or any(block.is_cut for part in sections for block in part.blocks),
        "asked": [_asked(row) for row in content.get("sources", [])],
        "withheld": [_left_out(reader, row, content) for row in content.get("withheld", {}).get("items", [])],
        "purposes": [row | {"basis": bases.get(row["lawful_basis"], "")} for row in info.get("purposes", [])],
        "recipients": [_recipient(reader, row) for row in info.get("recipients", [])],
        "accesses": [_access(reader, row) for row in first_of(accesses)],
        "accesses_count": length_of(accesses),
        "accesses_file": path_of("", "accesses"),
    }


def _asked(row: Mapping[str, Any]) -> dict[str, str]:
    when = moment(row["answered_at"]) if row["answered_at"] else ""
    return {"name": row["name"], "state": str(SOURCE_STATES[row["state"]]), "when": when, "folder": row["folder"] or ""}


def _left_out(reader: Reader, row: Mapping[str, Any], content: Mapping[str, Any]) -> dict[str, Any]:
    names = {f"{each['kind']}:{each['source']}": each["name"] for each in content.get("sources", [])}
    source = names.get(row["source"], SECTIONS.get(row["source"], row["source"]))
    return {**row, "source": source, "field": reader.words("", "field", row["field"]), "reason": WHY[row["reason"]]}


def _recipient(reader: Reader, row: Mapping[str, Any]) -> dict[str, Any]:
    where, purposes = reader.words("", "country", row["country"]), reader.words("", "purposes", row["purposes"])
    return {**row, "country": where, "purposes": purposes}


def _access(reader: Reader, row: Mapping[str, Any]) -> dict[str, str]:
    who = str(LOOKED_BY[row["by"]]) if row["by"] in LOOKED_BY else reader.words("", "application", row["by"])
    what = seen_in_words(row["seen"]) if row["seen"] else reader.words("", "fields", row["fields"])
    purpose = reader.words("", "purpose", row["purpose"])
    return {"at": moment(row["at"]), "by": who, "purpose": purpose, "fields": str(what)}
