"""What would an application see? The very function that decides, asked about a person who does not exist. Pure."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from consent.ages import age_of_consent
from consent.decide import Answer, Facts, Looked, PurposeFacts, Verdict, decide

NEVER, OUTDATED = "never_asked", "outdated"
STATES = (NEVER, "given", "refused", "withdrawn", "expired", "pending", OUTDATED)


@dataclass(frozen=True, kw_only=True, slots=True)
class Invented:
    """A person made up for a question: what they answered, how old they are, where they live, what binds them."""

    answer: str = NEVER
    sharing: bool = False
    age: int | None = None
    country: str = ""
    restricted: bool = False
    objected: bool = False
    erased: bool = False
    known: bool = True


@dataclass(frozen=True, slots=True)
class Seen:
    """One field: the code that decides, and every rule looked at on the way."""

    field: str
    code: str
    trace: tuple[Looked, ...]


def simulate(
    person: Invented, purpose: PurposeFacts | None, fields: tuple[str, ...], recipient: str | None, at: datetime
) -> tuple[Verdict, list[Seen]]:
    """The verdict on the whole, and field by field with the trace of each."""
    facts = facts_of(person, purpose, recipient, at)
    single = {field: decide(replace(facts, fields=(field,))) for field in fields}
    verdict = decide(replace(facts, fields=fields))
    return verdict, [Seen(field, each.code, each.trace) for field, each in single.items()]


def facts_of(person: Invented, purpose: PurposeFacts | None, recipient: str | None, at: datetime) -> Facts:
    """The facts as they would be gathered for such a person."""
    sharing = Answer(state="given") if person.sharing else None
    recipient, is_told = purpose.whom(recipient) if purpose else (recipient, False)
    return Facts(
        at=at, known=person.known, erased=person.erased, purpose=purpose, restricted=person.restricted,
        objected=person.objected, answer=_answer(person, purpose, at), recipient=recipient,
        sharing=sharing if recipient and is_told else None,
    )  # fmt: skip


def _answer(person: Invented, purpose: PurposeFacts | None, at: datetime) -> Answer | None:
    """Below the age of consent of the country a yes waits for the parents (Art. 8(1))."""
    if person.answer == NEVER:
        return None
    newest = (purpose.major_version if purpose else None) or 1
    state, version, ends = person.answer, newest, at + timedelta(days=365)
    if state == OUTDATED:
        state, version = "given", newest - 1
    if state == "expired":
        state, ends = "given", at - timedelta(days=1)
    if state == "given" and person.age is not None and person.age < age_of_consent(person.country):
        state = "pending"
    return Answer(state=state, notice_version=version, expires_at=ends)
