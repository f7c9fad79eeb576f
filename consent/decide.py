"""One pure function decides whether personal data may be processed: facts in, verdict and trace out.

The API, the portal, reads of the vault, deliveries and the simulator all ask `decide`. The rules stand in one table, in
the order of precedence of the contract; the first that refuses decides. Choices made here, and their reasons:

* An expiry counts at its very moment (`expires_at <= at` is expired), and so does what was published at `at`.
* Bases other than consent know no consent rules; objections count under public task and legitimate interests
  (Art. 21(1)) and for marketing whatever the basis (Art. 21(2)).
* A restriction refuses everything but storage (Art. 18(2)); the exceptions of that paragraph are for a reviewer.
* A recipient that is unknown, or not one of the purpose, is one that nothing is shared with: `sharing_off`.
* A third party that names no recipient asks for itself: it has nothing of a person who does not share with it, and
  is not told what they share with others. Nor is it told why it could not have it anyway: of a person who does not
  share with it `sharing_off` comes before what binds or what was answered (Art. 5(1)(c), 25(2)).
* What a law keeps after an erasure is decided on by the same rules, for the fields that are kept; all else is `erased`.
* `valid_until` is the first of: the end of the consent, of the sharing, of the contract, and `FRESH_SECONDS` from `at`.
  A withdrawal can come at any time, so no answer may be kept for longer.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from django.utils.translation import gettext_noop as _

ALLOWED = "allowed"
FRESH_SECONDS = 60
OBJECTION_BASES = frozenset({"public_task", "legitimate_interests"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What stands for a person, a purpose and perhaps a recipient: the last thing they said."""

    state: str
    notice_version: int | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PurposeFacts:
    """A purpose as it stands at the moment asked about. `major_version`: the newest wording that asks everybody again.

    `contract` is None when the application has no contract that holds; `contract_bound` is False where no application
    asks (the portal, the service itself): then the purpose's own fields bound it. `own` is the recipient that asks,
    where the application is a third party's; empty when it is none.
    """

    live: bool = True
    basis: str = "consent"
    is_marketing: bool = False
    fields: frozenset[str] = frozenset()
    notice_version: int | None = None
    major_version: int | None = None
    recipients: frozenset[str] = frozenset()
    contract_bound: bool = True
    contract: frozenset[str] | None = None
    contract_until: datetime | None = None
    own: str | None = None

    @property
    def usable_fields(self) -> frozenset[str]:
        """The fields that may be named at all."""
        if not self.contract_bound:
            return self.fields
        return self.fields & (self.contract or frozenset())

    def whom(self, named: str | None) -> tuple[str | None, bool]:
        """The recipient a question is about, and whether who asks is told what is shared with it."""
        recipient = named or self.own
        return recipient, self.own in (None, recipient)


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """Everything a decision rests on. `purpose` is None when nobody ever defined it."""

    at: datetime
    known: bool = True
    erased: bool = False
    retained: frozenset[str] | None = None
    """The fields a law keeps for this purpose after the erasure; None when it keeps nothing."""
    purpose: PurposeFacts | None = None
    restricted: bool = False
    objected: bool = False
    answer: Answer | None = None
    recipient: str | None = None
    sharing: Answer | None = None
    fields: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sentence:
    """What a rule saw: plain English, and what is put into it; `consent.explain` says the same in other languages."""

    text: str
    about: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.text % self.about


