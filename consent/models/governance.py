"""What people reviewed before it may be used: components, purposes, notices, recipients, data contracts.

Author and approver are never one person; the database refuses it too. What is approved is bound by its digest:
`digest` is SHA-256 over the canonical JSON (RFC 8785) of `content()`, and approved content does not change.
"""

import uuid
from typing import Any

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import F, Q
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

from access.models import Application
from consent.wording import title_in


class ReviewState(models.TextChoices):
    DRAFT = "draft", _("Draft")
    IN_REVIEW = "in_review", _("In review")
    APPROVED = "approved", _("Approved")
    SCHEDULED = "scheduled", _("Scheduled")
    LIVE = "live", _("Live")
    RETIRED = "retired", _("Retired")


class Reviewed(models.Model):
    """Somebody writes it, somebody else approves exactly these bytes, and only then it can be used."""

    state = models.CharField(max_length=10, choices=ReviewState.choices, default=ReviewState.DRAFT, editable=False)
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+", editable=False)
    approver = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    approved_for = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    """Whose deputy the approver was in approving it; the approver acts in their own name all the same."""
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    scheduled_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, models.PROTECT, null=True, blank=True, related_name="+", editable=False
    )
    publish_at = models.DateTimeField(null=True, editable=False)
    digest = models.CharField(max_length=71, default="", blank=True, editable=False)
    review_note = models.TextField(default="", blank=True, editable=False)
    created_at = models.DateTimeField(auto_now_add=True)
    submitted_at = models.DateTimeField(null=True, editable=False)
    approved_at = models.DateTimeField(null=True, editable=False)
    published_at = models.DateTimeField(null=True, editable=False)
    retired_at = models.DateTimeField(null=True, editable=False)

    class Meta:
        abstract = True
        constraints = [
            models.CheckConstraint(
                condition=Q(approver__isnull=True) | ~Q(approver=F("author")), name="%(class)s_four_eyes"
            ),
            models.CheckConstraint(
                condition=Q(state__in=["draft", "in_review"])
                | Q(approver__isnull=False, approved_at__isnull=False, digest__gt=""),
                name="%(class)s_approved_by_someone",
            ),
            models.CheckConstraint(
                condition=Q(approved_for__isnull=True)
                | (Q(approver__isnull=False) & ~Q(approved_for=F("author")) & ~Q(approved_for=F("approver"))),
                name="%(class)s_deputy_apart",
            ),
            models.CheckConstraint(
                condition=Q(assigned_to__isnull=True) | ~Q(assigned_to=F("author")),
                name="%(class)s_not_to_its_author",
            ),
            models.CheckConstraint(
                condition=~Q(state="scheduled") | Q(publish_at__isnull=False, scheduled_by__isnull=False),
                name="%(class)s_schedule_is_set",
            ),
        ]

    def content(self) -> dict[str, Any]:
        """What a reviewer approves, as JSON values; its digest is kept."""
        raise NotImplementedError


def beyond_default(**members: tuple[Any, Any]) -> dict[str, Any]:
    """The members whose value is not the default: what was approved before they existed keeps its digest."""
    return {name: value for name, (value, default) in members.items() if value != default}


class SourceKind(models.TextChoices):
    """Who a value comes from: the person, watching the person, reckoning, somebody else (Art. 14(2)(f))."""

    SUBJECT = "subject", _("The person")
    OBSERVED = "observed", _("Observed")
    DERIVED = "derived", _("Derived")
    THIRD_PARTY = "third_party", _("A third party")


def every_source() -> list[str]:
    """What a purpose or component takes unless it says less."""
    return list(SourceKind.values)


def customers() -> list[str]:
    """Whom a purpose is about unless it says otherwise (Art. 30(1)(c))."""
    return ["customers"]


