"""A hook of mkdocs (`make docs`): pages that lie beside what they are about become part of the site.

The files of `docs/` are read on a code host as well, so their links to the outside go there; in the site they lead to
the copy.
"""

import re
from html import escape, unescape
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files

ROOT = Path(__file__).resolve().parents[1]
OUTSIDE = {
    "clients/python/README.md": "client.md",
    "clients/conformance/README.md": "conformance.md",
    "CHANGELOG.md": "changelog.md",
    "SECURITY.md": "security.md",
}
"""File of the repository -> page of the site."""
TABLE = re.compile(r"<table>.*?</table>", re.DOTALL)
HEAD = re.compile(r"<th[^>]*>(.*?)</th>", re.DOTALL)
ROW = re.compile(r"<tr>.*?</tr>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The files from outside `docs/` are among the pages."""
    for source, page in OUTSIDE.items():
        files.append(File.generated(config, page, content=inward((ROOT / source).read_text("utf-8"), source)))
    return files


def on_page_markdown(markdown: str, **about: Any) -> str:
    """Links of `docs/` to files outside lead to their pages."""
    for source, page in OUTSIDE.items():
        markdown = re.sub(rf"\]\((?:\.\./)+{re.escape(source)}", f"]({page}", markdown)
    return markdown


def on_page_content(html: str, **about: Any) -> str:
    """Cells are named by their column, so that on a phone a row can be read as a card (docs/site.css)."""
    return TABLE.sub(lambda found: _labelled(found[0]), html)


def _labelled(table: str) -> str:
    names = [escape(unescape(TAG.sub("", each)).strip(), quote=True) for each in HEAD.findall(table)]
    return ROW.sub(lambda row: _row(row[0], names), table)


def _row(row: str, names: list[str]) -> str:
    waiting = iter(names)
    return re.sub(r"<td(?=[ >])", lambda cell: f'<td data-label="{next(waiting, "")}"', row)


def inward(text: str, source: str) -> str:
    """The links of a file from outside, as its page needs them: those into `docs/` lose the folder."""
    up = r"(?:\.\./)*"
    text = re.sub(rf"\]\({up}docs/", "](", text)
    return re.sub(rf"\]\({up}({'|'.join(map(re.escape, OUTSIDE))})", lambda found: f"]({OUTSIDE[found[1]]}", text)
