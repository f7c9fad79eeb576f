"""Where other people may stand in an archive (Art. 15(4), 20(4)), and what stands there once a reviewer decided.

Only what the catalogue, a dataset or a place run by hand marks `may_name_others` is found, and what
the desk noted for colleagues: a plain field never waits. What a person wrote to us, or we to them, is no such text:
they have it already.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any
from uuid import UUID

from django.conf import settings
from django.utils import translation
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from consent.models import Component
from erasure.archives.answers import Answers, Way, put
from erasure.models import CheckedText, Connector, PlaceTask
from erasure.services.connectors import members, read_datasets
from erasure.services.places import PREFIX
from erasure.services.sources import Source, attachments
from subjects.holdings import Rows

WHY: Mapping[str, Any] = {
    "another_person": gettext_lazy("about somebody else"),
    "confidence": gettext_lazy("it shows who told us in confidence"),
    "secret": gettext_lazy("a business secret"),
}


@dataclass(frozen=True)
class Candidate:
    """A text to be looked at: whose answer it stands in, under which marked field, and every way to it.

    Ways lead from a section of the person's own data, or from the name of who answered. Of a file `text` is its name
    in the archive, and `file` its row.
    """

    source: str
    field: str
    text: str
    ways: tuple[Way, ...]
    file: UUID | None = None

    @property
    def key(self) -> tuple[Any, ...]:
        """The same words under the same field are one text, whoever holds them: decided once."""
        return (self.field, self.text, self.file)


def label_of(source: Source) -> str:
    """How the queue, the log and `data.json` name one of those asked."""
    return f"{source.kind}:{source.step.target.removeprefix(PREFIX)}"


# --- finding --------------------------------------------------------------------------------------------------------
def marked_fields() -> frozenset[str]:
    """The fields in which the catalogue says that others may stand."""
    return frozenset(Component.objects.filter(may_name_others=True).values_list("slug", flat=True))


def candidates(own: Mapping[str, Any], answers: Answers, marked: frozenset[str]) -> list[Candidate]:
    """Every text in marked fields of the person's own data and of what others answered, each once."""
    found = _comments(own) + (_own(own, marked) if marked else [])
    for source, words in answers.items():
        if source.kind == "connector":
            found += _by_dataset(source, words)
        elif source.kind == "place":
            found += _by_hand(source, words)
        elif marked:
            found += _by_name(label_of(source), words, marked, (label_of(source),))
    return _each_once(found)


def _each_once(found: Sequence[Candidate]) -> list[Candidate]:
    alike: dict[tuple[Any, ...], list[Candidate]] = {}
    for each in found:
        alike.setdefault(each.key, []).append(each)
    return [replace(first, ways=sum((each.ways for each in (first, *more)), ())) for first, *more in alike.values()]


def _comments(own: Mapping[str, Any]) -> list[Candidate]:
    """What the desk noted about the person, who has never seen it."""
    rows = enumerate(own.get("cases", {}).get("comments", []))
    return [Candidate("cases", "comment", row["text"], (("cases", "comments", at, "text"),)) for at, row in rows]


def _own(own: Mapping[str, Any], marked: frozenset[str]) -> list[Candidate]:
    """The person's values, and what applications answered to notices, which stands in the record of them."""
    rows = enumerate(own.get("values", {}).get("values", []))
    found = [
        Candidate("values", row["field"], row["value"], (("values", "values", at, "value"),))
        for at, row in rows
        if row["field"] in marked
    ]
    for at, row in enumerate(own.get("deliveries", {}).get("told", [])):
        for name in ("data", "evidence"):
            found += _by_name("deliveries", row[name], marked, ("deliveries", "told", at, name))
    return found


def _by_name(label: str, words: Any, marked: frozenset[str], way: Way) -> Iterator[Candidate]:
    """What stands under the name of a marked field, however deep."""
    for name, part in _parts(words):
        if name in marked:
            for below, text in _texts(part, (*way, name)):
                yield Candidate(label, str(name), text, (below,))
        else:
            yield from _by_name(label, part, marked, (*way, name))


def _by_dataset(source: Source, words: Mapping[str, Any]) -> Iterator[Candidate]:
    """What a connector read from a marked field."""
    label = label_of(source)
    rows = Connector.objects.filter(name__in=members(source.step)).order_by("name")
    known = read_datasets([text for row in rows for text in row.datasets])
    for each in (each for dataset in known for each in dataset.collections if words.get(str(each.address))):
        name = str(each.address)
        for path in (leaf.path for leaf in each.leaves() if leaf.may_name_others):
            for way, value in _along(words[name], path.split("."), (label, name)):
                for below, text in _texts(value, way):
                    yield Candidate(label, f"{name}.{path}"[:200], text, (below,))


