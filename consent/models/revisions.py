"""What is approved about something live and takes its place; who stands in for whom; what reviewers say to each other.

A revision is reviewed like everything else. Its `values` take the place of the columns of the thing at the moment it
goes live, and the database lets a published thing change in no other way (docs/decisions/0006-revisions.md).
"""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from consent.models.governance import Reviewed, ReviewState
from consent.wording import title_in

OPEN = (ReviewState.DRAFT, ReviewState.IN_REVIEW, ReviewState.APPROVED, ReviewState.SCHEDULED)


class Revision(Reviewed):
    """The next version of something live, `before` and after; references go on pointing to its slug."""

    class Kind(models.TextChoices):
        COMPONENT = "component", _("Component")
        PURPOSE = "purpose", _("Purpose")
        RECIPIENT = "recipient", _("Recipient")

    kind = models.CharField(max_length=10, choices=Kind.choices, editable=False)
    slug = models.SlugField(editable=False)
    version = models.PositiveIntegerField(editable=False)
    before = models.JSONField(editable=False)
    values = models.JSONField(editable=False)
    reason = models.TextField(help_text=_("What is changed, and why."))
    is_editorial = models.BooleanField(
        default=False,
        help_text=_("Names and sentences are only worded better: what is done with data stays as it is."),
    )

    class Meta(Reviewed.Meta):
        constraints = [
            *Reviewed.Meta.constraints,
            models.UniqueConstraint(fields=["kind", "slug", "version"], name="revision_version_once"),
            models.UniqueConstraint(fields=["kind", "slug"], condition=Q(state="live"), name="one_live_revision"),
            models.UniqueConstraint(fields=["kind", "slug"], condition=Q(state__in=OPEN), name="one_open_revision"),
        ]

    def __str__(self) -> str:
        name = title_in(self.before.get("titles", {}), get_language()) or self.before.get("name") or self.slug
        return f"{name} v{self.version}"

    def content(self) -> dict[str, Any]:
        names = ("kind", "slug", "version", "before", "values", "reason", "is_editorial")
        return {name: getattr(self, name) for name in names}


class Delegation(models.Model):
    """A reviewer is absent from `starts_at` to `ends_at` (or `revoked_at`), and who stands in. Never deleted.

    A trigger sees to it that nobody has two deputies at once, and that nobody who is stood in for stands in.
    """

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    principal = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    deputy = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    starts_at = models.DateTimeField()
    ends_at = models.DateTimeField()
    revoked_at = models.DateTimeField(null=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.CheckConstraint(condition=~Q(principal=F("deputy")), name="deputy_is_somebody_else"),
            models.CheckConstraint(condition=Q(ends_at__gt=F("starts_at")), name="absence_has_a_length"),
        ]

    def __str__(self) -> str:
        return f"delegation {str(self.pk)[:8]}"


class ReviewComment(models.Model):
    """What somebody said about an item under review. Append-only; nothing of data subjects."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    kind = models.CharField(max_length=12)
    item = models.CharField(max_length=36)
    """The primary key of the item."""
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    text = models.TextField()
    digest = models.CharField(max_length=71)
    """Of what the item said when this was said about it."""
    at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["kind", "item", "at"], name="comments_of_an_item")]

    def __str__(self) -> str:
        return f"comment {str(self.pk)[:8]}"
