"""Requests in plain words, for pages: states, tones, dates explained. Nothing here decides."""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import get_language, ngettext
from django.utils.translation import gettext_lazy as _

from access.models import Application
from consent.models import Recipient
from consent.selectors import purpose_title, purpose_titles
from erasure.combined import Answered, combined
from erasure.models import Archive, JointCase, Mandate, RightsRequest, Step
from erasure.outcomes import OUTCOMES
from erasure.rights import PUBLISHED
from erasure.selectors import archives_of, downloads_of, steps_of
from erasure.services.clock import because, internal_due_at
from erasure.services.connectors import CHECK_PREFIX, name_in_words
from erasure.services.guard import standing_pause
from erasure.services.holds import standing_hold
from erasure.services.joint_order import copies_waited_for
from erasure.services.mandate_words import representative_of
from erasure.services.places import PREFIX
from erasure.services.sources import ASKED, COPIES, is_supplement, name_of
from erasure.services.start import is_in_undo_window
from erasure.states import OPEN_REQUEST
from gdpr_portal.formats.zones import controllers_zone, today

PLAIN_WORDS: dict[str, Any] = {
    "access": _("Get a copy of my data"),
    "portability": _("Take my data elsewhere"),
    "rectification": _("Correct my data"),
    "erasure": _("Erase my data"),
    "restriction": _("Stop my data from being used for now"),
    "objection": _("Object to a use of my data"),
    "withdraw_consent": _("Withdraw a consent"),
    "human_review": _("Have a decision looked at by a person"),
}
"""The rights as people would ask for them."""
REQUEST_STATES: dict[str, tuple[Any, str]] = {
    "received": (_("Received"), "wait"),
    "verifying": (_("Waiting for your confirmation by mail"), "warn"),
    "in_review": (_("Being looked at"), "wait"),
    "in_progress": (_("Under way"), "wait"),
    "completed": (_("Completed"), "good"),
    "refused": (_("Refused"), "bad"),
    "withdrawn": (_("Withdrawn by you"), "plain"),
    "expired_unverified": (_("Ended without confirmation"), "plain"),
}
DESK_STATES: dict[str, tuple[Any, str]] = REQUEST_STATES | {
    "verifying": (_("Waits for the person's confirmation"), "plain"),
    "in_review": (_("Waits for a decision"), "warn"),
    "withdrawn": (_("Withdrawn"), "plain"),
}
"""The same for those who work on them."""
PROPOSAL_REASONS = {"retention_ended": _("The time to keep it is over"), "consent_ended": _("The consent has ended")}
"""Why erasing values is proposed."""
STEP_STATES: dict[str, tuple[Any, str]] = {
    "queued": (_("To do"), "plain"),
    "in_progress": (_("Under way"), "wait"),
    "waiting": (_("Told, waiting for the answer"), "wait"),
    "done": (_("Done"), "good"),
    "retained": (_("Stays, by law"), "warn"),
    "failed": (_("Needs somebody's attention"), "bad"),
}
SOURCE_STATES: dict[str, Any] = {
    "answered": _("Has answered"),
    "nothing_held": _("Holds nothing about you"),
    "refused": _("Has refused; we look into it"),
    "failed": _("Could not answer; we look into it"),
    "not_answered": _("Has not answered yet"),
    "removed": _("Was removed from our systems, and could not be asked"),
    "closed": _("Settled, without an answer to put here"),
}
PLACES: dict[str, Any] = {
    "archive": _("Your copy is being prepared"),
    "data_key": _("The key to your data is destroyed"),
    "portal_login": _("Your sign-in to this portal is removed"),
    "verification": _("A last check that nothing is left"),
    "rectification": _("Your data is corrected"),
    "identity": _("What identifies you is erased"),
    "values": _("The values are erased"),
    "applications": _("The applications' records of you are dealt with"),
    "restrictions": _("Restrictions are dealt with"),
    "retentions": _("What the law keeps is written down"),
    "consents": _("Your answers about consent are erased"),
    "deliveries": _("The words of notices about you are erased"),
    "rights_requests": _("The words of your requests are erased"),
    "mandates": _("Who acted in your name, and their mandate, are erased"),
    "archives": _("Archives not collected are erased"),
    "asks": _("What third parties asked you for is erased"),
    "cases": _("The messages between you and us are erased"),
    "consent_evidence": _("Mails and scans that prove your consent are erased"),
}
DESK_PLACES: dict[str, Any] = {
    "archive": _("The copy"),
    "data_key": _("Data key"),
    "portal_login": _("Sign-in to the portal"),
    "verification": _("Last check"),
    "rectification": _("Correction"),
    "identity": _("Identifiers"),
    "values": _("Values"),
    "applications": _("Records of applications"),
    "restrictions": _("Restrictions"),
    "retentions": _("What a law keeps"),
    "consents": _("Answers about consent"),
    "deliveries": _("Words of notices"),
    "rights_requests": _("Words of requests"),
    "mandates": _("Mandates"),
    "archives": _("Archives not collected"),
    "asks": _("What third parties asked for"),
    "cases": _("Messages and comments"),
    "consent_evidence": _("Evidence of consent"),
}
"""The places of our own, as the desk calls them."""
TEXT_FIELDS: dict[str, Any] = {"comment": _("Note"), "text": _("Text")}
"""Where, in a case or an answer, a text stands in which other people may stand."""


