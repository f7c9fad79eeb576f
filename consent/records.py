"""The record of processing activities, generated from what is live (Art. 30(1)(a) to (g))."""

import csv
import io
from collections.abc import Iterable
from typing import Any

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.utils.translation import override

from consent.models import Component, Recipient
from consent.selectors import APPROVED, live_contracts, live_recipients, purposes_of_catalogue
from consent.wording import title_in

SECURITY_MEASURES = _(
    "Values are sealed with AES-256-GCM under a key of each person, wrapped by a master key outside the database;"
    " look-up by keyed index; pairwise ids; second factor for people and staff; four-eyes approval;"
    " tamper-evident audit log."
)
TRIGGERS = ("=", "+", "-", "@", "\t", "\r", "\n", "\0", "\uff1d", "\uff0b", "\uff0d", "\uff20")
COLUMNS = (
    "purpose", "title", "lawful_basis", "necessity", "data_subjects", "data_categories", "special_category",
    "recipients", "third_country_transfers", "retention_days", "retention_law", "applications", "security_measures",
)  # fmt: skip


def record_of_processing(language: str = "en") -> dict[str, Any]:
    """The controller and one activity a live purpose, as JSON values; a new purpose is in it as soon as it is live."""
    controller = settings.CONTROLLER
    return {
        "controller": {name: controller[name] for name in ("name", "address", "contact", "representative")},
        "data_protection_officer": controller["officer"],
        "supervisory_authority": controller["authority"],
        "generated_at": timezone.now(),
        "activities": activities(language),
    }


def activities(language: str = "en") -> list[dict[str, Any]]:
    """One entry a live purpose, in the order of the slugs."""
    recipients = list(live_recipients())
    categories = dict(Component.objects.filter(state__in=APPROVED).values_list("slug", "category"))
    users: dict[str, list[str]] = {}
    for contract in live_contracts():
        users.setdefault(contract.purpose.slug, []).append(contract.application.slug)
    with override(language):
        measures = str(SECURITY_MEASURES)
    return [
        {
            "purpose": purpose.slug,
            "title": title_in(purpose.titles, language),
            "lawful_basis": purpose.lawful_basis,
            "necessity": purpose.necessity,
            "data_subjects": purpose.data_subjects,
            "data_categories": sorted({categories.get(field, field) for field in purpose.fields}),
            "special_category": purpose.special_category,
            "recipients": [each.name for each in _of(recipients, purpose.slug)],
            "third_country_transfers": [
                f"{each.name} ({each.country}): {each.safeguard}"
                for each in _of(recipients, purpose.slug)
                if each.safeguard
            ],
            "retention_days": purpose.retention_days,
            "retention_law": purpose.retention_law,
            "applications": sorted(users.get(purpose.slug, [])),
            "security_measures": measures,
        }
        for purpose in purposes_of_catalogue()
    ]


def as_csv(record: dict[str, Any]) -> str:
    """The activities as CSV (RFC 4180), the controller in every line; cells that a spreadsheet would run are quoted."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(["controller", "contact", "data_protection_officer", *COLUMNS])
    who = [record["controller"]["name"], record["controller"]["contact"], record["data_protection_officer"]]
    for activity in record["activities"]:
        writer.writerow(_cells([*who, *(activity[name] for name in COLUMNS)]))
    return text.getvalue()


def _of(recipients: Iterable[Recipient], purpose: str) -> list[Recipient]:
    return [recipient for recipient in recipients if purpose in recipient.purposes]


def _cells(values: Iterable[Any]) -> list[str]:
    return [safe_cell("; ".join(value) if isinstance(value, list) else str(value)) for value in values]


def safe_cell(cell: str) -> str:
    """A cell that begins like a formula, in full width too, gets an apostrophe in front (OWASP ASVS 1.2.10)."""
    return f"'{cell}" if cell.startswith(TRIGGERS) else cell
