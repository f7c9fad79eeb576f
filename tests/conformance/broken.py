"""Applications that do one thing wrong each, and the check that has to say so."""

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from gdpr_portal_client import Notification, NotVerified, verify
from gdpr_portal_client.models import Outcome
from gdpr_portal_conformance.sample import Application


class IgnoresWithdrawals(Application):
    def carry_out(self, kind: str, subject: str, purpose: str) -> None:
        if kind != "consent.withdrawn":
            super().carry_out(kind, subject, purpose)


class IgnoresRestrictions(Application):
    def carry_out(self, kind: str, subject: str, purpose: str) -> None:
        if kind != "restriction.set":
            super().carry_out(kind, subject, purpose)


class ErasesInsteadOfRestricting(Application):
    def carry_out(self, kind: str, subject: str, purpose: str) -> None:
        super().carry_out("erasure.requested" if kind == "restriction.set" else kind, subject, purpose)


class NeverAcknowledges(Application):
    def acknowledge(self, notice: Notification) -> None:
        """Silence."""


class SaysItErased(Application):
    def carry_out(self, kind: str, subject: str, purpose: str) -> None:
        if kind != "erasure.requested":
            super().carry_out(kind, subject, purpose)


class RefusesToErase(Application):
    def outcome(self, notice: Notification) -> Outcome:
        return "refused" if notice.type == "erasure.requested" else "done"


class ProcessesTwice(Application):
    def is_known(self, notice: Notification) -> bool:
        return False


class TakesTheLastForTheNewest(Application):
    def is_late(self, notice: Notification) -> bool:
        return False


class TrustsEverybody(Application):
    def verified(self, headers: Mapping[str, str], body: bytes) -> Notification:
        said = json.loads(body)
        data = said["data"]
        return Notification(
            id={name.lower(): value for name, value in headers.items()}["webhook-id"], type=said["type"],
            timestamp=datetime.fromisoformat(said["timestamp"]), delivery=UUID(data["delivery"]),
            sequence=data["sequence"], subject=UUID(data["subject"]), reference=data["reference"], request=None,
            purpose=data["purpose"], fields=(), due_at=None,
        )  # fmt: skip


class TrustsOldNotices(Application):
    def verified(self, headers: Mapping[str, str], body: bytes) -> Notification:
        return verify(self.secrets, headers, body, tolerance=int(timedelta(days=1).total_seconds()))


class LooksAtTheFirstSignature(Application):
    def verified(self, headers: Mapping[str, str], body: bytes) -> Notification:
        lower = {name.lower(): value for name, value in headers.items()}
        first = lower.get("webhook-signature", "").split(" ")[0]
        return verify(self.secrets, lower | {"webhook-signature": first}, body)


class RefusesEverything(Application):
    def verified(self, headers: Mapping[str, str], body: bytes) -> Notification:
        raise NotVerified("No.")


class UsesNothing(Application):
    def answer(self, question: Mapping[str, Any]) -> bool | int:
        return False if question["ask"] == "uses" else super().answer(question)


class AnswersInWords(Application):
    def answer(self, question: Mapping[str, Any]) -> Any:
        return "yes"


FORGED = {"wrong_signature_refused", "altered_body_refused", "stale_notice_refused", "unsigned_notice_refused"}
GENUINE = {
    "stops_after_withdrawal", "honours_restriction", "erases_in_time", "repeated_notice_once", "older_notice_ignored",
    "either_secret_accepted",
}  # fmt: skip

BROKEN: list[tuple[type[Application], dict[str, str]]] = [
    (IgnoresWithdrawals, {"stops_after_withdrawal": "still_used", "either_secret_accepted": "still_used"}),
    (IgnoresRestrictions, {"honours_restriction": "still_used", "older_notice_ignored": "still_used"}),
    (ErasesInsteadOfRestricting, {"honours_restriction": "not_kept"}),
    (NeverAcknowledges, {"erases_in_time": "not_acknowledged"}),
    (SaysItErased, {"erases_in_time": "still_held"}),
    (RefusesToErase, {"erases_in_time": "refused_it"}),
    (ProcessesTwice, {"repeated_notice_once": "acted_twice"}),
    (TakesTheLastForTheNewest, {"older_notice_ignored": "used_again"}),
    (TrustsEverybody, dict.fromkeys(FORGED, "notice_taken")),
    (TrustsOldNotices, {"stale_notice_refused": "notice_taken"}),
    (LooksAtTheFirstSignature, {"either_secret_accepted": "notice_not_taken"}),
    (RefusesEverything, dict.fromkeys(GENUINE, "notice_not_taken")),
    (UsesNothing, dict.fromkeys(FORGED | GENUINE, "not_used_before")),
    (AnswersInWords, dict.fromkeys(FORGED | GENUINE, "probe_failed")),
]
"""Application -> the checks it fails, and why; it passes all others."""
