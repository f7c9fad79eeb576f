"""The files of an archive: JSON, CSV, a readable page, and a manifest with their hashes, signed.

Names are fixed and hold nothing of the person. A cell that a spreadsheet would run is preceded by an apostrophe
(OWASP ASVS 1.2.10); the JSON copy stays verbatim.
"""

import csv
import hashlib
import io
import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from django.conf import settings
from django.template.loader import render_to_string
from django.utils import translation
from zipstream import ZIP_DEFLATED, ZipStream

from erasure.archives.readable import readable
from erasure.services.places import PREFIX
from erasure.services.sources import Source, files_of
from vault.signing import sign_jws

TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
NAME = re.compile(r"[a-z0-9_]+")


def archive_files(
    content: Mapping[str, Any], *, language: str, answers: Mapping[Source, Mapping[str, Any]] | None = None
) -> dict[str, bytes]:
    """The files by their path: `data.json`, `index.html`, `csv/*.csv`, `manifest.json`, `manifest.jws`.

    And a folder for each of those who answered: `sources/KIND-NAME/answer.json`, word for word, and what came with it.
    """
    found = {each: words for each, words in (answers or {}).items() if words}
    files = {
        "data.json": _json(content),
        "index.html": _page(content, language, found),
        **{f"csv/{name}.csv": _csv(rows) for name, rows in _tables(content, found)},
        **{f"{each.folder}/answer.json": _json(words) for each, words in found.items()},
        **{f"{each.folder}/{name}": data for each in found for name, data in files_of(each).items()},
    }
    manifest = json.dumps({"format": content["format"], "files": _hashes(files)}, indent=2, sort_keys=True).encode()
    signature = sign_jws(manifest, typ="archive-manifest+jws", detached=True).encode()
    return files | {"manifest.json": manifest, "manifest.jws": signature}


def _json(value: Any) -> bytes:
    """As people read it; what no UTF-8 can hold (half of a surrogate pair) is escaped as JSON has it."""
    try:
        return json.dumps(value, indent=2, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return json.dumps(value, indent=2).encode()


def _hashes(files: Mapping[str, bytes]) -> list[dict[str, Any]]:
    return [
        {"path": path, "sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
        for path, data in sorted(files.items())
    ]


def _page(content: Mapping[str, Any], language: str, found: Mapping[Source, Mapping[str, Any]]) -> bytes:
    with translation.override(language):
        context: dict[str, Any] = {"content": content, "controller": settings.CONTROLLER, "language": language}
        context |= {"LANGUAGE_BIDI": translation.get_language_bidi(), **readable(content, language, found)}
        return render_to_string("erasure/archive.html", context).encode("utf-8", "replace")


def _tables(
    content: Mapping[str, Any], found: Mapping[Source, Mapping[str, Any]]
) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Every list of rows in the data, by section and name; those of connectors stand in the data already."""
    others = {
        f"{each.kind} {each.step.target.removeprefix(PREFIX)}": words
        for each, words in found.items()
        if each.kind != "connector"
    }
    for section, body in [*content.get("data", {}).items(), *others.items()]:
        tables = body if isinstance(body, Mapping) else {"": body}
        for name, rows in tables.items():
            if isinstance(rows, list) and rows and all(isinstance(row, Mapping) for row in rows):
                yield "_".join(NAME.findall(f"{section} {name}".lower())), [dict(row) for row in rows]
    if content.get("accesses"):
        yield "accesses", content["accesses"]


def _csv(rows: list[dict[str, Any]]) -> bytes:
    columns = list(dict.fromkeys(column for row in rows for column in row))
    text = io.StringIO()
    writer = csv.writer(text, quoting=csv.QUOTE_ALL)
    writer.writerow(columns)
    writer.writerows([_cell(row.get(column)) for column in columns] for row in rows)
    return text.getvalue().encode("utf-8", "replace")


def _cell(value: Any) -> str:
    text = "" if value is None else value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return f"'{text}" if text.startswith(TRIGGERS) else text


def zipped(files: Mapping[str, bytes]) -> Iterator[bytes]:
    """The ZIP of the files, as a stream."""
    stream = ZipStream(compress_type=ZIP_DEFLATED)
    for path, data in files.items():
        stream.add(data, path)
    yield from stream