def text_source(code: str) -> Any:
    """Where such a text comes from: one of our own places, or what somebody else's is called ("place:paper")."""
    return DESK_PLACES.get(code) or code.rpartition(":")[2].replace("-", " ").replace("_", " ")


REVEAL_REASONS: tuple[tuple[str, Any], ...] = (
    ("whose_is_it", _("To see whose data it is")),
    ("what_is_lost", _("To see what others would lose")),
    ("complaint", _("Because of a complaint")),
)
IDENTITY_REASONS: tuple[tuple[str, Any], ...] = (
    ("is_it_the_person", _("To see whether it is the person")),
    ("complaint", _("Because of a complaint")),
    ("quality_check", _("To check how it was decided")),
)
MANDATE_STATES: dict[str, tuple[Any, str]] = {
    "waiting": (_("We look at the mandate"), "wait"),
    "accepted": (_("Mandate accepted"), "good"),
    "refused": (_("Mandate refused"), "bad"),
    "objected": (_("Stopped by the person"), "warn"),
    "ended": (_("Over"), "plain"),
}
MANDATE_REASONS: tuple[tuple[str, Any], ...] = (
    ("is_it_valid", _("To see whether it is valid")),
    ("complaint", _("Because of a complaint")),
    ("quality_check", _("To check how it was decided")),
)


@dataclass(frozen=True)
class StepInWords:
    """A step as the person sees it."""

    what: Any
    label: Any
    tone: str
    article: str | None
    until: datetime | None


COMBINED: dict[str, tuple[Any, str, Any]] = {
    "open": (_("Under way"), "wait", _("Not everything is answered yet.")),
    "granted": (_("All granted"), "good", _("Everything that was asked for has been done.")),
    "partly": (_("Granted in part"), "warn", _("Some of it was done, and some was refused or stays by law. See each.")),
    "refused": (_("Refused"), "bad", _("Nothing of it was done. Each request says why.")),
    "withdrawn": (_("Withdrawn"), "plain", _("All of it was withdrawn.")),
}
"""What came of several rights asked for together: label, tone, and a sentence."""


@dataclass(frozen=True)
class JointInWords:
    """Requests that were made together, with one outcome in words."""

    row: JointCase
    label: Any
    tone: str
    outcome: Any
    requests: list["RequestInWords"]
    finished: int


def joint_in_words(joint: JointCase) -> JointInWords:
    """The case with every request of it, in the order they are carried out."""
    rows = list(joint.requests.order_by("created_at", "id"))
    label, tone, outcome = COMBINED[combined([_answered(row) for row in rows])]
    finished = sum(row.state not in OPEN_REQUEST for row in rows)
    return JointInWords(joint, label, tone, outcome, [described(row) for row in rows], finished)


def _answered(row: RightsRequest) -> Answered:
    kept = row.outcome in {"partly_retained", "partly_withheld"} or row.steps.filter(state="retained").exists()
    return Answered(row.state, partial=kept)


@dataclass(frozen=True)
class MandateInWords:
    """Who asked in the person's name, as the person sees it; without the name once they were erased."""

    row: Mandate
    name: str
    label: Any
    tone: str
    rights: list[Any]
    can_object: bool
    until: datetime
    """Nothing is done before."""