class Component(Reviewed):
    """A collection component: one personal field that may be collected, and how."""

    class ValueType(models.TextChoices):
        STRING = "string", _("text")
        EMAIL = "email", _("e-mail address")
        PHONE = "phone", _("telephone number")
        VAT_NUMBER = "vat_number", _("VAT number")

    slug = models.SlugField(unique=True)
    titles = models.JSONField(default=dict, help_text=_("Plain name in each language."))
    value_type = models.CharField(max_length=12, choices=ValueType.choices, default=ValueType.STRING)
    max_length = models.PositiveIntegerField(default=2000)
    category = models.CharField(max_length=120, help_text=_("Data category, by dot segments (fideslang)."))
    necessity = models.TextField(help_text=_("Why it is needed, in a sentence."))
    special_category = models.BooleanField(default=False)
    supplied_by = ArrayField(
        models.CharField(max_length=11, choices=SourceKind.choices),
        default=every_source,
        help_text=_("Who supplies it; from nobody else is it taken."),
    )
    longest_retention_days = models.PositiveIntegerField(
        null=True, blank=True, help_text=_("The longest any purpose may keep it, unless a law asks for more.")
    )
    may_name_others = models.BooleanField(
        default=False,
        help_text=_("Text in which other people may stand: looked at before a copy of it is handed out."),
    )

    def __str__(self) -> str:
        return title_in(self.titles, get_language()) or self.slug

    def content(self) -> dict[str, Any]:
        names = ("slug", "titles", "value_type", "max_length", "category", "necessity", "special_category")
        return {name: getattr(self, name) for name in names} | beyond_default(
            supplied_by=(self.supplied_by, every_source()),
            longest_retention_days=(self.longest_retention_days, None),
            may_name_others=(self.may_name_others, False),
        )


class Purpose(Reviewed):
    """Why personal data is processed, on exactly one lawful basis (Art. 6(1))."""

    class Basis(models.TextChoices):
        CONSENT = "consent", _("Consent")
        CONTRACT = "contract", _("Contract")
        LEGAL_OBLIGATION = "legal_obligation", _("Legal obligation")
        VITAL_INTERESTS = "vital_interests", _("Vital interests")
        PUBLIC_TASK = "public_task", _("Public task")
        LEGITIMATE_INTERESTS = "legitimate_interests", _("Legitimate interests")

    slug = models.SlugField(unique=True)
    titles = models.JSONField(default=dict, help_text=_("Plain name in each language."))
    lawful_basis = models.CharField(max_length=20, choices=Basis.choices)
    necessity = models.TextField(help_text=_("Why the data is needed for it."))
    fields = ArrayField(models.SlugField(), help_text=_("The collection components it needs."))
    retention_days = models.PositiveIntegerField()
    retention_law = models.CharField(
        max_length=200, default="", blank=True, help_text=_("The law that asks to keep the data, if one does.")
    )
    special_category = models.BooleanField(default=False)
    is_marketing = models.BooleanField(default=False)
    validity_days = models.PositiveIntegerField(default=730, help_text=_("How long a consent stands."))
    necessary_for_service = models.BooleanField(
        default=False, help_text=_("The service cannot be given without it; such a purpose never rests on consent.")
    )
    sources = ArrayField(
        models.CharField(max_length=11, choices=SourceKind.choices),
        default=every_source,
        help_text=_("Where its data may come from."),
    )
    data_subjects = ArrayField(
        models.CharField(max_length=60), default=customers, help_text=_("Whom it is about, separated by commas.")
    )
    double_opt_in = models.BooleanField(
        default=False, help_text=_("Whether a yes counts only once it is confirmed from the person's mailbox.")
    )

    class Meta(Reviewed.Meta):
        constraints = [
            *Reviewed.Meta.constraints,
            models.CheckConstraint(
                condition=~Q(necessary_for_service=True, lawful_basis="consent"), name="needed_is_not_consent"
            ),
        ]

    def __str__(self) -> str:
        return title_in(self.titles, get_language()) or self.slug

    def content(self) -> dict[str, Any]:
        names = (
            "slug",
            "titles",
            "lawful_basis",
            "necessity",
            "fields",
            "retention_days",
            "retention_law",
            "special_category",
            "is_marketing",
            "validity_days",
        )
        return {name: getattr(self, name) for name in names} | beyond_default(
            necessary_for_service=(self.necessary_for_service, False),
            sources=(self.sources, every_source()),
            data_subjects=(self.data_subjects, customers()),
            double_opt_in=(self.double_opt_in, False),
        )


