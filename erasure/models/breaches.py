"""The register of personal data breaches (Art. 33(5)), with the clock of 72 hours (Art. 33(1))."""

import hashlib
import json
import uuid
from collections.abc import Collection
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

__all__ = ["Breach"]

HOURS = timedelta(hours=72)
IN_THEIR_WORDS = _("For those who read this portal in that language; empty: they get the first text.")


class Breach(models.Model):
    """One breach: facts, effects and remedy, who was told and when, or why not (Art. 33, 34)."""

    class Risk(models.TextChoices):
        UNLIKELY = "unlikely", _("A risk to people is unlikely")
        RISK = "risk", _("A risk to people")
        HIGH = "high", _("A high risk to people")

    class Omitted(models.TextChoices):
        PROTECTED = "34(3)(a)", _("The data is unreadable to others, by encryption for instance")
        AVERTED = "34(3)(b)", _("The high risk has been averted since")
        EFFORT = "34(3)(c)", _("Disproportionate effort; a public communication was made instead")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    aware_at = models.DateTimeField(_("aware since"))
    since = models.DateTimeField(_("happened from"))
    until = models.DateTimeField(_("happened until"))
    application = models.SlugField(default="", blank=True, help_text=_("Through which application; empty for any."))
    purpose = models.SlugField(default="", blank=True, help_text=_("Of which purpose; empty for any."))
    facts = models.TextField(help_text=_("What happened. No names or other personal data of those concerned."))
    effects = models.TextField(default="", blank=True)
    remedy = models.TextField(default="", blank=True)
    told_people = models.TextField(
        _("what people are told"),
        default="",
        blank=True,
        help_text=_("In plain words (Art. 34(2)): what happened, what may follow, what we did, what they can do."),
    )
    told_people_de = models.TextField(
        _("the same in German"), db_default="", default="", blank=True, help_text=IN_THEIR_WORDS
    )
    told_people_fr = models.TextField(
        _("the same in French"), db_default="", default="", blank=True, help_text=IN_THEIR_WORDS
    )
    risk = models.CharField(max_length=8, choices=Risk.choices)
    authority_told_at = models.DateTimeField(null=True)
    delay_reason = models.TextField(default="", blank=True)
    proposed_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    proposed_digest = models.CharField(max_length=71, default="", db_default="", blank=True)
    """What was proposed to be sent, and to whom (`words_digest`); empty before."""
    sent_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, null=True, related_name="+")
    people_told_at = models.DateTimeField(null=True)
    people_not_told = models.CharField(max_length=8, choices=Omitted.choices, default="", blank=True)
    recorded_by = models.ForeignKey(settings.AUTH_USER_MODEL, models.PROTECT, related_name="+")
    recorded_at = models.DateTimeField()
    closed_at = models.DateTimeField(null=True)

    class Meta:
        verbose_name_plural = "breaches"
        constraints = [
            models.CheckConstraint(condition=Q(until__gte=F("since")), name="breach_period"),
            models.CheckConstraint(
                condition=Q(authority_told_at__isnull=True)
                | Q(authority_told_at__lte=F("aware_at") + HOURS)
                | ~Q(delay_reason=""),
                name="breach_late_with_reason",
            ),
            models.CheckConstraint(
                condition=Q(sent_by__isnull=True) | ~Q(sent_by=F("proposed_by")), name="breach_words_four_eyes"
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True) | Q(risk="unlikely") | Q(authority_told_at__isnull=False),
                name="breach_closed_after_notice",
            ),
            models.CheckConstraint(
                condition=Q(closed_at__isnull=True)
                | ~Q(risk="high")
                | Q(people_told_at__isnull=False)
                | ~Q(people_not_told=""),
                name="breach_people_told_or_why_not",
            ),
        ]

    def __str__(self) -> str:
        return gettext("breach %(number)s") % {"number": str(self.id)[:8]}

    def words_in(self, language: str) -> str:
        """What somebody who reads this language is told: in it, or where nobody wrote that, in the words for all."""
        own: str = getattr(self, f"told_people_{language.partition('-')[0]}", "")
        return own.strip() or self.told_people.strip()

    def words_digest(self) -> str:
        """`sha256:` and hex over the words in every language and over what says whom they go to."""
        words = [self.told_people, self.told_people_de, self.told_people_fr]
        whom = [self.application, self.purpose, self.since.isoformat(), self.until.isoformat()]
        return f"sha256:{hashlib.sha256(json.dumps([words, whom]).encode()).hexdigest()}"

    def is_proposed(self) -> bool:
        """Whether somebody wants exactly these words sent to exactly these people: a change of either ends it."""
        return self.proposed_by_id is not None and self.proposed_digest == self.words_digest()

    def validate_constraints(self, exclude: Collection[str] | None = None) -> None:
        """The desk and the services say in words what forms would say by the names of the constraints above."""
