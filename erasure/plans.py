"""The plan of a request: which steps, in which places, in which order; and what an erasure leaves, told beforehand."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import cached_property
from uuid import UUID

from django.utils.translation import gettext as _

from access.models import Application, WebhookEndpoint
from consent.models import HandNotice, Purpose
from consent.rights import PORTABLE
from consent.services.by_hand import recipients_by_hand, recipients_by_hand_of
from consent.services.deliveries import (
    affected_applications,
    affected_applications_of,
    affected_by,
    applications_for,
    third_parties_of,
)
from erasure.models import ManualPlace, RightsRequest, Step
from erasure.rights import PUBLISHED, RETAINED_UNDER
from erasure.selectors import Retained, to_retain, to_retain_of
from erasure.services import connectors, place_tasks, places, sources
from erasure.services.details import corrected_fields
from erasure.services.opendsr_calls import processor_for
from subjects.holdings import PlanLine, holdings
from subjects.models import Subject
from subjects.selectors import purposes_of

NOTICES = {
    "erasure": "erasure.requested",
    "rectification": "rectification.made",
    "restriction": "restriction.set",
    "objection": "sharing.stopped",
    "access": "access.requested",
}
"""What others are told, by right (Art. 19; Art. 21 for the purpose objected to; Art. 28(3)(e) for access)."""

TOLD_BY_HAND = frozenset({"erasure", "rectification", "restriction"})
"""Rights of which an application without an endpoint is told by an operator; for access we hold its copy ourselves."""

TELL, KEEP, OWN, LOGIN, KEY, VERIFY, LOOK = 10, 20, 30, 40, 50, 60, 70
"""Positions: a step waits until no earlier one of our own is left to do; answers from outside are not waited for.
At LOOK every connector is looked at again, once nothing of it waits for a reviewer."""


def article_of(purpose: Purpose) -> str:
    """The exception of Art. 17(3) under which a purpose's data stays."""
    return RETAINED_UNDER[purpose.lawful_basis]


class Around:
    """What plans of one moment have in common, and of these people what each is planned from; read when it is asked
    for, once for all."""

    def __init__(self, people: Sequence[UUID]) -> None:
        self._people = people

    @cached_property
    def affected(self) -> dict[UUID, list[Application]]:
        """Who holds the data of whom."""
        return affected_applications_of(self._people)

    @cached_property
    def by_hand(self) -> dict[UUID, list[str]]:
        """The third parties that are told by hand about whom."""
        return recipients_by_hand_of(self._people)

    @cached_property
    def retained(self) -> dict[UUID, Retained]:
        """What a law keeps of whom."""
        return to_retain_of(self._people)

    @cached_property
    def places(self) -> list[ManualPlace]:
        """The places run by hand that are asked."""
        return places.live_places()

    @cached_property
    def groups(self) -> list[list[str]]:
        """The connectors, those together that refer to each other."""
        return connectors.groups()


def plan(request: RightsRequest, around: Around | None = None) -> list[Step]:
    """The steps of a request, unsaved, from what is held at this moment; many plans of one moment share `around`."""
    around = around or Around([request.subject_id])
    match request.right:
        case "erasure":
            own = [*_retained(request, around), *_connectors(request, around), *_holdings(request), *_ends(request)]
        case "access" | "portability":
            return _copy(request, around)
        case "rectification":
            own = [_step(request, OWN, Step.Kind.HOLDING, "rectification", purpose=request.purpose)]
        case _:
            own = []
    return [*_told(request, around), *_by_hand(request, around), *own]


def _by_hand(request: RightsRequest, around: Around) -> list[Step]:
    """The places run by hand that hold something of the person; their steps carry what they may see of them."""
    steps = []
    for place in places.places_for(request, frozenset(PORTABLE), around.places):
        step = _step(request, TELL, Step.Kind.MANUAL, places.PREFIX + place.slug, state="waiting")
        step.article = PUBLISHED if request.right == "erasure" and place.is_public else None
        place_tasks.seal_person(step, place)
        steps.append(step)
    return steps


