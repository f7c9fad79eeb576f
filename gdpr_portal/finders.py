"""Swagger UI from the installed package: the two files /api/docs needs, without the rest of it."""

from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.base import ContentFile, File
from django.core.files.storage import FileSystemStorage

PREFIX = "docs/swagger-ui/"
FILES = ("swagger-ui-bundle.js", "swagger-ui.css")


def swagger_ui_folder() -> Path:
    """Where `drf_spectacular_sidecar` keeps Swagger UI; the package is not an app, so nothing else of it is served."""
    spec = find_spec("drf_spectacular_sidecar")
    if spec is None or spec.origin is None:
        raise RuntimeError("drf-spectacular-sidecar is not installed")
    return Path(spec.origin).parent / "static" / "drf_spectacular_sidecar" / "swagger-ui-dist"


class WithoutMaps(FileSystemStorage):
    """Files without their `sourceMappingURL` line: the maps are large, and not there."""

    def _open(self, name: str, mode: str = "rb") -> File:
        lines = Path(self.path(name)).read_bytes().split(b"\n")
        return ContentFile(b"\n".join(line for line in lines if b"sourceMappingURL=" not in line[:40]), name=name)


class DocsFinder(BaseFinder):
    """Finds `docs/swagger-ui/*` for collectstatic and `{% static %}`."""

    def __init__(self, app_names: Any = None, *args: Any, **kwargs: Any) -> None:
        self.storage = WithoutMaps(location=swagger_ui_folder())
        self.storage.prefix = PREFIX.rstrip("/")  # type: ignore[attr-defined]

    def check(self, **kwargs: Any) -> list[Any]:
        missing = [name for name in FILES if not self.storage.exists(name)]
        if missing:
            raise RuntimeError(f"drf-spectacular-sidecar lacks {', '.join(missing)}")
        return []

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterator[tuple[str, FileSystemStorage]]:
        return ((name, self.storage) for name in FILES)

    def find(self, path: str, find_all: bool = False, **kwargs: Any) -> Any:
        name = path.removeprefix(PREFIX)
        found = [self.storage.path(name)] if path.startswith(PREFIX) and name in FILES else []
        return found if find_all else (found[0] if found else [])
