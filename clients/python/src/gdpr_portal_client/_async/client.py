"""The API of the GDPR Portal, one method an endpoint. Everything it refuses is raised (`gdpr_portal_client.errors`)."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import date, datetime
from typing import Any, TypeVar
from urllib.parse import quote
from uuid import UUID

from gdpr_portal_client._async.transport import AsyncTransport
from gdpr_portal_client.models import (
    Action,
    ConsentEvent,
    Consents,
    Data,
    Decision,
    DecisionChange,
    Delivery,
    Notice,
    NoticeRef,
    Outcome,
    Page,
    Purpose,
    Recipient,
    Registered,
    Right,
    RightsRequest,
    Share,
    Stored,
    Subject,
    VerifiedBy,
    read,
)

T = TypeVar("T")
Id = UUID | str
BATCH = 1_000
RECEIPTS = {"kantara": "application/json", "dpv": "application/ld+json", "jws": "application/jose"}


class AsyncPortal(AsyncTransport):
    """One application's way in: `async with AsyncPortal(url, client_id, client_secret) as portal: ...`."""

    # --- catalogue ----------------------------------------------------------------------------------------------------
    async def purposes(self) -> list[Purpose]:
        """Every approved purpose."""
        return [each async for each in self._all("/api/v1/purposes", Purpose)]

    async def notice(self, purpose: str, *, language: str | None = None) -> Notice:
        """The live wording, in the language or the default one (look at `language`)."""
        return read(Notice, await self.get(f"/api/v1/purposes/{_step(purpose)}/notice", language=language))

    async def recipients(self) -> list[Recipient]:
        """Every third party data may go to."""
        return [each async for each in self._all("/api/v1/recipients", Recipient)]

    # --- people -------------------------------------------------------------------------------------------------------
    async def register(
        self,
        identifiers: Mapping[str, str],
        *,
        language: str | None = None,
        country: str | None = None,
        birth_date: date | None = None,
        key: str | None = None,
    ) -> Registered:
        """The person is known; their id here is this application's own. Kinds: `email`, `phone`, `customer_id`."""
        profile = {"language": language, "country": country, "birth_date": birth_date and birth_date.isoformat()}
        body = {"identifiers": dict(identifiers)} | {name: value for name, value in profile.items() if value}
        answer, created = await self.created("/api/v1/subjects", body, key=key)
        return read(Registered, {**answer, "created": created})

    async def lookup(self, **identifier: str) -> UUID:
        """The id of the person with exactly this identifier: `lookup(email="a@example.org")`."""
        return UUID((await self.post("/api/v1/subjects/lookup", identifier))["id"])

    async def subject(self, subject: Id) -> Subject:
        """The person as this application knows them; `Erased` after an erasure."""
        return read(Subject, await self.get(f"/api/v1/subjects/{_step(subject)}"))

    async def store(
        self,
        subject: Id,
        purpose: str,
        values: Mapping[str, str | None],
        *,
        source: str = "subject",
        source_name: str | None = None,
    ) -> Stored:
        """The named fields are replaced, the others left; None takes a field from this purpose. All or nothing."""
        body: dict[str, Any] = {"purpose": purpose, "source": source, "values": dict(values)}
        body |= {"source_name": source_name} if source_name else {}
        return read(Stored, await self.put(f"/api/v1/subjects/{_step(subject)}/data", body))

    async def data(self, subject: Id, purpose: str, *fields: str) -> Data:
        """The values this application may have for the purpose now; each read stands in the person's log."""
        params = {"purpose": purpose, "fields": ",".join(fields) or None}
        return read(Data, await self.get(f"/api/v1/subjects/{_step(subject)}/data", **params))

    # --- consent ------------------------------------------------------------------------------------------------------
    async def consent(
        self,
        subject: Id,
        purpose: str,
        action: Action,
        *,
        notice: Notice | NoticeRef | None = None,
        channel: str = "web",
        explicit: bool = False,
        recipient: str | None = None,
        key: str | None = None,
    ) -> ConsentEvent:
        """The person's answer is recorded. Giving takes the wording that was shown; withdrawing takes none."""
        shown = notice.ref if isinstance(notice, Notice) else notice
        body: dict[str, Any] = {"purpose": purpose, "action": action, "channel": channel, "explicit": explicit}
        body["notice"] = (
            {"version": shown.version, "language": shown.language, "digest": shown.digest} if shown else None
        )
        body = {name: value for name, value in body.items() if value is not None} | (
            {"recipient": recipient} if recipient else {}
        )
        return read(ConsentEvent, await self.post(f"/api/v1/subjects/{_step(subject)}/consents", body, key=key))

    async def consents(self, subject: Id, *, at: datetime | None = None) -> Consents:
        """What stands and what was answered, now or as of a past moment."""
        return read(Consents, await self.get(f"/api/v1/subjects/{_step(subject)}/consents", at=_time(at)))

    async def receipt(self, event: Id, kind: str = "jws") -> bytes:
        """The receipt of a consent event as `kantara`, `dpv` or `jws`."""
        return await self.text(f"/api/v1/consents/{_step(event)}/receipt", RECEIPTS[kind])

    async def authorise(self, subject: Id, event: Id, email: str, *, key: str | None = None) -> dict[str, Any]:
        """Somebody with parental responsibility is asked by mail about a consent that is `pending` (Art. 8)."""
        body = {"event": str(event), "email": email}
        path = f"/api/v1/subjects/{_step(subject)}/consents/authorisation"
        found: dict[str, Any] = await self.post(path, body, key=key)
        return found

    # --- decisions ----------------------------------------------------------------------------------------------------
    async def decide(
        self,
        subject: Id,
        purpose: str,
        *fields: str,
        recipient: str | None = None,
        at: datetime | None = None,
        explain: bool = False,
    ) -> Decision:
        """Whether the use is allowed, and the deciding code; with `explain` every rule looked at stands in `trace`."""
        body: dict[str, Any] = {"subject": str(subject), "purpose": purpose, "recipient": recipient}
        body |= {"fields": list(fields)} if fields else {}
        return read(
            Decision, await self.post("/api/v1/decisions", body, at=_time(at), explain="1" if explain else None)
        )

    async def decide_many(self, questions: Sequence[tuple[Id, str, str | None]]) -> list[Decision]:
        """Decisions on `(subject, purpose, recipient)`, in order; as many requests as batches of 1,000."""
        found: list[Decision] = []
        for start in range(0, len(questions), BATCH):
            items = [
                {"subject": str(who), "purpose": what, "recipient": to}
                for who, what, to in questions[start : start + BATCH]
            ]
            answer = await self.post("/api/v1/decisions/batch", {"items": items})
            found += [read(Decision, each) for each in answer["results"]]
        return found

    async def snapshot(self, *, cursor: str | None = None, limit: int = 200) -> Page:
        """A page of the present standing of everybody; the last one has the `cursor` the changes go on from."""
        return _page(await self.get("/api/v1/decisions/snapshot", cursor=cursor, limit=limit), DecisionChange)

    async def changes(self, cursor: str, *, wait: int = 0, limit: int = 200) -> Page:
        """What changed since; waits up to `wait` seconds (30 at most) for something. `Erased` for too old a cursor."""
        answer = await self.poll("/api/v1/decisions/changes", wait, cursor=cursor, limit=limit)
        return _page(answer, DecisionChange)

    # --- sharing ------------------------------------------------------------------------------------------------------
    async def sharing(self, subject: Id) -> list[Share]:
        """Every recipient of every live purpose, and whether this person lets data go to it."""
        return [each async for each in self._all(f"/api/v1/subjects/{_step(subject)}/sharing", Share)]

    async def share(self, subject: Id, recipient: str, purpose: str, shared: bool, *, channel: str = "web") -> Share:
        """The switch is as the person set it; `channel` says where they did."""
        body = {"purpose": purpose, "shared": shared, "channel": channel}
        return read(Share, await self.put(f"/api/v1/subjects/{_step(subject)}/sharing/{_step(recipient)}", body))

    async def ask_to_share(
        self, subject: Id, recipient: str, purpose: str, *, key: str | None = None
    ) -> dict[str, Any]:
        """A third party's question to a person stands in the portal; asking again while it waits changes nothing."""
        path = f"/api/v1/subjects/{_step(subject)}/sharing/{_step(recipient)}/ask"
        found: dict[str, Any] = await self.post(path, {"purpose": purpose}, key=key)
        return found

    async def asked_to_share(self, subject: Id, recipient: str, purpose: str) -> dict[str, Any]:
        """How that question stands."""
        path = f"/api/v1/subjects/{_step(subject)}/sharing/{_step(recipient)}/ask"
        found: dict[str, Any] = await self.get(path, purpose=purpose)
        return found

    # --- rights requests ----------------------------------------------------------------------------------------------
    async def request(
        self,
        subject: Id,
        right: Right,
        *,
        details: Mapping[str, Any] | None = None,
        verified_by: VerifiedBy = "account",
        received_at: datetime | None = None,
        key: str | None = None,
    ) -> RightsRequest:
        """A rights request is filed; its statutory clock runs from `received_at`, or from now."""
        body: dict[str, Any] = {"subject": str(subject), "right": right, "verified_by": verified_by}
        body |= {"details": dict(details or {})} | ({"received_at": _time(received_at)} if received_at else {})
        return read(RightsRequest, await self.post("/api/v1/requests", body, key=key))

    async def get_request(self, request: Id) -> RightsRequest:
        """How far the request is."""
        return read(RightsRequest, await self.get(f"/api/v1/requests/{_step(request)}"))

    def requests(
        self, *, state: str | None = None, right: Right | None = None, due_before: datetime | None = None
    ) -> AsyncIterator[RightsRequest]:
        """The requests this application filed, page by page as they are read."""
        return self._all("/api/v1/requests", RightsRequest, state=state, right=right, due_before=_time(due_before))

    async def withdraw_request(self, request: Id, *, key: str | None = None) -> RightsRequest:
        """The request is taken back by the person."""
        return read(RightsRequest, await self.post(f"/api/v1/requests/{_step(request)}/withdraw", {}, key=key))

    @asynccontextmanager
    async def archive(self, request: Id, *, supplement: int = 0) -> AsyncIterator[AsyncIterator[bytes]]:
        """The bytes of the archive (ZIP) as they come; `Conflict` until it is ready, `Erased` after it expired.

        `supplement` 1, 2, ... is what others answered after the archive was built.
        """
        which = f"?supplement={supplement}" if supplement else ""
        async with self.stream(f"/api/v1/requests/{_step(request)}/archive{which}") as answer:
            yield answer.aiter_bytes()

    # --- deliveries and log -------------------------------------------------------------------------------------------
    async def acknowledge(
        self,
        delivery: Id,
        outcome: Outcome,
        *,
        evidence: Mapping[str, Any] | None = None,
        data: Mapping[str, Any] | None = None,
        key: str | None = None,
    ) -> Delivery:
        """The notice is closed with what came of it; `data` carries what an access notice asked for."""
        body: dict[str, Any] = {"outcome": outcome}
        body |= {"evidence": dict(evidence)} if evidence else {}
        body |= {"data": dict(data)} if data else {}
        return read(Delivery, await self.post(f"/api/v1/deliveries/{_step(delivery)}/acknowledge", body, key=key))

    async def delivery(self, delivery: Id) -> dict[str, Any]:
        """A notice to this application as the service has it."""
        found: dict[str, Any] = await self.get(f"/api/v1/deliveries/{_step(delivery)}")
        return found

    def audit_events(self, **filters: Any) -> AsyncIterator[dict[str, Any]]:
        """Entries of the log: `subject=`, `action=`, `from_=`, `to=` (scope `audit:read`)."""
        return self._all("/api/v1/audit/events", None, **filters)

    async def audit_checkpoint(self) -> str:
        """What the log committed itself to last (C2SP signed note); kept, it shows later what was undone."""
        return (await self.text("/api/v1/audit/checkpoint", "text/plain")).decode()

    async def audit_proof(self, event: Id) -> dict[str, Any]:
        """That the event is in the log; `Conflict` (`not_sequenced`) in its first seconds."""
        found: dict[str, Any] = await self.get(f"/api/v1/audit/events/{_step(event)}/proof")
        return found

    async def audit_consistency(self, from_: int, to: int) -> dict[str, Any]:
        """That the log of size `to` goes on from that of size `from_`."""
        found: dict[str, Any] = await self.get("/api/v1/audit/consistency", from_=from_, to=to)
        return found

    async def records_of_processing(self) -> dict[str, Any]:
        """The record of Art. 30, from the live catalogue (scope `audit:read`)."""
        found: dict[str, Any] = await self.get("/api/v1/records-of-processing")
        return found

    # --- lists --------------------------------------------------------------------------------------------------------
    async def _all(self, path: str, kind: type[T] | None, **params: Any) -> AsyncIterator[T]:
        cursor: str | None = None
        while True:
            answer = await self.get(path, **params, cursor=cursor)
            for item in answer["items"]:
                yield read(kind, item) if kind else item
            cursor = answer["next"]
            if cursor is None:
                return


def _page(answer: Mapping[str, Any], kind: type[T]) -> Page:
    return Page([read(kind, each) for each in answer["items"]], answer.get("next"), answer.get("cursor"))


def _step(name: Id) -> str:
    """One step of a path, whatever is in it."""
    return quote(str(name), safe="")


def _time(moment: datetime | None) -> str | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("A moment needs a time zone.")
    return moment.isoformat()
