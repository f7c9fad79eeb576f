"""What reviewers say to each other about an item: kept word for word, and nothing about a data subject."""

import re

from django.db import transaction
from django.utils import timezone

from access.models import Account
from consent.digests import content_digest
from consent.fitness import Item
from consent.models import ReviewComment
from consent.models.governance import ReviewState
from consent.services.review_rows import noun_of, record_step
from gdpr_portal.errors import Invalid, Refused, WrongState

LONGEST = 4000
_OF_A_PERSON = re.compile(r"[^\s@]+@[^\s@]+\.[^\s@]+|\+\d[\d ()/.-]{6,}\d|\b\d{9,}\b")
"""Addresses, telephone numbers and long numbers: what a reviewer might copy out of a case."""


def require_nobody(text: str) -> None:
    """Raises `Invalid("personal_value")` (422) for words that hold an address or number of somebody."""
    if _OF_A_PERSON.search(text):
        raise Invalid("personal_value", "Leave out addresses and numbers of people: this text is kept.", status=422)


@transaction.atomic
def comment(*, item: Item, author: Account, text: str) -> ReviewComment:
    """The words stand beside the item, with the digest of what it said at that moment; they are never changed.

    Raises `Refused("role_missing")` but to staff, `Invalid` (422) for no words, too many or a person's, `WrongState`
    for what is retired.
    """
    if not author.is_staff or not author.roles:
        raise Refused("role_missing", "Only staff take part in a review.")
    if item.state == ReviewState.RETIRED:
        raise WrongState("wrong_state", "What is retired is not discussed any more.")
    words = text.strip()
    if not 0 < len(words) <= LONGEST:
        raise Invalid("note_missing", "Write 1 to %(longest)s characters.", status=422, params={"longest": LONGEST})
    require_nobody(words)
    noun, digest = noun_of(item), content_digest(item.content())
    said = ReviewComment.objects.create(
        kind=noun, item=str(item.pk), author=author, text=words, digest=digest, at=timezone.now()
    )
    record_step("commented", item, author, digest, comment=str(said.pk))
    return said
