"""Places that are run by hand: a paper file, an old system, a processor without an interface; and who answers there."""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from erasure.models.cases import STAFF

__all__ = ["ManualPlace", "PlaceTask"]

MOST_DAYS = 25
MOST_SHOWN_BY = 20


class ManualPlace(models.Model):
    """Where personal data lies that no program of ours reaches. One declares it, another approves it (four eyes).

    An approved row never changes: what is to be otherwise is declared anew, and takes the place of the row before.
    Name and address of who answers there are sealed by the service's own key.
    """

    class Shown(models.TextChoices):
        EMAIL = "email", _("E-mail address")
        PHONE = "phone", _("Telephone number")
        CUSTOMER_ID = "customer_id", _("Customer number")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    slug = models.SlugField(max_length=40)
    name = models.CharField(max_length=120)
    description = models.TextField(max_length=2000, blank=True)
    purposes = ArrayField(models.SlugField(), help_text=_("Of people held for one of these, the place is asked."))
    identifiers = ArrayField(
        models.CharField(max_length=12, choices=Shown.choices), help_text=_("What the place may see of a person.")
    )
    respondent_sealed = models.BinaryField(editable=False)
    language = models.CharField(max_length=10, choices=settings.LANGUAGES)
    days = models.PositiveSmallIntegerField(help_text=_("Days the place has to answer."))
    may_name_others = models.BooleanField(
        default=False, help_text=_("Other people may stand in what it answers: looked at before it is handed out.")
    )
    is_public = models.BooleanField(
        default=False,
        db_default=False,
        help_text=_("Anybody can read what lies here, a website for example: an erasure tells others too."),
    )
    shown_by = ArrayField(
        models.CharField(max_length=120),
        default=list,
        db_default=[],
        blank=True,
        help_text=_("Who is known to show, link to or copy what is public here: organisations, no people."),
    )
    staff: "models.ManyToManyField[Any, Any]" = models.ManyToManyField(
        STAFF, blank=True, related_name="+", help_text=_("Who may answer here as well.")
    )
    declared_by = models.ForeignKey(STAFF, models.PROTECT, related_name="+")
    declared_at = models.DateTimeField()
    approved_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    approved_at = models.DateTimeField(null=True)
    retired_by = models.ForeignKey(STAFF, models.PROTECT, null=True, related_name="+")
    retired_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True) | ~Q(approved_by=F("declared_by")), name="place_four_eyes"
            ),
            models.CheckConstraint(
                condition=Q(approved_by__isnull=True, approved_at__isnull=True)
                | Q(approved_by__isnull=False, approved_at__isnull=False),
                name="place_approved_by_somebody",
            ),
            models.CheckConstraint(condition=Q(days__gte=1, days__lte=MOST_DAYS), name="place_days"),
            models.UniqueConstraint(
                fields=["slug"], condition=Q(approved_at__isnull=False, retired_at=None), name="one_live_place"
            ),
            models.UniqueConstraint(
                fields=["slug"], condition=Q(approved_at=None, retired_at=None), name="one_declared_place"
            ),
        ]

    def __str__(self) -> str:
        return self.name


class PlaceTask(models.Model):
    """One step of a request in one such place: until when, what it was reminded of, and when it answered."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    step = models.OneToOneField("erasure.Step", models.PROTECT, related_name="task")
    place = models.ForeignKey(ManualPlace, models.PROTECT, related_name="tasks")
    asked_at = models.DateTimeField()
    due_at = models.DateTimeField()
    mark = models.PositiveSmallIntegerField(default=0, help_text=_("Percent of its days it was reminded of."))
    next_at = models.DateTimeField(null=True, db_index=True)
    answered_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(F("answered_at").asc(nulls_first=True), "due_at", name="task_listed")]

    def __str__(self) -> str:
        return gettext("task %(number)s") % {"number": str(self.id)[:8]}
