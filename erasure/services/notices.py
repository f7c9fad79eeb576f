"""Telling everybody the data went to (Art. 19): one delivery a step, settled by the receiver's own answer."""

from access.models import Application
from consent.services.deliveries import queue_delivery
from erasure import plans
from erasure.models import Step
from erasure.services import opendsr_calls
from erasure.services.details import opened_details


def queue_notice(step: Step) -> None:
    """The step waits for the answer to a queued notice; in the transaction that writes the step.

    Who speaks OpenDSR is asked that way: the call is queued once the step is saved (`opendsr_calls.queue`).
    """
    request, application = step.request, Application.objects.get(slug=step.target)
    if opendsr_calls.processor_for(application, request.right) is not None:
        opendsr_calls.prepare(step)
        return
    delivery = queue_delivery(
        application=application,
        subject=request.subject,
        type=plans.NOTICES[request.right],
        purpose=request.purpose,
        fields=_fields_told(step),
        request=request.id,
        due_at=request.due_at,
    )
    step.delivery, step.state = delivery.id, "waiting"


def _fields_told(step: Step) -> list[str]:
    """Which fields were corrected; every other notice is about all of them."""
    if step.request.right != "rectification":
        return []
    return sorted(opened_details(step.request).get("values", {}))
