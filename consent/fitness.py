"""What keeps something from being approved or published, said in words. Questions only; `services.review` decides."""

from typing import TypeAlias

from consent import wording_checks
from consent.models import Component, DataContract, Notice, Purpose, Recipient
from consent.models.governance import ReviewState
from consent.selectors import APPROVED

Item: TypeAlias = Component | Purpose | Notice | Recipient | DataContract

EEA = frozenset({
    "AT", "BE", "BG", "CY", "CZ", "DE", "DK", "EE", "ES", "FI", "FR", "GR", "HR", "HU", "IE", "IS", "IT", "LI", "LT",
    "LU", "LV", "MT", "NL", "NO", "PL", "PT", "RO", "SE", "SI", "SK",
})  # fmt: skip


def flaws(item: Item) -> list[str]:
    """Why the item cannot be approved as it stands; empty when it can."""
    match item:
        case Component():
            return _titles(item.titles)
        case Purpose():
            return _purpose(item)
        case Notice():
            return _notice(item)
        case Recipient():
            return _recipient(item)
        case DataContract():
            return _contract(item)


def flaws_of_publishing(item: Item) -> list[str]:
    """Why the approved item cannot go live now; empty when it can."""
    match item:
        case Purpose():
            live = item.notices.filter(state=ReviewState.LIVE).exists()
            return flaws(item) + ([] if live else ["no notice of this purpose is live"])
        case Notice():
            return flaws(item) + _needs(item.purpose, *APPROVED)
        case DataContract():
            return flaws(item) + _needs(item.purpose, ReviewState.LIVE)
        case _:
            return flaws(item)


def _titles(titles: dict[str, str]) -> list[str]:
    return [f"{language}: no title" for language in wording_checks.LANGUAGES if not titles.get(language, "").strip()]


def _purpose(purpose: Purpose) -> list[str]:
    approved = {item.slug: item for item in Component.objects.filter(slug__in=purpose.fields, state__in=APPROVED)}
    found = [f"component {slug} is not approved" for slug in purpose.fields if slug not in approved]
    if not purpose.fields:
        found.append("no component is named")
    if any(item.special_category for item in approved.values()) and not purpose.special_category:
        found.append("a component is of a special category (Art. 9), the purpose does not say so")
    if purpose.retention_days == 0:
        found.append("no retention is set (Art. 5(1)(e))")
    return _titles(purpose.titles) + found


def _notice(notice: Notice) -> list[str]:
    texts = {text.language: text.body for text in notice.texts.all()}
    return wording_checks.flaws(texts, notice.purpose.lawful_basis, notice.purpose.is_marketing)


def _recipient(recipient: Recipient) -> list[str]:
    known = set(Purpose.objects.filter(slug__in=recipient.purposes, state__in=APPROVED).values_list("slug", flat=True))
    found = [f"purpose {slug} is not approved" for slug in recipient.purposes if slug not in known]
    if recipient.country.upper() not in EEA and not recipient.safeguard.strip():
        found.append("outside the EEA without a safeguard (Art. 44 to 46)")
    return found


def _contract(contract: DataContract) -> list[str]:
    outside = [field for field in contract.fields if field not in contract.purpose.fields]
    found = [f"field {field} is not of the purpose" for field in outside] + _needs(contract.purpose, *APPROVED)
    return found if contract.fields else [*found, "no field is named"]


def _needs(purpose: Purpose, *states: str) -> list[str]:
    return [] if purpose.state in states else [f"purpose {purpose.slug} is not {states[-1]}"]
