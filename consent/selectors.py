"""What of the catalogue is approved and live; what is not approved is not here, for anybody."""

from collections.abc import Callable, Collection, Iterable
from datetime import datetime

from django.conf import settings
from django.db.models import Prefetch, Q, QuerySet

from access.models import Application
from consent.models import Component, ConsentEvent, DataContract, Notice, NoticeText, Purpose, Recipient
from consent.models.governance import ReviewState
from consent.notices.points import points_made
from consent.wording import title_in
from gdpr_portal.errors import Missing, Refused
from gdpr_portal.prepared import Loaded
from subjects.models import Subject

_NAMED = Loaded(Purpose, "WHERE slug = %(slug)s")
APPROVED = (ReviewState.APPROVED, ReviewState.SCHEDULED, ReviewState.LIVE)


def live_at(at: datetime | None = None) -> Q:
    """What is live now, or was at a past moment (from its publication on, until just before its retirement)."""
    if at is None:
        return Q(state=ReviewState.LIVE)
    return Q(published_at__lte=at) & (Q(retired_at__isnull=True) | Q(retired_at__gt=at))


def live_purpose(slug: str) -> Purpose:
    """The live purpose. Raises `Missing("unknown_purpose")` and `Refused("purpose_not_approved")`."""
    return require_live(_NAMED.first(slug=slug))


def require_live(purpose: Purpose | None) -> Purpose:
    """The same purpose, if there is one and it is live. Raises as `live_purpose`."""
    if purpose is None:
        raise Missing("unknown_purpose", "No purpose has this name.")
    if purpose.state != ReviewState.LIVE:
        raise Refused("purpose_not_approved", "This purpose is not approved.")
    return purpose


def purposes_of_catalogue(at: datetime | None = None) -> QuerySet[Purpose]:
    """Every live purpose in the order of its slug, its live notice with all texts in `live_notices`."""
    notices = Notice.objects.filter(live_at(at)).prefetch_related("texts")
    return (
        Purpose.objects.filter(live_at(at))
        .order_by("slug")
        .prefetch_related(Prefetch("notices", queryset=notices, to_attr="live_notices"))
    )


def live_notice(purpose: Purpose, language: str | None = None) -> NoticeText:
    """The live wording in the language, else in the default language, else in any. Its `notice` is loaded.

    Raises `Missing` when nothing is live for the purpose.
    """
    texts = NoticeText.objects.filter(notice__purpose=purpose, notice__state=ReviewState.LIVE)
    chosen = text_in(texts.select_related("notice"), language)
    if chosen is None:
        raise Missing("not_found", "This purpose has no live notice.")
    return chosen


def text_in(texts: Iterable[NoticeText], language: str | None) -> NoticeText | None:
    """The text in the language, else in the default language, else the first there is."""
    found = {text.language: text for text in texts}
    primary = (language or "").lower().split("-")[0]
    for wanted in (primary, settings.LANGUAGE_CODE, *sorted(found)):
        if wanted in found:
            return found[wanted]
    return None


def told_in_notices(purposes: Iterable[str], language: str | None) -> dict[str, dict[str, str]]:
    """What people were told of each purpose, as it was approved: point of Art. 13 to its words, by slug.

    By the wording that is live, else the last that was: data may still be held for what is offered no more.
    """
    notices = Notice.objects.filter(purpose__slug__in=list(purposes), published_at__isnull=False)
    last = notices.order_by("purpose", "-published_at", "-version").distinct("purpose")
    texts = {each.purpose.slug: each.texts.all() for each in last.select_related("purpose").prefetch_related("texts")}
    found = {slug: text_in(of_one, language) for slug, of_one in texts.items()}
    return {slug: points_made(text.body, text.language) for slug, text in found.items() if text is not None}


def live_contracts(application: Application | None = None, at: datetime | None = None) -> QuerySet[DataContract]:
    """The contracts that hold, of one application or of all, with purpose and application."""
    contracts = DataContract.objects.filter(live_at(at)).select_related("purpose", "application")
    return contracts if application is None else contracts.filter(application=application)


def live_recipients(purpose: Purpose | str | None = None, at: datetime | None = None) -> QuerySet[Recipient]:
    """The third parties that may be shared with, for one purpose or any, in the order of their slug."""
    recipients = Recipient.objects.filter(live_at(at)).select_related("application").order_by("slug")
    slug = purpose.slug if isinstance(purpose, Purpose) else purpose
    return recipients if slug is None else recipients.filter(purposes__contains=[slug])


def components(slugs: Iterable[str]) -> dict[str, Component]:
    """The approved collection components among the slugs."""
    return {item.slug: item for item in Component.objects.filter(slug__in=list(slugs), state__in=APPROVED)}


def purpose_title(slug: str, language: str) -> str:
    """The purpose's plain name, whatever its state: people see what is held for a retired purpose too."""
    titles = Purpose.objects.filter(slug=slug).values_list("titles", flat=True).first()
    return title_in(titles or {}, language) or _in_words(slug)


def purpose_titles(slugs: Collection[str], language: str) -> dict[str, str]:
    """The same of several, by slug; one statement."""
    titles = dict(Purpose.objects.filter(slug__in=slugs).values_list("slug", "titles")) if slugs else {}
    return {slug: title_in(titles.get(slug, {}), language) or _in_words(slug) for slug in slugs}


def field_titles(slugs: Iterable[str], language: str) -> dict[str, str]:
    """The plain names of these collection components, by slug; one statement."""
    wanted = list(slugs)
    titles = dict(Component.objects.filter(slug__in=wanted).order_by("-pk").values_list("slug", "titles"))
    return {slug: title_in(titles.get(slug, {}), language) or _in_words(slug) for slug in wanted}


def _in_words(slug: str) -> str:
    return slug.replace("_", " ").replace("-", " ").capitalize()


def told_of(application: Application) -> Callable[[str], bool]:
    """Whether the application is told what a person shares with a recipient, by slug; empty for the purpose itself.

    A third party is told of itself alone: whom else a person trusts is none of its business (Art. 5(1)(c)).
    """
    if not application.is_third_party:
        return lambda recipient: True
    own = Recipient.objects.filter(application=application).values_list("slug", flat=True).first()
    return lambda recipient: recipient in {"", own}


def is_told_of(application: Application, subject: Subject) -> bool:
    """Whether the application is told what binds the person: a third party only once they shared with it (Art. 19)."""
    if not application.is_third_party:
        return True
    own = Recipient.objects.filter(application=application).values("slug")
    return ConsentEvent.objects.filter(subject=subject, recipient__in=own, action="give").exists()
