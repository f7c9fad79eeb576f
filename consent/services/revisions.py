"""What is live is revised: a draft of its next version, reviewed like everything else (docs/decisions/0006)."""

from typing import Any

from django.db import transaction
from django.db.models import Max

from access.models import Account
from consent import revised
from consent.models import Revision
from consent.models.governance import ReviewState
from consent.models.revisions import OPEN
from consent.revised import Revisable
from consent.services.review import DRAFTERS, record_draft
from consent.services.review_rows import locked
from gdpr_portal.errors import Refused, WrongState


@transaction.atomic
def begin_revision(*, thing: Revisable, author: Account) -> Revision:
    """A draft of the next version holds what the live thing says now; whoever began one already goes on with it.

    Raises `Refused("role_missing")`, `WrongState("wrong_state")` unless it is live, `WrongState("already_revised")`
    when another revision is under way.
    """
    if not author.roles & DRAFTERS:
        raise Refused("role_missing", "Only irm, qa and operator draft.")
    asked: Any = thing
    row: Revisable = locked(asked)
    if row.state != ReviewState.LIVE:
        raise WrongState("wrong_state", "Only what is live is revised.")
    kind = revised.kind_of(row)
    known = Revision.objects.filter(kind=kind, slug=row.slug)
    under_way = known.filter(state__in=OPEN).first()
    if under_way is not None:
        if under_way.author_id == author.pk and under_way.state == ReviewState.DRAFT:
            return under_way
        raise WrongState("already_revised", "A revision of it is under way.")
    values = revised.values_of(row)
    version = (known.aggregate(last=Max("version"))["last"] or 1) + 1
    draft = Revision.objects.create(
        kind=kind, slug=row.slug, version=version, before=values, values=values, author=author
    )
    record_draft(item=draft, author=author)
    return draft
