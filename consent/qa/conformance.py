"""What the conformance kit found, application by application."""

from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.utils import timezone

from access.models import Application
from consent.conformance import CHECKS, missing
from consent.models import Attestation
from consent.qa import words

A_PAGE = 50


@dataclass(frozen=True, slots=True)
class Standing:
    """An application, and the attestation of its latest run; None before the first."""

    application: Application
    newest: Attestation | None

    @property
    def state(self) -> str:
        """`passed`, `failed`, `old` (passed, longer ago than `ATTESTATION_DAYS`) or `never`."""
        if self.newest is None:
            return "never"
        if not self.newest.passed:
            return "failed"
        return "old" if self.days > settings.ATTESTATION_DAYS else "passed"

    @property
    def label(self) -> str:
        return str(words.CONFORMANCE[self.state][0])

    @property
    def tone(self) -> str:
        return words.CONFORMANCE[self.state][1]

    @property
    def days(self) -> int:
        """How many whole days ago the run was."""
        return (timezone.now() - self.newest.finished_at) // timedelta(days=1) if self.newest else 0

    @property
    def passed(self) -> int:
        """How many of the checks asked for passed."""
        return sum(self.newest.checks.get(name) == "" for name in CHECKS) if self.newest else 0

    @property
    def asked(self) -> int:
        """How many checks are asked for."""
        return len(CHECKS)


@dataclass(frozen=True, slots=True)
class Line:
    """One check of an attestation in words."""

    name: str
    title: str
    label: str
    tone: str
    why: str


def standings() -> list[Standing]:
    """Every enabled application by slug, with its latest run: two statements."""
    newest = Attestation.objects.order_by("application", "-finished_at", "-received_at").distinct("application")
    by_application = {row.application_id: row for row in newest.defer("document")}
    applications = Application.objects.filter(enabled=True).order_by("slug")
    return [Standing(each, by_application.get(each.pk)) for each in applications]


def runs(application: Application) -> list[Attestation]:
    """The runs of an application, the latest first."""
    found = application.attestations.order_by("-finished_at", "-received_at")
    return list(found.defer("document")[:A_PAGE])


def lines(attestation: Attestation) -> list[Line]:
    """Every check asked for, in the desk's order, then those this version of the service does not know."""
    others = sorted(attestation.checks.keys() - set(CHECKS))
    return [_line(name, attestation) for name in (*CHECKS, *others)]


def keys_changed(found: list[Attestation]) -> bool:
    """Whether the latest run was signed by another key than the one before it."""
    return len(found) > 1 and found[0].key != found[1].key


def _line(name: str, attestation: Attestation) -> Line:
    title = str(words.CHECKS.get(name, name))
    if name in missing(attestation.checks):
        label, tone = words.CHECK_STATES["missing"]
        return Line(name, title, str(label), tone, "")
    reason = attestation.checks[name]
    label, tone = words.CHECK_STATES["failed" if reason else "passed"]
    return Line(name, title, str(label), tone, str(words.CHECK_REASONS.get(reason, reason)))
