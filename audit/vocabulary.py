"""Every event the log knows: its name, the article it serves, and the details it may carry. Nothing else is written.

To add one: a line in `_EVENTS` here, `noun.participle`, the article (`Art. 5(2)` when it is only accountability) and
the names of its details. Details are codes, counts, digests, versions, slugs, booleans and opaque ids: the character
set of strings has no blank and no `@`, so that neither a name in full nor an e-mail address fits (Art. 5(1)(c)).
"""

import re
from collections.abc import Mapping, Sequence
from typing import NamedTuple, TypeAlias

JSON: TypeAlias = str | int | bool | Sequence[str | int | bool | None] | None

STRING = re.compile(r"[A-Za-z0-9._:/+=()-]{0,200}", re.ASCII)
ACTOR = re.compile(
    r"subject|parent|representative|(?:application|account|staff|system):[A-Za-z0-9._-]{1,100}", re.ASCII
)
REQUEST_ID = re.compile(r"[A-Za-z0-9._-]{0,128}", re.ASCII)
LARGEST = 2**53 - 1
"""The largest integer that RFC 8785 writes without loss."""
MOST_ITEMS = 1000


class Event(NamedTuple):
    """The article an event gives account of, and the details it may carry."""

    article: str
    details: frozenset[str]


class OutsideVocabulary(ValueError):
    """Someone tried to record what the vocabulary does not know: a fault of the program, never of its user."""


def _events(table: Mapping[str, tuple[str, str]]) -> dict[str, Event]:
    return {name: Event(article, frozenset(details.split())) for name, (article, details) in table.items()}


def _reviewed(noun: str, article: str) -> dict[str, tuple[str, str]]:
    """The life of something that two desks review: drafted, submitted, approved, published, retired, rejected."""
    about = f"{noun} version digest"
    return {
        f"{noun}.drafted": (article, about),
        f"{noun}.submitted": (article, f"{about} review"),
        f"{noun}.assigned": (article, f"{about} account"),
        f"{noun}.commented": (article, f"{about} comment"),
        f"{noun}.approved": (article, f"{about} review desk acts_for warnings"),
        f"{noun}.scheduled": (article, f"{about} due"),
        f"{noun}.unscheduled": (article, f"{about} reason"),
        f"{noun}.published": (article, f"{about} review"),
        f"{noun}.retired": (article, f"{about} reason"),
        f"{noun}.rejected": (article, f"{about} review desk reason"),
    }


_REQUEST = "request right state reason"
_DELIVERY = "delivery recipient application type sequence"

