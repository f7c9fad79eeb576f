"""What keeps something from being approved or published, said in words. Questions only; `services.review` decides."""

from typing import TypeAlias

from django.utils import timezone

from consent import categories, reports, revised, transfers
from consent.models import Component, DataContract, Notice, Purpose, Recipient, Revision
from consent.models.governance import ReviewState
from consent.notices import points
from consent.selectors import APPROVED

Item: TypeAlias = Component | Purpose | Notice | Recipient | DataContract | Revision


def flaws(item: Item) -> list[str]:
    """Why the item cannot be approved as it stands; empty when it can."""
    match item:
        case Component():
            return _component(item)
        case Purpose():
            return _purpose(item)
        case Notice():
            return _notice(item)
        case Recipient():
            return _recipient(item)
        case DataContract():
            return _contract(item)
        case Revision():
            return _revision(item)


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
        case Revision():
            return flaws(item) + revised.flaws_of_notices(item)
        case _:
            return flaws(item)


def _titles(titles: dict[str, str]) -> list[str]:
    return [f"{language}: no title" for language in points.LANGUAGES if not titles.get(language, "").strip()]


def _component(component: Component) -> list[str]:
    found = _titles(component.titles)
    if not categories.is_known(component.category):
        found.append(f"category {component.category} is no term of {categories.SOURCE} (Art. 30(1)(c))")
    if categories.is_special(component.category) and not component.special_category:
        found.append(f"category {component.category} is a special one (Art. 9), the component does not say so")
    if not component.necessity.strip():
        found.append("nothing says why it is needed (Art. 5(1)(c))")
    return found if component.supplied_by else [*found, "nobody supplies it"]


def _revision(revision: Revision) -> list[str]:
    """What is wrong with the change, and with what it would lead to."""
    thing = revised.thing_of(revision)
    found = revised.flaws(revision) if revision.reason.strip() else [*revised.flaws(revision), "no reason is given"]
    if thing is None:
        return found
    becomes = revised.with_values(thing, revision.values)
    return found + flaws(becomes) + (_users_of(becomes) if isinstance(becomes, Component) else [])


def _users_of(component: Component) -> list[str]:
    """What the live purposes that need the component would come to lack by the change."""
    live = Purpose.objects.filter(state=ReviewState.LIVE, fields__contains=[component.slug]).order_by("slug")
    return [f"purpose {each.slug}: {flaw}" for each in live for flaw in _of_component(each, component)]


def _of_component(purpose: Purpose, component: Component) -> list[str]:
    found = []
    if component.special_category and not purpose.special_category:
        found.append("a component is of a special category (Art. 9), the purpose does not say so")
    longest = component.longest_retention_days
    if longest is not None and purpose.retention_days > longest and not purpose.retention_law:
        found.append(f"{component.slug} is kept for {longest} days at most (Art. 5(1)(e))")
    if not set(purpose.sources) & set(component.supplied_by):
        found.append(f"{component.slug} comes from none of its sources")
    return found


def _purpose(purpose: Purpose) -> list[str]:
    approved = {item.slug: item for item in Component.objects.filter(slug__in=purpose.fields, state__in=APPROVED)}
    found = [f"component {slug} is not approved" for slug in purpose.fields if slug not in approved]
    if not purpose.fields:
        found.append("no component is named")
    found += sorted({flaw for item in approved.values() for flaw in _of_component(purpose, item)})
    if purpose.retention_days == 0:
        found.append("no retention is set (Art. 5(1)(e))")
    if purpose.necessary_for_service and purpose.lawful_basis == Purpose.Basis.CONSENT:
        found.append("what the service cannot be given without does not rest on consent (Art. 7(4))")
    if not purpose.sources:
        found.append("no source is named")
    if not purpose.data_subjects:
        found.append("nobody is named whom it is about (Art. 30(1)(c))")
    return _titles(purpose.titles) + found


def _notice(notice: Notice) -> list[str]:
    texts, basis = reports.wording_of(notice), notice.purpose.lawful_basis
    bodies = {language: wording.body for language, wording in texts.items()}
    lacking = points.flaws(bodies, basis, notice.purpose.is_marketing)
    return lacking + [str(finding) for finding in reports.blocks(texts, basis)]


def _recipient(recipient: Recipient) -> list[str]:
    known = set(Purpose.objects.filter(slug__in=recipient.purposes, state__in=APPROVED).values_list("slug", flat=True))
    found = [f"purpose {slug} is not approved" for slug in recipient.purposes if slug not in known]
    if not recipient.purposes:
        found.append("no purpose is named")
    return found + transfers.flaws(recipient.country, recipient.safeguard, timezone.now().date())


def _contract(contract: DataContract) -> list[str]:
    outside = [field for field in contract.fields if field not in contract.purpose.fields]
    found = [f"field {field} is not of the purpose" for field in outside] + _needs(contract.purpose, *APPROVED)
    return found if contract.fields else [*found, "no field is named"]


def _needs(purpose: Purpose, *states: str) -> list[str]:
    return [] if purpose.state in states else [f"purpose {purpose.slug} is not {states[-1]}"]
