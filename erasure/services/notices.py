"""Telling everybody the data went to (Art. 19): one delivery a step, settled by the receiver's own answer."""

from access.models import Application
from consent.models import Delivery
from consent.services.by_hand import queue_by_hand, recipients_by_hand
from consent.services.deliveries import applications_for, queue_delivery, third_parties_of
from erasure import plans
from erasure.models import RightsRequest, Step
from erasure.services import opendsr_calls
from erasure.services.details import corrected_fields
from subjects.selectors import is_restricted


def queue_notice(step: Step) -> None:
    """The step waits for the answer to a queued notice; in the transaction that writes the step.

    Who speaks OpenDSR is asked that way: the call is queued once the step is saved (`opendsr_calls.queue`).
    """
    request, application = step.request, Application.objects.get(slug=step.target)
    if opendsr_calls.processor_for(application, request.right) is not None:
        opendsr_calls.prepare(step)
        return
    delivery = _queued_already(step, application) or queue_delivery(
        application=application,
        subject=request.subject,
        type=plans.NOTICES[request.right],
        purpose=request.purpose,
        fields=corrected_fields(step.request),
        request=request.id,
        due_at=request.due_at,
        until=request.due_at,
    )
    step.delivery, step.state = delivery.id, "waiting"


def _queued_already(step: Step, application: Application) -> Delivery | None:
    """The notice that sharing stopped, which an objection to marketing has just queued: it is the request's own now."""
    request = step.request
    if request.right != "objection":
        return None
    rows = Delivery.objects.select_for_update(of=("self",)).filter(
        application=application, subject=request.subject, purpose=request.purpose, type="sharing.stopped",
        request=None, state="queued", attempts=0,
    )  # fmt: skip
    found = rows.order_by("-sequence").first()
    if found is not None:
        found.request, found.due_at, found.until = request.id, request.due_at, request.due_at
        found.save(update_fields=["request", "due_at", "until"])
    return found


def tell_while_disputed(request: RightsRequest, type: str) -> None:
    """Whoever holds data for the purpose objected to learns that it is restricted to storage until the objection is
    decided (Art. 18(1)(d), 19), or that it is so no longer. Nobody has to answer. While the whole person is restricted
    nobody is told that anything was lifted."""
    subject, purpose = request.subject, request.purpose or ""
    if type == "restriction.lifted" and is_restricted(subject):
        return
    third = third_parties_of(subject, purpose)
    for application in {each.pk: each for each in [*applications_for(subject, purpose), *third]}.values():
        queue_delivery(
            application=application, subject=subject, type=type, purpose=purpose, request=request.id,
            until=request.due_at,
        )  # fmt: skip
    for recipient in recipients_by_hand(subject, purpose):
        queue_by_hand(subject=subject, recipient=recipient, purpose=purpose, type=type)