VOCABULARY: dict[str, Event] = _events(
    {
        # --- who may act -------------------------------------------------------------------------------------
        "application.registered": ("Art. 32(1)(b)", "application scopes"),
        "application.enabled": ("Art. 32(1)(b)", "application"),
        "application.disabled": ("Art. 32(1)(b)", "application reason"),
        "application.changed": ("Art. 32(1)(b)", "application changed"),
        "application.secret_rotated": ("Art. 32(1)(b)", "application"),
        "token.issued": ("Art. 32(1)(b)", "application scopes expires_in token"),
        "token.refused": ("Art. 32(1)(b)", "application reason"),
        "token.revoked": ("Art. 32(1)(b)", "application token"),
        "account.created": ("Art. 32(1)(b)", "account kind groups"),
        "account.verified": ("Art. 12(6)", "account"),
        "account.signed_in": ("Art. 32(1)(b)", "account factor"),
        "account.sign_in_refused": ("Art. 32(1)(b)", "account reason"),
        "account.factor_added": ("Art. 32(1)(b)", "account factor"),
        "account.factor_renamed": ("Art. 32(1)(b)", "account factor"),
        "account.factor_removed": ("Art. 32(1)(b)", "account factor"),
        "account.factor_suspended": ("Art. 32(1)(b)", "account factor reason"),
        "account.factor_reset_asked": ("Art. 32(1)(b)", "account"),
        "account.factor_reset_started": ("Art. 32(1)(b)", "account hours"),
        "account.factor_reset_agreed": ("Art. 32(1)(b)", "account desk"),
        "account.factor_reset_cancelled": ("Art. 32(1)(b)", "account reason"),
        "account.factor_reset_done": ("Art. 32(1)(b)", "account factor"),
        "account.stepped_up": ("Art. 32(1)(b)", "account factor"),
        "account.signed_out": ("Art. 32(1)(b)", "account"),
        "account.browser_signed_out": ("Art. 32(1)(b)", "account"),
        "account.password_changed": ("Art. 32(1)(b)", "account"),
        "account.changed": ("Art. 32(1)(b)", "account changed groups"),
        "account.disabled": ("Art. 32(1)(b)", "account reason"),
        "account.erased": ("Art. 17(1)", "account reason"),
        "access.refused": ("Art. 32(1)(b)", "application reason scope route method status"),
        # --- people ------------------------------------------------------------------------------------------
        "subject.created": ("Art. 5(2)", "application kinds"),
        "subject.identified": ("Art. 5(2)", "application kinds vouched"),
        "subject.looked_up": ("Art. 5(2)", "application kind found"),
        "subject.claimed": ("Art. 12(2)", "account kinds"),
        "subject.imported": ("Art. 5(2)", "application batch kinds rows"),
        "subject.changed": ("Art. 5(2)", "application changed"),
        "subject.erased": ("Art. 17(1)", "request reason"),
        # --- personal data -----------------------------------------------------------------------------------
        "data.stored": ("Art. 5(2)", "application source source_name count contract batch marks"),
        "data.read": ("Art. 15(1)", "application reason count withheld contract request"),
        "data.refused": ("Art. 6(1)", "application code source count operation"),
        "data.removed": ("Art. 5(1)(e)", "application reason count"),
        "data.erased": ("Art. 17(1)", "request reason count key_destroyed"),
        "data.rectified": ("Art. 16", "request application reason count marks"),
        "data.revealed": ("Art. 5(2)", "reason case request count"),
        "access.questioned": ("Art. 15(1)(c)", "question event due_on"),
        "access.taken_up": ("Art. 15(1)(c)", "question event owner"),
        "access.explained": ("Art. 15(1)(c)", "question event outcome late"),
        "access.escalated": ("Art. 12(3)", "question event mark due_on"),
        # --- consent -----------------------------------------------------------------------------------------
        "consent.given": (
            "Art. 7(1)",
            "event notice_version notice_digest language channel explicit recipient source state",
        ),
        "consent.refused": ("Art. 7(1)", "event notice_version notice_digest language channel recipient source"),
        "consent.withdrawn": ("Art. 7(3)", "event channel recipient source request"),
        "consent.expired": ("Art. 5(1)(e)", "event recipient"),
        "consent.outdated": ("Art. 7(1)", "event recipient notice_version"),
        "consent.confirmed": ("Art. 7(1)", "event confirms channel state"),
        "consent.authorised": ("Art. 8(2)", "event confirms channel state method"),
        "consent.confirmation_asked": ("Art. 7(1)", "event confirmation kind mails"),
        "consent.reminded": ("Art. 5(1)(e)", "event kind"),
        "consent.proof_added": ("Art. 7(1)", "event proof digest bytes"),
        "consent.proof_read": ("Art. 5(2)", "event proof reason"),
        "signal.honoured": ("Art. 21(5)", "signal count"),
        "consent.receipt_issued": ("Art. 7(1)", "event format digest"),
        "sharing.started": ("Art. 7(1)", "recipient channel delivery application"),
        "sharing.stopped": ("Art. 7(3)", "recipient channel delivery application reason"),
        "ask.made": ("Art. 7(2)", "ask recipient application told"),
        "ask.accepted": ("Art. 7(1)", "ask recipient application channel"),
        "ask.declined": ("Art. 7(3)", "ask recipient application channel"),
        "ask.lapsed": ("Art. 4(11)", "ask recipient application"),
        "decision.counted": ("Art. 5(2)", "application code count minute"),
        # --- the catalogue: what IRM and QA review ---------------------------------------------------------------
        **_reviewed("purpose", "Art. 5(1)(b)"),
        **_reviewed("notice", "Art. 13"),
        **_reviewed("component", "Art. 30(1)(c)"),
        **_reviewed("contract", "Art. 5(1)(c)"),
        **_reviewed("recipient", "Art. 30(1)(d)"),
        **_reviewed("revision", "Art. 5(2)"),
        "delegation.made": ("Art. 5(2)", "delegation principal deputy since until"),
        "delegation.ended": ("Art. 5(2)", "delegation principal deputy"),
        # --- what QA and IRM look at and find ------------------------------------------------------------------
        "finding.opened": ("Art. 5(2)", "finding kind application field"),
        "finding.changed": ("Art. 5(2)", "finding kind state owner"),
        "attestation.received": ("Art. 24(1)", "attestation application digest kit passed failed missing key"),
        "sample.drawn": ("Art. 5(2)", "sample seed size population digest"),
        "sample.marked": ("Art. 5(2)", "sample event verdict"),
        "report.exported": ("Art. 5(2)", "report rows digest"),
        "history.looked_at": ("Art. 5(2)", "at known_at application recipient reason"),
        # --- deliveries to recipients ----------------------------------------------------------------------------
        "delivery.queued": ("Art. 19", f"{_DELIVERY} request"),
        "delivery.sent": ("Art. 19", f"{_DELIVERY} attempt status"),
        "delivery.failed": ("Art. 19", f"{_DELIVERY} attempt status reason"),
        "delivery.acknowledged": ("Art. 19", f"{_DELIVERY} outcome evidence_digest late"),
        "delivery.abandoned": ("Art. 19", f"{_DELIVERY} attempt reason"),
        "delivery.renewed": ("Art. 19", f"{_DELIVERY} attempt was"),
        "hand_notice.queued": ("Art. 19", "notice recipient type"),
        "hand_notice.told": ("Art. 19", "notice recipient type"),
        "hand_notice.confirmed": ("Art. 19", "notice recipient type"),
        "hand_notice.cancelled": ("Art. 19", "notice recipient type reason"),
        "endpoint.set": ("Art. 32(1)(a)", "application recipient digest"),
        "endpoint.removed": ("Art. 32(1)(a)", "application recipient reason"),
        # --- rights requests -------------------------------------------------------------------------------------
        "request.received": ("Art. 12(3)", f"{_REQUEST} application verified_by due_on channel mandate ground"),
        "request.verifying": ("Art. 12(6)", _REQUEST),
        "request.in_review": ("Art. 12(3)", _REQUEST),
        "request.in_progress": ("Art. 12(3)", _REQUEST),
        "request.repeated": ("Art. 12(3)", _REQUEST),
        "request.completed": ("Art. 12(3)", f"{_REQUEST} steps retained"),
        "request.refused": ("Art. 12(4)", f"{_REQUEST} article"),
        "request.withdrawn": ("Art. 12(3)", _REQUEST),
        "request.expired_unverified": ("Art. 12(6)", _REQUEST),
        "request.unidentified": ("Art. 11(2)", _REQUEST),
        "request.identified": ("Art. 11(2)", _REQUEST),
        "request.extended": ("Art. 12(3)", f"{_REQUEST} due_on months"),
        "request.escalated": ("Art. 12(3)", f"{_REQUEST} mark due_on"),
        "request.delay_told": ("Art. 12(4)", f"{_REQUEST} due_on"),
        "request.hold_told": ("Art. 12(4)", f"{_REQUEST} hold"),
        "request.assigned": ("Art. 5(2)", f"{_REQUEST} account"),
        "request.commented": ("Art. 5(2)", f"{_REQUEST} comment"),
        "request.retyped": ("Art. 12(2)", f"{_REQUEST} was"),
        "message.sent": ("Art. 12(1)", f"{_REQUEST} message"),
        "question.asked": ("Art. 12(6)", f"{_REQUEST} kind question stops"),
        "question.answered": ("Art. 12(6)", f"{_REQUEST} kind question seconds due_on"),
        "identity.asked": ("Art. 12(6)", f"{_REQUEST} doubt question"),
        "identity.handed_in": ("Art. 12(6)", f"{_REQUEST} bytes"),
        "identity.settled": ("Art. 12(6)", f"{_REQUEST} method outcome"),
        "identity.deleted": ("Art. 5(1)(e)", "request reason count"),
        "case.filed": ("Art. 12(2)", "case count"),
        "case.copy_waived": ("Art. 12(2)", "case request"),
        "mandate.recorded": ("Art. 12(2)", "mandate kind until digest bytes"),
        "mandate.told": ("Art. 12(2)", "mandate kind"),
        "mandate.accepted": ("Art. 12(6)", "mandate kind answers"),
        "mandate.refused": ("Art. 12(6)", "mandate kind reason"),
        "mandate.objected": ("Art. 12(2)", "mandate kind stopped"),
        "mandate.ended": ("Art. 5(1)(e)", "mandate kind"),
        "mandate.handed_over": ("Art. 15(3)", f"{_REQUEST} mandate"),
        "opinion.proposed": ("Art. 12(5)", f"{_REQUEST} kind cents"),
        "opinion.decided": ("Art. 12(5)", f"{_REQUEST} kind cents agreed"),
        "hold.placed": ("Art. 17(3)(e)", "hold reason"),
        "hold.lift_proposed": ("Art. 17(3)(e)", "hold reason"),
        "hold.lifted": ("Art. 17(3)(e)", "hold reason"),
        "erasures.paused": ("Art. 32(1)(b)", "pause begun limit"),
        "erasures.agreed": ("Art. 32(1)(b)", "pause"),
        "erasures.resumed": ("Art. 32(1)(b)", "pause"),
        "retention.proposed": ("Art. 5(1)(e)", "proposal reason count"),
        "retention.declined": ("Art. 5(1)(e)", "proposal reason count"),
        "restriction.lift_announced": ("Art. 18(3)", "request ground"),
        "place.declared": ("Art. 30(1)", "place row days purposes"),
        "place.approved": ("Art. 30(1)", "place row days purposes"),
        "place.retired": ("Art. 30(1)", "place row days purposes"),
        "place.asked": ("Art. 28(3)(e)", f"{_REQUEST} place due_on"),
        "place.reminded": ("Art. 28(3)(e)", f"{_REQUEST} place mark"),
        "place.revoked": ("Art. 32(1)", f"{_REQUEST} place"),
        "place.opened": ("Art. 32(1)", f"{_REQUEST} place"),
        "place.answered": ("Art. 28(3)(e)", f"{_REQUEST} place outcome"),
        "place.forgotten": ("Art. 5(1)(e)", f"{_REQUEST} place count"),
        "breach.recorded": ("Art. 33(5)", "breach risk omitted"),
        "breach.changed": ("Art. 33(5)", "breach risk omitted changed"),
        "breach.people_listed": ("Art. 34(1)", "breach risk omitted count"),
        "breach.words_proposed": ("Art. 34(2)", "breach risk omitted digest"),
        "breach.people_written_to": ("Art. 34(1)", "breach risk omitted count without_address digest"),
        "breach.authority_told": ("Art. 33(1)", "breach risk omitted"),
        "breach.people_told": ("Art. 34(1)", "breach risk omitted"),
        "breach.closed": ("Art. 33(5)", "breach risk omitted"),
        "evidence.exported": ("Art. 5(2)", f"{_REQUEST} digest"),
        "evidence.asked": ("Art. 5(2)", "pack reason since until"),
        "evidence.agreed": ("Art. 5(2)", "pack reason"),
        "evidence.fetched": ("Art. 58(1)(e)", "pack reason digest count"),
        "step.queued": ("Art. 5(2)", "request step kind target"),
        "step.done": ("Art. 5(2)", "request step kind target rows outcome"),
        "step.retained": ("Art. 17(3)(b)", "request step kind target article until rows"),
        "step.failed": ("Art. 5(2)", "request step kind target reason attempt"),
        "step.waiting": ("Art. 5(2)", "request step kind target delivery rows outcome"),
        "connector.given_up": ("Art. 17(1)", f"{_REQUEST} target"),
        "others.decided": ("Art. 15(4)", "request source decision reason count"),
        "withheld.change_proposed": ("Art. 5(1)(f)", "request collection rows decision article"),
        "withheld.decided": ("Art. 17(3)", "request collection rows decision article"),
        "connector.checked": ("Art. 17(1)", "request target rows"),
        "connector.added": ("Art. 32(1)(a)", "connector digest count"),
        "connector.removed": ("Art. 32(1)(a)", "connector"),
        "connector.run": ("Art. 5(2)", "connector right state dry_run"),
        "archive.built": ("Art. 15(3)", "request archive digest bytes"),
        "archive.code_sent": ("Art. 12(6)", "request archive"),
        "archive.downloaded": ("Art. 15(3)", "request archive application mandate"),
        "archive.expired": ("Art. 5(1)(e)", "request archive"),
        "archive.resumed": ("Art. 15(3)", "request archive"),
        "archive.revoked": ("Art. 32(1)", "request archive"),
        "opendsr.received": ("Art. 28(3)(e)", "request application right"),
        "opendsr.cancelled": ("Art. 28(3)(e)", "request application"),
        "opendsr.told": ("Art. 28(3)(e)", "request application state attempt"),
        "opendsr.untold": ("Art. 28(3)(e)", "request application state attempt reason"),
        "opendsr.processor_set": ("Art. 28(3)(e)", "application count"),
        "destination.proposed": ("Art. 20(2)", "destination obstacle"),
        "destination.approved": ("Art. 20(2)", "destination obstacle"),
        "destination.retired": ("Art. 20(2)", "destination obstacle"),
        "transfer.proposed": ("Art. 5(1)(f)", "request transfer destination"),
        "transfer.asked": ("Art. 20(2)", "request transfer destination"),
        "transfer.received": ("Art. 20(2)", "request transfer destination digest bytes"),
        "transfer.failed": ("Art. 20(2)", "request transfer destination reason"),
        "transfer.stopped": ("Art. 20(2)", "request transfer destination reason"),
        "receipt.issued": ("Art. 5(2)", "request digest"),
        "restriction.set": ("Art. 18(1)", "request ground"),
        "restriction.lifted": ("Art. 18(3)", "request ground reason"),
        "objection.raised": ("Art. 21(1)", "request marketing"),
        "objection.decided": ("Art. 21(1)", "request outcome reason"),
        "review.asked": ("Art. 22(3)", "request decision"),
        "review.decided": ("Art. 22(3)", "request decision outcome reason"),
        "undo.offered": ("Art. 17(1)", "request hours"),
        "notification.sent": ("Art. 12(3)", "request kind account"),
        # --- keys and the log itself -----------------------------------------------------------------------------
        "key.created": ("Art. 32(1)(a)", "kind version kid"),
        "key.destroyed": ("Art. 17(1)", "kind version kid request marks"),
        "key.rotated": ("Art. 32(1)(a)", "kind version kid rows"),
        "key.retired": ("Art. 32(1)(a)", "kind version kid"),
        "key.resealed": ("Art. 32(1)(a)", "kind marks"),
        "key.sealed": ("Art. 32(1)(c)", "reason"),
        "key.unsealed": ("Art. 32(1)(c)", "version"),
        "crypto.tamper": ("Art. 32(1)(b)", "table column row reason"),
        "restore.replayed": ("Art. 17(1)", "erasures withdrawals restrictions objections since"),
        "audit.verified": ("Art. 5(2)", "verification size root verdict damages held retired"),
        "audit.retired": ("Art. 5(1)(e)", "month first last count digest size"),
        "checkpoint.held": ("Art. 5(2)", "size role way digest"),
        "audit.read": ("Art. 5(2)", "application count"),
        "setting.changed": ("Art. 5(2)", "name version"),
    }
)


