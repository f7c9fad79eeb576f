"""What a revision changes, what it may not, and whom it asks again (Art. 5(1)(b), Art. 6(1), law.md R12 and R14)."""

import copy
from collections.abc import Mapping
from datetime import datetime
from typing import Any, TypeAlias, TypeVar

from django.utils.translation import gettext as _

from access.models import Application
from consent.models import Component, Notice, Purpose, Recipient, Revision
from consent.models.governance import Reviewed, ReviewState

Revisable: TypeAlias = Component | Purpose | Recipient
Thing = TypeVar("Thing", bound=Revisable)

MODELS: dict[str, type[Revisable]] = {"component": Component, "purpose": Purpose, "recipient": Recipient}
FIXED: dict[str, tuple[str, ...]] = {
    "component": ("slug", "value_type"),
    "purpose": ("slug", "lawful_basis", "is_marketing"),
    "recipient": ("slug",),
}
"""Kind -> what never changes: what stands on it (consents, objections, values held) would stand on something else."""
MATERIAL: dict[str, tuple[str, ...]] = {
    "component": ("category", "special_category"),
    "purpose": ("special_category",),
    "recipient": ("role", "country"),
}
"""Kind -> what is a new answer's matter, however it changes."""
MATERIAL_IF_MORE: dict[str, tuple[str, ...]] = {
    "component": (),
    "purpose": ("fields", "sources", "data_subjects"),
    "recipient": (),
}
"""Kind -> lists of which an addition is material; taking away asks nobody again."""
MATERIAL_UNLESS_EDITORIAL: dict[str, tuple[str, ...]] = {
    "component": (),
    "purpose": ("titles", "necessity"),
    "recipient": ("name",),
}
_OWN_TO_REVIEW = frozenset(field.name for field in Reviewed._meta.get_fields()) | {"id"}


def kind_of(thing: Revisable) -> str:
    """`component`, `purpose` or `recipient`."""
    return type(thing).__name__.lower()


def values_of(thing: Revisable) -> dict[str, Any]:
    """Every column a revision sets, as JSON values; the application by its slug."""
    names = [field.name for field in thing._meta.concrete_fields if field.name not in _OWN_TO_REVIEW]
    return {name: _plain(getattr(thing, name)) for name in names}


def with_values(thing: Thing, values: Mapping[str, Any]) -> Thing:
    """A copy of the thing, not saved, as it would be with these values."""
    revised = copy.copy(thing)
    for name, value in values.items():
        setattr(revised, name, _application(value) if name == "application" else value)
    return revised


def thing_of(revision: Revision) -> Revisable | None:
    """The live thing the revision is of; None once it is retired."""
    return MODELS[revision.kind].objects.filter(slug=revision.slug, state=ReviewState.LIVE).first()


def as_of(thing: Thing, at: datetime) -> Thing:
    """The thing with what it said at a past moment: what the first revision after it found."""
    later = Revision.objects.filter(kind=kind_of(thing), slug=thing.slug, published_at__gt=at)
    before = later.order_by("published_at").values_list("before", flat=True).first()
    return thing if before is None else with_values(thing, before)


def changed(revision: Revision) -> list[str]:
    """The names of what becomes different, sorted."""
    names = revision.before.keys() | revision.values.keys()
    return sorted(name for name in names if revision.before.get(name) != revision.values.get(name))


def flaws(revision: Revision) -> list[str]:
    """Why the change itself is not possible, whatever it leads to."""
    thing, found = thing_of(revision), changed(revision)
    if thing is None:
        return [_("“%(name)s” is not live") % {"name": revision.slug}]
    wrong = [_fixed(name) for name in FIXED[revision.kind] if name in found]
    now = values_of(thing)
    if any(now[name] != value for name, value in revision.before.items()):
        wrong.append(_("it was changed since this revision was begun"))
    return wrong if found else [*wrong, _("nothing is changed")]


def is_material(revision: Revision) -> bool:
    """Whether people have to be told and asked anew: purpose, recipient or data categories change."""
    found, kind = set(changed(revision)), revision.kind
    more = [name for name in MATERIAL_IF_MORE[kind] if _added(revision, name)]
    worded = () if revision.is_editorial else MATERIAL_UNLESS_EDITORIAL[kind]
    return bool(more) or not found.isdisjoint({*MATERIAL[kind], *worded})


def purposes_asked_again(revision: Revision) -> list[Purpose]:
    """The live purposes a material change is about, by slug; none when the change is not material."""
    if not is_material(revision):
        return []
    live = Purpose.objects.filter(state=ReviewState.LIVE).order_by("slug")
    match revision.kind:
        case Revision.Kind.PURPOSE:
            return list(live.filter(slug=revision.slug))
        case Revision.Kind.COMPONENT:
            return list(live.filter(fields__contains=[revision.slug]))
        case _:
            return list(live.filter(slug__in=revision.before["purposes"]))


def notice_to_go_with(revision: Revision, purpose: Purpose) -> Notice | None:
    """The major notice of the purpose that goes live with the revision: approved since the revision was submitted."""
    ready = Notice.objects.filter(purpose=purpose, state__in=[ReviewState.APPROVED, ReviewState.SCHEDULED])
    return ready.filter(is_major=True, approved_at__gte=revision.submitted_at).order_by("-version").first()


def flaws_of_notices(revision: Revision) -> list[str]:
    """The purposes whose people have to be asked again, and no wording to ask them with."""
    owed = [each for each in purposes_asked_again(revision) if notice_to_go_with(revision, each) is None]
    words = _(
        "“%(purpose)s” changes materially (Art. 5(1)(b)): a major notice, approved after this was submitted, "
        "has to wait to go live with it"
    )
    return [words % {"purpose": each} for each in owed]


def _fixed(name: str) -> str:
    if name == "lawful_basis":
        return _("the lawful basis of a purpose in use does not change: a new purpose is needed (Art. 6(1))")
    return _("“%(column)s” does not change: something new is needed") % {"column": _column(name)}


def _column(name: str) -> str:
    """What the desk calls it; three kinds of things share their columns that never change."""
    found = (field for model in MODELS.values() for field in model._meta.fields if field.name == name)
    return str(next((field.verbose_name for field in found), name))


def _added(revision: Revision, name: str) -> bool:
    return bool(set(revision.values.get(name) or ()) - set(revision.before.get(name) or ()))


def _plain(value: Any) -> Any:
    return value.slug if isinstance(value, Application) else value


def _application(slug: str | None) -> Application | None:
    return None if slug is None else Application.objects.get(slug=slug)