@dataclass(frozen=True)
class RequestInWords:
    """A request as the person sees it."""

    row: RightsRequest
    right: Any
    asked: Any
    """The right as people would ask for it."""
    about: str
    """The use of their data that it is about, where it is about one."""
    filed_as: Any
    """The right it was asked under, where the desk put that right."""
    label: Any
    tone: str
    because: str
    is_open: bool
    is_moving: bool
    """Whether a step is to do or under way, so that it is worth looking again in a few seconds."""
    overdue: bool
    can_withdraw: bool
    archives: QuerySet[Archive]
    downloads: QuerySet[Archive]
    waits_until: datetime | None
    is_checked: bool
    """Whether a copy waits until somebody has looked for data about other people in it."""
    has_receipt: bool
    outcome: Any
    mandate: MandateInWords | None
    waits_for: list[RightsRequest]
    """Copies of the same case that are handed out first."""
    undo_until: datetime | None
    """Before this moment nothing of an erasure is done, and the person can take it back."""
    kept_back: Any
    """Why an erasure stands still by our doing, in a sentence; empty when it does not."""
    steps: list[StepInWords]

    @property
    def finished_steps(self) -> int:
        """How many steps are behind."""
        return sum(step.tone in {"good", "warn"} for step in self.steps)

    @property
    def version(self) -> str:
        """Changes with what a page says of the progress, in its language (an entity tag without its quotes)."""
        said = [self.is_moving, str(self.label), *((str(step.what), str(step.label)) for step in self.steps)]
        return hashlib.sha256(repr(said).encode()).hexdigest()[:32]


def _undo_until(row: RightsRequest) -> datetime | None:
    """The end of an erasure's undo window, while it lies ahead."""
    ahead = row.state == "in_progress" and row.starts_at is not None and row.starts_at > timezone.now()
    return row.starts_at if ahead and is_in_undo_window(row) else None


def _kept_back(row: RightsRequest) -> Any:
    """A legal hold (Art. 17(3)(e)), or the guard against far too many erasures."""
    if row.right != "erasure":
        return ""
    if standing_hold(row.subject_id) is not None:
        return _(
            "Your data is kept for now, because it is needed for a legal claim, a court or an authority "
            "(Art. 17(3)(e) GDPR). Nothing of it is used. Your erasure goes on when that is over; we write to you."
        )
    if row.state == "in_progress" and is_in_undo_window(row) and standing_pause() is not None:
        return _("Far more erasures than usual have been asked for. Two people look into that before yours begins.")
    return ""


def _is_moving(row: RightsRequest, steps: list[Step]) -> bool:
    """Not before it starts, nor while only others or the desk have something to do."""
    starts = row.starts_at is None or row.starts_at <= timezone.now()
    return row.state == "in_progress" and starts and any(step.state in {"queued", "in_progress"} for step in steps)


@dataclass(frozen=True)
class RequestInShort:
    """A request as it stands in the list of a person's requests."""

    row: RightsRequest
    asked: Any
    about: str
    label: Any
    tone: str
    because: str
    """Empty once it is over."""


def in_short(rows: Iterable[RightsRequest]) -> list[RequestInShort]:
    """Each request as a list shows it, by one statement for all; `questions` come with the rows."""
    listed, language = list(rows), get_language() or "en"
    titles = purpose_titles({row.purpose for row in listed if row.purpose}, language)
    return [
        RequestInShort(
            row, PLAIN_WORDS[row.right], titles.get(row.purpose or "", ""), *REQUEST_STATES[row.state],
            because=because(row) if row.state in OPEN_REQUEST else "",
        )
        for row in listed
    ]  # fmt: skip


def described(row: RightsRequest) -> RequestInWords:
    """The request with everything a page says of it."""
    label, tone = REQUEST_STATES[row.state]
    is_open = row.state in OPEN_REQUEST
    steps = list(steps_of(row))
    return RequestInWords(
        row=row,
        right=row.get_right_display(),
        asked=PLAIN_WORDS[row.right],
        about=purpose_title(row.purpose, get_language() or "en") if row.purpose else "",
        filed_as=_filed_as(row),
        label=label,
        tone=tone,
        because=because(row),
        is_open=is_open,
        is_moving=_is_moving(row, steps),
        overdue=is_open and row.due_at < timezone.now(),
        can_withdraw=is_open and (row.state != "in_progress" or is_in_undo_window(row)),
        archives=archives_of(row),
        downloads=downloads_of(row),
        waits_until=_waits_until(row),
        is_checked=is_open and row.steps.filter(kind=Step.Kind.ARCHIVE, state="waiting").exists(),
        has_receipt=hasattr(row, "receipt"),
        outcome=OUTCOMES.get(row.outcome, ""),
        mandate=mandate_in_words(row.mandate) if row.mandate is not None else None,
        waits_for=copies_waited_for(row) if is_open and is_in_undo_window(row) else [],
        undo_until=_undo_until(row),
        kept_back=_kept_back(row) if is_open else "",
        steps=[_step(step) for step in steps],
    )


def _filed_as(row: RightsRequest) -> Any:
    case = getattr(row, "case", None)
    return PLAIN_WORDS[case.filed_as] if case is not None and case.filed_as else ""


