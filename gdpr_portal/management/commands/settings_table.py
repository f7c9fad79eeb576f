from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from gdpr_portal.env import REQUIRED, VARIABLES, Variable

HEAD = """# Settings

Every variable of the environment that the service reads; made by `manage.py settings_table --write` from
`gdpr_portal/env.py`. A wrong value stops the start and names the variable.

| variable | default | meaning |
| --- | --- | --- |
"""


class Command(BaseCommand):
    help = "The table of settings for docs/settings.md: --write makes it, --check exits 1 when it is out of date."

    def add_arguments(self, parser: Any) -> None:
        parser.add_argument("--write", action="store_true")
        parser.add_argument("--check", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        path, text = settings.BASE_DIR / "docs" / "settings.md", table()
        if options["write"]:
            path.write_text(text)
        elif options["check"]:
            if path.read_text() != text:
                raise CommandError("docs/settings.md is out of date: run `manage.py settings_table --write`.")
        else:
            self.stdout.write(text)


def table() -> str:
    """The whole page; defaults that are folders are said relative to RUN_DIR."""
    return HEAD + "".join(_line(variable) for _name, variable in sorted(VARIABLES.items()))


def _line(variable: Variable) -> str:
    return f"| `{variable.name}` | {_default(variable)} | {variable.meaning} |\n"


def _default(variable: Variable) -> str:
    if variable.default is REQUIRED:
        return "must be set"
    if variable.name in PROFILE_DEPENDENT:
        return PROFILE_DEPENDENT[variable.name]
    text = str(variable.default).replace(str(settings.RUN_DIR), "RUN_DIR").replace(str(settings.BASE_DIR), ".")
    return f"`{text}`" if text not in {"", "[]"} else "none"


PROFILE_DEPENDENT = {
    "ACCESS_WAIT_SECONDS": "`864000`; `10` in the demo",
    "DATABASE_OWNER_URL": "`DATABASE_URL`",
    "DATABASE_SEQUENCER_URL": "`DATABASE_URL`",
    "HTTPS": "on in staging and production",
    "LOG_FORMAT": "`text` in development, else `json`",
    "PASSKEY_ORIGINS": "`BASE_URL`; `localhost` for a loopback address",
    "PASSKEY_RP_ID": "the host of `BASE_URL`; `localhost` for a loopback address",
    "RUN_DIR": "`./.run`",
    "UNDO_WINDOW_SECONDS": "`86400`; `0` in the demo",
    "WEBHOOK_LOOPBACK_ALLOWED": "on in development only",
}
