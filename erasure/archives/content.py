"""What stands in an archive: the copy of the data, and what Art. 15(1)(a) to (h) and (2) tell this very person.

Every section comes from a Holding, so that what can be held can be exported; portability holds what Art. 20(1) covers:
data the person provided (given or observed), processed on consent or contract.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.conf import settings
from django.utils import timezone, translation
from django.utils.translation import gettext as _

from audit.models import AuditEvent
from consent.models import ConsentEvent, Purpose, Recipient
from consent.rights import PORTABLE, rights_offered
from consent.selectors import live_recipients, told_in_notices
from consent.wording import title_in
from erasure.archives.answers import Answers
from erasure.models import RightsRequest
from erasure.rights import OF_EVERYBODY, Held
from erasure.selectors import held_purposes_of
from erasure.services.places import PREFIX
from erasure.services.sources import Source
from subjects.holdings import ExportScope, Own, Together, holdings
from subjects.looks import looks, seen_of
from subjects.models import Subject

FORMAT = "gdpr-portal-archive/1"
_SHARED = Own(ConsentEvent.objects.filter(action="give").exclude(recipient="").order_by("recipient", "seq"))


def content(
    request: RightsRequest,
    *,
    language: str,
    told: Sequence[Source] = (),
    answers: Answers | None = None,
    together: Together | None = None,
) -> dict[str, Any]:
    """The whole archive: JSON values, long tables as `Rows`; sections in a fixed order, what connectors hold last.

    `answers` are those which the archive hands on.
    Copies put together at once share what is read, `together`.
    """
    together = together or Together([request.subject])
    portability = request.right == RightsRequest.Right.PORTABILITY
    held = together.known(held_purposes_of, lambda: held_purposes_of(together.keys))[request.subject_id]
    portable = frozenset(each.purpose for each in held if each.lawful_basis in PORTABLE) if portability else None
    scope = ExportScope(portability=portability, language=language, purposes=portable, together=together)
    sections = {holding.name: holding.export(request.subject, scope) for holding in holdings()}
    found = Answers(()) if answers is None else answers
    sections |= {f"connector {each.step.target}": found[each] for each in found if each.kind == "connector"}
    anything = _tells(sections) or any(map(_tells, found.values()))
    head = _head(request) | {"anything_held": anything} | _asked(told, found, 0)
    if portability:
        return head | {"data": sections}
    shared = tuple(dict.fromkeys(row.recipient for row in together.rows(request.subject, _SHARED)))
    with translation.override(language):
        informed = together.known((information, *held, *shared, language), lambda: information(held, language, shared))
    return head | {"information": informed, "data": sections} | _seen(request.subject, together)


def supplement(request: RightsRequest, told: Sequence[Source], answers: Answers, number: int) -> dict[str, Any]:
    """What came after the first archive: the answers of others alone, and how everybody asked stands now."""
    connected = {f"connector {each.step.target}": answers[each] for each in answers if each.kind == "connector"}
    head = _head(request) | {"supplement": number, "anything_held": True}
    return head | _asked(told, answers, number) | {"data": connected}


def _head(request: RightsRequest) -> dict[str, Any]:
    made_at = timezone.now().isoformat()
    return {"format": FORMAT, "request": str(request.id), "right": request.right, "made_at": made_at}


def _asked(told: Sequence[Source], answers: Answers, number: int) -> dict[str, Any]:
    """Who was asked and what each has answered by now; whether more is to come."""
    if not told:
        return {}
    rows = [
        {
            "source": each.step.target.removeprefix(PREFIX),
            "kind": each.kind,
            "name": each.name,
            "state": each.state,
            "answered_at": each.row.at.isoformat() if each.row else None,
            "archive": number if each in answers else each.archive,
            "folder": each.folder if answers.get(each) else None,
        }
        for each in told
    ]
    return {"sources": rows, "supplement_follows": any(each.outstanding for each in told)}


def _tells(section: Any) -> bool:
    """Whether anything stands in it: a section of empty lists tells nothing."""
    if isinstance(section, Mapping):
        return any(_tells(part) for part in section.values())
    return bool(section)


def information(held: list[Held], language: str, shared: Sequence[str] = ()) -> dict[str, Any]:
    """Art. 15(1)(a) to (h) and (2), of what is held about this very person, in the language in force.

    `shared` are the recipients, by slug, that sharing was ever on with.
    """
    purposes = {purpose.slug: purpose for purpose in Purpose.objects.filter(slug__in=[each.purpose for each in held])}
    said = told_in_notices(purposes, language)
    rows = [_purpose(purposes[each.purpose], each, said.get(each.purpose, {}), language) for each in held]
    return {
        "controller": dict(settings.CONTROLLER),
        "purposes": rows,
        "recipients": _recipients(held, shared),
        "rights": _rights(held),
        "complaint": {
            "authority": settings.CONTROLLER["authority"],
            "address": settings.CONTROLLER["authority_url"],
        },
        "recipients_told": [_told(row, said, "recipients", "transfers") for row in rows],
        "automated_decisions": [_told(row, said, "automated") for row in rows],
    }


def _told(row: Mapping[str, Any], said: Mapping[str, Mapping[str, str]], *points: str) -> dict[str, Any]:
    """What the person was told of a purpose on some points of Art. 13; null where nothing was."""
    words = " ".join(filter(None, (said.get(row["purpose"], {}).get(point) for point in points)))
    return {"purpose": row["purpose"], "title": row["title"], "told": words or None}


def _purpose(purpose: Purpose, held: Held, said: Mapping[str, str], language: str) -> dict[str, Any]:
    """What for, and how long, in the words people were told; what the catalogue says where nothing was."""
    return {
        "purpose": purpose.slug,
        "title": title_in(purpose.titles, language),
        "lawful_basis": held.lawful_basis,
        "why": said.get("purpose", purpose.necessity),
        "fields": list(purpose.fields),
        "kept_for_days": purpose.retention_days,
        "kept_under": purpose.retention_law or None,
        "kept_how": said.get("retention"),
    }


def _rights(held: list[Held]) -> list[str]:
    """What this person can ask for, by the grounds on which their data is held (law.md, "Lawful basis decides")."""
    offered = {right for each in held for right in rights_offered(each.lawful_basis, each.is_marketing)}
    sentences = {
        "rectification": _("You can have your data corrected or completed (Art. 16 GDPR)."),
        "erasure": _("You can have your data erased, but for what a law makes us keep (Art. 17 GDPR)."),
        "restriction": _("You can have the use of your data restricted (Art. 18 GDPR)."),
        "portability": _("You can take what you gave us elsewhere (Art. 20 GDPR)."),
        "objection": _("You can object to the use of your data; to advertising without a reason (Art. 21 GDPR)."),
        "withdraw_consent": _("You can withdraw any consent at any time, as easily as you gave it."),
        "human_review": _("You can have a person look at a decision that a machine made (Art. 22 GDPR)."),
    }
    return [sentence for right, sentence in sentences.items() if right in offered | OF_EVERYBODY]


def _recipients(held: list[Held], shared: Sequence[str]) -> list[dict[str, Any]]:
    """By name (CJEU C-154/21): who may get the person's data, and everybody who ever did, also if it is over."""
    slugs, had = {each.purpose for each in held}, set(shared)
    live = {row.slug: row for row in live_recipients() if slugs & set(row.purposes)}
    gone = Recipient.objects.filter(slug__in=had - live.keys()) if had - live.keys() else ()
    rows = live | {row.slug: row for row in gone}
    return [
        {
            "name": recipient.name,
            "role": recipient.role,
            "country": recipient.country,
            "safeguard": recipient.safeguard or None,
            "purposes": sorted(slugs & set(recipient.purposes)) or sorted(recipient.purposes),
            "had_it": slug in had,
        }
        for slug, recipient in sorted(rows.items())
    ]


def _seen(subject: Subject, together: Together) -> dict[str, Any]:
    """Who accessed what, when and for which purpose; staff by their role, never by name (CJEU C-579/21)."""
    until = timezone.now()
    read = together.known(_seen, lambda: Own(looks().filter(at__lt=until), key="pseudonym"))
    return {"accesses": together.table(subject, read, _access)}


def _access(event: AuditEvent) -> dict[str, Any]:
    return {
        "at": event.at.isoformat(),
        "by": _by(event.actor),
        "purpose": event.purpose,
        "fields": list(event.fields),
        "seen": seen_of(event),
    }


def _by(actor: str) -> str:
    kind, _colon, reference = actor.partition(":")
    return reference if kind == "application" else kind
