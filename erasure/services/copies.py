"""Putting the copy together: what connectors hold is read, the archive or a supplement built, the person told.

Each works in the transaction that settles its step (erasure.services.steps); only reading goes outside, before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from access.services.mail import send_mail_later
from erasure.archives import build
from erasure.models import Archive, RightsRequest, Step
from erasure.services import connector_runs, removed, sources
from erasure.services.addresses import address_of, language_of
from erasure.services.copy_links import goes_by_mail, link_to


def is_reading(step: Step) -> bool:
    """Whether this step reads what connectors hold, for a copy."""
    return step.kind == Step.Kind.CONNECTOR and step.request.right in sources.COPIES


def read(step: Step) -> dict[str, Any]:
    """What the connectors hold about the person; nothing of somebody erased meanwhile. No transaction is open.

    Raises PlaceRemoved when one of them is registered no more: nobody knows what it holds.
    """
    if step.request.subject.erased_at is not None:
        return {}
    removed.require_registered(step)
    return connector_runs.copy_of(step)


def settle(step: Step, found: Mapping[str, Any]) -> Mapping[str, Any]:
    """What was found waits for the archive, sealed."""
    alive = step.request.subject.erased_at is None
    outcome = "done" if found and alive else "nothing_held"
    sources.answered(step, outcome=outcome, words=found if outcome == "done" else None)
    return {"outcome": outcome}


def put_together(steps: Sequence[Step]) -> list[tuple[Mapping[str, Any], str]]:
    """The archives the steps are about can be collected; for somebody erased meanwhile there is nothing to give.

    Of each what the log says of it, and whether the step is done or waits for a reviewer.
    """
    empty = {step.id: said for step in steps if (said := _nothing_to_give(step)) is not None}
    wanted = [step for step in steps if step.id not in empty]
    built = dict(zip((step.id for step in wanted), build.build_archives(wanted), strict=True))
    partial = sources.waited_for_of([step.request_id for step in wanted]) if wanted else set()
    return [
        (empty[step.id], "done") if step.id in empty else _told(step, built[step.id], step.request_id in partial)
        for step in steps
    ]


def _nothing_to_give(step: Step) -> Mapping[str, Any] | None:
    request, number = step.request, sources.number_of(step)
    if request.subject.erased_at is not None:
        if not number:
            request.outcome = "nothing_held"
            request.save(update_fields=["outcome"])
        return {"rows": 0, "outcome": "nothing_held"}
    return {"rows": 0} if number and not sources.unsent(request).exists() else None


def _told(step: Step, archive: Archive | None, is_partial: bool) -> tuple[Mapping[str, Any], str]:
    if archive is None:
        return {"outcome": "others"}, "waiting"
    request, number = step.request, sources.number_of(step)
    if number or is_partial:
        _tell(request, "archive_supplement" if number else "archive_ready", archive)
    return {"rows": archive.size_bytes}, "done"


def _tell(request: RightsRequest, kind: str, archive: Archive) -> None:
    """Something can be collected although the request goes on; who lost their mail sees it in the portal."""
    address = address_of(request)
    if address is not None:
        context = {"reference": str(request.id), "right": request.right_label}
        context["link"] = link_to(archive) if goes_by_mail(request) else ""
        send_mail_later(kind, to=address, language=language_of(request), context=context)