def check(action: str, actor: str, purpose: str | None, fields: Sequence[str], details: Mapping[str, JSON]) -> None:
    """The event fits the vocabulary, or `OutsideVocabulary` names what does not (never the value)."""
    event = VOCABULARY.get(action)
    if event is None:
        raise OutsideVocabulary(f"{action!r} is not in audit/vocabulary.py")
    if not ACTOR.fullmatch(actor):
        raise OutsideVocabulary(f"{action}: the actor is not one of audit/actors.py")
    if not details.keys() <= event.details:
        raise OutsideVocabulary(f"{action}: unknown details {', '.join(sorted(details.keys() - event.details))}")
    for name, value in details.items():
        if not _is_plain(value):
            raise OutsideVocabulary(f"{action}: detail {name} is neither a code, count, digest, version nor opaque id")
    if not _is_text(purpose or "") or not all(_is_text(field) for field in fields):
        raise OutsideVocabulary(f"{action}: purpose and fields are slugs")


def _is_text(value: object) -> bool:
    return isinstance(value, str) and STRING.fullmatch(value) is not None


def _is_scalar(value: object) -> bool:
    return value is None or _is_text(value) or (isinstance(value, int) and -LARGEST <= value <= LARGEST)


def _is_plain(value: object) -> bool:
    if isinstance(value, list | tuple):
        return len(value) <= MOST_ITEMS and all(_is_scalar(item) for item in value)
    return _is_scalar(value)