def _copy(request: RightsRequest, around: Around) -> list[Step]:
    """Everybody who holds something is asked; the archive waits for them, bounded (erasure.services.sources).

    Connectors give no basis of what they hold, so a portability request does not ask them (Art. 20(1)).
    """
    asked = [*_told(request, around), *_by_hand(request, around)]
    if request.right == "access":
        targets = map(connectors.target_of, around.groups)
        asked += [_step(request, OWN, Step.Kind.CONNECTOR, target) for target in targets]
    until = sources.waits_until(request, asked)
    return [*asked, _step(request, OWN, Step.Kind.ARCHIVE, "archive", next_at=until)]


def _told(request: RightsRequest, around: Around) -> list[Step]:
    if request.right not in NOTICES:
        return []
    if request.right == "objection":
        return _told_to_stop(request)
    steps = []
    affected, unconnected = _holders(request, around)
    for application in affected:
        if request.by_controller and application.pk == request.application_id:
            continue
        if processor_for(application, request.right) or _is_asked(application, request.right):
            steps.append(_step(request, TELL, Step.Kind.NOTIFY, application.slug))
        elif request.right in TOLD_BY_HAND:
            steps.append(_step(request, TELL, Step.Kind.MANUAL, application.slug, state="waiting"))
    if request.right in TOLD_BY_HAND:
        steps += [_step(request, TELL, Step.Kind.MANUAL, f"recipient:{slug}", state="waiting") for slug in unconnected]
    return steps


def _holders(request: RightsRequest, around: Around) -> tuple[list[Application], list[str]]:
    """Who may have what the request is about: applications, and third parties told by hand.

    A correction is told to those alone who have the person's data for a purpose that needs a corrected field, or that
    such a value is held for (Art. 19): what else is held is none of the others' business (Art. 5(1)(c)).
    """
    subject = request.subject
    if request.right != "rectification":
        return around.affected[subject.pk], around.by_hand[subject.pk]
    corrected = corrected_fields(request)
    needing = Purpose.objects.filter(fields__overlap=corrected).values_list("slug", flat=True)
    purposes = purposes_of(subject, corrected) | set(needing)
    by_hand = {slug for purpose in purposes for slug in recipients_by_hand(subject, purpose)}
    return affected_by(subject, purposes), sorted(by_hand)


def _told_to_stop(request: RightsRequest) -> list[Step]:
    """Everybody who holds data for the purpose objected to: applications that can be told (the others ask for a
    decision before each use), and third parties that had it. A recipient told by hand already has its notice."""
    subject, purpose = request.subject, request.purpose or ""
    third = third_parties_of(subject, purpose)
    every = {each.slug: each for each in [*applications_for(subject, purpose), *third]}
    heard = [slug for slug in sorted(every) if has_endpoint(every[slug])]
    steps = [_step(request, TELL, Step.Kind.NOTIFY, slug) for slug in heard]
    unheard = [each.slug for each in third if each.slug not in heard]
    told = HandNotice.objects.filter(subject=subject, purpose=purpose, type="sharing.stopped", closed_at=None)
    known = set(told.values_list("recipient", flat=True))
    unheard += [f"recipient:{slug}" for slug in recipients_by_hand(subject, purpose) if slug not in known]
    return steps + [_step(request, TELL, Step.Kind.MANUAL, target, state="waiting") for target in unheard]


def _is_asked(application: Application, right: str) -> bool:
    """Whether a notice of this right is written for it. For a copy also where its endpoint was switched off: the notice
    waits, and a copy that comes without the answer says so."""
    endpoints = WebhookEndpoint.objects.filter(application=application)
    return endpoints.exists() if right == "access" else has_endpoint(application)


def has_endpoint(application: Application) -> bool:
    """Whether notices can be sent to this application."""
    return WebhookEndpoint.objects.filter(application=application, disabled_at=None).exists()