@dataclass(frozen=True, slots=True)
class Looked:
    """One rule that was looked at: what it saw and what came out."""

    rule: str
    saw: Sentence
    outcome: str

    @property
    def input(self) -> str:
        """What it saw, in plain English."""
        return str(self.saw)


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What was decided, on what, until when, and field by field; `trace` says why, when it is asked."""

    code: str
    basis: str | None
    notice_version: int | None
    valid_until: datetime
    fields: dict[str, str]
    facts: Facts
    decided_by: str | None
    """The field whose verdict is the gravest; None when no field was asked for."""

    @property
    def trace(self) -> tuple[Looked, ...]:
        """Every rule looked at, in order, until one refused. Words cost more than the verdict: they are made here."""
        looked = []
        for rule in _rules(self.facts):
            refused = rule.refuses(self.facts, self.decided_by)
            looked.append(Looked(rule.code, rule.says(self.facts, self.decided_by), "refused" if refused else "passed"))
            if refused:
                break
        return tuple(looked)

    @property
    def allowed(self) -> bool:
        return self.code == ALLOWED


@dataclass(frozen=True, slots=True)
class Rule:
    """Refuses with its code when `refuses(facts, field)`; `says` puts what it looked at into words."""

    code: str
    refuses: Callable[[Facts, str | None], bool]
    says: Callable[[Facts, str | None], Sentence]


def decide(facts: Facts) -> Verdict:
    """The verdict on the facts: the first rule that refuses, else `allowed`; with fields, the gravest of theirs."""
    codes = {field: _code(facts, field) for field in facts.fields}
    decided_by = min(codes, key=lambda field: PRECEDENCE[codes[field]], default=None)
    purpose = facts.purpose
    return Verdict(
        code=_code(facts, None) if decided_by is None else codes[decided_by],
        basis=purpose.basis if purpose and purpose.live else None,
        notice_version=_version(facts),
        valid_until=_valid_until(facts),
        fields=codes,
        facts=facts,
        decided_by=decided_by,
    )


def given_to_us(facts: Facts) -> Facts:
    """The same facts for what is given to us: nothing is shared by it, so that sharing does not count."""
    purpose = replace(facts.purpose, own=None) if facts.purpose else None
    return replace(facts, purpose=purpose, recipient=None, sharing=None)


def is_untold(facts: Facts) -> bool:
    """Whether who asks is a third party that the person does not share with: it learns nothing else of them."""
    return facts.purpose is not None and facts.purpose.own is not None and _sharing_off(facts, None)


def _rules(facts: Facts) -> tuple["Rule", ...]:
    return _TO_A_THIRD_PARTY if facts.purpose and facts.purpose.own is not None else RULES


def _code(facts: Facts, field: str | None) -> str:
    return next((rule.code for rule in _rules(facts) if rule.refuses(facts, field)), ALLOWED)


def _version(facts: Facts) -> int | None:
    """The wording the person answered to, else the one that is live."""
    if not facts.purpose or not facts.purpose.live:
        return None
    is_told = facts.purpose.basis == "consent" and not is_untold(facts)
    answered = facts.answer.notice_version if facts.answer and is_told else None
    return answered or facts.purpose.notice_version


def _valid_until(facts: Facts) -> datetime:
    ends = (
        facts.answer.expires_at if facts.answer and not is_untold(facts) else None,
        facts.sharing.expires_at if facts.sharing and facts.recipient else None,
        facts.purpose.contract_until if facts.purpose else None,
    )
    bound = facts.at + timedelta(seconds=FRESH_SECONDS)
    return min([bound, *(end for end in ends if end and end > facts.at)])


# --- the rules ------------------------------------------------------------------------------------------------------


def _erased(facts: Facts, field: str | None) -> bool:
    if not facts.erased:
        return False
    return facts.retained is None or (field is not None and field not in facts.retained)


def _not_approved(facts: Facts, field: str | None) -> bool:
    return facts.purpose is None or not facts.purpose.live


def _not_in_contract(facts: Facts, field: str | None) -> bool:
    purpose = facts.purpose
    if purpose is None or not _contract_holds(facts, purpose):
        return True
    return field is not None and field not in purpose.usable_fields


def _contract_holds(facts: Facts, purpose: PurposeFacts) -> bool:
    if not purpose.contract_bound:
        return True
    return purpose.contract is not None and (purpose.contract_until is None or purpose.contract_until > facts.at)


def _objected(facts: Facts, field: str | None) -> bool:
    purpose = facts.purpose
    return facts.objected and purpose is not None and (purpose.is_marketing or purpose.basis in OBJECTION_BASES)


def _on_consent(facts: Facts) -> bool:
    return facts.purpose is not None and facts.purpose.basis == "consent"


def _answered(*states: str) -> Callable[[Facts, str | None], bool]:
    def refuses(facts: Facts, field: str | None) -> bool:
        return _on_consent(facts) and facts.answer is not None and facts.answer.state in states

    return refuses


def _expired(facts: Facts, field: str | None) -> bool:
    if not _on_consent(facts) or facts.answer is None:
        return False
    return facts.answer.state == "expired" or _over(facts.answer, facts.at)


def _over(answer: Answer, at: datetime) -> bool:
    return answer.state == "given" and answer.expires_at is not None and answer.expires_at <= at


def _outdated(facts: Facts, field: str | None) -> bool:
    if not _on_consent(facts) or facts.answer is None or facts.purpose is None:
        return False
    if facts.answer.state != "given":
        return True
    return (facts.answer.notice_version or 0) < (facts.purpose.major_version or 0)


def _sharing_off(facts: Facts, field: str | None) -> bool:
    if facts.recipient is None:
        return False
    if facts.purpose is None or facts.recipient not in facts.purpose.recipients or facts.sharing is None:
        return True
    return facts.sharing.state != "given" or _over(facts.sharing, facts.at)


# --- what they saw, in words ------------------------------------------------------------------------------------------


def _say(yes: str, no: str, which: Callable[[Facts, str | None], object]) -> Callable[[Facts, str | None], Sentence]:
    return lambda facts, field: Sentence(yes if which(facts, field) else no)


def _say_contract(facts: Facts, field: str | None) -> Sentence:
    if facts.purpose is None or not _contract_holds(facts, facts.purpose):
        return Sentence(_("no approved data contract of the application holds for this purpose"))
    if not facts.purpose.contract_bound:
        return Sentence(_("no application asks; the purpose's own fields bound it"))
    if field is None:
        return Sentence(_("an approved data contract holds"))
    if field in facts.purpose.usable_fields:
        return Sentence(_("field %(field)s is within the approved data contract"), {"field": field})
    return Sentence(_("field %(field)s is outside the approved data contract"), {"field": field})


def _say_objection(facts: Facts, field: str | None) -> Sentence:
    if not facts.objected:
        return Sentence(_("no objection stands"))
    if _objected(facts, field):
        return Sentence(_("an objection stands"))
    return Sentence(_("an objection stands, which this lawful basis does not give"))


def _no_consent_asked(facts: Facts) -> Sentence:
    basis = facts.purpose.basis if facts.purpose else "none"
    return Sentence(_("the lawful basis is %(basis)s, which asks for no consent"), {"basis": basis})


def _say_consent(facts: Facts, field: str | None) -> Sentence:
    if not _on_consent(facts):
        return _no_consent_asked(facts)
    if facts.answer is None:
        return Sentence(_("the standing consent is never asked"))
    return Sentence(_("the standing consent is %(state)s"), {"state": facts.answer.state})


def _say_expiry(facts: Facts, field: str | None) -> Sentence:
    if not _on_consent(facts):
        return _no_consent_asked(facts)
    if facts.answer is None or facts.answer.expires_at is None:
        return Sentence(_("no end of the consent is set"))
    return Sentence(_("the consent ends at %(moment)s"), {"moment": facts.answer.expires_at.isoformat()})


def _say_notice(facts: Facts, field: str | None) -> Sentence:
    if not _on_consent(facts) or facts.purpose is None:
        return _no_consent_asked(facts)
    if facts.answer is None:
        return Sentence(_("no notice was answered"))
    about = {"version": str(facts.answer.notice_version), "needed": str(facts.purpose.major_version)}
    return Sentence(_("answered to notice version %(version)s, at least %(needed)s is needed"), about)


def _say_sharing(facts: Facts, field: str | None) -> Sentence:
    if facts.recipient is None:
        return Sentence(_("no recipient is named"))
    about = {"recipient": facts.recipient}
    if facts.purpose is None or facts.recipient not in facts.purpose.recipients:
        return Sentence(_("%(recipient)s is not a recipient of this purpose"), about)
    if _sharing_off(facts, field):
        return Sentence(_("sharing with %(recipient)s is off"), about)
    return Sentence(_("sharing with %(recipient)s is on"), about)


def _say_erased(facts: Facts, field: str | None) -> Sentence:
    if not facts.erased:
        return Sentence(_("the person is not erased"))
    if _erased(facts, field):
        return Sentence(_("the person is erased, nothing is kept by law"))
    return Sentence(_("the person is erased, and this is kept by law"))


RULES: tuple[Rule, ...] = (
    Rule(
        "unknown_subject",
        lambda facts, field: not facts.known,
        _say(_("the person is known"), _("the person is unknown"), lambda facts, field: facts.known),
    ),
    Rule("erased", _erased, _say_erased),
    Rule(
        "unknown_purpose",
        lambda facts, field: facts.purpose is None,
        _say(_("the purpose is defined"), _("the purpose is unknown"), lambda facts, field: facts.purpose),
    ),
    Rule(
        "purpose_not_approved",
        _not_approved,
        _say(_("the purpose is not approved and live"), _("the purpose is approved and live"), _not_approved),
    ),
    Rule("not_in_contract", _not_in_contract, _say_contract),
    Rule(
        "restricted",
        lambda facts, field: facts.restricted,
        _say(_("processing is restricted"), _("processing is not restricted"), lambda facts, field: facts.restricted),
    ),
    Rule("objected", _objected, _say_objection),
    Rule(
        "consent_missing",
        lambda facts, field: _on_consent(facts) and facts.answer is None,
        _say_consent,
    ),
    Rule("consent_refused", _answered("refused"), _say_consent),
    Rule("consent_withdrawn", _answered("withdrawn"), _say_consent),
    Rule("consent_expired", _expired, _say_expiry),
    Rule("consent_pending", _answered("pending"), _say_consent),
    Rule("notice_outdated", _outdated, _say_notice),
    Rule("sharing_off", _sharing_off, _say_sharing),
)
_OF_THE_PERSON = next(place for place, rule in enumerate(RULES) if rule.code == "restricted")
_TO_A_THIRD_PARTY = (*RULES[:_OF_THE_PERSON], RULES[-1], *RULES[_OF_THE_PERSON:-1])
"""The same rules, the share before all that is of the person alone."""
CODES: tuple[str, ...] = tuple(rule.code for rule in RULES)
PRECEDENCE: dict[str, int] = {code: place for place, code in enumerate((*CODES, ALLOWED))}
