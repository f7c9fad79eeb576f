"""What the tests of wording share: the demonstration's notices as pure values, and drafts of a next version."""

from django.conf import settings

from consent import demo_texts
from consent.demo_catalogue import PURPOSES
from consent.digests import body_digest
from consent.models import Notice, NoticeText
from consent.notices.diff import Wording

DEMO = sorted(PURPOSES)
LANGUAGES = ("en", "de", "fr")


def basis_of(slug):
    """(lawful basis, whether it is marketing) of a purpose of the demonstration."""
    plan = PURPOSES[slug]
    return plan.basis, bool(plan.more.get("is_marketing"))


def demo(slug="newsletter"):
    """The wording of one purpose in every language."""
    return {
        language: Wording(
            demo_texts.LANGUAGES[language].TITLES[slug],
            demo_texts.body(language, slug, *basis_of(slug), settings.CONTROLLER),
        )
        for language in LANGUAGES
    }


def changed(texts, language, old, new):
    """The same wording with one passage put another way; the passage must be there."""
    assert old in texts[language].body
    return texts | {language: Wording(texts[language].title, texts[language].body.replace(old, new, 1))}


def draft(purpose, author, *, texts=None, is_major=True):
    """The next version of the purpose's notice, word for word unless `texts` say otherwise."""
    live = purpose.notices.get(state="live")
    notice = Notice.objects.create(purpose=purpose, version=live.version + 1, is_major=is_major, author=author.account)
    written = texts or {text.language: Wording(text.title, text.body) for text in live.texts.all()}
    for language, wording in written.items():
        NoticeText.objects.create(
            notice=notice, language=language, title=wording.title, body=wording.body, digest=body_digest(wording.body)
        )
    return notice
