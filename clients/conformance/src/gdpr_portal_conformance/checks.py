"""The ten checks. Each makes a person of its own, sees first that the application works, then what it must not do."""

import secrets as random
from base64 import b64encode
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import uuid4

from gdpr_portal_client import PortalError

from gdpr_portal_conformance.probe import ProbeFailed
from gdpr_portal_conformance.relay import Notice
from gdpr_portal_conformance.world import CheckFailed, Person, World, require

STALE = timedelta(hours=1)


@dataclass(frozen=True)
class Outcome:
    """What came of a check. `reason` is a code, empty when it passed; `detail` is for the terminal alone."""

    name: str
    reason: str = ""
    detail: str = ""

    @property
    def passed(self) -> bool:
        """Whether the application did what it should."""
        return not self.reason


def run(world: World) -> Iterator[Outcome]:
    """Every check, one after the other, in the order of `CHECKS`."""
    for name, check in CHECKS.items():
        yield _outcome(name, check, world)


def _outcome(name: str, check: Callable[[World], None], world: World) -> Outcome:
    try:
        check(world)
    except CheckFailed as failed:
        return Outcome(name, str(failed))
    except ProbeFailed as failed:
        return Outcome(name, "probe_failed", str(failed))
    except PortalError as failed:
        return Outcome(name, "portal_failed", f"{type(failed).__name__}: {failed}")
    return Outcome(name)


# --- what people were promised ----------------------------------------------------------------------------------------
def stops_after_withdrawal(world: World) -> None:
    """Art. 7(3): a person withdraws, and the data is used for that purpose no more."""
    person, notice = world.withdrawn()
    world.deliver(notice)
    world.stops(person)


def honours_restriction(world: World) -> None:
    """Art. 18(2): restricted data is kept and not used."""
    person, notice = world.restricted()
    world.deliver(notice)
    world.stops(person)
    require(world.holds(person), "not_kept")


def erases_in_time(world: World) -> None:
    """Art. 17(1), 19: nothing is held any more, and the portal has heard so in time."""
    person = world.somebody()
    world.portal.request(person.id, "erasure")
    notice = world.notice("erasure.requested", person)
    world.deliver(notice)

    def outcome() -> str | None:
        found: str | None = world.portal.delivery(notice.id)["outcome"]
        return found

    require(world.patience.until(lambda: outcome() is not None, world.patience.acknowledge), "not_acknowledged")
    require(outcome() in {"done", "nothing_held"}, "refused_it")
    require(not world.holds(person), "still_held")
    require(not world.uses(person), "still_used")


# --- notices come twice, late, and from others ------------------------------------------------------------------------
def repeated_notice_once(world: World) -> None:
    """The same `webhook-id` again, as after a lost answer: carried out once."""
    _, notice = world.withdrawn()
    world.deliver(notice)
    require(world.patience.until(lambda: world.handled(notice.id) > 0), "never_acted")
    world.deliver(notice)
    world.deliver(notice)
    world.patience.settle()
    require(world.handled(notice.id) == 1, "acted_twice")


def older_notice_ignored(world: World) -> None:
    """A notice with an older `sequence` comes after the newer one: the newer one stands."""
    person, notice = world.restricted()
    world.deliver(notice)
    world.stops(person)
    delivery = str(uuid4())
    older = notice.said["data"]["sequence"] - 1
    body = notice.changed(type="restriction.lifted", delivery=delivery, sequence=older, request=None, due_at=None)
    world.deliver(Notice(delivery, body, {}))
    world.patience.settle()
    require(not world.uses(person), "used_again")


def wrong_signature_refused(world: World) -> None:
    """Signed by somebody who does not have the secret."""
    person = world.somebody()
    delivery, body = _erasure(person)
    _refused(world, person, world.relay.play(delivery, body, secrets=[_other_secret()]))


def altered_body_refused(world: World) -> None:
    """A genuine notice of a withdrawal, made into one of an erasure on its way."""
    person, notice = world.withdrawn()
    altered = notice.changed(type="erasure.requested")
    _refused(world, person, world.relay.play(notice.id, notice.body, sent=altered))


def stale_notice_refused(world: World) -> None:
    """Signed with the right secret, an hour ago: caught and played again."""
    person = world.somebody()
    delivery, body = _erasure(person)
    _refused(world, person, world.relay.play(delivery, body, age=STALE))


def unsigned_notice_refused(world: World) -> None:
    """No signature at all."""
    person = world.somebody()
    delivery, body = _erasure(person)
    stamp = str(int(datetime.now(UTC).timestamp()))
    _refused(world, person, world.relay.post(body, {"webhook-id": delivery, "webhook-timestamp": stamp}))


def either_secret_accepted(world: World) -> None:
    """While the secret changes, notices carry two signatures; the application's may be the second."""
    person, notice = world.withdrawn()
    world.deliver(notice, secrets=[_other_secret(), world.relay.secret])
    world.stops(person)


def _refused(world: World, person: Person, status: int) -> None:
    """The application said 4xx, and nothing happened to the person."""
    require(400 <= status < 500, "notice_taken")
    world.patience.settle()
    require(world.holds(person), "acted_on_it")


def _erasure(person: Person) -> tuple[str, bytes]:
    """An erasure that nobody asked for: its delivery, and its body."""
    delivery, now = str(uuid4()), datetime.now(UTC).isoformat()
    data = {
        "delivery": delivery, "sequence": 1_000, "request": str(uuid4()), "purpose": None, "subject": str(person.id),
        "reference": person.reference, "fields": [], "due_at": now,
    }  # fmt: skip
    said = {"type": "erasure.requested", "timestamp": now, "data": data}
    return delivery, Notice(delivery, b"", said).changed()


def _other_secret() -> str:
    return "whsec_" + b64encode(random.token_bytes(24)).decode()


CHECKS: dict[str, Callable[[World], None]] = {
    check.__name__: check
    for check in (
        stops_after_withdrawal,
        honours_restriction,
        erases_in_time,
        repeated_notice_once,
        older_notice_ignored,
        wrong_signature_refused,
        altered_body_refused,
        stale_notice_refused,
        unsigned_notice_refused,
        either_secret_accepted,
    )
}
"""By name; the portal asks for the same ones (`consent/conformance.py` of the service)."""
