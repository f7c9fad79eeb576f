"""In which order the rights of one case are carried out: what is handed out comes before what destroys it.

An erasure of a case waits for every copy of the same case (Art. 15(3), 20(1)): until it is put together, and then until
it was collected, has expired, or turned out to be of nothing. A copy that fails or was refused keeps it waiting; only
the person, or a reviewer once the copy was refused, lets it go ahead. All of it follows from the rows, so that no crash
and no retry comes between. A copy asked for earlier is of the case when the person says so (erasure.services.joint).
"""

from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from erasure.models import Archive, RightsRequest
from erasure.states import OPEN_REQUEST

COPIES = frozenset({"access", "portability"})


def in_order(wishes: list[tuple[str, dict[str, object]]]) -> list[tuple[str, dict[str, object]]]:
    """Each wish once, copies first and an erasure last: a copy is of what was there when it was asked for."""
    once = [wish for at, wish in enumerate(wishes) if wish not in wishes[:at]]
    return sorted(once, key=lambda wish: 0 if wish[0] in COPIES else 2 if wish[0] == "erasure" else 1)


def copies_waited_for(request: RightsRequest) -> list[RightsRequest]:
    """The copies of the same case that an erasure waits for; none for any other right, or once that was waived."""
    if request.right != "erasure" or request.joint is None or request.joint.copy_waived_at is not None:
        return []
    return list(_blocking(RightsRequest.objects.filter(joint=request.joint_id)).order_by("created_at"))


def copies_to_collect(subject_id: UUID) -> QuerySet[RightsRequest]:
    """What the person asked for themselves and has not got yet: an erasure would destroy it."""
    asked = RightsRequest.objects.filter(subject=subject_id, by_person=True, mandate=None)
    return _blocking(asked.filter(state__in=["in_review", "in_progress", "completed"]))


def erasure_waiting_for(request: RightsRequest) -> bool:
    """Whether an erasure of the same case waits for this copy."""
    if request.right not in COPIES or request.joint is None or request.joint.copy_waived_at is not None:
        return False
    erasures = RightsRequest.objects.filter(joint=request.joint_id, right="erasure", state__in=OPEN_REQUEST)
    return erasures.exists() and _blocking(RightsRequest.objects.filter(pk=request.pk)).exists()


def waiting_erasures() -> QuerySet[RightsRequest]:
    """Erasures that have not begun because of a copy: they take no place in the queue of what is due."""
    copies = _blocking(RightsRequest.objects.filter(joint=OuterRef("joint")))
    rows = RightsRequest.objects.filter(right="erasure", state="in_progress", joint__copy_waived_at=None, steps=None)
    return rows.exclude(joint=None).filter(Exists(copies))


def _blocking(rows: QuerySet[RightsRequest]) -> QuerySet[RightsRequest]:
    """Copies that are not put together, or wait to be collected; one the person withdrew is none."""
    unfinished = ~Q(state__in=["completed", "withdrawn"])
    now = timezone.now()
    here = Q(collected_at=None) | Q(window_until__gt=now)  # a download that may still have to go on
    ready = Archive.objects.filter(here, complete=True, expires_at__gt=now)
    waits_here = Q(Exists(ready.filter(request=OuterRef("pk"))), state="completed")
    return rows.filter(right__in=COPIES).filter(unfinished | waits_here & ~Q(outcome="nothing_held"))
