"""Everything that must stand before the service starts, in one process.

`python -m deploy.local.prepare`: keys, migrations, cache table, grants and queue as the owner of the schema, then
static files and the demo as the app role. Each step may be repeated. One process instead of six commands saves
some seconds of imports at every start.
"""

import hashlib
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import django
from django.conf import settings
from django.core.management import call_command, get_commands
from django.db import connection

from gdpr_portal.settings import database


def keys() -> None:
    if "keys" in get_commands():
        call_command("keys", "init")


def migrate() -> None:
    call_command("migrate", interactive=False, verbosity=0)


def cache_table() -> None:
    call_command("createcachetable", verbosity=0)


def grants() -> None:
    call_command("provision_roles")


def static_files() -> None:
    """`STATIC_ROOT` holds today's static files; nothing is done while their names, sizes and times are the same."""
    from django.contrib.staticfiles.finders import get_finders

    stamp = Path(settings.STATIC_ROOT).with_name("static.stamp")
    seen = hashlib.sha256()
    for finder in get_finders():
        for path, storage in finder.list([]):
            status = Path(storage.path(path)).stat()
            seen.update(f"{path} {status.st_size} {status.st_mtime_ns}\n".encode())
    manifest = Path(settings.STATIC_ROOT) / "staticfiles.json"
    if manifest.exists() and stamp.exists() and stamp.read_text() == seen.hexdigest():
        return
    call_command("collectstatic", interactive=False, verbosity=0, clear=True)
    stamp.write_text(seen.hexdigest())


def demo() -> None:
    """The demo people, applications and catalogue stand, made with the rights of the app role alone."""
    if "demo" not in get_commands():
        print("demo: there is no such command", flush=True)
        return
    connection.close()
    connection.settings_dict.update(database(settings.DATABASE_URL))
    call_command("demo")


STEPS: dict[str, Callable[[], None]] = {
    "keys": keys,
    "migrations": migrate,
    "cache table": cache_table,
    "grants": grants,
    "static files": static_files,
    "demo": demo,
}


def main() -> int:
    """Every step is done; 1 after the first that failed, which is named."""
    django.setup()
    for name, step in STEPS.items():
        began = time.monotonic()
        try:
            step()
        except Exception as error:
            print(f"{name}: failed ({type(error).__name__}: {error})", flush=True)
            if os.environ.get("LOCAL_TRACEBACK"):
                raise
            return 1
        print(f"{name}: {time.monotonic() - began:.1f} s", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
