"""What the checks say of a notice as it is stored. Questions only; `consent.notices` reads, nothing here decides."""

from collections.abc import Mapping

from django.conf import settings

from consent.models import Notice, NoticeText, Purpose, Recipient
from consent.models.governance import ReviewState
from consent.notices import report
from consent.notices.diff import Wording
from consent.notices.findings import Finding, blocking
from consent.notices.lint import lint
from consent.notices.points import LANGUAGES
from consent.notices.report import Report


def report_of(notice: Notice) -> Report:
    """Every check, over the notice and the live version that it would replace."""
    live = live_before(notice)
    read = report.Notice(
        texts=wording_of(notice), basis=notice.purpose.lawful_basis, is_marketing=notice.purpose.is_marketing,
        is_major=notice.is_major, live=None if live is None else wording_of(live),
    )  # fmt: skip
    return report.report(read, threshold=settings.NOTICE_READABILITY_WARNING)


def wording_of(notice: Notice) -> dict[str, Wording]:
    """Language -> title and body, the languages of the service first."""
    texts = {text.language: Wording(text.title, text.body) for text in notice.texts.order_by("language")}
    return {language: texts[language] for language in dict.fromkeys([*LANGUAGES, *texts]) if language in texts}


def live_before(notice: Notice) -> Notice | None:
    """The version people read now, when it is another one."""
    return notice.purpose.notices.filter(state=ReviewState.LIVE).exclude(pk=notice.pk).first()


def wordings_without(recipient: Recipient) -> list[Purpose]:
    """Purposes of this recipient whose live wording does not name it in every language (Art. 13(1)(e), (f))."""
    live = Purpose.objects.filter(slug__in=recipient.purposes, notices__state=ReviewState.LIVE)
    silent = NoticeText.objects.filter(notice__state=ReviewState.LIVE).exclude(body__icontains=recipient.name)
    return list(live.filter(notices__texts__in=silent).distinct().order_by("slug"))


def blocks(texts: Mapping[str, Wording], basis: str) -> list[Finding]:
    """The wordings that keep a notice from review."""
    return blocking(
        finding for language in LANGUAGES if language in texts for finding in lint(texts[language], language, basis)
    )
