"""What a decision should be: written from api.md and law.md, flat and by cases, without a look at `consent.decide`.

Everything is a list of what happened, with the moment it holds from and the moment it was written here. Nothing of the
code under test is imported.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

ORDER = (
    "unknown_subject", "erased", "unknown_purpose", "purpose_not_approved", "not_in_contract", "restricted", "objected",
    "consent_missing", "consent_refused", "consent_withdrawn", "consent_expired", "consent_pending", "notice_outdated",
    "sharing_off", "allowed",
)  # fmt: skip
"""The order of precedence of api.md."""


def code_of(facts: Any, field: str | None) -> str:
    """The first thing that stands against it."""
    purpose, answer, at = facts.purpose, facts.answer, facts.at
    if not facts.known:
        return "unknown_subject"
    if facts.erased:
        kept = facts.retained
        if kept is None or (field and field not in kept):
            return "erased"
    if purpose is None:
        return "unknown_purpose"
    if not purpose.live:
        return "purpose_not_approved"
    if purpose.contract_bound:
        if purpose.contract is None or (purpose.contract_until and at >= purpose.contract_until):
            return "not_in_contract"
        if field and (field not in purpose.contract or field not in purpose.fields):
            return "not_in_contract"
    elif field and field not in purpose.fields:
        return "not_in_contract"
    if facts.restricted:
        return "restricted"
    if facts.objected and (purpose.is_marketing or purpose.basis in ("public_task", "legitimate_interests")):
        return "objected"
    if purpose.basis == "consent":
        if answer is None:
            return "consent_missing"
        if answer.state in ("refused", "withdrawn", "expired", "pending"):
            return f"consent_{answer.state}"
        if answer.expires_at and at >= answer.expires_at:
            return "consent_expired"
        if (answer.notice_version or 0) < (purpose.major_version or 0):
            return "notice_outdated"
    if facts.recipient:
        sharing = facts.sharing
        on = facts.recipient in purpose.recipients and sharing and sharing.state == "given"
        if not on or (sharing and sharing.expires_at and at >= sharing.expires_at):
            return "sharing_off"
    return "allowed"


def gravest(codes: Iterable[str]) -> str:
    """Of several fields the one that stands first in the order decides."""
    return min(codes, key=ORDER.index)


@dataclass
class Span:
    """Something that holds from one moment until just before another."""

    since: datetime
    until: datetime | None = None
    what: Any = None

    def holds(self, at: datetime) -> bool:
        return self.since <= at and (self.until is None or at < self.until)


@dataclass
class Said:
    """One answer, to a purpose (`recipient` empty) or to sharing it."""

    at: datetime
    recorded_at: datetime
    purpose: str
    recipient: str
    state: str
    notice_version: int | None = None
    expires_at: datetime | None = None


@dataclass
class Catalogue:
    """Purposes by slug: (basis, is marketing, fields, days a consent stands); what was published, and when."""

    purposes: dict[str, tuple[str, bool, frozenset[str], int]]
    recipients: dict[str, frozenset[str]]
    not_live: frozenset[str] = frozenset()
    wordings: dict[str, list[tuple[datetime, int, bool]]] = field(default_factory=dict)
    contracts: dict[str, list[Span]] = field(default_factory=dict)

    def version(self, slug: str, at: datetime, *, major: bool = False) -> int | None:
        """The newest wording at a moment, or the newest that asked everybody again."""
        return max((v for since, v, is_major in self.wordings[slug] if since <= at and is_major >= major), default=None)

    def purpose(self, slug: str, at: datetime, *, bound: bool) -> SimpleNamespace | None:
        if slug not in self.purposes:
            return None
        basis, marketing, fields, _days = self.purposes[slug]
        contract = next((each for each in self.contracts.get(slug, []) if each.holds(at)), None)
        named, ends = contract.what if contract else (None, None)
        return SimpleNamespace(
            live=slug not in self.not_live, basis=basis, is_marketing=marketing, fields=fields, contract_bound=bound,
            contract=named, contract_until=ends, major_version=self.version(slug, at, major=True),
            recipients={name for name, served in self.recipients.items() if slug in served},
        )  # fmt: skip


@dataclass
class Life:
    """One person. `grown_up` is when their own yes is enough (Art. 8)."""

    catalogue: Catalogue
    known_since: datetime
    grown_up: datetime | None = None
    said: list[Said] = field(default_factory=list)
    restrictions: list[Span] = field(default_factory=list)
    objections: list[Span] = field(default_factory=list)
    kept: list[Span] = field(default_factory=list)
    erased_at: datetime | None = None

    # --- what is asked ---------------------------------------------------------------------------------------------
    def latest(self, slug: str, recipient: str, at: datetime, known_at: datetime | None = None) -> Said | None:
        """The answer that stood at a moment: the last by when it holds from, of those the last to arrive."""
        found = None
        for each in self.said:
            known = known_at is None or each.recorded_at <= known_at
            if (each.purpose, each.recipient) == (slug, recipient) and each.at <= at and known:
                found = each if found is None or each.at >= found.at else found
        return found

    def code(
        self, at: datetime, slug: str, recipient: str | None = None, name: str | None = None, *,
        bound: bool = True, known_at: datetime | None = None,
    ) -> str:  # fmt: skip
        erased = self.erased_at is not None and self.erased_at <= at
        kept = [each.what[1] for each in self.kept if each.holds(at) and each.what[0] == slug and at < each.what[2]]
        seen = SimpleNamespace(
            at=at, known=self.known_since <= at, erased=erased, retained=kept[0] if kept else None,
            purpose=self.catalogue.purpose(slug, at, bound=bound), recipient=recipient,
            restricted=any(each.holds(at) for each in self.restrictions),
            objected=any(each.holds(at) and each.what == slug for each in self.objections),
            answer=None if erased else self.latest(slug, "", at, known_at),
            sharing=None if erased or not recipient else self.latest(slug, recipient, at, known_at),
        )  # fmt: skip
        return code_of(seen, name)

    def states(self, at: datetime, known_at: datetime | None = None) -> dict[tuple[str, str], str]:
        """Purpose and recipient -> how the answer stood, in the words of api.md."""
        asked = {(slug, ""): "never_asked" for slug, each in self.catalogue.purposes.items() if each[0] == "consent"}
        found = {key: state for key, state in asked.items() if key[0] not in self.catalogue.not_live}
        for key in {(each.purpose, each.recipient) for each in self.said}:
            said = self.latest(*key, at, known_at)
            if said is not None:
                found[key] = self._as_of(said, at)
        lapsed = {key: state for key, state in found.items() if state in {"outdated", "expired"}}
        return {  # what is shared stands no better than the consent it rests on
            key: lapsed.get((key[0], ""), state) if state == "given" else state for key, state in found.items()
        }

    def _as_of(self, said: Said, at: datetime) -> str:
        if said.state == "given" and said.expires_at and said.expires_at <= at:
            return "expired"
        newest = self.catalogue.version(said.purpose, at, major=True) or 0
        outdated = not said.recipient and (said.notice_version or 0) < newest
        return "outdated" if said.state == "given" and outdated else said.state

    # --- what happens ----------------------------------------------------------------------------------------------
    def answer(self, now: datetime, slug: str, action: str, at: datetime, version: int | None) -> None:
        """A yes, a no or a no more, holding from `at`, that arrives now."""
        state = {"give": "given", "refuse": "refused", "withdraw": "withdrawn"}[action]
        if action == "give":
            self.run_out(now, slug)
            self.ask_again(now, slug, at)
            state = "pending" if self.grown_up and at < self.grown_up else state
        last = self.latest(slug, "", now)
        if self._says_so_already(last, slug, state, at, version):
            return
        ends = at + timedelta(days=self.catalogue.purposes[slug][3]) if state == "given" else None
        self.said.append(Said(at, now, slug, "", state, version, ends))
        if last is not None and last.at > at:
            return
        if state == "given":
            self.end_objection(now, slug)
        else:
            self.stop_sharing(now, slug)

    def _says_so_already(self, last: Said | None, slug: str, state: str, at: datetime, version: int | None) -> bool:
        same = [each for each in self.said if (each.purpose, each.recipient, each.state) == (slug, "", state)]
        if any(each.at == at for each in same):
            return True
        if last is None or last.at > at or last.state != state:
            return False
        if state != "given":
            return True
        # A yes in the last 30 days of another, or in its last quarter where that is less, renews it (docs/consent.md).
        renewable = timedelta(days=min(30, self.catalogue.purposes[slug][3] / 4))
        return last.notice_version == version and not (last.expires_at and last.expires_at - renewable <= at)

    def run_out(self, now: datetime, slug: str) -> None:
        """A consent past its time is over, and so is the sharing that rested on it."""
        last = self.latest(slug, "", now)
        if last and last.state == "given" and last.expires_at and last.expires_at <= now:
            self.said.append(Said(last.expires_at, now, slug, "", "expired", last.notice_version))
            self.stop_sharing(now, slug)

    def ask_again(self, now: datetime, slug: str, at: datetime) -> None:
        """What was shared on a wording that asks everybody again is asked about again too (law.md R12)."""
        last, newest = self.latest(slug, "", now), self.catalogue.version(slug, at, major=True) or 0
        if last and last.state == "given" and (last.notice_version or 0) < newest:
            self.stop_sharing(now, slug)

    def share(self, now: datetime, slug: str, recipient: str, on: bool) -> None:
        last = self.latest(slug, recipient, now)
        if on != (last is not None and last.state == "given"):
            self.said.append(Said(now, now, slug, recipient, "given" if on else "withdrawn"))

    def stop_sharing(self, now: datetime, slug: str) -> None:
        for recipient in self.catalogue.recipients:
            self.share(now, slug, recipient, False)

    def object(self, now: datetime, slug: str) -> None:
        if not any(each.holds(now) and each.what == slug for each in self.objections):
            self.objections.append(Span(now, what=slug))

    def end_objection(self, now: datetime, slug: str | None) -> None:
        for each in self.objections:
            if each.until is None and slug in (None, each.what):
                each.until = now

    def lift(self, now: datetime) -> None:
        for each in self.restrictions:
            each.until = each.until or now

    def finish_erasure(self, now: datetime) -> None:
        """What bound the data ends with the data, but a restriction goes on with what a law keeps."""
        self.end_objection(now, None)
        if not any(each.holds(now) and now < each.what[2] for each in self.kept):
            self.lift(now)
