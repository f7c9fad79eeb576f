"""What the checks act in: a sandbox portal, people made up for them, the application with its probe."""

import secrets
from dataclasses import dataclass
from typing import Any
from uuid import UUID, uuid4

from gdpr_portal_client import Portal, Purpose

from gdpr_portal_conformance import probe as ask
from gdpr_portal_conformance.patience import Patience
from gdpr_portal_conformance.probe import Probe
from gdpr_portal_conformance.relay import Notice, Relay

SCOPES = [
    "subjects:write",
    "data:write",
    "consent:write",
    "decisions:read",
    "requests:write",
    "deliveries:acknowledge",
    "catalogue:read",
    "attestations:write",
]
"""All that the kit asks of the portal: no scope that reads a person's data."""


class CheckFailed(Exception):
    """The application did not do what it should; the message is the reason, a code."""


@dataclass(frozen=True)
class Person:
    """Somebody who does not exist, known to the portal and the application."""

    id: UUID
    reference: str
    email: str


class World:
    """Everything a check needs; each check makes a person of its own."""

    def __init__(
        self,
        portal: Portal,
        relay: Relay,
        probe: Probe,
        *,
        purpose: str = "",
        field: str = "email",
        patience: Patience | None = None,
    ) -> None:
        self.portal, self.relay, self.probe = portal, relay, probe
        self.field, self.patience = field, patience or Patience()
        self._wanted, self._purpose = purpose, ""

    @property
    def purpose(self) -> str:
        """The purpose tried: the one given, else the first on consent that the field belongs to."""
        if not self._purpose:
            self._purpose = self._wanted or _first(self.portal.purposes(), self.field)
        return self._purpose

    def somebody(self) -> Person:
        """A new person who consented, whose data the application holds and would use: or nothing is shown later."""
        mark = uuid4().hex
        email = f"conformance-{mark}@people.example"
        registered = self.portal.register({"email": email, "customer_id": f"conformance-{mark}"}, language="en")
        person = Person(registered.id, f"conformance-{mark}", email)
        notice = self.portal.notice(self.purpose, language="en")
        self.portal.consent(person.id, self.purpose, "give", notice=notice, channel="conformance")
        value = email if self.field == "email" else f"Conformance {secrets.token_hex(4)}"
        self.portal.store(person.id, self.purpose, {self.field: value})
        values = {self.field: value}
        ask.yes(self.probe, ask="meet", **_who(person), purpose=self.purpose, values=values)
        if not (self.uses(person) and self.holds(person)):
            raise CheckFailed("not_used_before")
        return person

    # --- the application's word -------------------------------------------------------------------------------------
    def uses(self, person: Person) -> bool:
        """Whether the application would use the field now."""
        return ask.yes(self.probe, ask="uses", **_who(person), purpose=self.purpose, field=self.field)

    def holds(self, person: Person) -> bool:
        """Whether the application holds anything about the person."""
        return ask.yes(self.probe, ask="holds", **_who(person))

    def handled(self, delivery: str) -> int:
        """How many times the application carried a notice out."""
        return ask.count(self.probe, ask="handled", delivery=delivery)

    # --- notices ----------------------------------------------------------------------------------------------------
    def notice(self, kind: str, person: Person) -> Notice:
        """The notice the portal sent about the person; CheckFailed when none came in time."""
        if not self.patience.until(lambda: self.relay.received(kind, person.id) is not None):
            raise CheckFailed("no_notice")
        found = self.relay.received(kind, person.id)
        assert found is not None
        return found

    def deliver(self, notice: Notice, **how: Any) -> None:
        """The application took a genuine notice."""
        require(200 <= self.relay.play(notice.id, notice.body, **how) < 300, "notice_not_taken")

    def withdrawn(self) -> tuple[Person, Notice]:
        """Somebody who withdrew, and the portal's notice of it, which the application has not seen yet."""
        person = self.somebody()
        self.portal.consent(person.id, self.purpose, "withdraw", channel="conformance")
        require(not self.portal.decide(person.id, self.purpose).allowed, "portal_failed")
        return person, self.notice("consent.withdrawn", person)

    def restricted(self) -> tuple[Person, Notice]:
        """Somebody whose data is restricted (Art. 18(1)(a)), and the portal's notice of it."""
        person = self.somebody()
        self.portal.request(person.id, "restriction", details={"ground": "accuracy_contested"})
        return person, self.notice("restriction.set", person)

    def stops(self, person: Person, within: float | None = None) -> None:
        """The application uses the person's data no more, in time."""
        require(self.patience.until(lambda: not self.uses(person), within), "still_used")


def require(is_so: bool, reason: str) -> None:
    """CheckFailed with this reason unless it is so."""
    if not is_so:
        raise CheckFailed(reason)


def _who(person: Person) -> dict[str, str]:
    return {"subject": str(person.id), "reference": person.reference}


def _first(purposes: list[Purpose], field: str) -> str:
    for purpose in purposes:
        if purpose.lawful_basis == "consent" and not purpose.special_category and field in purpose.fields:
            return purpose.slug
    raise CheckFailed("portal_failed")
