"""What keeps something from being approved or published, said in words. Questions only; `services.review` decides.

The words are those of the language in force, and name fields and purposes as the catalogue does.
"""

from typing import TypeAlias

from django.conf import settings
from django.utils import timezone
from django.utils.translation import gettext as _

from consent import categories, reports, revised, transfers
from consent.models import Component, DataContract, Notice, Purpose, Recipient, Revision
from consent.models.governance import ReviewState
from consent.names import FIELD, PURPOSE, Names
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
            return flaws(item) + ([] if live else [_("no notice of this purpose is live")])
        case Notice():
            return flaws(item) + _needs(item.purpose, *APPROVED)
        case DataContract():
            return flaws(item) + _needs(item.purpose, ReviewState.LIVE)
        case Revision():
            return flaws(item) + revised.flaws_of_notices(item)
        case _:
            return flaws(item)


def _titles(titles: dict[str, str]) -> list[str]:
    lacking = [name for language, name in settings.LANGUAGES if not titles.get(language, "").strip()]
    return [_("%(language)s: no name") % {"language": name} for name in lacking]


def _component(component: Component) -> list[str]:
    found = _titles(component.titles)
    if not categories.is_known(component.category):
        about = {"category": component.category, "source": categories.SOURCE}
        found.append(_("the category %(category)s is no term of %(source)s (Art. 30(1)(c))") % about)
    if categories.is_special(component.category) and not component.special_category:
        words = _("the category %(category)s is a special one (Art. 9), and the field does not say so")
        found.append(words % {"category": component.category})
    if not component.necessity.strip():
        found.append(_("nothing says why it is needed (Art. 5(1)(c))"))
    return found if component.supplied_by else [*found, _("nobody supplies it")]


def _revision(revision: Revision) -> list[str]:
    """What is wrong with the change, and with what it would lead to."""
    thing = revised.thing_of(revision)
    found = revised.flaws(revision)
    if not revision.reason.strip():
        found.append(_("no reason is given"))
    if thing is None:
        return found
    becomes = revised.with_values(thing, revision.values)
    return found + flaws(becomes) + (_users_of(becomes) if isinstance(becomes, Component) else [])


def _users_of(component: Component) -> list[str]:
    """What the live purposes that need the component would come to lack by the change."""
    live = Purpose.objects.filter(state=ReviewState.LIVE, fields__contains=[component.slug]).order_by("slug")
    return [f"{each}: {flaw}" for each in live for flaw in _of_component(each, component)]


def _of_component(purpose: Purpose, component: Component) -> list[str]:
    found = []
    if component.special_category and not purpose.special_category:
        found.append(_("a field is of a special category (Art. 9), and the purpose does not say so"))
    longest = component.longest_retention_days
    if longest is not None and purpose.retention_days > longest and not purpose.retention_law:
        words = _("“%(field)s” is kept for %(days)s days at most (Art. 5(1)(e))")
        found.append(words % {"field": component, "days": longest})
    if not set(purpose.sources) & set(component.supplied_by):
        found.append(_("“%(field)s” comes from none of its sources") % {"field": component})
    return found


def _purpose(purpose: Purpose) -> list[str]:
    approved = {item.slug: item for item in Component.objects.filter(slug__in=purpose.fields, state__in=APPROVED)}
    found = _not_approved(FIELD, [slug for slug in purpose.fields if slug not in approved])
    if not purpose.fields:
        found.append(_("no field is named"))
    found += sorted({flaw for item in approved.values() for flaw in _of_component(purpose, item)})
    if purpose.retention_days == 0:
        found.append(_("no retention is set (Art. 5(1)(e))"))
    if purpose.necessary_for_service and purpose.lawful_basis == Purpose.Basis.CONSENT:
        found.append(_("what the service cannot be given without does not rest on consent (Art. 7(4))"))
    if not purpose.sources:
        found.append(_("no source is named"))
    if not purpose.data_subjects:
        found.append(_("nobody is named whom it is about (Art. 30(1)(c))"))
    return _titles(purpose.titles) + found


def _notice(notice: Notice) -> list[str]:
    texts, basis = reports.wording_of(notice), notice.purpose.lawful_basis
    bodies = {language: wording.body for language, wording in texts.items()}
    lacking = points.flaws(bodies, basis, notice.purpose.is_marketing)
    return lacking + [str(finding) for finding in reports.blocks(texts, basis)]


def _recipient(recipient: Recipient) -> list[str]:
    known = set(Purpose.objects.filter(slug__in=recipient.purposes, state__in=APPROVED).values_list("slug", flat=True))
    found = _not_approved(PURPOSE, [slug for slug in recipient.purposes if slug not in known])
    if not recipient.purposes:
        found.append(_("no purpose is named"))
    if recipient.role == "joint controller" and not recipient.contract_reference.strip():
        found.append(_("no arrangement is named of who does what (Art. 26(1))"))
    if recipient.application is not None and not recipient.application.is_third_party:
        found.append(_("its application is not registered as a third party's, and would read without any share"))
    return found + transfers.flaws(recipient.country, recipient.safeguard, timezone.now().date())


def _contract(contract: DataContract) -> list[str]:
    outside = [field for field in contract.fields if field not in contract.purpose.fields]
    found = _of_each(_("“%(name)s” is not a field of the purpose"), FIELD, outside)
    found += _needs(contract.purpose, *APPROVED)
    return found if contract.fields else [*found, _("no field is named")]


def _not_approved(kind: str, slugs: list[str]) -> list[str]:
    return _of_each(_("“%(name)s” is not approved"), kind, slugs)


def _of_each(words: str, kind: str, slugs: list[str]) -> list[str]:
    """The words of each of these; the catalogue is asked for names only where there is one to tell."""
    if not slugs:
        return []
    names = Names()
    return [words % {"name": names.of(kind, slug)} for slug in slugs]


def _needs(purpose: Purpose, *states: str) -> list[str]:
    if purpose.state in states:
        return []
    words = _("“%(name)s” is not live") if states == (ReviewState.LIVE,) else _("“%(name)s” is not approved")
    return [words % {"name": purpose}]
