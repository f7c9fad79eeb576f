"""What an import asks of the catalogue: whether a line's values and consents may come in, and the consents written.

Registered with `subjects.hooks` when the service starts. What is asked for every line is looked up once a second, not
once a line: an import of 10,000 people costs as many catalogue look-ups as it takes seconds.
"""

import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db import transaction
from django.utils import timezone

from access.models import Application
from audit import actors
from consent.models import Component, ConsentEvent, DataContract, NoticeText, Objection, Purpose, Standing
from consent.models.governance import ReviewState
from consent.selectors import components, live_purpose
from consent.services.consents import record_consent
from consent.services.decisions import decide_many, to_store
from consent.services.events import NoticeSeen
from consent.services.facts import Question
from consent.services.first_answers import write_first_answers
from consent.services.standing import state_of
from consent.states import Consent
from consent.values import checked_by
from gdpr_portal.errors import Invalid, Refused, WrongState
from gdpr_portal.formats.instants import read_instant
from subjects.models import Subject
from vault.services import pairwise_ids

ACTIONS = ("give", "refuse", "withdraw")
STATES = {"give": Consent.GIVEN, "refuse": Consent.REFUSED, "withdraw": Consent.WITHDRAWN}
MEMBERS = frozenset({"purpose", "action", "notice", "channel", "explicit", "at"})
LOOKED_UP_FOR_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Known:
    """What a line is judged by, for one application and purpose."""

    purpose: Purpose
    fields: frozenset[str]
    components: Mapping[str, Component]
    wordings: frozenset[tuple[int, str, str]]
    looked_up_at: float


_known: dict[tuple[UUID, str], Known] = {}


def forget() -> None:
    """Nothing has been looked up yet: what a process starts with."""
    _known.clear()


def check_values(application: Application, purpose: str, values: Mapping[str, Any]) -> Mapping[str, str]:
    """The values as they are stored. Raises as `store_data` does: `not_in_contract`, `invalid_value`, the purpose's."""
    known = _look_up(application, purpose)
    if not values or not values.keys() <= known.fields:
        raise Refused("not_in_contract", "The line holds a field outside the approved data contract.")
    ready = checked_by(known.components, values)
    if None in ready.values():
        raise Invalid("invalid_value", "An import takes nothing away: a value is null.", status=422)
    return {field: value for field, value in ready.items() if value is not None}


def check_consents(
    application: Application, consents: Sequence[Any], purposes: frozenset[str]
) -> Sequence[Mapping[str, Any]]:
    """The consents of a line, each of which can be recorded.

    Raises `Refused("no_lawful_basis")` when the line brings data for a purpose based on consent without the consent,
    and
    for a consent what recording it would raise. A consent needs the wording the person saw, by version and digest.
    """
    checked = [_consent(application, consent) for consent in consents]
    given = {consent["purpose"] for consent in checked if consent["action"] == "give"}
    for slug in purposes - given:
        if _look_up(application, slug).purpose.lawful_basis == Purpose.Basis.CONSENT:
            raise Refused("no_lawful_basis", "Data for a purpose based on consent comes without the consent.")
    return checked


@transaction.atomic
def import_consents(application: Application, people: Sequence[tuple[Subject, Sequence[Mapping[str, Any]]]]) -> None:
    """The consents of a batch stand. Idempotent: what stands already is not written again.

    First answers of people without a birth date are written together; every other case is `record_consent`'s. An
    import is never more permissive than its evidence: WrongState(`consent_superseded`) for a yes that does not say when
    it was given where the person has said no here since, or objects.
    """
    purposes = {each["purpose"] for _, consents in people for each in consents}
    live = {slug: _look_up(application, slug).purpose for slug in purposes}
    first = write_first_answers(application, people, live) if live else frozenset()
    for subject, consents in people:
        for consent in () if subject.pk in first else consents:
            _require_newest_word(subject, consent)
            record_consent(
                subject=subject,
                purpose=consent["purpose"],
                action=consent["action"],
                notice=consent["notice"],
                channel=consent["channel"],
                explicit=consent["explicit"],
                actor=actors.application(application.slug),
                application=application,
                at=consent["at"],
            )


def _require_newest_word(subject: Subject, consent: Mapping[str, Any]) -> None:
    """A yes of nobody knows when overrules no refusal, withdrawal or objection that stands; one of before neither."""
    if consent["action"] != "give":
        return
    given_at = consent["at"]
    said_no = given_at is None and state_of(subject, consent["purpose"]) in {Consent.REFUSED, Consent.WITHDRAWN}
    objections = Objection.objects.filter(subject=subject, purpose=consent["purpose"], ended_at=None)
    if given_at is not None:
        objections = objections.filter(since__gte=given_at)
    if said_no or objections.exists():
        raise WrongState("consent_superseded", "The person has said no since; the line does not prove a later yes.")


