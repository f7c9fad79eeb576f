"""What must be true before a deployment, looked at from where the new version will run (docs/preflight.md)."""

import os
import socket
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from urllib.parse import urlsplit

from django.conf import settings
from django.contrib.staticfiles.finders import get_finders
from django.contrib.staticfiles.storage import ManifestStaticFilesStorage
from django.core import checks as django_checks
from django.db import connection
from django.db.migrations.loader import MigrationLoader
from packaging.markers import default_environment
from packaging.requirements import Requirement

from gdpr_portal import doctor, lifetimes
from gdpr_portal.doctor import Answer, Check
from gdpr_portal.env import VARIABLES
from gdpr_portal.histories import REMEDY, history

EXAMPLES = (
    "CONTROLLER_NAME", "CONTROLLER_ADDRESS", "CONTROLLER_CONTACT", "CONTROLLER_PHONE", "DATA_PROTECTION_OFFICER",
    "MAIL_FROM", "AUDIT_LOG_ORIGIN",
)  # fmt: skip
"""Variables whose default names a controller that is none."""
PLACES = (
    "CONTROLLER_COUNTRY", "CONTROLLER_TIME_ZONE", "CONTROLLER_HOLIDAYS", "SUPERVISORY_AUTHORITY",
    "SUPERVISORY_AUTHORITY_URL",
)  # fmt: skip
"""Variables whose default is right in Berlin alone."""
NEEDED_MEMORY = 300 * 2**20
"""What a web worker has when warm, in bytes, with some room (docs/deployment.md)."""
LOCK = "requirements.txt"


def checklist(*, ci: str = "", coverage: str = "") -> list[Check]:
    """Every check of the list; `ci` is the address of the green run and `coverage` its figure, for the ticket."""
    known = {check.name: check for check in doctor.CHECKS}
    before = [
        Check("python", _python, "A deployment goes wrong"),
        Check("dependencies", _dependencies, "A deployment goes wrong"),
        Check("settings", _settings, "A deployment goes wrong"),
        Check("deploy check", _deploy_check, "A deployment goes wrong"),
        Check("static files", _static_files, "Requests fail"),
        known["profile"],
        Check("endpoints", _endpoints, "The web process is down"),
        Check("ports", _ports, "Processes keep restarting"),
        Check("memory", _memory, "Memory grows"),
        known["database"],
        known["role"],
        Check("migrations", _migrations, "Migrations are missing"),
    ]
    ground = [
        known[name] for name in ("clock", "disk", "keys", "key file", "shred ledger", "broker", "notices", "reviewers")
    ]
    return [*before, *ground, Check("continuous integration", lambda: _ci(ci, coverage))]


def _python() -> Answer:
    found = f"{sys.version_info.major}.{sys.version_info.minor}.{sys.version_info.micro}"
    if not (3, 11) <= sys.version_info[:2] < (3, 14):
        return Answer("bad", f"Python {found}", "The service runs on Python 3.11 to 3.13.")
    return Answer("ok", f"Python {found}")


def _dependencies() -> Answer:
    wanted, other = locked(settings.BASE_DIR / LOCK), []
    for name, number in wanted.items():
        try:
            if version(name) != number:
                other.append(f"{name} {version(name)} instead of {number}")
        except PackageNotFoundError:
            other.append(f"{name} is missing")
    if other:
        words = f"{len(other)} packages are not those of the lock: {', '.join(sorted(other)[:3])}"
        return Answer("bad", words, f"Install from {LOCK} with --require-hashes.")
    return Answer("ok", f"{len(wanted)} packages, as in the lock")


def locked(lock: Path) -> dict[str, str]:
    """Name -> version of every package of the lock that this Python needs."""
    environment = {str(key): str(value) for key, value in default_environment().items()}
    found = {}
    for line in lock.read_text().splitlines():
        if line and not line.startswith((" ", "#", "-")):
            requirement = Requirement(line.rstrip("\\ "))
            if requirement.marker is None or requirement.marker.evaluate(environment):
                found[requirement.name] = str(requirement.specifier).removeprefix("==")
    return found


def _settings() -> Answer:
    examples = [name for name in EXAMPLES if _is_example(name)]
    if not settings.EMAIL_URL:
        examples.append("EMAIL_URL")
    if examples:
        level: doctor.Level = "bad" if settings.PROFILE == "production" else "warn"
        words = f"not yet yours: {', '.join(examples)}"
        return Answer(level, words, "Set them; docs/settings.md says what each is for.")
    unset = [name for name in PLACES if not os.environ.get(name)]
    if unset and settings.PROFILE == "production":
        return Answer(
            "warn", f"as for Berlin: {', '.join(unset)}", "Set them, be it to the same: people are told of them."
        )
    return Answer("ok", f"{len(VARIABLES)} variables are read, none is left at an example")


