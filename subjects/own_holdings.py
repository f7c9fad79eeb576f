"""What this app holds about people: identity, values, who knows them, restrictions, retentions."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from access.selectors import factors_of, open_sessions
from subjects import hooks, selectors
from subjects.holdings import ExportScope, Going, Holding, Kept, Own, PlanLine, register
from subjects.models import ApplicationLink, Identifier, PersonalValue, Restriction, Retention, Subject, ValuePurpose
from subjects.services.reveal import opened_identifiers
from subjects.services.values import open_values

_PROVIDED = frozenset({PersonalValue.Source.SUBJECT.value, PersonalValue.Source.OBSERVED.value})
_KEPT_BY_LAW = "Art. 17(3)(b)"
_IDENTIFIERS = Own(Identifier.objects.select_related("application").order_by("kind", "id"))
_VALUES = Own(selectors.with_purposes())
_LINKS = Own(ApplicationLink.objects.select_related("application").order_by("created_at"))
_RESTRICTIONS = Own(Restriction.objects.order_by("since"))
_RETENTIONS = Own(Retention.objects.filter(ended_at=None).order_by("purpose"))


class IdentityHolding(Holding):
    """Identifiers, language, country and date of birth: what a person is recognised by. Nothing of it is ever kept.

    The second factors and open sessions of the person's account are told here too; they go with the account, which is
    another step's.
    """

    name = "identity"
    models = frozenset({"subjects.Subject", "subjects.Identifier"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability and not scope.purposes:
            return {}  # nothing rests on consent or contract, so nothing that identifies does either (Art. 20(1)(a))
        held, again = scope.together.rows(subject, _IDENTIFIERS), _IDENTIFIERS.of([subject])
        birth_date = selectors.birth_date_of(subject)
        profile = {"language": subject.language, "country": subject.country, "birth_date": birth_date}
        return {
            "identifiers": [_identifier(*found) for found in opened_identifiers(subject.pk, again, held)],
            **({} if scope.portability else {"factors": _factors(subject), "sessions": _sessions(subject)}),
            **{name: value for name, value in profile.items() if value},
            "since": subject.created_at.isoformat(),
        }

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not self.residue(subject, kept):
            return []
        why = _("Nobody can find or recognise you here afterwards.")
        return [PlanLine(_("Your identifiers, language, country and date of birth"), "goes", "Art. 17(1)", why=why)]

    def goes(self, kept: Kept) -> Sequence[Going]:
        recognised_by = ~Q(language="", country="", birth_date_sealed=None)
        empty = {"language": "", "country": "", "birth_date_sealed": None}
        return (
            Going(Identifier.objects.all()),
            Going(Subject.objects.filter(recognised_by), owner="pk", emptied=empty),
        )


class ValuesHolding(Holding):
    """Personal values and the purposes they are linked to; only what a law keeps stays, for just that purpose."""

    name = "values"
    models = frozenset({"subjects.PersonalValue", "subjects.ValuePurpose"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        rows = scope.together.rows(subject, _VALUES)
        held = [value for value in map(selectors.held_value, rows) if _in_scope(value, scope)]
        fields = frozenset(value.field for value in held)
        values = open_values(subject.pk, _cells(rows, fields), lambda: _cells(_VALUES.of([subject]), fields))
        titles = scope.together.known((fields, scope.language), lambda: hooks.describe_fields(fields, scope.language))
        found = [value for value in held if value.field in values]
        return {"values": [_exported(each, titles[each.field], values[each.field], scope) for each in found]}

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        until = {row.purpose: row for row in Retention.objects.filter(subject=subject, ended_at=None)}
        lines = []
        for value in selectors.values_held(subject):
            staying = [purpose for purpose in value.purposes if value.field in kept.get(purpose, ())]
            lines += [_stays(value.field, purpose, until.get(purpose)) for purpose in staying]
            lines += [] if staying else [PlanLine(_field(value.field), "goes", "Art. 17(1)", fields=(value.field,))]
        return lines

    def goes(self, kept: Kept) -> Sequence[Going]:
        return (
            Going(ValuePurpose.objects.exclude(_kept_links(kept)), owner="value__subject"),
            Going(PersonalValue.objects.filter(purposes=None)),
        )


class LinksHolding(Holding):
    """Which applications know the person. The rows hold random ids only and stay, so that each is told `erased`, until
    the proof and what a law keeps are over (`consent.services.proofs.end_proofs`).
    """

    name = "applications"
    models = frozenset({"subjects.ApplicationLink"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        return {
            "applications": [
                {"application": link.application.slug, "name": link.application.name, "since": _iso(link.created_at)}
                for link in scope.together.rows(subject, _LINKS)
            ]
        }

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        why = _("Random ids only: they let us answer applications that you have been erased.")
        what = _("The fact that an application had a record here")
        return [PlanLine(what, "stays", _KEPT_BY_LAW, until=_proof_until(), why=why, lasts_as_kept=True)]

    def goes(self, kept: Kept) -> Sequence[Going]:
        return ()


class RestrictionsHolding(Holding):
    """Restrictions of processing (Art. 18): they end with the data, and go on with what stays.

    The bare periods are kept as proof, under a random id, as consents are (`consent.services.consents.end_proofs`).
    """

    name = "restrictions"
    models = frozenset({"subjects.Restriction"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        return {
            "restrictions": [
                {"ground": row.ground, "since": _iso(row.since), "lifted_at": _iso(row.lifted_at)}
                for row in scope.together.rows(subject, _RESTRICTIONS)
            ]
        }

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        if not Restriction.objects.filter(subject=subject).exists():
            return []
        what, until = _("Restrictions of processing"), _proof_until()
        if kept:
            return [PlanLine(what, "stays", "Art. 18", until, _("It binds what is kept."), lasts_as_kept=True)]
        why = _("We must be able to prove that we kept to it. No name is left on it.")
        return [PlanLine(what, "stays", "Art. 17(3)(e)", until=until, why=why)]

    def goes(self, kept: Kept) -> Sequence[Going]:
        if kept:
            return ()
        return (Going(Restriction.objects.filter(lifted_at=None), emptied={"lifted_at": timezone.now()}),)


class RetentionsHolding(Holding):
    """Why something is kept after an erasure: the law and the date, without values. Ends with `end_retention`."""

    name = "retentions"
    models = frozenset({"subjects.Retention"})

    def export(self, subject: Subject, scope: ExportScope) -> dict[str, Any]:
        if scope.portability:
            return {}
        return {
            "retentions": [
                {
                    "purpose": row.purpose, "fields": row.fields, "article": row.article, "citation": row.citation,
                    "until": row.until.isoformat(),
                }
                for row in scope.together.rows(subject, _RETENTIONS)
            ]
        }  # fmt: skip

    def plan(self, subject: Subject, kept: Kept) -> list[PlanLine]:
        return []

    def goes(self, kept: Kept) -> Sequence[Going]:
        over = Retention.objects.filter(ended_at=None).exclude(purpose__in=list(kept))
        return (Going(over, emptied={"ended_at": timezone.now()}),)


def register_all() -> None:
    """The registry knows everything this app holds."""
    for one in (IdentityHolding(), ValuesHolding(), LinksHolding(), RestrictionsHolding(), RetentionsHolding()):
        register(one)


def _proof_until() -> datetime:
    """Until when the proof of an erasure of this moment is kept."""
    return timezone.now() + timedelta(days=settings.PROOF_RETENTION_DAYS)


def _cells(rows: Iterable[PersonalValue], fields: frozenset[str]) -> list[tuple[UUID, str, bytes | memoryview]]:
    return [(row.pk, row.field, row.sealed) for row in rows if row.field in fields]


def _identifier(row: Identifier, value: str) -> dict[str, str]:
    told = {"kind": row.kind, "value": value}
    return told | {"application": row.application.slug} if row.application else told


def _factors(subject: Subject) -> list[dict[str, Any]]:
    factors = [] if subject.account is None else factors_of(subject.account)
    return [
        {"kind": each.kind, "name": each.name, "since": _iso(each.since), "used_at": _iso(each.used_at)}
        for each in factors
    ]


def _sessions(subject: Subject) -> list[dict[str, Any]]:
    sessions = [] if subject.account is None else open_sessions(subject.account)
    return [
        {
            "browser": each.browser, "system": each.system, "signed_in_at": _iso(each.signed_in_at),
            "used_at": _iso(each.used_at),
        }
        for each in sessions
    ]  # fmt: skip


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None


def _in_scope(value: selectors.HeldValue, scope: ExportScope) -> bool:
    if scope.purposes is not None and not scope.purposes.intersection(value.purposes):
        return False
    return not scope.portability or value.source in _PROVIDED


def _exported(value: selectors.HeldValue, title: str, plain: str, scope: ExportScope) -> dict[str, Any]:
    purposes = [purpose for purpose in value.purposes if scope.purposes is None or purpose in scope.purposes]
    exported: dict[str, Any] = {"field": value.field, "title": title, "value": plain, "purposes": purposes}
    if value.source_name:
        exported["source_name"] = value.source_name
    times = {"since": value.since.isoformat(), "updated_at": value.updated_at.isoformat()}
    return exported | {"source": value.source} | times


def _kept_links(kept: Kept) -> Q:
    condition = Q(pk__in=[])
    for purpose, fields in kept.items():
        condition |= Q(purpose=purpose, value__field__in=fields)
    return condition


def _stays(field: str, purpose: str, row: Retention | None) -> PlanLine:
    article, until = (row.article, row.until) if row else (_KEPT_BY_LAW, None)
    why = _("A law asks to keep it for: %(purpose)s.") % {"purpose": hooks.describe_purpose(purpose, _language())}
    return PlanLine(_field(field), "stays", article, until, why, purpose, (field,))


def _field(field: str) -> str:
    return hooks.describe_field(field, _language())


def _language() -> str:
    return get_language() or "en"
