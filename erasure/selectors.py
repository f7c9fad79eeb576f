"""Questions about rights requests: what may be asked for, what is under way, for whoever may see it."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from uuid import UUID

from django.db.models import Exists, OuterRef, Q, QuerySet
from django.db.models.functions import Greatest
from django.utils import timezone

from access.models import Account, Application
from consent.models import Purpose, Recipient
from erasure.models import Archive, JointCase, Question, RightsRequest, Step
from erasure.rights import RETAINED_UNDER, Held
from erasure.states import OPEN_REQUEST
from gdpr_portal.errors import Missing
from gdpr_portal.prepared import Prepared
from subjects.models import Subject, ValuePurpose

_HELD = Prepared("""
SELECT about.person, purpose.slug, purpose.lawful_basis, purpose.is_marketing FROM (
    SELECT held.subject_id AS person, link.purpose FROM subjects_personalvalue held
        JOIN subjects_valuepurpose link ON link.value_id = held.id WHERE held.subject_id = ANY(%(people)s::uuid[])
    UNION SELECT subject_id, purpose FROM consent_standing
        WHERE subject_id = ANY(%(people)s::uuid[]) AND recipient = ''
) about JOIN consent_purpose purpose ON purpose.slug = about.purpose ORDER BY purpose.slug
""")


def held_purposes(subject: Subject) -> list[Held]:
    """The purposes something of this person is held or consented for, with their lawful basis."""
    return held_purposes_of([subject.pk])[subject.pk]


def held_purposes_of(people: Sequence[UUID]) -> dict[UUID, list[Held]]:
    """The same of each of these people, by one statement."""
    held: dict[UUID, list[Held]] = {person: [] for person in people}
    for person, *purpose in _HELD.all(people=list(held)):
        held[person].append(Held(*purpose))
    return held


def to_retain(subject: Subject) -> dict[str, tuple[Purpose, list[str], datetime]]:
    """What erasure leaves (Art. 17(3)(b)): purpose slug to the purpose, its fields held, and until when."""
    return to_retain_of([subject.pk])[subject.pk]


Retained = dict[str, tuple[Purpose, list[str], datetime]]


def to_retain_of(people: Sequence[UUID]) -> dict[UUID, Retained]:
    """The same of each of these people, by two statements at most. A time begins when a value was last given, as in
    `erasure.ends`."""
    binding = Purpose.objects.filter(lawful_basis__in=RETAINED_UNDER)
    links = ValuePurpose.objects.filter(value__subject__in=people, purpose__in=binding.values("slug"))
    given = Greatest("since", "value__updated_at")
    rows = list(links.values_list("value__subject", "purpose", "value__field", given))
    known = {row.slug: row for row in binding.filter(slug__in={slug for _who, slug, *_more in rows})} if rows else {}
    kept: dict[UUID, Retained] = {person: {} for person in people}
    for person, slug, field, since in sorted(rows):
        purpose = known[slug]
        _purpose, fields, until = kept[person].get(slug, (purpose, [], datetime.min.replace(tzinfo=UTC)))
        ends = since + timedelta(days=purpose.retention_days)
        kept[person][slug] = (purpose, [*fields, field], max(until, ends))
    return kept


def requests_of_account(account: Account) -> QuerySet[RightsRequest]:
    """The requests of the person who is signed in, newest first."""
    return (
        RightsRequest.objects.filter(subject__account=account)
        .select_related("case")
        .order_by("-received_at", "-created_at")
    )


def on_the_front_page(account: Account) -> QuerySet[RightsRequest]:
    """Requests under way (`is_asked`: a question waits for the person), and those with a copy ready (`has_copy`)."""
    questions = Question.objects.filter(request=OuterRef("pk"), answered_at=None)
    ready = Archive.objects.filter(request=OuterRef("pk"), complete=True, collected_at=None)
    copies = ready.filter(expires_at__gt=timezone.now())
    rows = requests_of_account(account).annotate(is_asked=Exists(questions), has_copy=Exists(copies))
    return rows.filter(Q(state__in=OPEN_REQUEST) | Q(has_copy=True))


def request_of_account(account: Account, request_id: UUID) -> RightsRequest:
    """One of the person's own requests, or `Missing`."""
    return _one(requests_of_account(account), request_id)


def joint_cases_of_account(account: Account) -> QuerySet[JointCase]:
    """What the person who is signed in asked for together, newest first."""
    left = Exists(RightsRequest.objects.filter(joint=OuterRef("pk")))  # all of one may have become part of another
    return JointCase.objects.filter(left, subject__account=account).order_by("-made_at")


def joint_case_of_account(account: Account, case_id: UUID) -> JointCase:
    """One of the person's own cases, or `Missing`."""
    found = joint_cases_of_account(account).filter(pk=case_id).first()
    if found is None:
        raise Missing
    return found


def requests_of_application(application: Application) -> tuple[QuerySet[RightsRequest], QuerySet[RightsRequest]]:
    """The requests this application asked for, and those somebody else had asked for before: of erasures there is one.

    Two, since one statement for both reads and sorts all there ever were, for every page.
    """
    rows = RightsRequest.objects.all()
    return rows.filter(application=application), rows.filter(also_asked_by=application)


def request_of_application(application: Application, request_id: UUID) -> RightsRequest:
    """One of the requests this application asked for, or `Missing`."""
    filed, again = requests_of_application(application)
    return filed.filter(pk=request_id).first() or _one(again, request_id)


def _one(requests: QuerySet[RightsRequest], request_id: UUID) -> RightsRequest:
    found = requests.filter(pk=request_id).first()
    if found is None:
        raise Missing
    return found


def steps_of(request: RightsRequest) -> QuerySet[Step]:
    """The steps of a request in the order they are taken."""
    return request.steps.order_by("position", "kind", "target")


def steps_told(request: RightsRequest, application: Application) -> list[Step]:
    """The steps an application is told of: a third party those that are its own, since the others say who else has
    something of the person (Art. 5(1)(c))."""
    return told_to(application, [request])(request)


def told_to(application: Application, requests: Sequence[RightsRequest]) -> Callable[[RightsRequest], list[Step]]:
    """What says the same of each of these requests, by two statements for all of them."""
    steps = Step.objects.filter(request__in=requests).order_by("position", "kind", "target")
    if application.is_third_party:
        own = Recipient.objects.filter(application=application).values_list("slug", flat=True)
        steps = steps.filter(target__in=[application.slug, *(f"recipient:{slug}" for slug in own)])
    told: dict[UUID, list[Step]] = {}
    for step in steps:
        told.setdefault(step.request_id, []).append(step)
    return lambda request: told.get(request.pk, [])


def archives_of(request: RightsRequest) -> QuerySet[Archive]:
    """What waits to be collected: the copy, and each supplement."""
    ready = request.archives.filter(complete=True, collected_at=None, expires_at__gt=timezone.now())
    return ready.order_by("number")


def downloads_of(request: RightsRequest) -> QuerySet[Archive]:
    """What is being collected, and may go on in the session that began it."""
    now = timezone.now()
    return request.archives.filter(window_until__gt=now, expires_at__gt=now).order_by("number")


def has_archive(request: RightsRequest) -> bool:
    """Whether something waits to be collected."""
    return archives_of(request).exists()