def _is_example(name: str) -> bool:
    named = {"MAIL_FROM": settings.DEFAULT_FROM_EMAIL, "AUDIT_LOG_ORIGIN": settings.AUDIT_LOG_ORIGIN}
    member = {"DATA_PROTECTION_OFFICER": "officer"}.get(name, name.removeprefix("CONTROLLER_").lower())
    return named.get(name, settings.CONTROLLER.get(member)) == VARIABLES[name].default


def _deploy_check() -> Answer:
    local = settings.PROFILE in {"embedded", "development"}
    found = django_checks.run_checks(include_deployment_checks=not local)
    told = sorted({str(each.id) for each in found if each.level >= django_checks.WARNING and not each.is_silenced()})
    if told:
        words = f"`check --deploy` has something to say: {', '.join(told)}"
        return Answer("bad", words, "Run `manage.py check --deploy` and settle every line.")
    return Answer("ok", "`check` is clean" if local else "`check --deploy` is clean")


def _static_files() -> Answer:
    """Without its file a page is an error: the manifest has to name all that this code brings."""
    found = [(getattr(storage, "prefix", ""), path) for finder in get_finders() for path, storage in finder.list([])]
    wanted = {f"{prefix}/{path}" if prefix else path for prefix, path in found}
    missing = wanted - set(ManifestStaticFilesStorage().hashed_files)
    if missing:
        words = f"{len(missing)} of {len(wanted)} static files are not in STATIC_ROOT"
        return Answer(
            "bad", words, "Run `manage.py collectstatic --no-input` with this code: its pages are errors else."
        )
    return Answer("ok", f"{len(wanted)} static files are in STATIC_ROOT")


def _endpoints() -> Answer:
    address = urlsplit(settings.BASE_URL)
    if address.hostname not in settings.ALLOWED_HOSTS:
        return Answer(
            "bad", "ALLOWED_HOSTS does not name the host of BASE_URL", "Add it: every page would answer 400 otherwise."
        )
    if settings.PROFILE == "production" and settings.TRUSTED_PROXY_COUNT == 0:
        return Answer("warn", "no proxy is trusted: limits by address count the balancer's", "Set TRUSTED_PROXY_COUNT.")
    return Answer("ok", f"{address.scheme}, {address.hostname}, port {address.port or _usual(address.scheme)}")


def _usual(scheme: str) -> int:
    return 443 if scheme == "https" else 80


def _ports() -> Answer:
    port = settings.METRICS_PORT
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((settings.METRICS_ADDRESS, port))
        except OSError as error:
            words = f"port {port} of the metrics cannot be had ({type(error).__name__})"
            return Answer("warn", words, "Fine while an instance runs here; else set METRICS_PORT.")
    return Answer("ok", f"port {port} of the metrics is free")


def _memory() -> Answer:
    limit = lifetimes.limit_bytes()
    if not limit:
        level: doctor.Level = "warn" if settings.PROFILE == "production" else "ok"
        remedy = "Give the containers a limit: a leak takes the whole machine else." if level == "warn" else ""
        return Answer(level, "no memory limit here", remedy)
    if limit < NEEDED_MEMORY:
        words = f"the memory limit is {limit >> 20} MiB"
        return Answer("bad", words, f"A process needs {NEEDED_MEMORY >> 20} MiB.")
    return Answer("ok", f"the memory limit is {limit >> 20} MiB")


def _migrations() -> Answer:
    loader = MigrationLoader(connection)
    found = history(loader)
    if found.is_another:
        return Answer("bad", str(found), REMEDY)
    if conflicts := loader.detect_conflicts():
        return Answer("bad", f"two branches of migrations in {', '.join(sorted(conflicts))}", "Merge them first.")
    if found.unknown:
        words = f"the database is newer by {found.unknown} migrations: this version goes back"
        return Answer("warn", words, "Fine as a way back, because migrations only add; else deploy the newer one.")
    return Answer(
        "ok", f"{found.pending} migrations will be applied" if found.pending else "every migration is applied"
    )


def _ci(address: str, coverage: str) -> Answer:
    if not address:
        return Answer("warn", "no run of `.ci/run` was named", "Give it: --ci ADDRESS --coverage PERCENT.")
    return Answer("ok", f"{address}" + (f", coverage {coverage}" if coverage else ""))