def mandate_in_words(mandate: Mandate) -> MandateInWords:
    """The mandate with everything a page says of it."""
    label, tone = MANDATE_STATES[mandate.state]
    who = representative_of(mandate)
    hours = settings.MANDATE_OBJECTION_HOURS
    return MandateInWords(
        row=mandate,
        name=who.name if who is not None else "",
        label=label,
        tone=tone,
        rights=[PLAIN_WORDS[row.right] for row in mandate.requests.order_by("created_at")],
        can_object=mandate.state in {"waiting", "accepted"},
        until=(mandate.told_at or mandate.recorded_at) + timedelta(hours=hours),
    )


def due_flag(row: RightsRequest) -> tuple[str, str]:
    """How near the due date is, for the queue, with its tone; no words where more than a week is left."""
    left = row.due_at - timezone.now()
    if left <= timedelta(0):
        return str(_("Overdue")), "bad"
    if left <= timedelta(days=1):
        return str(_("Last day")), "bad"
    return (str(_("Due soon")), "warn") if left <= timedelta(days=7) else ("", "plain")


@dataclass(frozen=True)
class InternalDate:
    """When the desk means to have answered, and whether that is over while the legal date is not."""

    at: datetime
    over: bool


def internal_date(row: RightsRequest) -> InternalDate:
    """For pages of the desk: the person has the legal date alone."""
    at, now = internal_due_at(row), timezone.now()
    return InternalDate(at, over=row.state in OPEN_REQUEST and at <= now < row.due_at)


def time_left(row: RightsRequest) -> str:
    """The whole days until an open request is due, or since it was."""
    days = (timezone.localdate(row.due_at, controllers_zone()) - today()).days
    if days < 0:
        return ngettext("%(days)d day over", "%(days)d days over", -days) % {"days": -days}
    return ngettext("%(days)d day", "%(days)d days", days) % {"days": days}


def _waits_until(row: RightsRequest) -> datetime | None:
    """Until when the copy waits for others at most, while it does."""
    step = row.steps.filter(kind=Step.Kind.ARCHIVE, state="queued", attempts=0, next_at__gt=timezone.now()).first()
    return step.next_at if step else None


def _step(step: Step) -> StepInWords:
    label, tone = STEP_STATES[step.state]
    if step.kind == Step.Kind.ARCHIVE and step.state == "queued" and step.next_at is not None:
        label = _("Waiting for the others")
    if step.kind == Step.Kind.ARCHIVE and step.state == "waiting":
        label = _("Being checked for data about other people")
    if step.kind == Step.Kind.CONNECTOR and step.state == "waiting":
        label = _("Done; somebody decides about entries that belong to other people too")
    return StepInWords(_what(step), label, tone, step.article, step.until)


def _what(step: Step) -> Any:
    if step.request.right in COPIES and step.kind in ASKED:
        return _("%(name)s is asked for its copy of your data") % {"name": name_of(step)}
    if is_supplement(step):
        return _("Later answers are being put together")
    if step.kind in {Step.Kind.NOTIFY, Step.Kind.MANUAL}:
        by_hand = step.target.startswith(PREFIX)
        if step.article == PUBLISHED:
            return _("Taken down from %(name)s, and others who show it are told") % {"name": name_of(step)}
        return _("%(name)s is told") % {"name": name_of(step) if by_hand else _name(step.target)}
    if step.kind == Step.Kind.CONNECTOR:
        return _in_connector(step)
    if step.kind == Step.Kind.VERIFY and step.target.startswith(CHECK_PREFIX):
        return _("A last check in %(name)s that nothing is left") % {"name": name_in_words(step.target)}
    if step.kind == Step.Kind.RETENTION:
        return _("Kept for %(purpose)s") % {"purpose": purpose_title(step.target, get_language() or "en")}
    return PLACES.get(step.target, step.target.replace("_", " ").capitalize())


def at_the_desk(step: Step) -> Any:
    """What or who a step is about, as the desk calls it."""
    if step.kind == Step.Kind.RETENTION:
        return purpose_title(step.target, get_language() or "en")
    if step.kind in {Step.Kind.NOTIFY, Step.Kind.MANUAL} and not step.target.startswith(PREFIX):
        return _name(step.target)
    if step.target.startswith(CHECK_PREFIX):
        return name_in_words(step.target)
    return DESK_PLACES.get(step.target) or name_of(step)


def _in_connector(step: Step) -> Any:
    if step.state == "retained":
        return _("Some entries in another database stay, because they belong to other people too or by law")
    return _("You are erased from %(name)s") % {"name": name_in_words(step.target)}


def _name(slug: str) -> str:
    kind, _colon, name = slug.rpartition(":")
    recipient = Recipient.objects.filter(**{"slug": name} if kind else {"application__slug": name}).first()
    found = recipient or Application.objects.filter(slug=slug).first()
    return found.name if found else slug