def _along(value: Any, path: Sequence[str], way: Way) -> Iterator[tuple[Way, Any]]:
    """The members at the end of the path; a list on the way means each of its items."""
    if isinstance(value, list | Rows):
        for at, part in enumerate(value):
            yield from _along(part, path, (*way, at))
    elif not path:
        yield way, value
    elif isinstance(value, Mapping) and path[0] in value:
        yield from _along(value[path[0]], path[1:], (*way, path[0]))


def _by_hand(source: Source, words: Mapping[str, Any]) -> Iterator[Candidate]:
    """The words and files of a place whose answers may name others."""
    task = PlaceTask.objects.filter(step=source.step, place__may_name_others=True).first()
    if task is None or source.row is None:
        return
    label = label_of(source)
    if words.get("text"):
        yield Candidate(label, "text", words["text"], ((label, "text"),))
    for at, (name, file) in enumerate(attachments(source.row)):
        yield Candidate(label, "file", name, ((label, "attachments", at),), file.id)


def _texts(value: Any, way: Way) -> Iterator[tuple[Way, str]]:
    if isinstance(value, str):
        yield way, value
    for name, part in _parts(value):
        yield from _texts(part, (*way, name))


def _parts(value: Any) -> Iterator[tuple[str | int, Any]]:
    if isinstance(value, Mapping):
        yield from value.items()
    elif isinstance(value, list):
        yield from enumerate(value)


# --- withholding ----------------------------------------------------------------------------------------------------
def without(text: str, passages: Sequence[str], mark: str) -> tuple[str, int]:
    """The text with the mark for each of the passages, and how often; without passages the mark alone stands there."""
    if not passages:
        return mark, 1
    pattern = "|".join(re.escape(each) for each in sorted(passages, key=len, reverse=True))
    return re.subn(pattern, lambda _found: mark, text)


@dataclass(frozen=True)
class Withheld:
    """What a reviewer decided to withhold from an archive, in the language of its person."""

    rows: Mapping[Candidate, tuple[CheckedText, Sequence[str]]]
    article: str
    language: str

    def apply(self, own: dict[str, Any], answers: Answers) -> None:
        """In these copies of what is held, the marks stand for what is withheld; nothing else is changed."""
        sources = {label_of(source): source for source in answers}
        connected = {label: answers[each] for label, each in sources.items() if each.kind == "connector"}
        roots: dict[Any, Any] = own | connected
        long: dict[tuple[Any, Any], list[tuple[Way, str]]] = {}
        for way, text in [(way, self._text(each)) for each in self.rows for way in each.ways]:
            root, name, *_below = way
            if root not in roots:
                answers.change(sources[str(root)], [(way[1:], text)])
            elif isinstance(roots[root].get(name), Rows):
                long.setdefault((root, name), []).append((way, text))
            else:
                put(roots, way, text)
        for (root, name), those in long.items():
            roots[root][name] = _changed(roots[root][name], those)

    def _text(self, each: Candidate) -> str:
        row, passages = self.rows[each]
        mark = self.mark(row.reason)
        return f"{each.text}: {mark}" if each.file else without(each.text, passages, mark)[0]

    @cached_property
    def files(self) -> dict[UUID, str]:
        """What stands instead of each file that is withheld."""
        return {each.file: self.mark(row.reason) for each, (row, _passages) in self.rows.items() if each.file}

    def mark(self, reason: str) -> str:
        """What stands in the place of a passage."""
        with translation.override(self.language):
            return _("[withheld: %(why)s, %(article)s]") % {"why": WHY[reason], "article": self.article}

    def told(self) -> dict[str, Any]:
        """How much is withheld where and why, and how to complain (Art. 12(4)); nothing when nothing is."""
        if not self.rows:
            return {}
        rows = [row for row, _passages in self.rows.values()]
        with translation.override(self.language):
            why = _(
                "In the places marked “withheld” something was left out, since handing it out would adversely affect "
                "the rights of others (%(article)s GDPR). What we hold is unchanged."
            ) % {"article": self.article}
            complaint = _("If you think that is wrong, write to us, or complain to %(authority)s (%(address)s).") % {
                "authority": settings.CONTROLLER["authority"], "address": settings.CONTROLLER["authority_url"],
            }  # fmt: skip
        items = [{"source": row.source, "field": row.field, "places": row.places, "reason": row.reason} for row in rows]
        places = sum(row.places for row in rows)
        return {
            "withheld": {"places": places, "article": self.article, "why": why, "complaint": complaint, "items": items}
        }


def _changed(rows: Rows, changes: Sequence[tuple[Way, str]]) -> Rows:
    """The long table with these texts in it, still read row by row."""
    of_row: dict[str | int, list[tuple[Way, str]]] = {}
    for (_section, _table, at, *way), text in changes:
        of_row.setdefault(at, []).append((tuple(way), text))

    def read() -> Iterator[dict[str, Any]]:
        for at, row in enumerate(rows):
            for way, text in of_row.get(at, ()):
                put(row, way, text)
            yield row

    return Rows(read, seen=rows.seen())