def _retained(request: RightsRequest, around: Around) -> list[Step]:
    return [
        _step(
            request,
            KEEP,
            Step.Kind.RETENTION,
            slug,
            purpose=slug,
            fields=fields,
            state="retained",
            article=article_of(purpose),
            until=until,
        )
        for slug, (purpose, fields, until) in around.retained[request.subject_id].items()
    ]


def _holdings(request: RightsRequest) -> list[Step]:
    return [_step(request, OWN, Step.Kind.HOLDING, holding.name) for holding in holdings()]


def _connectors(request: RightsRequest, around: Around) -> list[Step]:
    """The databases of others; their steps carry whom to look for, because the identity rows here go meanwhile."""
    steps = [_step(request, OWN, Step.Kind.CONNECTOR, connectors.target_of(names)) for names in around.groups]
    for step in steps:
        connectors.seal_identities(step)
    looks = [_step(request, LOOK, Step.Kind.VERIFY, connectors.CHECK_PREFIX + step.target) for step in steps]
    return [*steps, *looks]


def _ends(request: RightsRequest) -> list[Step]:
    ends = [_step(request, KEY, Step.Kind.KEY, "data_key"), _step(request, VERIFY, Step.Kind.VERIFY, "verification")]
    if request.subject.account_id is not None:
        ends.insert(0, _step(request, LOGIN, Step.Kind.ACCOUNT, "portal_login"))
    return ends


def _step(request: RightsRequest, position: int, kind: str, target: str, **more: object) -> Step:
    return Step(request=request, position=position, kind=kind, target=target, **more)


@dataclass(frozen=True)
class Preview:
    """What an erasure would do, before it is confirmed: what goes and stays, who is told, what is kept until when."""

    lines: list[PlanLine]
    told: list[Application]
    kept: list[tuple[Purpose, list[str], datetime]]


def preview(subject: Subject) -> Preview:
    """The plan of an erasure as the person sees it first; nothing is changed."""
    retained = to_retain(subject)
    kept = {slug: frozenset(fields) for slug, (_purpose, fields, _until) in retained.items()}
    lasts = [until for _purpose, _fields, until in retained.values()]
    lines = [_lasting(line, lasts) for holding in holdings() for line in holding.plan(subject, kept)]
    lines += [_connected(names) for names in connectors.groups()]
    lines += [_in_place(place) for place in places.places_of(subject)]
    return Preview(lines=lines, told=affected_applications(subject), kept=list(retained.values()))


def _lasting(line: PlanLine, lasts: list[datetime]) -> PlanLine:
    """With its end no earlier than that of what a law keeps, where it stays as long as that."""
    if not line.lasts_as_kept or line.until is None:
        return line
    return replace(line, until=max([line.until, *lasts]))


def _connected(names: list[str]) -> PlanLine:
    """A group of databases of others, in the person's words."""
    what = _("Your data in %(name)s") % {"name": connectors.name_in_words("+".join(names))}
    why = _("Entries that belong to other people too stay, until somebody has looked at them.")
    return PlanLine(what=what, fate="goes", article="Art. 17(1)", why=why)


def _in_place(place: ManualPlace) -> PlanLine:
    """A place run by hand, in the person's words."""
    what = _("Your data in %(name)s") % {"name": place.name}
    if place.is_public:
        return PlanLine(what=what, fate="goes", article=f"Art. {PUBLISHED}", why=_told_of_it(place))
    return PlanLine(what=what, fate="goes", article="Art. 17(1)", why=_("Somebody does this by hand and tells us."))


def _told_of_it(place: ManualPlace) -> str:
    """Who is told that something public is to be erased, in the person's words."""
    why = _("It was made public. It is taken down, and others who show it or link to it are asked to erase that too.")
    known = _("Known to us: %(names)s.") % {"names": ", ".join(place.shown_by)} if place.shown_by else ""
    return f"{why} {known}".strip()
