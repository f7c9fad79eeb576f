"""What people read in the place of a slug: the plain names of purposes, fields, recipients and applications."""

from django.db.models import BooleanField, ExpressionWrapper, F, Q, Value
from django.utils.translation import get_language

from access.models import Application
from consent.models import Component, Purpose, Recipient
from consent.models.governance import ReviewState
from consent.wording import title_in

PURPOSE, FIELD, RECIPIENT, APPLICATION = "purpose", "field", "recipient", "application"
_IS_LIVE = ExpressionWrapper(Q(state=ReviewState.LIVE), output_field=BooleanField())


class Names:
    """Every plain name of the catalogue in one language, by two statements."""

    def __init__(self, language: str | None = None) -> None:
        purposes = Purpose.objects.annotate(kind=Value(PURPOSE), live=_IS_LIVE)
        fields = Component.objects.annotate(kind=Value(FIELD), live=_IS_LIVE)
        recipients = Recipient.objects.annotate(kind=Value(RECIPIENT), live=_IS_LIVE)
        applications = Application.objects.annotate(kind=Value(APPLICATION), live=F("enabled"))
        with_titles, with_name = ("kind", "slug", "live", "titles"), ("kind", "slug", "live", "name")
        titled = purposes.values_list(*with_titles).union(fields.values_list(*with_titles), all=True)
        named = recipients.values_list(*with_name).union(applications.values_list(*with_name), all=True)
        language = language or get_language()
        found = [(kind, slug, live, title_in(titles, language)) for kind, slug, live, titles in titled] + list(named)
        self._names = {(kind, slug): name for kind, slug, _live, name in found}
        self._live = {(kind, slug) for kind, slug, live, _name in found if live}

    def of(self, kind: str, slug: str) -> str:
        """The thing in plain words; a slug that the catalogue does not know, as words."""
        return self._names.get((kind, slug)) or slug.replace("_", " ").replace("-", " ").capitalize()

    def is_live(self, kind: str, slug: str) -> bool:
        """Whether it is in use."""
        return (kind, slug) in self._live

    def choices(self, kind: str, *, live: bool = False) -> list[tuple[str, str]]:
        """Slug and name of each thing of this kind, or of those in use, by name: what a form offers."""
        slugs = [slug for each, slug in self._names if each == kind and (not live or self.is_live(kind, slug))]
        return sorted(((slug, self.of(kind, slug)) for slug in slugs), key=lambda pair: pair[1].casefold())
