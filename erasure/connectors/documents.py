"""Members of a JSON document in one column, named by a path of dots; a list on the way means each of its items."""

import json
from collections.abc import Callable
from typing import Any


def opened(value: Any) -> Any:
    """The document, whether the driver hands it as text or read."""
    if not isinstance(value, str | bytes):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def is_unreadable(value: Any) -> bool:
    """Whether a column that should hold a document holds other text: nobody can say what of it is whose."""
    if not isinstance(value, str | bytes) or not value.strip():
        return False
    try:
        json.loads(value)
    except ValueError:
        return True
    return False


def picked(document: Any, paths: list[str]) -> Any:
    """The document with nothing but these members."""
    if isinstance(document, list):
        return [picked(each, paths) for each in document]
    if not isinstance(document, dict):
        return None
    found = {}
    for name in dict.fromkeys(path.partition(".")[0] for path in paths):
        below = [path.partition(".")[2] for path in paths if path.partition(".")[0] == name]
        if name in document:
            found[name] = document[name] if "" in below else picked(document[name], below)
    return found


def changed(document: Any, path: str, mask: Callable[[Any], Any]) -> Any:
    """The document with this member masked; one that is not there is not made."""
    if isinstance(document, list):
        return [changed(each, path, mask) for each in document]
    name, _dot, rest = path.partition(".")
    if not isinstance(document, dict) or name not in document:
        return document
    inner = document[name]
    return {**document, name: changed(inner, rest, mask) if rest else _masked(inner, mask)}


def _masked(value: Any, mask: Callable[[Any], Any]) -> Any:
    return [mask(each) for each in value] if isinstance(value, list) else mask(value)