class Notice(Reviewed):
    """One version of the wording people see for a purpose; a major version asks everybody again."""

    purpose = models.ForeignKey(Purpose, models.PROTECT, related_name="notices")
    version = models.PositiveIntegerField()
    is_major = models.BooleanField(default=True)

    class Meta(Reviewed.Meta):
        constraints = [
            *Reviewed.Meta.constraints,
            models.UniqueConstraint(fields=["purpose", "version"], name="notice_version_once"),
            models.UniqueConstraint(fields=["purpose"], condition=Q(state="live"), name="one_live_notice"),
        ]

    def __str__(self) -> str:
        return f"{self.purpose} v{self.version}"

    def content(self) -> dict[str, Any]:
        texts = {text.language: {"title": text.title, "body": text.body} for text in self.texts.all()}
        return {"purpose": self.purpose.slug, "version": self.version, "is_major": self.is_major, "texts": texts}


class NoticeText(models.Model):
    """A notice in one language. `digest` is `sha256:` + hex over the exact UTF-8 bytes of `body`."""

    notice = models.ForeignKey(Notice, models.CASCADE, related_name="texts")
    language = models.CharField(max_length=8, choices=settings.LANGUAGES)
    title = models.CharField(max_length=200)
    body = models.TextField()
    digest = models.CharField(max_length=71, editable=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["notice", "language"], name="one_text_a_language")]

    def __str__(self) -> str:
        return f"{self.notice} ({self.language})"


class Recipient(Reviewed):
    """A third party that data can be shared with, off for everybody until the person switches it on."""

    slug = models.SlugField(unique=True)
    name = models.CharField(max_length=200)
    role = models.CharField(max_length=40, help_text=_("Processor, controller, joint controller."))
    country = models.CharField(max_length=2)
    safeguard = models.CharField(
        max_length=200, default="", blank=True, help_text=_("Transfer safeguard (Art. 46) outside the EEA.")
    )
    contact = models.CharField(max_length=200, default="", blank=True)
    contract_reference = models.CharField(
        max_length=200,
        default="",
        blank=True,
        help_text=_("Where the agreement lies (Art. 26(1), 28(3), 46): its number or register entry."),
    )
    purposes = ArrayField(models.SlugField(), help_text=_("The purposes data is shared for."))
    application = models.OneToOneField(
        Application,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="recipient",
        help_text=_("Who gets the notices."),
    )

    def __str__(self) -> str:
        return self.name or self.slug

    def content(self) -> dict[str, Any]:
        names = ("slug", "name", "role", "country", "safeguard", "contact", "purposes")
        application = self.application.slug if self.application else None
        told = {name: getattr(self, name) for name in names} | {"application": application}
        # Absent when empty: what was approved before there was such a member keeps its digest.
        return told | ({"contract_reference": self.contract_reference} if self.contract_reference else {})


class DataContract(Reviewed):
    """The fields one application needs for one purpose, and why; nothing else is stored or given."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    application = models.ForeignKey(Application, models.PROTECT, related_name="contracts")
    purpose = models.ForeignKey(Purpose, models.PROTECT, related_name="contracts")
    fields = ArrayField(models.SlugField())
    reason = models.TextField(help_text=_("Why the application needs these fields."))
    owner = models.CharField(max_length=200, help_text=_("Role answerable for it."))
    expires_at = models.DateTimeField(null=True, blank=True)

    class Meta(Reviewed.Meta):
        constraints = [
            *Reviewed.Meta.constraints,
            models.UniqueConstraint(
                fields=["application", "purpose"], condition=Q(state="live"), name="one_live_contract"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.application} / {self.purpose}"

    def content(self) -> dict[str, Any]:
        return {
            "application": self.application.slug,
            "purpose": self.purpose.slug,
            "fields": self.fields,
            "reason": self.reason,
            "owner": self.owner,
            "expires_at": self.expires_at.isoformat() if self.expires_at else None,
        }