def without_ground(application: Application, asked: Sequence[tuple[Subject, str]]) -> frozenset[UUID]:
    """Those people for whom some purpose named is not permitted now; a constant number of statements."""
    ids = pairwise_ids(application.pk, [subject.pk for subject, _ in asked])
    questions = [Question(pairwise, purpose) for pairwise, (_, purpose) in zip(ids, asked, strict=True)]
    decisions = decide_many(application=application, questions=questions)
    return frozenset(
        subject.pk for (subject, _), decision in zip(asked, decisions, strict=True) if not to_store(decision).allowed
    )


def consents_stand(
    application: Application, people: Sequence[tuple[Subject, Sequence[Mapping[str, Any]]]]
) -> frozenset[UUID]:
    """Those people of whom every one of these answers stands, or stands in the history at its moment; two statements.

    Whoever else is given to `import_consents`, which decides for itself.
    """
    ids = [subject.pk for subject, _ in people]
    rows = {
        (row.subject_id, row.purpose): row for row in Standing.objects.filter(subject__in=ids, recipient="")
    }  # fmt: skip
    events = ConsentEvent.objects.filter(subject__in=ids, recipient="")
    past = set(events.values_list("subject_id", "purpose", "action", "at"))
    return frozenset(
        subject.pk
        for subject, consents in people
        if all(_stands(rows.get((subject.pk, each["purpose"])), past, subject, each) for each in consents)
    )


def _stands(
    row: Standing | None, past: Set[tuple[UUID, str, str, datetime]], subject: Subject, consent: Mapping[str, Any]
) -> bool:
    if consent["at"] is not None:
        return (subject.pk, consent["purpose"], consent["action"], consent["at"]) in past
    if row is None or row.state != STATES[consent["action"]]:
        return False
    if consent["action"] != "give":
        return True
    runs = row.expires_at is None or row.expires_at > timezone.now()
    return runs and row.notice_version == consent["notice"].version


def _consent(application: Application, given: Any) -> dict[str, Any]:
    if not isinstance(given, dict) or not given.keys() <= MEMBERS or given.get("action") not in ACTIONS:
        raise Invalid("invalid_value", "A consent has the members purpose, action, notice, channel.", status=422)
    if not isinstance(given.get("purpose"), str):
        raise Invalid("missing_member", "A consent names its purpose.")
    known = _look_up(application, given["purpose"])
    if known.purpose.lawful_basis != Purpose.Basis.CONSENT:
        raise WrongState("not_consent_based", "This purpose does not rest on consent.")
    if given["action"] == "give" and known.purpose.special_category and given.get("explicit") is not True:
        raise Invalid("explicit_consent_required", "This purpose needs explicit consent (Art. 9(2)(a)).", status=422)
    return {
        "purpose": given["purpose"],
        "action": given["action"],
        "notice": _wording(known, given.get("notice"), given["action"]),
        "channel": _channel(given.get("channel", "import")),
        "explicit": given.get("explicit") is True,
        "at": _moment(given.get("at")),
    }


def _wording(known: Known, notice: Any, action: str) -> NoticeSeen | None:
    if not isinstance(notice, dict):
        if action == "give":
            raise WrongState("notice_outdated", "A consent needs the version, language and digest of what was shown.")
        return None
    shown = (notice.get("version"), notice.get("language"), notice.get("digest"))
    found = next((wording for wording in known.wordings if wording == shown), None)
    if found is None:
        raise WrongState("notice_outdated", "This is not the wording that is live.")
    return NoticeSeen(*found)


def _channel(given: Any) -> str:
    if not isinstance(given, str) or not given.isascii() or not 0 < len(given) <= 40 or " " in given:
        raise Invalid("invalid_value", "The channel is a short word.", status=422)
    return given


def _moment(given: Any) -> datetime | None:
    if given is None:
        return None
    try:
        moment = read_instant(given)
    except (TypeError, ValueError):
        raise Invalid("invalid_value", "`at` is not a time of RFC 3339.", status=422) from None
    if moment > timezone.now():
        raise Invalid("invalid_value", "`at` lies in the past.", status=422)
    return moment


def _look_up(application: Application, slug: str) -> Known:
    found = _known.get((application.pk, slug))
    if found is None or time.monotonic() - found.looked_up_at > LOOKED_UP_FOR_SECONDS:
        found = _known[application.pk, slug] = _loaded(application, slug)
    return found


def _loaded(application: Application, slug: str) -> Known:
    purpose = live_purpose(slug)
    contract = DataContract.objects.filter(application=application, purpose=purpose, state=ReviewState.LIVE).first()
    holds = contract is not None and (contract.expires_at is None or contract.expires_at > timezone.now())
    fields = frozenset(contract.fields) & frozenset(purpose.fields) if contract and holds else frozenset()
    texts = NoticeText.objects.filter(notice__purpose=purpose, notice__state=ReviewState.LIVE)
    wordings = frozenset(texts.values_list("notice__version", "language", "digest"))
    return Known(purpose, fields, components(fields), wordings, time.monotonic())
