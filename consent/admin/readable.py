"""Values of what is reviewed as people read them: names, words and dates in the place of codes, JSON and slugs.

What an approval is bound to stays complete: every member is shown, only said in words. A value is a `Shown`: a text,
a list of words, or members with a label each. Two values side by side mark what only one of them holds.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db.models import Model
from django.utils import formats, timezone
from django.utils.text import capfirst
from django.utils.translation import get_language, gettext_lazy
from django.utils.translation import gettext as _

from consent import revised
from consent.models import Revision
from consent.models.governance import SourceKind
from consent.names import Names
from consent.wording import FREE_WORDS, country

MEMBERS = {"texts": gettext_lazy("wording in each language")}
"""What an approval is bound to besides columns."""
LISTS = {"fields": "field", "purposes": "purpose"}
"""Lists of slugs, and what they are slugs of."""


@dataclass(frozen=True)
class Shown:
    """One value. `words` are `(word, whether the other side lacks it)`; `members` are `(label, Shown)`."""

    text: str = ""
    words: tuple[tuple[str, bool], ...] = ()
    members: tuple[tuple[str, "Shown"], ...] = ()


class Readable:
    """Values of one kind of thing in the language in force; the catalogue is asked for its names at most once."""

    def __init__(self, model: type[Model]) -> None:
        self._model = model
        self._names: Names | None = None

    def content(self, members: Mapping[str, Any]) -> list[tuple[str, Shown]]:
        """Every member with what it is called."""
        return [(called(self._model, name), self.value(name, value)) for name, value in members.items()]

    def changes(self, before: Mapping[str, Any], after: Mapping[str, Any], names: Iterable[str]) -> list[Any]:
        """`(label, before, after)` of these members; of names in each language those that differ."""
        return [(called(self._model, name), *self._sides(name, before.get(name), after.get(name))) for name in names]

    def value(self, name: str, value: Any, other: Any = ()) -> Shown:
        """The value; of a list what `other` lacks is marked, where there is one."""
        if isinstance(value, dict):
            return Shown(members=tuple((_language(key), self.value(key, each)) for key, each in value.items()))
        if isinstance(value, list) and value:
            lacked = set(value) - set(other or ()) if other != () else set()
            return Shown(words=tuple((self._word(name, each), each in lacked) for each in value))
        return Shown(text=self._text(name, value))

    def _sides(self, name: str, before: Any, after: Any) -> tuple[Shown, Shown]:
        if isinstance(before, dict) and isinstance(after, dict):
            other = {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)}
            before, after = ({key: side[key] for key in side if key in other} for side in (before, after))
        return self.value(name, before, after or None), self.value(name, after, before or None)

    def _word(self, name: str, code: Any) -> str:
        if name in LISTS:
            return self._name(LISTS[name], code)
        return str(dict(SourceKind.choices).get(code) or FREE_WORDS.get(code, code))

    def _text(self, name: str, value: Any) -> str:
        if value in (None, "", []):
            return "-"
        if isinstance(value, bool):
            return _("Yes") if value else _("No")
        if isinstance(value, int):
            return formats.localize(value, use_l10n=True)
        said = SAID.get(name)
        return said(self, value) if said else str(self._choices(name).get(value, value))

    def _choices(self, name: str) -> dict[Any, Any]:
        field = next((each for each in self._model._meta.fields if each.name == name), None)
        return dict(getattr(field, "flatchoices", ()))

    def _name(self, kind: str, slug: str) -> str:
        self._names = self._names or Names()
        return self._names.of(kind, slug)


SAID: dict[str, Callable[[Readable, str], str]] = {
    "application": lambda readable, slug: readable._name("application", slug),
    "purpose": lambda readable, slug: readable._name("purpose", slug),
    "role": lambda readable, role: str(FREE_WORDS.get(role, role)),
    "country": lambda readable, code: country(code, get_language() or ""),
    "expires_at": lambda readable, moment: formats.date_format(
        timezone.localtime(datetime.fromisoformat(moment)), "DATETIME_FORMAT"
    ),
}
"""Member -> how its code is said."""


def of_revision(revision: Revision) -> list[tuple[str, Shown]]:
    """What an approval of a revision is bound to: the values before and after are those of what it is of."""
    inner, own = Readable(revised.MODELS[revision.kind]), Readable(Revision)
    content = revision.content()
    return [
        (called(Revision, name), _members(inner, value) if name in ("before", "values") else own.value(name, value))
        for name, value in content.items()
    ]


def called(model: type[Model], name: str) -> str:
    """A member of what is reviewed, as the desk calls it; its bare name where there are no words for it."""
    own = next((str(each.verbose_name) for each in model._meta.fields if each.name == name), "")
    return capfirst(own or str(MEMBERS.get(name, name)))


def _members(readable: Readable, values: Mapping[str, Any]) -> Shown:
    return Shown(members=tuple(readable.content(values)))


def _language(key: str) -> str:
    """The language of a wording, or the part of it (`title`, `body`)."""
    names: dict[str, Any] = {**dict(settings.LANGUAGES), "title": _("Title"), "body": _("Text")}
    return str(names.get(key, key))
