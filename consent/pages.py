"""What the two pages of this app show a person, put together from what stands."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.urls import reverse
from django.utils.translation import gettext as _

from consent import progress, transfers, wording
from consent.models import Component, ConsentEvent, NoticeText, Purpose, Recipient, SharingAsk
from consent.notices.diff import SAME, Row, rows
from consent.notices.points import sections
from consent.page_states import Waiting, from_parents, is_renewable, waiting_of
from consent.selectors import APPROVED, live_recipients, purpose_titles, purposes_of_catalogue, text_in
from consent.services.all_at_once import OPEN
from consent.services.ask_rows import waiting
from consent.services.sharing import SharingRow, sharing_rows
from consent.services.standing import Line, history_of, sharing_verdict, standing_of
from consent.states import Consent
from consent.wording import title_in
from subjects.models import Subject

HISTORY_SHOWN = 50


@dataclass(frozen=True, kw_only=True)
class Worded:
    """One purpose with the exact text that is live for it."""

    purpose: Purpose
    title: str
    text: NoticeText

    @property
    def opening(self) -> str:
        """What the wording says before its first heading: what for, in a sentence or two."""
        return opening(self.text.body)

    @property
    def sections(self) -> dict[str, str]:
        """The wording by its headings; byte for byte it stands in `text.body`."""
        return sections(self.text.body)


@dataclass(frozen=True, kw_only=True)
class Choice(Worded):
    """One purpose that rests on consent: the exact text, how it stands, and the buttons there are."""

    line: Line
    fields: list[str]
    waiting: Waiting | None = None
    from_parents: bool = False
    before: str = ""
    """The words they answered to, in the language of `text`, where the wording has changed since."""

    @property
    def state(self) -> Any:
        own = self.waiting is not None and self.waiting.own and not self.waiting.parent
        return wording.WAITING_FOR_MAIL if own else wording.STATES[self.line.state][0]

    @property
    def tone(self) -> str:
        return wording.STATES[self.line.state][1]

    @property
    def is_outdated(self) -> bool:
        """A yes to other words: it means no until the person answers these (Art. 7(1))."""
        return self.line.state is Consent.OUTDATED

    @property
    def changes(self) -> list[Row]:
        """The paragraphs that are not what they were when the person answered."""
        return [row for row in rows(self.before, self.text.body) if row.kind != SAME] if self.before else []

    @property
    def is_answered(self) -> bool:
        """Whether a yes or no of the person stands, to this wording."""
        return self.line.state in {Consent.GIVEN, Consent.REFUSED, Consent.WITHDRAWN}

    @property
    def is_given(self) -> bool:
        return self.line.state is Consent.GIVEN

    @property
    def is_refused(self) -> bool:
        """A no is remembered: nobody is asked twice, one quiet button leads back (Art. 7(2), 4(11))."""
        return self.line.state is Consent.REFUSED

    @property
    def is_open(self) -> bool:
        return self.line.state in OPEN

    @property
    def renewable(self) -> bool:
        return is_renewable(self.purpose, self.line)

    @property
    def shown_line(self) -> str:
        """The same as `shown`, in one field of the form that answers all."""
        return "|".join(str(part) for part in self.shown.values())

    @property
    def can_refuse(self) -> bool:
        """A no that stands already needs no button; a yes is withdrawn."""
        return not self.is_answered

    @property
    def shown(self) -> dict[str, Any]:
        """What the form carries back: the wording exactly as it was shown."""
        return {
            "purpose": self.purpose.slug, "version": self.text.notice.version, "language": self.text.language,
            "digest": self.text.digest,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class Toggle:
    """One third party for one purpose, as the person reads it."""

    row: SharingRow
    recipient: Recipient
    title: str
    why: str
    country: str
    fields: list[str]
    obstacle: str
    is_outside: bool = False
    """Whether it is outside the European Economic Area (Art. 13(1)(f))."""

    ask: SharingAsk | None = None

    @property
    def stages(self) -> list[progress.Stage]:
        """Switched, told, confirmed, each with its time."""
        return progress.stages(self.row)

    @property
    def part(self) -> Any:
        """What it does with the data, in a sentence; empty for roles of other words."""
        return wording.PARTS.get(self.recipient.role.strip().lower(), "")

    @property
    def key(self) -> str:
        """A name for it on the page."""
        return f"{self.row.recipient}-{self.row.purpose}"

    @property
    def values(self) -> dict[str, str]:
        return {
            "purpose": self.row.purpose,
            "recipient": self.row.recipient,
            "shared": "off" if self.row.shared else "on",
        }


@dataclass(frozen=True, kw_only=True)
class Happening:
    """One line of the timeline."""

    at: datetime
    title: Any
    text: str
    label: Any = ""
    tone: str = ""
    url: str = ""


def choices(subject: Subject, language: str) -> list[Choice]:
    """Every live purpose that rests on consent, with its live wording in the language or the default one."""
    lines = {line.purpose: line for line in standing_of(subject) if not line.recipient}
    names, waiting, parents = field_names(language), waiting_of(subject), from_parents(subject)
    return [
        Choice(
            waiting=waiting.get(purpose.slug), from_parents=purpose.slug in parents, before=_before(line, text),
            purpose=purpose, title=title_in(purpose.titles, language), text=text, fields=_fields(purpose, names),
            line=line,
        )
        for purpose, text in _with_text(language, lawful_basis=Purpose.Basis.CONSENT)
        for line in [lines.get(purpose.slug) or Line(purpose=purpose.slug, recipient="", state=Consent.NEVER_ASKED)]
    ]  # fmt: skip


def notices(language: str) -> list[Worded]:
    """Every live purpose, on whatever ground, with its live wording in the language or the default one (Art. 13)."""
    return [
        Worded(purpose=purpose, title=title_in(purpose.titles, language), text=text)
        for purpose, text in _with_text(language)
    ]


def _before(line: Line, text: NoticeText) -> str:
    if line.state is not Consent.OUTDATED or line.notice_version is None:
        return ""
    answered = NoticeText.objects.filter(notice__purpose__slug=line.purpose, notice__version=line.notice_version)
    return answered.filter(language=text.language).values_list("body", flat=True).first() or ""


def offers(shown: list[Choice]) -> dict[str, bool]:
    """Whether there is anything to say yes or no to at once: never where every question was answered with no."""
    yes = any(choice.is_open and not choice.purpose.special_category for choice in shown)
    no = any(choice.is_open or choice.is_given or choice.waiting for choice in shown)
    return {"offers_yes": yes, "offers_no": no}


def toggles(subject: Subject, language: str) -> list[Toggle]:
    """Every recipient of every live purpose; `obstacle` says why it cannot be switched on now."""
    recipients = {recipient.slug: recipient for recipient in live_recipients()}
    purposes = {purpose.slug: purpose for purpose in purposes_of_catalogue()}
    verdicts = {slug: sharing_verdict(subject, slug, None) for slug in purposes}
    names = field_names(language)
    asked = {(ask.recipient, ask.purpose): ask for ask in waiting(subject)}
    return [
        Toggle(
            row=row, ask=asked.get((row.recipient, row.purpose)), recipient=recipients[row.recipient],
            title=title_in(purposes[row.purpose].titles, language),
            why=_why(purposes[row.purpose], language), fields=_fields(purposes[row.purpose], names),
            country=wording.country(recipients[row.recipient].country, language),
            is_outside=transfers.is_outside(recipients[row.recipient].country),
            obstacle=str(wording.WHY_NOT.get(verdicts[row.purpose], "")),
        )
        for row in sharing_rows(subject)
    ]  # fmt: skip


def timeline(subject: Subject, language: str) -> list[Happening]:
    """The newest of what the person answered, in words."""
    recipients = dict(Recipient.objects.values_list("slug", "name"))
    events = history_of(subject, most=HISTORY_SHOWN)
    titles = purpose_titles({event.purpose for event in events}, language)
    return [_happening(event, titles, recipients) for event in events]


def opening(body: str) -> str:
    """The words of a notice before its first heading."""
    return body.partition("\n## ")[0].strip()


def field_names(language: str, *, approved: bool = False) -> dict[str, str]:
    """The plain names of every collection component, or of those that are approved; by one statement."""
    rows = Component.objects.filter(state__in=APPROVED) if approved else Component.objects.all()
    return {slug: title_in(titles, language) for slug, titles in rows.values_list("slug", "titles")}


def _happening(event: ConsentEvent, titles: dict[str, str], recipients: dict[str, str]) -> Happening:
    acts = wording.SHARING_ACTS if event.recipient else wording.ACTS
    about = titles[event.purpose]
    if event.recipient:
        about = _("%(purpose)s, with %(recipient)s") % {
            "purpose": about,
            "recipient": recipients.get(event.recipient, event.recipient),
        }
    seen = _("wording %(version)s") % {"version": event.notice_version} if event.notice_version else ""
    return Happening(
        at=event.at, title=acts[event.action], text=", ".join(part for part in (about, seen) if part),
        url=reverse("consent_receipt_own", args=[event.event]),
    )  # fmt: skip


def _with_text(language: str, **which: str) -> Iterator[tuple[Purpose, NoticeText]]:
    for purpose in purposes_of_catalogue().filter(**which):
        text = _live_text(purpose, language)
        if text is not None:
            yield purpose, text


def _live_text(purpose: Purpose, language: str) -> NoticeText | None:
    notices: Any = getattr(purpose, "live_notices", [])
    return text_in(notices[0].texts.all(), language) if notices else None


def _why(purpose: Purpose, language: str) -> str:
    """What for, in the person's language: the opening of the wording; the catalogue's own words are for reviewers."""
    text = _live_text(purpose, language)
    return (text and opening(text.body)) or purpose.necessity


def _fields(purpose: Purpose, names: dict[str, str]) -> list[str]:
    return [names.get(slug, slug.replace("_", " ").capitalize()) for slug in purpose.fields]
