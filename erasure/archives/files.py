"""The files of an archive as one ZIP, in flat memory: JSON, CSV, a readable page, and signed manifests over all of it.

Names are fixed and hold nothing of the person. A cell that a spreadsheet would run is preceded by an apostrophe
(OWASP ASVS 1.2.10); the JSON copy stays verbatim. Long tables are gone through once for each file they stand in, and
what others answered is opened one answer after the other.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain
from typing import Any, Final
from uuid import UUID

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from django.utils.translation import gettext as _
from zipstream import ZIP_DEFLATED, ZipStream

from consent.records import safe_cell
from erasure.archives.answers import Answers
from erasure.archives.bag import DECLARATION, Bag, Signed
from erasure.archives.readable import Reader, readable
from erasure.archives.tables import Table, columns_of, is_table, path_of
from erasure.services.places import PREFIX
from erasure.services.sources import Source, files_of
from subjects.holdings import Rows

PIECE_BYTES: Final = 64 * 1024
File = tuple[str, Iterable[bytes]]


def zipped(
    content: Mapping[str, Any],
    *,
    language: str,
    answers: Answers | None = None,
    withheld: Mapping[UUID, str] | None = None,
    reader: Reader | None = None,
) -> Iterator[bytes]:
    """The ZIP of an archive, as a stream: `data.json`, `index.html`, `README.txt`, `csv/*.csv`, `manifest.json`,
    `manifest.jws`, and what makes it a bag (erasure.archives.bag).

    And a folder for each of those who answered: `data/sources/KIND-NAME/answer.json`, word for word, and what came with
    it, but for files that are `withheld`. To be gone through within a transaction, which holds the cursors.
    """
    found = Answers(()) if answers is None else answers
    bag, stream = Bag(), ZipStream(compress_type=ZIP_DEFLATED)
    stream.mkdir("data")
    for path, pieces in chain(
        _contents(content, reader or Reader(language), found, withheld), _manifests(bag, content)
    ):
        stream.add(bag.passing(path, pieces), path)
        yield from stream.all_files()  # each before the next is opened
    yield from stream.footer()


def _contents(
    content: Mapping[str, Any], reader: Reader, found: Answers, withheld: Mapping[UUID, str] | None
) -> Iterator[File]:
    yield "bagit.txt", [DECLARATION]
    yield "README.txt", _later(lambda: _read_me(reader.language))
    yield "data.json", _pieces(json_of(content))
    yield "index.html", _later(lambda: page(content, reader, found))
    for section, body in content.get("data", {}).items():
        yield from _tables(section, body)
    if content.get("accesses"):
        yield from _tables("", {"accesses": content["accesses"]})
    for source in found:
        yield from _answer(source, found[source], withheld)


def _answer(source: Source, words: Mapping[str, Any], withheld: Mapping[UUID, str] | None) -> Iterator[File]:
    """The answer word for word, as tables, and the files that came with it; tables of connectors stand in the data."""
    if not words:
        return
    yield f"{source.folder}/answer.json", _pieces(json_of(words))
    if source.kind != "connector":
        yield from _tables(f"{source.kind} {source.step.target.removeprefix(PREFIX)}", words)
    for name, opened in files_of(source, withheld):
        yield f"{source.folder}/{name}", _later(opened)


def _manifests(bag: Bag, content: Mapping[str, Any]) -> Iterator[File]:
    """In this order, each over what passed before it; none is made before it is asked for."""
    yield "bag-info.txt", bag.info(str(content["request"]))
    yield "manifest-sha256.txt", bag.lines(payload=True)
    every = Signed(bag.manifest(str(content["format"])))
    yield "manifest.json", every.text()
    yield "manifest.jws", every.signature()
    tags = Signed(bag.lines(payload=False))
    yield "tagmanifest-sha256.txt", tags.text()
    yield "tagmanifest-sha256.jws", tags.signature()


def _later(made: Callable[[], bytes]) -> Iterator[bytes]:
    yield made()


def _pieces(texts: Iterable[str]) -> Iterator[bytes]:
    """UTF-8 in pieces of some 64 KiB; half of a surrogate pair, which it cannot hold, as JSON escapes it."""
    held: list[str] = []
    size = 0
    for text in texts:
        held.append(text)
        size += len(text)
        if size >= PIECE_BYTES:
            yield "".join(held).encode("utf-8", "backslashreplace")
            held, size = [], 0
    yield "".join(held).encode("utf-8", "backslashreplace")


def json_of(value: Any, margin: str = "") -> Iterator[str]:
    """The value as people read JSON; of a long table each row is one line."""
    if isinstance(value, Rows):
        yield from _json_rows(value, margin)
    elif isinstance(value, Mapping) and _is_long(value):
        inner = f"{margin}  "
        for number, (name, part) in enumerate(value.items()):
            yield f"{',' if number else '{'}\n{inner}{json.dumps(name, ensure_ascii=False)}: "
            yield from json_of(part, inner)
        yield f"\n{margin}}}"
    else:
        yield json.dumps(value, indent=2, ensure_ascii=False).replace("\n", f"\n{margin}")


def _json_rows(rows: Rows, margin: str) -> Iterator[str]:
    between = "["
    for row in rows:
        yield f"{between}\n{margin}  {json.dumps(row, ensure_ascii=False)}"
        between = ","
    yield "[]" if between == "[" else f"\n{margin}]"


def _is_long(value: Any) -> bool:
    return isinstance(value, Rows) or (isinstance(value, Mapping) and any(map(_is_long, value.values())))


def page(content: Mapping[str, Any], reader: Reader, found: Answers | None = None) -> bytes:
    """The readable page of an archive, with the first rows of its long tables."""
    with translation.override(reader.language):
        context: dict[str, Any] = {"content": content, "controller": settings.CONTROLLER, "language": reader.language}
        context |= {"LANGUAGE_BIDI": translation.get_language_bidi(), **readable(content, reader, found)}
        return render_to_string("erasure/archive.html", context).encode("utf-8", "replace")


def _read_me(language: str) -> bytes:
    """What is what, for whoever opens the folder."""
    with translation.override(language):
        lines = [
            ("index.html", _("Everything in words. Open it in a browser; nothing of it runs or asks the internet.")),
            ("data.json", _("The same for programs, complete.")),
            ("csv/", _("The same as tables, complete.")),
            ("data/", _("What others whom we asked answered, word for word, and the files that came with it.")),
            ("manifest.json", _("What each file is, bound by a signature, so that a change can be seen.")),
        ]
        about = _("The folder is a bag (BagIt, RFC 8493): unpack it into an empty folder to have it checked.")
        return "".join(f"{name:<14} {text}\n" for name, text in [*lines, ("", about)]).encode()


def _tables(section: str, body: Any) -> Iterator[File]:
    """Every list of rows in the section, a file each."""
    for name, rows in (body if isinstance(body, Mapping) else {"": body}).items():
        if is_table(rows):
            yield path_of(section, name), _pieces(_csv(rows))


def _csv(rows: Table) -> Iterator[str]:
    columns = columns_of(rows)
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow([_cell(column) for column in columns])
    for row in rows:
        writer.writerow([_cell(row.get(column)) for column in columns])
        yield text.getvalue()
        text.seek(0)
        text.truncate()


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return safe_cell(text)
